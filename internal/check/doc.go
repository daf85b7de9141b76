// Package check holds the comparisons that tests and the gradient check share.
//
// A comparison fails on NaN: every predicate is written so that a NaN on either
// side is false.
package check
