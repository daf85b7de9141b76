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

// Minima runs a search from every start and returns the distinct ends whose
// value is the least found, the best first: where f has several minimisers,
// several of them.
//
// A search is BFGS with a weak-Wolfe line search, which copes with kinks on the
// way (Lewis & Overton 2013, Math. Program. 141, 135-163). Where the domain is
// bounded, or f has kinks to end on, a pattern search along ± the indicators of
// sets of coordinates follows, or stands alone: it needs no gradient, keeps to
// the domain, and is exact where f is piecewise linear with pieces that meet
// where scores or differences of scores are equal. With more than maxSets
// coordinates the sets are those of one, of two, and the leading ones.
func Minima(ctx context.Context, f Objective, s Settings) ([]Minimum, error) {
	bounded := !math.IsInf(s.Lo, -1) || !math.IsInf(s.Hi, 1)
	var ends []Minimum
	for _, start := range s.Starts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m := Minimum{Z: slices.Clone(start), Slope: math.NaN()}
		step := 0.25
		if !bounded {
			Descend(f, m.Z)
			step = 0.01 // what is left is the way along a kink
			m.Far = slices.ContainsFunc(m.Z, func(x float64) bool { return math.Abs(x) >= far })
		}
		if bounded || m.Far || !s.Smooth {
			pattern(f, m.Z, s.Lo, s.Hi, step)
		}
		if !bounded { // a pattern search may get there too
			m.Far = slices.ContainsFunc(m.Z, func(x float64) bool { return math.Abs(x) >= far })
		}
		g := make([]float64, len(m.Z))
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

// Descend descends from z, in place, by the search that [Minima] begins with. It keeps
// within ±50.
func Descend(f Objective, z []float64) {
	const (
		c1, c2 = 1e-4, 0.9 // sufficient decrease and curvature, as usual
		flat   = 1e-12     // slope at which rounding takes over
	)
	k := len(z)
	g, trial, gTrial := make([]float64, k), make([]float64, k), make([]float64, k)
	d, y, hy := make([]float64, k), make([]float64, k), make([]float64, k)
	h := make([]float64, k*k) // inverse Hessian
	reset := func() {
		clear(h)
		for i := range k {
			h[i*k+i] = 1
		}
	}
	reset()
	v := f.Value(g, z)
	fresh := true // h is the identity
	for range 500 {
		if !(floats.Norm(g, 2) > flat) {
			return
		}
		var slope float64
		for i := range k {
			d[i] = 0
			for j := range k {
				d[i] -= h[i*k+j] * g[j]
			}
			slope += d[i] * g[i]
		}
		if !(slope < 0) {
			if fresh {
				return
			}
			reset()
			fresh = true
			continue
		}
		// Bisect for a step that satisfies both conditions; double while the
		// function falls.
		lo, hi, a := 0.0, math.Inf(1), 1.0
		if fresh {
			a = min(1, 1/floats.Norm(g, 2))
		}
		ok := false
		var w float64
		for range 60 {
			for i := range k {
				trial[i] = min(max(z[i]+a*d[i], -far), far)
			}
			w = f.Value(gTrial, trial)
			switch {
			case !(w <= v+c1*a*slope):
				hi = a
			case floats.Dot(gTrial, d) < c2*slope:
				lo = a
			default:
				ok = true
			}
			if ok {
				break
			}
			if math.IsInf(hi, 1) {
				a = 2 * lo
			} else {
				a = lo + (hi-lo)/2
			}
		}
		if !ok && !(w < v) {
			if fresh { // no way down along the gradient: a minimum, or a kink
				return
			}
			reset()
			fresh = true
			continue
		}
		var sy float64
		for i := range k {
			d[i] = trial[i] - z[i]
			y[i] = gTrial[i] - g[i]
			sy += d[i] * y[i]
		}
		copy(z, trial)
		copy(g, gTrial)
		v = w
		if !(sy > 1e-14*floats.Norm(d, 2)*floats.Norm(y, 2)) {
			reset()
			fresh = true
			continue
		}
		if fresh { // scale the identity to the curvature just seen
			for i := range k {
				h[i*k+i] = sy / floats.Dot(y, y)
			}
			fresh = false
		}
		// H ← (I − s yᵀ/sy) H (I − y sᵀ/sy) + s sᵀ/sy
		var yhy float64
		for i := range k {
			hy[i] = floats.Dot(h[i*k:(i+1)*k], y)
			yhy += y[i] * hy[i]
		}
		for i := range k {
			for j := range k {
				h[i*k+j] += (1+yhy/sy)*d[i]*d[j]/sy - (hy[i]*d[j]+d[i]*hy[j])/sy
			}
		}
	}
}

// maxSets is the number of coordinates up to which pattern tries all sets.
const maxSets = 6

// pattern searches from z, in place, from the given step down to 1e-9.
func pattern(f Objective, z []float64, lo, hi, step float64) {
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
		} else if step /= 2; step < 1e-9 {
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
