// Package bias measures how far the gradient of a sampled loss is from that of
// the full one: its bias and its variance, for a loss, a sampler and a number of
// draws, on the scores of a model, and what theory predicts of both.
//
// A query is an encoding h [d] with a positive y; s = W h + b are the scores of
// all classes and p = softmax(s). The gradient is that by h, ĝ = Σ_j ĝ_j w_j with
// ĝ_j the gradient by the score of class j, and its reference is that of a loss
// over all classes, g, by default of softmax. Bias² is ‖E ĝ − g‖² and variance
// tr Var ĝ = E‖ĝ − E ĝ‖², both over ‖g‖², and their medians over queries.
//
// # Theory
//
// Softmax over the positive and k draws is a ratio of two averages: with a_j the
// weight that a class enters with and φ_j = w_j − μ,
//
//	correction   proposal   a_j             Z = E a       A, what the positive adds
//	importance   q', no y   e^{s_j}/q'_j    Σ_j e^{s_j}   –, part of Z
//	logq         q          e^{s_j}/q_j     Σ_j e^{s_j}   e^{s_y}/(q_y Z)
//	none         q          e^{s_j}         Σ_j q_j e^{s_j}   e^{s_y}/Z
//
// and μ the limit of Σ ĝ_j w_j + w_y. To the leading order in 1/k
//
//	E ĝ − g = (μ − μ_full) + (1/k)[A φ_y − E(a² φ)/Z² + E(a) E(aφ)/Z²]
//	Var ĝ   = (1/k)[E(a² φφᵀ) − E(aφ)E(aφ)ᵀ]/Z²
//
// where for importance the last product is e^{s_y}Σ_{j≠y}…; in scores this is
// bias_i = (p_i/k)[χ − p_i/q'_i + p_y(1−p_y)], χ = Σ_{j≠y} p_j²/q'_j, and the
// bias is exactly 0 at q' ∝ p. For nce, neg and bpr expectation and variance
// over draws are exact for every k. A loss over all classes has no variance.
package bias
