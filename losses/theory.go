package losses

import (
	"math"
	"strings"
)

// Props are mathematical facts that a loss declares and the conformance test
// verifies in both directions: at every probed setting a declared fact holds on
// every sample, and an undeclared one fails on at least one.
type Props uint

// The facts.
const (
	NonNegative      Props = 1 << iota // ℓ ≥ 0
	ShiftInvariant                     // ℓ(z+c, t) = ℓ(z, t), hence Σ_k ∂ℓ/∂z_k = 0
	FenchelYoungForm                   // ∂ℓ/∂z = c·(p(z) − t) for a map p that does not depend on t and a constant c > 0
	Simplex                            // the prediction map is a distribution: p ≥ 0 and Σ p = 1
	Convex                             // ℓ is convex in z
	SparseGradient                     // classes far below the top get gradient exactly 0
	numProps         = iota
)

var propNames = [numProps]string{
	"non-negative", "shift-invariant", "fenchel-young", "simplex", "convex", "sparse-gradient",
}

// AllProps returns every fact, in declared order.
func AllProps() []Props {
	all := make([]Props, numProps)
	for i := range all {
		all[i] = 1 << i
	}
	return all
}

// Has reports whether all of q is in p.
func (p Props) Has(q Props) bool { return p&q == q }

// Names lists the facts in p.
func (p Props) Names() []string {
	var names []string
	for i, n := range propNames {
		if p&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return names
}

// String joins the names of the facts in p with spaces.
func (p Props) String() string { return strings.Join(p.Names(), " ") }

// An Order says how faithfully an order is kept.
type Order int

// The degrees.
const (
	NoOrder     Order = iota // there is nothing to order: the loss has no prediction map
	OrderNone                // may be reversed
	OrderWeak                // never reversed, but distinct items may tie
	OrderStrict              // kept, without new ties
)

func (o Order) String() string {
	return [...]string{"-", "none", "weak", "strict"}[o]
}

// Theory is what the literature tabulates of a loss at one setting of its
// parameters. Every entry but Support and Cost is tested.
type Theory struct {
	Props Props

	// Smoothness is β_s = sup ‖∇²_z ℓ‖₂ over z for K candidates, or a bound on
	// it; +Inf where the gradient is not Lipschitz.
	Smoothness func(k int) float64

	// Tight is the least share of a finite Smoothness that a search is known to
	// reach at K = 2 … 8: 1 is attained or approached, 0 claims nothing.
	Tight float64

	// MapOrder relates scores to the prediction map p: z_i > z_j ⇒ p_i > p_j
	// (strict) or p_i ≥ p_j (weak). NoOrder goes with a nil Spec.Predict.
	MapOrder Order

	// PopulationOrder relates the true distribution t to the scores z* that
	// minimise E_{y~t} ℓ(z, y): t_i > t_j ⇒ z*_i > z*_j (strict), ≥ (weak), for
	// every minimiser. Strict makes a ranking by scores optimal for DCG and top-k
	// at every k.
	PopulationOrder Order

	// ZeroOne reports 0-1 calibration by scores: the classes that lead z* are
	// among the classes that lead t. PopulationOrder strict implies it.
	ZeroOne bool

	// Link maps the true distribution t (all positive) to a minimiser of the
	// conditional risk, up to a constant where the loss is shift-invariant. Nil
	// where there is no closed form.
	Link func(t []float64) []float64

	// Condition bounds the condition number κ of the conditional risk at its
	// minimiser for the true distribution t: the largest curvature over the least
	// one, along directions that the loss depends on. Gradient descent takes of the
	// order of κ steps per digit. Nil where it is not tabulated.
	Condition func(t []float64) float64

	// Calibrated reports whether the prediction map of a minimiser equals t.
	Calibrated bool

	// Margin is the lead of the label over every other class from which ℓ = 0;
	// +Inf where there is none.
	Margin float64

	// Support describes which gradient entries can be non-zero, and Cost the
	// arithmetic of one row beside the scores, e.g. "dense", "O(K)".
	Support, Cost string
}

// Constant returns a Smoothness that does not depend on K.
func Constant(beta float64) func(int) float64 { return func(int) float64 { return beta } }

// spread returns max f / min f over the entries of t: the bound that Cauchy's
// interlacing gives for the condition number of diag(f) − ffᵀ/Σf across 1, and
// the condition number of diag(f) itself.
func spread(t []float64, f func(ti float64) float64) float64 {
	lo, hi := math.Inf(1), 0.0
	for _, ti := range t {
		lo, hi = min(lo, f(ti)), max(hi, f(ti))
	}
	return hi / lo
}

// bernoulli is the variance of a label of probability t: the curvature of the
// logistic loss at its minimiser.
func bernoulli(t float64) float64 { return t * (1 - t) }
