package losses

import "math"

// What is said of a parameter's value that is refused because the loss there is another
// one, or none. Each is a Param.Hint.

// entmaxHint is of α: Ω_α has Σ p log p as its limit at 1, in either normalisation, and
// goes to 0 on the simplex as α grows.
func entmaxHint(alpha float64) string {
	switch {
	case math.Abs(alpha-1) < 1e-3:
		return "alpha=1 is softmax"
	case alpha > 4:
		return "as alpha grows it becomes perceptron"
	}
	return ""
}

var (
	// Of α: ‖p‖₁ is 1 on the simplex, a constant.
	normmaxHint = hintNear(1, 1e-2, "alpha=1 is perceptron")
	// Of τ: τ log Σ e^{z/τ} goes to max z.
	softmaxHint   = hintNear(0, 1e-2, "as tau goes to 0 it becomes, times tau, perceptron")
	smoothingHint = hintNear(1, 1e-3, "smoothing=1 leaves nothing of the labels")
	hingeHint     = hintNear(0, 1e-3, "margin=0 is perceptron")
)

// hintNear returns the hint that says text of a value closer to at than tol.
func hintNear(at, tol float64, text string) func(x float64) string {
	return func(x float64) string {
		if math.Abs(x-at) < tol {
			return text
		}
		return ""
	}
}

// taylorHint is of the order, NaN for what is no number.
func taylorHint(n float64) string {
	switch {
	case n == 0:
		return "order=0 is 1 at every score"
	case n > 0 && math.Mod(n, 2) == 1:
		return "a polynomial of odd order has a root, where p is no probability"
	case n > 8:
		return "as order grows it becomes softmax"
	}
	return ""
}
