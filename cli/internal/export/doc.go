// Package export writes the vectors of a model in the forms that other programs read: one
// directory, whole or not at all.
package export
