// Package formula reads formulas as they are printed, such as
//
//	log Σ_j e^{z_j/τ} − Σ_j t_j z_j/τ
//
// so that one text is what a reader sees, what LaTeX is made from and what a test
// evaluates. A formula is an expression and, after commas, what it refers to:
// definitions (x_j = …, μ = …) and equations that determine the one letter which is
// defined nowhere (Σ_j p_j = 1).
//
//	letters     one Latin or Greek letter, with marks: τ, τ₁, τ*, f', τ_w
//	indices     i, j, l and y, as in z_j; z_{(k)} is the k-th largest entry of z, the
//	            least where there are fewer
//	numbers     2, 0.5, ½
//	operations  a + b, a − b (U+2212), a b, a/b, a^b, a^{b+c}, a², √(a), e^{a}
//	functions   log, softplus, σ (the logistic function), tanh, arctan, arccos, cos, sin,
//	            max(a, b), min(a, b)
//	over rows   Σ_j a, Σ_{j≠y} a, and max and min in place of Σ
//	brackets    [a]_+ is max(a, 0); [a > b] is 1 where it holds and 0 elsewhere
//
// A product binds closer than a quotient and may not follow one: a b/c is (a b)/c, and
// a/b c is refused. Σ, max and min reach to the end of their product or quotient. A
// function without parentheses takes one factor. A product with a factor 0 is 0,
// whatever the others are.
package formula
