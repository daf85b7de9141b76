package tune

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat/distuv"
)

func init() {
	searches = append(searches, search{
		name: "tpe",
		doc:  "tree-structured Parzen estimator: draws near the best trials, where few others are; it begins with the middle of all axes and a few places that are spread over them",
		next: nextTPE,
	})
}

// The constants of the search. The draws and the kernels are those of Optuna 5 with
// multivariate=True (Watanabe 2023, arXiv:2304.11127). A quarter of the observations, and
// not a tenth, is good: of 12 trials in the plane it is 3, and so the search comes closer.
const (
	candidates = 24   // draws from the good, of which the best is taken
	goodShare  = 0.25 // of the observations
	maxGood    = 25   // observations that are good
	recent     = 25   // observations that weigh 1; older ones weigh less
)

// startup returns how many trials come before the estimator: the middle, one that is spread
// for each axis, and one more.
func startup(axes int) int { return 2 + axes }

// good returns how many of n observations are.
func good(n int) int { return min(int(math.Ceil(goodShare*float64(n))), maxGood) }

// nextTPE returns the place at which the density ℓ of the good observations stands highest
// above the density g of the others, which is where the expected improvement is largest
// (Bergstra, Bardenet, Bengio, Kégl 2011, section 4.1), among draws from ℓ.
func nextTPE(h history, untried func([]float64) bool) ([]float64, bool) {
	d := len(h.axes)
	if n := len(h.tried); n < startup(d) {
		if places := spread(h, n, startup(d)); untried(places) {
			return places, true
		}
		return nextRandom(h, untried)
	}
	order := make([]int, len(h.tried))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(h.tried[a].rank, h.tried[b].rank)
	})
	n := good(len(order))
	for n > 0 && math.IsInf(h.tried[order[n-1]].rank, 1) {
		n-- // what failed is not good, however few have not
	}
	of := func(some []int) (all [][]float64) {
		slices.Sort(some) // by age
		for _, i := range some {
			all = append(all, h.tried[i].places)
		}
		return all
	}
	l, g := newMixture(h.axes, of(order[:n])), newMixture(h.axes, of(order[n:]))
	r := h.stream()
	for range maxDraws / candidates {
		var best []float64
		most := math.Inf(-1)
		for range candidates {
			x := l.draw(r)
			if score := l.logDensity(x) - g.logDensity(x); score > most && untried(x) {
				best, most = x, score
			}
		}
		if best != nil {
			return best, true
		}
	}
	return nextRandom(h, untried)
}

// spread returns the n-th of total places of the beginning: the middle, then a Latin
// hypercube (McKay, Beckman, Conover 1979), whose places are one in each part of each axis.
func spread(h history, n, total int) []float64 {
	places := make([]float64, len(h.axes))
	if n == 0 {
		for i, a := range h.axes {
			places[i] = 0.5
			if a.choices != nil { // the first is what the user thought of first
				places[i] = 0.5 / float64(len(a.choices))
			}
		}
		return places
	}
	r := rand.New(rand.NewPCG(h.seed, math.MaxUint64)) // the same for all n
	for i := range places {
		parts := r.Perm(total - 1)
		for k := range parts {
			if u := r.Float64(); k == n-1 {
				places[i] = (float64(parts[k]) + u) / float64(total-1)
			}
		}
	}
	return places
}

// A mixture is a density over places: a kernel at each observation and one in the middle.
// A kernel is a product over axes: of a range a normal cut off at 0 and 1, whose σ is the
// distance to the farther one of the next observations below and above, of a list a weight
// for each value, which is most at the observed one. On an axis that an observation did not
// take its kernel is that of the middle, whose σ is 1.
type mixture struct {
	axes   []Axis
	at     [][]float64 // of the kernels; nil of the one in the middle, which is the last
	weight []float64   // of the kernels; they sum to 1
	mu     [][]float64 // of the kernels, on each axis that is a range
	sigma  [][]float64
	norm   [][]float64 // logarithm of what divides exp(−½((x−μ)/σ)²)
}

// newMixture returns the mixture of observations, by age.
func newMixture(axes []Axis, at [][]float64) *mixture {
	n := len(at)
	m := &mixture{axes: axes, at: append(slices.Clone(at), nil), weight: make([]float64, n+1)}
	for i := range n {
		m.weight[i] = 1
		if old := n - recent; old > 0 && i < old { // from 1/n up to 1
			m.weight[i] = 1 / float64(n)
			if old > 1 {
				m.weight[i] += (1 - 1/float64(n)) * float64(i) / float64(old-1)
			}
		}
	}
	m.weight[n] = 1
	floats.Scale(1/floats.Sum(m.weight), m.weight)
	for range n + 1 { // the one in the middle, unless an observation is elsewhere
		m.mu = append(m.mu, slices.Repeat([]float64{0.5}, len(axes)))
		m.sigma = append(m.sigma, slices.Repeat([]float64{1}, len(axes)))
		m.norm = append(m.norm, make([]float64, len(axes)))
	}
	for i := range axes {
		var took []int // the observations that took the axis, ascending by place
		for k := range at {
			if at[k][i] >= 0 {
				took = append(took, k)
			}
		}
		slices.SortStableFunc(took, func(a, b int) int { return cmp.Compare(at[a][i], at[b][i]) })
		place := func(rank int) float64 {
			switch {
			case rank < 0:
				return 0
			case rank == len(took):
				return 1
			}
			return at[took[rank]][i]
		}
		for rank, k := range took {
			below, above := place(rank)-place(rank-1), place(rank+1)-place(rank)
			switch { // an end of the axis counts only where there is no other
			case len(took) > 1 && rank == 0:
				below = 0
			case len(took) > 1 && rank == len(took)-1:
				above = 0
			}
			m.mu[k][i], m.sigma[k][i] = at[k][i], min(max(below, above, 1/min(100, 2+float64(n))), 1)
		}
		for k := range m.norm {
			lo, hi := m.ends(k, i)
			m.norm[k][i] = math.Log(m.sigma[k][i]*math.Sqrt(2*math.Pi)) + math.Log(hi-lo)
		}
	}
	return m
}

// ends returns the shares of a kernel that are below 0 and below 1 on an axis, uncut.
func (m *mixture) ends(k, axis int) (lo, hi float64) {
	mu, sigma := m.mu[k][axis], m.sigma[k][axis]
	return distuv.UnitNormal.CDF(-mu / sigma), distuv.UnitNormal.CDF((1 - mu) / sigma)
}

// chance returns the chance of the j-th value of an axis that is a list.
func (m *mixture) chance(k, axis, j int) float64 {
	c := float64(len(m.axes[axis].choices))
	at := m.at[k]
	if at == nil || at[axis] < 0 {
		return 1 / c
	}
	prior := 1 / float64(len(m.at)) // of each value, beside 1 of the observed one
	p := prior
	if j == int(at[axis]*c) {
		p++
	}
	return p / (1 + c*prior)
}

// draw returns a place.
func (m *mixture) draw(r *rand.Rand) []float64 {
	k := pick(m.weight, r.Float64())
	x := make([]float64, len(m.axes))
	for i, a := range m.axes {
		u := r.Float64()
		if a.choices == nil {
			lo, hi := m.ends(k, i)
			x[i] = min(max(m.mu[k][i]+m.sigma[k][i]*distuv.UnitNormal.Quantile(lo+u*(hi-lo)), 0), 1)
			continue
		}
		p := make([]float64, len(a.choices))
		for j := range p {
			p[j] = m.chance(k, i, j)
		}
		x[i] = (float64(pick(p, u)) + 0.5) / float64(len(p))
	}
	return x
}

// pick returns the index at which the sum of weights, which is 1, passes u.
func pick(weight []float64, u float64) int {
	for i, w := range weight {
		if u -= w; u < 0 {
			return i
		}
	}
	return len(weight) - 1
}

// logDensity returns the logarithm of the density at x.
func (m *mixture) logDensity(x []float64) float64 {
	terms := make([]float64, len(m.at))
	for k := range m.at {
		terms[k] = math.Log(m.weight[k])
		for i, a := range m.axes {
			if a.choices != nil {
				terms[k] += math.Log(m.chance(k, i, int(x[i]*float64(len(a.choices)))))
				continue
			}
			z := (x[i] - m.mu[k][i]) / m.sigma[k][i]
			terms[k] -= z*z/2 + m.norm[k][i]
		}
	}
	return floats.LogSumExp(terms)
}
