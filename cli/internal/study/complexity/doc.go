// Package complexity measures what a training step costs, in time and memory,
// against the number of classes C, the width d, the rows of a batch B and the
// draws n of a sampler, and fits exponents to hold beside the declared ones.
package complexity
