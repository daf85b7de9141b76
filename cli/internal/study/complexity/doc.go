// Package complexity measures what a training step costs, in time and memory,
// against the number of classes C, the width d, the rows of a batch B and the
// draws n of a sampler, and fits exponents to hold beside the declared ones.
//
// [Run] varies one size at a time around a base, several timed steps each.
// An [Exponent] is the slope of time over size, both in logarithms, with its error. Sizes end
// where the budget of time does. Times are those of the machine that runs it: [Verdicts] are of
// exponents, never of seconds.
package complexity
