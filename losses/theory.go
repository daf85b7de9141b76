package losses

import (
	"fmt"
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
	AffineInTarget                     // ∂ℓ(z,t)/∂z = Σ_k t_k ∂ℓ(z,e_k)/∂z: a row of several labels is one objective with a row for each; FenchelYoungForm implies it
	HotLabels                          // ℓ depends on which classes a target has, not on their weights
	numProps         = iota
)

var propNames = [numProps]string{
	"non-negative", "shift-invariant", "fenchel-young", "simplex", "convex", "sparse-gradient", "affine-in-target", "hot-labels",
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

// String returns the word of a table for o.
func (o Order) String() string {
	return [...]string{"-", "none", "weak", "strict"}[o]
}

// Theory is what the literature tabulates of a loss at one setting of its
// parameters. Every entry but Cost is tested. Of a loss with Spec.Hold,
// Smoothness is the Lipschitz constant of its gradient, and what is said of minimisers
// holds at whatever value is held constant.
type Theory struct {
	Props Props // which of the properties hold

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

	// Link maps the true distribution t to a minimiser of the conditional risk, up to
	// a constant where the loss is shift-invariant. count[i] classes have the
	// probability t[i] each, so that a distribution of few levels over very many classes
	// is short; a nil count is one class each, and counts need not be whole. Where t is 0
	// the link may be infinite or NaN. Nil where there is no closed form.
	Link func(t, count []float64) []float64

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

	Support Support // which classes a step moves

	// Cost describes the arithmetic of one row beside the scores, e.g. "O(K)".
	Cost string
}

// A Support says which classes but the target have a gradient other than 0 in a row
// with one label y.
type Support struct {
	Of    SupportOf // the rule, of which Reach is the number
	Reach float64   // a distance of scores, or a score; see SupportOf
}

// A SupportOf says what decides whether a class has a gradient. All but NearTop decide
// it for certain.
type SupportOf int

// The kinds.
const (
	Everywhere SupportOf = iota // nothing: every class has, at any scores
	ButSigns                    // nothing, but that a gradient passes through 0 where its sign changes
	NearTop                     // z_j > max z − Reach, and what else has: a class that lies lower has p_j = 0
	NearLabel                   // z_j > z_y − Reach
	AboveScore                  // z_j > Reach
	BestRival                   // j is the first best of the classes but y, and z_j > z_y − Reach
)

// String describes the support, e.g. "dense, never 0".
func (s Support) String() string {
	switch s.Of {
	case Everywhere:
		return "dense, never 0"
	case ButSigns:
		return "dense, 0 only where it changes its sign"
	case NearTop:
		return fmt.Sprintf("the classes less than %.4g below the top that pass the threshold, and the target", s.Reach)
	case NearLabel:
		return fmt.Sprintf("the classes less than %.4g below the target, and the target", s.Reach)
	case AboveScore:
		return fmt.Sprintf("the target, and the other classes above %.4g", s.Reach)
	case BestRival:
		if s.Reach == 0 {
			return "the best rival where it is above the target, and the target"
		}
		return fmt.Sprintf("the best rival where it is less than %.4g below the target, and the target", s.Reach)
	}
	return fmt.Sprintf("Support(%d, %g)", s.Of, s.Reach)
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

// classes returns how many classes t is over, of which count[i], or one where count is
// nil, have the probability t[i]; see Theory.Link.
func classes(t, count []float64) float64 {
	if count == nil {
		return float64(len(t))
	}
	k := 0.0
	for _, n := range count {
		k += n
	}
	return k
}

// eachLink is a Link that maps each probability by itself.
func eachLink(f func(ti float64) float64) func(t, count []float64) []float64 {
	return func(t, _ []float64) []float64 {
		z := make([]float64, len(t))
		for i, ti := range t {
			z[i] = f(ti)
		}
		return z
	}
}

// bernoulli is the variance of a label of probability t: the curvature of the
// logistic loss at its minimiser.
func bernoulli(t float64) float64 { return t * (1 - t) }
