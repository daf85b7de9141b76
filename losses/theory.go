package losses

import "math"

// Props are mathematical facts that a Spec declares and the conformance test
// verifies in both directions: a declared fact holds on every sample at every
// probed setting, an undeclared one fails on at least one.
type Props uint

// The facts.
const (
	NonNegative    Props = 1 << iota // ℓ ≥ 0
	ShiftInvariant                   // ℓ(z+c, t) = ℓ(z, t), hence Σ_k ∂ℓ/∂z_k = 0
	FenchelYoung                     // ∂ℓ/∂z = p(z) − t for a map p that does not depend on t, with p in the simplex
	Convex                           // ℓ is convex in z
	FiniteMargin                     // with one label, ℓ = 0 once z_y leads by a finite margin
	SparseGradient                   // classes far below the top get gradient exactly 0
	numProps       = iota
)

var propNames = [numProps]string{
	"non-negative", "shift-invariant", "fenchel-young", "convex", "finite-margin", "sparse-gradient",
}

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

// An Order says how faithfully an order is kept.
type Order int

// The degrees. The zero value is not a declaration.
const (
	_           Order = iota
	OrderNone         // may be reversed
	OrderWeak         // never reversed, but distinct items may tie
	OrderStrict       // kept, ties included
)

func (o Order) String() string {
	return [...]string{"undeclared", "none", "weak", "strict"}[o]
}

// Theory is what the literature tabulates of a loss. Every entry is tested.
type Theory struct {
	// Smoothness is β_s = sup ‖∇²_z ℓ‖₂ over z for K candidates; +Inf where the
	// gradient is not Lipschitz.
	Smoothness func(v Values, k int) float64

	// Tight is the least share of Smoothness that a random search is known to
	// reach: 1 is attained, 0 claims nothing.
	Tight float64

	// MapOrder relates scores to the prediction map p: z_i > z_j ⇒ p_i > p_j
	// (strict) or p_i ≥ p_j (weak).
	MapOrder Order

	// PopulationOrder relates the true distribution t to the scores z* that
	// minimise E_{y~t} ℓ(z, y): t_i > t_j ⇒ z*_i > z*_j (strict), ≥ (weak).
	PopulationOrder Order

	// Link maps the true distribution t (all positive) to a minimiser of the
	// conditional risk, up to a constant where the loss is shift-invariant. Nil
	// where there is no closed form.
	Link func(v Values, t []float64) []float64

	// Calibrated reports whether the prediction map of a minimiser equals t.
	Calibrated bool

	// Margin is the lead of the label from which ℓ = 0; +Inf where there is none.
	Margin func(v Values) float64

	// Support describes which gradient entries can be non-zero, and Cost the
	// arithmetic of one row beside the scores, e.g. "dense", "O(K)".
	Support, Cost string
}

// NoMargin is the Margin of a loss that never reaches 0.
func NoMargin(Values) float64 { return math.Inf(1) }
