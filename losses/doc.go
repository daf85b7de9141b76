// Package losses holds the softmax family: one file per loss, a registry, and
// the text form that flags, config files, reports and op hashes share.
//
// Letters: z scores of a row, t its target distribution, y a label, K candidates, p the
// prediction map, ξ a threshold, τ a temperature, Ω a regulariser. Scores have no unit; a
// loss is in nats where it has one.
//
// # In which order to read
//
//  1. [Parse], which makes a [Loss] of a text such as "entmax:alpha=1.3";
//  2. [Loss]: its Node and its Analytic, which package graph's Loss and LinearLoss take,
//     and what it says of itself, Theory, Predict, Rank;
//  3. [Spec], what a file of a loss states, and [Register];
//  4. the families, of which most losses are one: [Rivals] first;
//  5. [Theory] and [Formulas], which are tables that are tested.
//
// # Three statements
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
// # Families
//
// The closed form is stated once. A family makes it, and the other two statements, as a
// [Form], from one or two functions of a number:
//
//	Rivals        V(λ, z_y/τ)            λ the log-sum-exp of the others over the label
//	Margin        softmax cross-entropy  of cosines, the label's lowered
//	Ratio         −log f(z_y)/Σf(z_j)    f > 0 in place of the exponential
//	Pairwise      mean φ(z_j − z_y)      over the others
//	OneVsAll      Σ φ(t_j, z_j)          each class apart
//	Separable     Ω*(z) + Ω(t) − ⟨z,t⟩   Ω = Σω(p_j), with a sparse map
//	FenchelYoung  Ω*(z) + Ω(t) − ⟨z,t⟩   any Ω, by its prediction map
//
// ([Rivals], [Margin], [Ratio], [Pairwise], [OneVsAll], [Separable], [FenchelYoung].) What
// is of no family is a [graph.Stream] or, with a sparse map, a [graph.Threshold]: the same
// functions serve a row, a list of candidates and the tiles of a linear layer. Kernels
// stand in for what these make of the library's own losses, and are held against it.
// [Peak], [Exps], [Softplus], [Sigmoid], [Masked] and [Unmasked] are what such functions
// are made of.
//
// # Theory
//
// What the literature says of a loss, smoothness, order, margin and so on, stands
// in its Theory and is found again by the conformance test, which is package losstest: a
// loss of one's own in another module passes the same suite. So do its Formulas, which
// that suite evaluates. Package gradcheck holds the gradients of the statements against
// each other and against differences.
//
// # Temperatures
//
// Cosines lie in [−1, 1], and what a loss's scores stand for does not. The temperature that
// divides cosines before a loss follows from the loss's link and from how many classes
// follow a context: see [Loss.NaturalTemperature].
//
// # Learned parameters
//
// A parameter that has a Learn may be trained with the weights, as in
// "entmax:alpha=learned": [Loss.Trained] is then the form, from the definition as nodes.
//
// # Any graph
//
// Every loss runs in every form in a graph that a caller made with gorgonia.NewGraph,
// differentiated by gorgonia.Grad or by graph.Grad and run by Gorgonia's machine and
// solvers; see "Machines of one's own" in package graph. A target that no row can have, or
// that is masked, is an error of the run.
package losses
