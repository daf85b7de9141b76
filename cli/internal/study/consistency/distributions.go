package consistency

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fenchel-ml/fenchel/cli/internal/study/statistics"
)

// A Distribution is one conditional class distribution and the proposal distribution
// that sampled schemes see beside it.
type Distribution struct {
	Family string    // "dirichlet", "zipf" or "adversarial"
	T      []float64 // positive, sums to 1, no two entries equal
	Q      []float64 // positive, sums to 1
}

// families lists the families of distributions in the order of reports.
func families() []string { return []string{"dirichlet", "zipf", "adversarial"} }

// minGap keeps distributions decidable: entries, and their differences, that are
// smaller could not be told from the accuracy of a minimiser.
const minGap = 0.01

// drawDistributions draws n distributions of each family over k classes.
//
//	dirichlet    t ~ Dirichlet(1), q ~ Dirichlet(1)
//	zipf         t_i ∝ r_i^{-a}, a uniform in [0.5, 1.5], ranks r in random order;
//	             q likewise, in another order
//	adversarial  the literature's counter-examples and variations of them: a top
//	             class without a majority (hinges), a top class of just one half
//	             (rankmax), a tail that is almost flat, and, for every one of them, a
//	             proposal steeper than the distribution in its own order
//	             (uncorrected sampling then reverses the order)
//
// Adversarial distributions have 3 or 4 classes whatever k is: the counter-examples are
// of that size.
func drawDistributions(seed uint64, k, n int) []Distribution {
	rng := rand.New(rand.NewPCG(seed, 0x7275746873)) // "ruths"
	var all []Distribution
	for range n {
		t := apart(rng, k, func(p []float64) {
			for i := range p {
				p[i] = rng.ExpFloat64() // Dirichlet(1) is normalised exponentials
			}
		})
		q := make([]float64, k)
		for i := range q {
			q[i] = 0.05 + rng.ExpFloat64() // the floor keeps corrections moderate
		}
		all = append(all, Distribution{"dirichlet", t, statistics.Normalise(q)})
	}
	zipf := func(p []float64) {
		a := 0.5 + rng.Float64()
		for i, r := range rng.Perm(len(p)) {
			p[i] = math.Pow(float64(r+1), -a)
		}
	}
	for range n {
		q := make([]float64, k)
		zipf(q)
		all = append(all, Distribution{"zipf", apart(rng, k, zipf), statistics.Normalise(q)})
	}
	fixed := [][]float64{{0.4, 0.35, 0.25}, {0.5, 0.26, 0.24}, {0.5, 0.3, 0.2}, {0.7, 0.2, 0.1}, {0.3, 0.27, 0.23, 0.2}}
	for i := range n {
		t := slices.Clone(fixed[i%len(fixed)])
		if i >= len(fixed) { // vary, keeping the shape
			for ok := false; !ok; {
				for j, x := range fixed[i%len(fixed)] {
					t[j] = x * (1 + 0.1*rng.NormFloat64())
				}
				ok = slices.Min(t) > 0 && decidable(statistics.Normalise(t))
			}
		}
		q := make([]float64, len(t))
		for j, x := range t {
			q[j] = x * x * x
		}
		all = append(all, Distribution{"adversarial", t, statistics.Normalise(q)})
	}
	return all
}

// apart draws until the distribution is decidable. Where k classes hardly leave room
// for the gaps it gives up on chance and spreads the draw evenly.
func apart(rng *rand.Rand, k int, draw func(p []float64)) []float64 {
	p := make([]float64, k)
	for range 10000 {
		draw(p)
		if decidable(statistics.Normalise(p)) {
			return p
		}
	}
	for i, r := range rng.Perm(k) {
		p[i] = float64(r + 1)
	}
	return statistics.Normalise(p)
}

func decidable(p []float64) bool {
	s := slices.Sorted(slices.Values(p))
	if !(s[0] >= minGap) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !(s[i]-s[i-1] >= minGap) {
			return false
		}
	}
	return true
}
