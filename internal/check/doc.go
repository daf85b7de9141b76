// Package check holds the comparisons that tests and the gradient check share, and the
// frame of the public conformance suites.
//
// A comparison fails on NaN: every predicate is written so that a NaN on either
// side is false. Tolerances are an absolute part plus a relative one ([Near]), or a share
// of the largest entry ([Worst]); they do not grow with the length of what is compared.
//
// [CentralDifference] and [Derivative] are the numerical derivatives that gradients are
// compared with, [Subderivative] the same at a kink. [Suite] runs named checks, each ended by
// its first fault and none by another's, and returns the faults as one error: so the suites are
// functions that any program can call, and not tests of package testing alone.
package check
