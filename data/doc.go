// Package data holds what a model learns from: who interacted with what.
//
// [Load] turns a source (a file, a directory of given splits, or the generated
// [Demo]) into a [Dataset]: three disjoint [Interactions] sets, train, valid and
// test, over one numbering of users and items. A [Task] makes [Examples] of it, rows
// of a [Frame] of contexts with what followed, which [NewBatches] deals out to a
// training loop.
//
// Formats, splits and tasks register themselves, one file each ([Register],
// [RegisterSplit], [RegisterTask]); a program adds its own without touching this package.
//
// Everything is deterministic: a random choice is a function of a seed written
// in the split's text, the demo's text or the batcher's argument, never of the
// time, the number of threads or the order of a map.
package data
