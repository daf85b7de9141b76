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

// normmaxHint is of α: ‖p‖₁ is 1 on the simplex, a constant.
func normmaxHint(alpha float64) string {
	if math.Abs(alpha-1) < 1e-2 {
		return "alpha=1 is perceptron"
	}
	return ""
}

// softmaxHint is of τ: τ log Σ e^{z/τ} goes to max z.
func softmaxHint(tau float64) string {
	if math.Abs(tau) < 1e-2 {
		return "as tau goes to 0 it becomes, times tau, perceptron"
	}
	return ""
}

func smoothingHint(eps float64) string {
	if math.Abs(eps-1) < 1e-3 {
		return "smoothing=1 leaves nothing of the labels"
	}
	return ""
}

func hingeHint(margin float64) string {
	if math.Abs(margin) < 1e-3 {
		return "margin=0 is perceptron"
	}
	return ""
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
