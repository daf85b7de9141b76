// Package losses holds the softmax family: one file per loss, a registry, and
// the text form that flags, config files, reports and op hashes share.
//
// A loss is stated three times, and the conformance test makes the three agree:
//
//   - Node, the definition as a Gorgonia graph, composed from Gorgonia nodes and
//     the differentiable primitives of package graph, so that its gradient is
//     symbolic differentiation;
//   - Analytic, the closed form: value and gradient of one row, at
//     float32 to train and at float64 to check;
//   - Ref, the textbook value in float64 by another algorithm.
//
// Node alone suffices: a loss that is registered with a name, a line and its Node trains by
// name under every head, through [graph.FromNode] and for a multiple of the time. What
// else it declares is tested, and what it does not is said to be undeclared.
//
// The closed form is stated once. A family makes it, and the other two statements, from
// one or two functions of a number: [Rivals], [Margin], [Ratio], [Pairwise], [OneVsAll],
// [Separable]; [FenchelYoung] from a regulariser's prediction map. What is of no family is
// a [graph.Stream] or, with a sparse map, a [graph.Threshold]: the same functions serve a
// row, a list of candidates and the tiles of a linear layer. Kernels stand in for what
// these make of the library's own losses, and are held against it. [Peak], [Exps],
// [Softplus], [Sigmoid], [Masked] and [Unmasked] are what such functions are made of.
//
// What the literature says of a loss, smoothness, order, margin and so on, stands
// in its Theory and is found again by that test, which is package losstest: a
// loss of one's own in another module passes the same suite. A loss is one file
// that calls [Register].
//
// Letters: z scores of a row, t its target distribution, K candidates, p the
// prediction map, ξ a threshold, τ a temperature, Ω a regulariser.
package losses
