// Package graph is the only package that defines Gorgonia ops and runs
// Gorgonia machines.
//
// It offers the row-loss op ([Loss]), the fused linear-loss op ([LinearLoss])
// that never holds a [B,C] score matrix, differentiable primitives from which
// losses and models are composed, tables of rows that live outside the graph
// ([Table]), and [Program], which compiles a graph once and runs it for many
// steps.
//
// Letters: B rows of a batch, K candidates of a row, C classes, d hidden
// width; h is [B,d], W is [C,d], scores z are [B,K].
//
// Gorgonia v0.9.18 has silent wrong answers; the rules that keep clear of them
// hold for every op here:
//
//   - an op owns its output buffer, returns neither an input nor a view of one,
//     and carries a unique instance id and every parameter in its hash;
//   - an op turns its own panics into errors, because a machine runs ops in a
//     goroutine that callers cannot recover;
//   - every op, gradient ops included, is an SDOp; one gradient per graph; one
//     pruned tape machine per graph; named leaves only; static shapes.
package graph

// Gorgonia's tensors refuse to start on a Go release newer than this module
// knows; the pin in go.mod must outlive any tidy.
import _ "go4.org/unsafe/assume-no-moving-gc"
