// Package export writes the vectors of a model in the forms that other programs read: one
// directory, whole or not at all.
//
// A [Format] is a name, such as safetensors, npy, parquet or tsv, and what it writes; each is
// one file of this package, which registers itself. [Write] takes what package train makes of a
// run, and adds a file about.json that says what the vectors are and how a score comes from them.
package export
