// Package graph is the only package that defines Gorgonia ops and runs
// Gorgonia machines.
//
// A [Builder] collects the leaves of a graph. Losses and models are composed of
// the differentiable primitives here, or of Gorgonia's nodes; [Loss] and
// [LinearLoss] put an analytic form in their place, the latter without the [B,C]
// matrix of scores, and take by [FromNode] a loss that has no such form but its nodes;
// [RowScores] reads few rows of a class table, and
// [SampledLinearLoss] also takes the loss of what was drawn. [Grad] is symbolic
// differentiation, and may be applied again. A [Program] compiles a graph once and
// runs it for many steps; a [Table] holds weights, which a graph reads as one leaf,
// row by row with [Lookup] and [Bag] or as a whole, and [Program.Step] moves those of
// its rows that have a gradient.
//
// Letters: B rows of a batch, K candidates of a row, C classes, d hidden
// width; h is [B,d], W is [C,d], scores z are [B,K].
//
// # Masks and padding
//
// A score of −Inf is a masked candidate, as if deleted. A row without a target is
// padding: its loss and gradient are 0, and nothing that it holds matters to the
// ops that know the targets.
//
// # Gorgonia
//
// Gorgonia v0.9.18 has silent wrong answers; the rules that keep clear of them
// hold for every op here, [Verify] looks for them in every graph that is
// compiled, and the tests named Trap fence them off:
//
//   - an op owns its output buffer, returns neither an input nor a view of one,
//     and carries a unique instance id in its hash, so that no two merge;
//   - an op turns its own panics into errors, because a machine runs ops in a
//     goroutine that callers cannot recover;
//   - every op, gradient ops included, is an SDOp; a Program's gradients come from
//     Grad, not from gorgonia.Grad; one pruned tape machine per Program; named leaves
//     only; static shapes.
//
// # Machines of one's own
//
// Every node of this package may also stand in a graph that a caller made with
// gorgonia.NewGraph, be differentiated by Grad or by gorgonia.Grad (once in a graph),
// and run by a gorgonia.TapeMachine with or without BindDualValues. Such a machine
// runs the whole graph: it computes all gradients, those nobody reads too, and as
// matrices, where a Program spares memory and time. [Verify] looks for what Gorgonia
// computes wrongly only if it is called, and [SetStep] tells [Dropout] the step. A
// LispMachine cannot differentiate the nodes, which is an error of its run.
//
// Stock ops that work may be mixed in. One that panics, rather than returning an
// error, ends the process: Gorgonia leaves no place to recover it.
package graph

// Gorgonia's tensors refuse to start on a Go release newer than this module
// knows; the pin in go.mod must outlive any tidy.
import _ "go4.org/unsafe/assume-no-moving-gc"
