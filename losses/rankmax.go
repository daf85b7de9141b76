package losses

import (
	"cmp"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "rankmax",
		Doc:    "log of the summed hinges around the label: a projection whose threshold adapts to the label's score",
		Source: "Kong, Krichene, Mayoraz, Rendle & Zhang 2020, NeurIPS 33, §3 (closed form reconstructed)",
		Params: []Param{
			{Name: "margin", Doc: "margin δ below the label at which a class stops to count", Default: 1, Min: 1e-3, Max: 100, Probe: []float64{0.5}},
			positivesParam(asRivals), // a loss of one label, to which a row of several is several rows
		},
		Formulas: rankmaxFormulas,
		Theory:   func(v Values) Theory { return affineIn(v, rankmaxTheory(v.Num("margin"))) },
		New: func(v Values) graph.Analytic {
			m, apart := v.Num("margin"), areApart(v)
			return withKernel(graph.Analytic{F32: rankmax[float32]{m, apart}, F64: rankmax[float64]{m, apart}}, kernel.Rankmax{Margin: m, Apart: apart})
		},
		Node: func(v Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return eachPositive(z, t, areApart(v), func(z, x *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) {
				var e graph.Expr
				d := e.N(graph.Scale(e.N(graph.SubRow(x, e.N(graph.TargetDot(z, y)))), 1/v.Num("margin")))
				return e.N(graph.Log(e.N(graph.RowSum(e.N(graph.Relu(e.N(graph.AddScalar(d, 1)))))))), e.Err
			})
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 {
			ref := func(z []float64, t Target[float64]) float64 { return rankmaxRef(v.Num("margin"), z, t) }
			if areApart(v) {
				return apartRef(z, t, ref)
			}
			return ref(z, t)
		},
	})
}

// rankmaxRef is −log p_y, where p is the projection of a·z onto the simplex for the a at
// which its threshold is a(z_y − δ): Σ [a(z_j − z_y + δ)]_+ = 1, by bisection.
func rankmaxRef(delta float64, z []float64, t Target[float64]) (loss float64) {
	for i, k := range t.Pos {
		lo, hi := 0.0, 1/delta // at hi the label alone has mass 1
		for range 200 {
			a, mass := lo+(hi-lo)/2, 0.0
			for _, s := range z {
				mass += max(a*(s-z[k]+delta), 0)
			}
			if mass > 1 {
				hi = a
			} else {
				lo = a
			}
		}
		loss -= t.Weight[i] * math.Log(lo*delta)
	}
	return loss
}

// rankmax is the mean over the positives y, by their weights, of
//
//	ℓ(z,y) = log1p(Σ_{j≠y} h_j),   h_j = [z_j − z_y + δ]_+/δ
//	∂ℓ/∂z_j = 1[h_j>0]/(δZ) for j ≠ y,   Z = 1 + Σ_{j≠y} h_j
//
// and the entry of y makes the sum 0. At the kink h_j = 0 the subgradient 0 is
// taken. e^ℓ is at least the rank of y, ties counted against it. Apart the other positives
// are no classes of the sum of y.
type rankmax[T Float] struct {
	delta float64
	apart bool
}

// WorkLen leaves five numbers for each of up to K positives.
func (rankmax[T]) WorkLen(k int) int { return 5 * k }

func (l rankmax[T]) Eval(dz, z []T, t Target[T], work []T) T {
	m, _ := Peak(z)
	if m != m {
		return nan[T]()
	}
	if y, ok := t.Label(); ok {
		return l.one(dz, z, y, float64(t.Weight[0]))
	}
	// A class counts for the positives whose edge z_y − δ lies below it: with the
	// positives in ascending order, for a first part of them. So it is enough to
	// file each class under the last edge below it, and to sum from the top edge
	// down. order holds positions in t, which T represents exactly up to 2^24.
	n := len(t.Pos)
	order, edges, sum, count, share := work[:n], work[n:2*n], work[2*n:3*n], work[3*n:4*n], work[4*n:5*n]
	for i := range order {
		order[i] = T(i)
	}
	slices.SortFunc(order, func(a, b T) int { return cmp.Compare(z[t.Pos[int(a)]], z[t.Pos[int(b)]]) })
	for i, at := range order {
		edges[i] = z[t.Pos[int(at)]] // + δ
	}
	clear(sum)
	clear(count)
	positives := t.Pos
	for j, s := range z {
		if l.apart && len(positives) > 0 && int(positives[0]) == j {
			positives = positives[1:]
			continue
		}
		if i := l.below(edges, s); i >= 0 {
			sum[i] += T(float64(s) - float64(edges[i]) + l.delta)
			count[i]++
		}
	}
	var loss, above, lead float64 // classes above the edge, and their summed lead over it
	for i := n - 1; i >= 0; i-- {
		if i+1 < n {
			lead += above * (float64(edges[i+1]) - float64(edges[i]))
		}
		lead += float64(sum[i])
		above += float64(count[i])
		w, lead := float64(t.Weight[int(order[i])]), lead
		if l.apart {
			lead += l.delta
		}
		loss += w * math.Log(lead/l.delta) // the positive is among its classes, δ above its edge
		share[i] = T(w / lead)
		count[i] = T(above)
	}
	upTo := sum // of all shares up to i
	copy(upTo, share)
	for i := 1; i < n; i++ {
		upTo[i] += upTo[i-1]
	}
	for j, s := range z {
		dz[j] = 0
		if i := l.below(edges, s); i >= 0 {
			dz[j] = upTo[i]
		}
	}
	for i, at := range order {
		y := t.Pos[int(at)]
		if l.apart {
			dz[y] = 0
		}
		dz[y] -= share[i] * count[i]
	}
	return T(loss)
}

// below returns the last i with edges[i] − δ < s, −1 if there is none.
func (l rankmax[T]) below(edges []T, s T) int {
	lo, hi := 0, len(edges)
	for lo < hi {
		if mid := (lo + hi) / 2; float64(s)-float64(edges[mid])+l.delta > 0 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo - 1
}

// one is Eval for the label y, times w.
func (l rankmax[T]) one(dz, z []T, y int, w float64) T {
	rest, n := 0.0, 0
	for j, s := range z {
		if h := float64(s) - float64(z[y]) + l.delta; h > 0 && j != y {
			rest += h
			n++
		}
	}
	rest /= l.delta
	g := w / (l.delta * (1 + rest))
	for j, s := range z {
		dz[j] = 0
		if float64(s)-float64(z[y])+l.delta > 0 {
			dz[j] = T(g)
		}
	}
	dz[y] = T(-g * float64(n))
	return T(w * math.Log1p(rest))
}

func rankmaxTheory(delta float64) Theory {
	return Theory{
		Props:           NonNegative | ShiftInvariant | SparseGradient,
		Smoothness:      Constant(math.Inf(1)), // the gradient jumps at z_j = z_y − δ
		PopulationOrder: OrderWeak,             // t = (.5, .26, .24) has z* = (1, 0, 0)
		ZeroOne:         true,
		Margin:          delta,
		Support:         Support{NearLabel, delta},
		Cost:            "O(K), or O(K log m) with m positives",
	}
}
