package conditionalrisk

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
)

// An Objective is a function to minimise: Risk, or anything of its shape.
type Objective interface {
	Len() int
	// Value returns f(z) and, where g is not nil, stores a (sub)gradient in g.
	Value(g, z []float64) float64
}

// Settings say how to search; every field is required.
type Settings struct {
	Lo, Hi float64     // domain of every coordinate; infinite for none
	Smooth bool        // f has a Lipschitz gradient: descent alone reaches a stationary point
	Convex bool        // f is convex: a stationary point is a minimum
	Starts [][]float64 // where searches start, each inside the domain
}

// A Minimum is a point that a search ended at.
type Minimum struct {
	Z     []float64
	Value float64
	Slope float64 // ‖∂f/∂z‖ over the coordinates that the domain leaves free; NaN for a search without gradients
	Far   bool    // f falls towards infinity: Z is the least within ±50
}

// sameValue is the excess over the least value found up to which an end of a
// search counts as a minimiser too.
const sameValue = 1e-10

// settled is the slope up to which the end of a descent is a stationary point that no
// pattern search need look at: minimisers of curvature 1e-3 are met within 1e-5.
const settled = 1e-8

// mostEvaluations bounds a descent of Minima. Those of smooth risks end after some hundred.
const mostEvaluations = 10000

// Minima runs a search from every start and returns the distinct ends whose
// value is the least found, the best first: where f has several minimisers,
// several of them.
//
// A search is the descent of [Descend]. Where it ends at a slope above settled and the
// domain is bounded or f has kinks to end on, a pattern search along ± the indicators of
// sets of coordinates follows: it needs no gradient, keeps to the domain, and is exact
// where f is piecewise linear with pieces that meet where scores or differences of scores
// are equal. With more than maxSets coordinates the sets are those of one, of two, and the
// leading ones. It follows too where f falls towards infinity. In a bounded domain, where f
// is smooth but not convex, a coarse one looks for a way out of a stationary point that is
// not the least, and a second descent ends what it found.
func Minima(ctx context.Context, f Objective, s Settings) ([]Minimum, error) {
	bounded := !math.IsInf(s.Lo, -1) || !math.IsInf(s.Hi, 1)
	var ends []Minimum
	for _, start := range s.Starts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := Minimum{Z: slices.Clone(start), Slope: math.NaN()}
		Descend(f, m.Z, s.Lo, s.Hi, mostEvaluations)
		escaped := func() bool {
			return !bounded && slices.ContainsFunc(m.Z, func(x float64) bool { return math.Abs(x) >= far })
		}
		if bounded && s.Smooth && !s.Convex {
			pattern(f, m.Z, s.Lo, s.Hi, 0.25, 1e-3)
			Descend(f, m.Z, s.Lo, s.Hi, mostEvaluations)
		}
		g := make([]float64, len(m.Z))
		f.Value(g, m.Z)
		atRest := freeNorm(g, m.Z, s.Lo, s.Hi) <= settled
		if m.Far = escaped(); m.Far || !atRest && (bounded || !s.Smooth) {
			step := 0.01 // what is left is the way along a kink
			if bounded && !s.Smooth {
				step = 0.25
			}
			pattern(f, m.Z, s.Lo, s.Hi, step, 1e-9)
			m.Far = escaped() // a pattern search may get there too
		}
		m.Value = f.Value(g, m.Z)
		if s.Smooth {
			m.Slope = freeNorm(g, m.Z, s.Lo, s.Hi)
		}
		ends = append(ends, m)
	}
	slices.SortStableFunc(ends, func(a, b Minimum) int { return cmp.Compare(a.Value, b.Value) })
	best := ends[0].Value
	return slices.DeleteFunc(ends, func(m Minimum) bool { return !(m.Value <= best+sameValue*max(1, math.Abs(best))) }), nil
}

// Starts returns n points for Minima over k coordinates: the origin, the points
// of first that the domain is clipped to, and normal draws of spread 0.3 to 3.
func Starts(rng *rand.Rand, lo, hi float64, k, n int, first ...[]float64) [][]float64 {
	starts := [][]float64{make([]float64, k)}
	starts = append(starts, first...)
	for i := 0; len(starts) < n; i++ {
		z := make([]float64, k)
		for j := range z {
			z[j] = rng.NormFloat64() * [...]float64{0.3, 1, 3}[i%3]
		}
		starts = append(starts, z)
	}
	for _, z := range starts {
		for j := range z {
			z[j] = min(max(z[j], lo), hi)
		}
	}
	return starts
}

// far bounds |z|: some risks have their infimum at infinity.
const far = 50

// Descend descends from z, in place, within [lo,hi] and ±50 in every coordinate, and
// reports whether it ended by itself: at a slope of at most 1e-12, or where rounding or a
// kink leaves no way down. Otherwise it stopped at the given number of evaluations.
//
// It is BFGS with a weak-Wolfe line search, which copes with kinks on the way (Lewis &
// Overton 2013, Math. Program. 141, 135-163). Steps are projected on the domain, and
// coordinates that the slope holds at its walls take no part in them (Bertsekas 1982,
// SIAM J. Control Optim. 20(2), 221-246).
func Descend(f Objective, z []float64, lo, hi float64, evaluations int) (ended bool) {
	const (
		c1, c2 = 1e-4, 0.9 // sufficient decrease and curvature, as usual
		flat   = 1e-12     // slope at which rounding takes over
	)
	lo, hi = max(lo, -far), min(hi, far)
	k := len(z)
	g, free, trial, gTrial := make([]float64, k), make([]float64, k), make([]float64, k), make([]float64, k)
	d, y := make([]float64, k), make([]float64, k)
	held := make([]bool, k) // at a wall
	h := newInverse(k)
	value := func(g, z []float64) float64 {
		evaluations--
		return f.Value(g, z)
	}
	v := value(g, z)
	for evaluations > 0 {
		for i := range k {
			at := z[i] <= lo && g[i] > 0 || z[i] >= hi && g[i] < 0
			if at != held[i] { // curvature seen through a wall is none
				held[i] = at
				h.reset()
			}
			free[i] = g[i]
			if at {
				free[i] = 0
			}
		}
		if !(floats.Norm(free, 2) > flat) {
			return true
		}
		slope := h.direction(d, free, held)
		if !(slope < 0) {
			if h.fresh {
				return true
			}
			h.reset()
			continue
		}
		// Bisect for a step that satisfies both conditions; double while the
		// function falls. A step that meets a wall has no curvature condition.
		below, above, a := 0.0, math.Inf(1), 1.0
		if h.fresh {
			a = min(1, 1/floats.Norm(free, 2))
		}
		ok := false
		w := math.Inf(1)
		for range 60 {
			wall, still, fall := false, true, 0.0
			for i := range k {
				to := z[i] + a*d[i]
				trial[i] = min(max(to, lo), hi)
				wall = wall || trial[i] != to
				still = still && trial[i] == z[i]
				fall += g[i] * (trial[i] - z[i])
			}
			if still { // the bracket is empty to rounding, and so is what the last step gained
				w = math.Inf(1)
				break
			}
			if evaluations <= 0 {
				break
			}
			w = value(gTrial, trial)
			switch {
			case !(fall < 0) || !(w <= v+c1*fall):
				above = a
			case !wall && floats.Dot(gTrial, d) < c2*slope:
				below = a
			default:
				ok = true
			}
			if ok {
				break
			}
			if math.IsInf(above, 1) {
				a = 2 * below
			} else {
				a = below + (above-below)/2
			}
		}
		if !ok && !(w < v) {
			if evaluations <= 0 {
				return false
			}
			if h.fresh { // no way down along the gradient: a minimum, or a kink
				return true
			}
			h.reset()
			continue
		}
		for i := range k {
			d[i] = trial[i] - z[i]
			y[i] = gTrial[i] - g[i]
		}
		copy(z, trial)
		copy(g, gTrial)
		v = w
		h.update(d, y)
	}
	return false
}

// An inverse is the estimate of the inverse Hessian [k,k] of a descent.
type inverse struct {
	h     []float64
	hy    []float64
	fresh bool // h is the identity
}

func newInverse(k int) *inverse {
	h := &inverse{h: make([]float64, k*k), hy: make([]float64, k)}
	h.reset()
	return h
}

func (h *inverse) reset() {
	k := len(h.hy)
	clear(h.h)
	for i := range k {
		h.h[i*k+i] = 1
	}
	h.fresh = true
}

// direction stores −H·g in d, 0 where a coordinate is held, and returns ⟨d, g⟩.
func (h *inverse) direction(d, g []float64, held []bool) (slope float64) {
	k := len(d)
	for i := range k {
		d[i] = 0
		if !held[i] {
			d[i] = -floats.Dot(h.h[i*k:(i+1)*k], g)
		}
		slope += d[i] * g[i]
	}
	return slope
}

// update takes up that a step s changed the gradient by y.
func (h *inverse) update(s, y []float64) {
	k, sy := len(s), floats.Dot(s, y)
	if !(sy > 1e-14*floats.Norm(s, 2)*floats.Norm(y, 2)) {
		h.reset()
		return
	}
	if h.fresh { // scale the identity to the curvature just seen
		for i := range k {
			h.h[i*k+i] = sy / floats.Dot(y, y)
		}
		h.fresh = false
	}
	// H ← (I − s yᵀ/sy) H (I − y sᵀ/sy) + s sᵀ/sy
	var yhy float64
	for i := range k {
		h.hy[i] = floats.Dot(h.h[i*k:(i+1)*k], y)
		yhy += y[i] * h.hy[i]
	}
	for i := range k {
		for j := range k {
			h.h[i*k+j] += (1+yhy/sy)*s[i]*s[j]/sy - (h.hy[i]*s[j]+s[i]*h.hy[j])/sy
		}
	}
}

// maxSets is the number of coordinates up to which pattern tries all sets.
const maxSets = 6

// pattern searches from z, in place, from the given step down to the least.
func pattern(f Objective, z []float64, lo, hi, step, least float64) {
	k := len(z)
	trial := make([]float64, k)
	v := f.Value(nil, z)
	moved := false
	try := func(in func(j int) bool) {
		for _, sign := range [...]float64{1, -1} {
			for j := range z {
				trial[j] = z[j]
				if in(j) {
					trial[j] = min(max(z[j]+sign*step, max(lo, -far)), min(hi, far))
				}
			}
			if w := f.Value(nil, trial); w < v-1e-15*max(1, math.Abs(v)) {
				copy(z, trial)
				v, moved = w, true
			}
		}
	}
	for range 2000 {
		moved = false
		if k <= maxSets {
			for set := 1; set < 1<<k; set++ {
				try(func(j int) bool { return set>>j&1 == 1 })
			}
		} else {
			order := make([]int, k)
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(z[b], z[a]) })
			rank := make([]int, k)
			for r, j := range order {
				rank[j] = r
			}
			for a := range k {
				try(func(j int) bool { return rank[j] <= a })
				for b := a; b < k; b++ {
					try(func(j int) bool { return j == a || j == b })
				}
			}
		}
		if moved {
			step = min(2*step, 8)
		} else if step /= 2; step < least {
			return
		}
	}
}

// freeNorm is the norm of the gradient over the coordinates that can follow it
// downhill inside the domain.
func freeNorm(g, z []float64, lo, hi float64) float64 {
	var s float64
	for j, x := range g {
		if z[j] <= lo && x > 0 || z[j] >= hi && x < 0 {
			continue
		}
		s += x * x
	}
	return math.Sqrt(s)
}
