package losses

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "sl-at-k",
		Doc:    "softmax loss for the top K: sl, weighted by how surely the positive is above the K-th score, which the gradient holds constant; takes cosines",
		Source: "Yang et al. 2025, Breaking the top-K barrier: advancing top-K ranking metrics optimization in recommender systems, KDD (SL@K), eq. 9",
		Params: []Param{
			{Name: "tau", Doc: "temperature τ of the softmax loss", Default: 0.2, Min: 0.01, Max: 100, Probe: []float64{0.5}},
			{Name: "tau-w", Doc: "temperature τ_w of the weight; published as 2.25 to 3 for 1000 draws; below about τ·L the loss falls fastest where the positive falls below β, and nothing is learned", Default: 3, Min: 0.01, Max: 100, Probe: []float64{2}},
			{Name: "k", Doc: "K: the threshold β is the K-th largest score of the row, a constant to the gradient; 0 takes beta", Default: 20, Min: 0, Max: 1e6, Integer: true, Probe: []float64{0, 2}},
			{Name: "beta", Doc: "threshold β where k is 0", Default: 0, Min: -1, Max: 1, With: "k=0"},
			drawsParam,
			positivesParam(asApart),
		},
		Domain:   Cosines,
		Unit:     func(v Values) float64 { return v.Num("tau") },
		Formulas: slAtKFormulas,
		Theory: func(v Values) Theory {
			return affineIn(v, slAtKTheory(v.Num("tau"), v.Num("tau-w"), v.Num("draws"), v.Int("k")))
		},
		New: func(v Values) graph.Analytic {
			a := graph.Analytic{F32: newSLAtK[float32](v), F64: newSLAtK[float64](v)}
			if k := slAtKFused(v); k != nil {
				a = withKernel(a, k)
			}
			return a
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return contrastNode(z, t, areApart(v), func(e *graph.Expr, z, x, s, some *gorgonia.Node) *gorgonia.Node {
				lead := e.N(graph.AddScalar(s, -v.Num("beta")))
				if k := v.Int("k"); k > 0 {
					lead = e.N(graph.Sub(s, e.N(graph.Detach(e.N(graph.RowKth(z, k))))))
				}
				weight := e.N(graph.Sigmoid(e.N(graph.Scale(lead, 1/v.Num("tau-w")))))
				lead = e.N(graph.Mul(leadNode(e, v.Num("tau"), v.Num("draws"), x, s), some))
				return e.N(graph.Mul(weight, lead))
			})
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			beta := slAtKHold(v, z).Num("beta")
			return contrastRef(z, t, areApart(v), func(s float64, negatives []float64) float64 {
				return leadRef(v.Num("tau"), v.Num("draws"), s, negatives) / (1 + math.Exp(-(s-beta)/v.Num("tau-w")))
			})
		},
		Hold: slAtKHold,
	})
}

// slAtKHold returns v with the threshold of the row z as a constant.
func slAtKHold(v Values, z []float64) Values {
	k := v.Int("k")
	if k == 0 {
		return v
	}
	down := slices.Clone(z)
	slices.Sort(down)
	slices.Reverse(down)
	return v.Set("k", 0).Set("beta", down[min(k, len(down))-1])
}

// drawsParam is the number N of draws that the temperature of the weight is of.
var drawsParam = Param{
	Name: "draws", Doc: "N: L, which the weight's gradient has as a factor, is that of N uniform draws, whatever the number n of negatives: the temperature of the weight, published for 1000 draws, then serves all classes; 0 takes L as it is",
	Default: 1000, Min: 0, Max: 1e9, Probe: []float64{0},
}

// slAtK is, with the softmax loss L over the n negatives j of the positive y and the
// threshold β, the K-th largest score of the row (the least where it has fewer),
//
//	ℓ = σ((z_y − β)/τ_w) · L,   L = log (N/n) Σ_j e^{(z_j−z_y)/τ}
//
// in which N/n is 1 for N = 0. The gradient holds β constant and goes through L and through
// the weight's z_y:
//
//	∂ℓ/∂z = σ(x) ∂L/∂z + e_y L σ(x) σ(−x)/τ_w,   x = (z_y − β)/τ_w
//
// Through β, descent would raise the K-th score, whatever class has it. The paper
// stores β for some epochs, from all positives of a user and a sample of negatives;
// here it is that of the row at hand, positives included whether or not they are
// negatives of y. For τ_w → ∞ it is sl/2.
type slAtK[T Float] struct {
	tau, tauW, beta, draws float64
	k                      int // 0 takes beta
	apart                  bool
}

func newSLAtK[T Float](v Values) slAtK[T] {
	return slAtK[T]{v.Num("tau"), v.Num("tau-w"), v.Num("beta"), v.Num("draws"), v.Int("k"), areApart(v)}
}

// WorkLen leaves room for the terms of L, or for the order of the scores.
func (slAtK[T]) WorkLen(k int) int { return k }

// Eval implements [graph.RowLoss].
func (l slAtK[T]) Eval(dz, z []T, t Target[T], work []T) T {
	if m, _ := Peak(z); m != m {
		return nan[T]()
	}
	clear(dz)
	work = work[:len(z)]
	beta := l.beta
	if l.k > 0 {
		beta = kth(z, l.k, work)
	}
	surplus := kernel.LogSumExpRivals{Apart: l.apart, Draws: l.draws}.Surplus(Unmasked(z), len(t.Pos))
	var loss float64
	for i, at := range t.Pos {
		y, left := int(at), t.Pos[i:i+1]
		if l.apart {
			left = t.Pos
		}
		lead, sum := leads(z, y, left, l.tau, work)
		if sum == 0 {
			continue
		}
		lead -= surplus
		x := (float64(z[y]) - beta) / l.tauW
		weight := float64(t.Weight[i])
		w := Sigmoid(x)
		slope := weight * lead * w * Sigmoid(-x) / l.tauW // ∂ℓ/∂z_y by the weight
		scale := weight * w / (l.tau * sum)
		for j, e := range work {
			if j != y {
				dz[j] = T(float64(dz[j]) + scale*float64(e))
			}
		}
		dz[y] = T(float64(dz[y]) + slope - weight*w/l.tau)
		loss += weight * w * lead
	}
	return T(loss)
}

// leads returns log Σ_j e^{(z_j−z_y)/τ} over the classes that are not left out, which
// ascend, and, in work and with their sum, numbers in proportion to its terms, 0 of what is
// left out; the sum is 0 where there is no term.
func leads[T Float](z []T, y int, left []int32, tau float64, work []T) (lse, sum float64) {
	top := math.Inf(-1)
	copy(work, z)
	for _, j := range left {
		work[j] = T(top)
	}
	for _, s := range work {
		top = max(top, float64(s))
	}
	if math.IsInf(top, -1) {
		return top, 0
	}
	for j, s := range work {
		e := math.Exp((float64(s) - top) / tau) // 0 at a mask
		work[j] = T(e)
		sum += e
	}
	return (top-float64(z[y]))/tau + math.Log(sum), sum
}

// slAtKFused is the same fused with the linear layer; nil for so large a K that the
// best K of all rows would take more memory than a few rows of scores.
func slAtKFused(v Values) kernel.Loss {
	tau, tauW, k := v.Num("tau"), v.Num("tau-w"), v.Int("k")
	value := func(rivals, label, beta float64) (l, byRivals, byLabel float64) { // scores over τ
		if math.IsInf(rivals, -1) {
			return 0, 0, 0
		}
		x := tau * (label - beta) / tauW
		w := Sigmoid(x)
		slope := (rivals - label) * w * Sigmoid(-x) * tau / tauW
		return w * (rivals - label), w, slope - w
	}
	switch {
	case k == 0:
		beta := v.Num("beta") / tau
		return kernel.Stream(kernel.LogSumExpRivals{Tau: tau, Apart: areApart(v), Draws: v.Num("draws"), Value: func(rivals, label float64) (l, byRivals, byLabel float64) {
			return value(rivals, label, beta)
		}})
	case k <= 1000:
		return kernel.KthLargestRivals{K: k, Tau: tau, Apart: areApart(v), Draws: v.Num("draws"), Value: value}
	}
	return nil
}

// kth returns the k-th largest score of z that is not masked, the least where there
// are fewer. It reorders work, as long as z.
func kth[T Float](z []T, k int, work []T) float64 {
	copy(work, z)
	k = min(k, Unmasked(z))
	lo, hi := 0, len(work) // the k-th largest is in work[lo:hi]
	for hi-lo > 1 {
		// Three-way partition around the middle element: larger, equal, smaller.
		pivot := work[lo+(hi-lo)/2]
		a, b, c := lo, lo, hi
		for b < c {
			switch x := work[b]; {
			case x > pivot:
				work[a], work[b] = work[b], work[a]
				a, b = a+1, b+1
			case x < pivot:
				c--
				work[c], work[b] = work[b], work[c]
			default:
				b++
			}
		}
		switch {
		case k-1 < a:
			hi = a
		case k-1 >= c:
			lo = c
		default:
			lo, hi = k-1, k // equal ones all
		}
	}
	return float64(work[lo])
}

func slAtKTheory(tau, tauW, draws float64, k int) Theory {
	// H = w H_L + ∇w ∇Lᵀ + ∇L ∇wᵀ + L ∇²w with ‖∇L‖ ≤ √2/τ, |L| ≤ 2/τ + ln n,
	// w' ≤ 1/(4τ_w) and |w''| ≤ 1/(6√3 τ_w²). Where β is a score, which moves no faster
	// than the scores do, ∂/∂β of the gradient adds w' ∇L and L w'' once more.
	cross, second := 2.0, 1.0
	if k > 0 {
		cross, second = 3, 2
	}
	th := Theory{
		Smoothness: func(k int) float64 {
			most := math.Log(float64(k - 1)) // of the log of the terms' number
			if draws > 0 {
				most = math.Abs(math.Log(draws))
			}
			return 1/(2*tau*tau) + cross*math.Sqrt2/(4*tau*tauW) + second*(2/tau+most)/(6*math.Sqrt(3)*tauW*tauW)
		},
		// As of sl with a weight ω of the negatives, which here is 1/(1 − τ (1−w) L/τ_w): more
		// than 1, so that all classes end at the lower bound where t is all but uniform.
		PopulationOrder: OrderWeak,
		Margin:          math.Inf(1),
		Cost:            "O(K) a positive",
	}
	if draws > 0 && math.Log(draws) >= 2/tau { // L is least at z_y = 1 and the negatives −1
		th.Props |= NonNegative
	}
	if tauW < 1.5 {
		// A steep weight gives classes up that are far below β. Found by minimisation at τ
		// of 0.1 to 1: at τ_w up to 0.5 the order of t may be reversed, and at 1 with τ = 1; from 1.5 on not.
		th.PopulationOrder = OrderNone
	}
	return th
}
