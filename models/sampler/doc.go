// Package sampler holds proposal distributions over classes: one file per
// distribution, a registry, and one contract by which a draw never travels
// without its log q.
//
// A corrected loss subtracts log q from the score of every candidate, sampled
// or positive; a loss that forgets learns log(t/q) instead of log t. So a
// [Sampler] fills [Draws], which holds the ids, their log q and the log q of
// each row's positives.
//
// Whoever draws begins with [Parse] and [Choice]; whoever writes a distribution with
// [Proposal], [Spec] and package samplertest.
//
// Two types split the work. A distribution implements [Proposal]: condition on
// a row, draw, tell log q. The package wraps it in a [Sampler], which owns what
// all of them share: streams, rows in parallel, sharing draws over a batch,
// checks of the input.
//
// Letters: B rows of a batch, C classes, d hidden width, k draws of a row; h
// [d] hidden row, H [B,d], W [C,d] class table, s = W h scores; q the proposal.
// Logarithms are natural.
package sampler
