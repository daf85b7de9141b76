package metric

import (
	"math"
	"slices"
)

// PSP@K is the precision at K of which each hit counts the inverse q_l of its class's
// propensity, divided by the best that there can be:
//
//	Σ_i Σ_{l in top K ∩ rel} q_l / Σ_i max over K classes of rel Σ q_l
//	q_l = 1 + C (N_l + B)^−A,   C = (log N − 1)(B + 1)^A
//
// where N is how many contexts there are in training, those without a positive among them,
// N_l in how many of them class l is a positive, and A and B are of the kind of data. It is a ratio
// of sums over the examples, and no mean of theirs; what has no relevant class adds nothing to
// either. Below three contexts C would be negative, and is 0.
func init() {
	for _, x := range []struct {
		name, of string
		a, b     float64
	}{
		{"psp", "A=0.55, B=1.5", 0.55, 1.5},
		{"psp-wiki", "A=0.5, B=0.4, as of Wikipedia's large sets", 0.5, 0.4},
		{"psp-amazon", "A=0.6, B=2.6, as of Amazon's", 0.6, 2.6},
	} {
		q := func(count int32, n int) float64 {
			c := max(0, math.Log(float64(n))-1) * math.Pow(x.b+1, x.a)
			return 1 + c*math.Pow(float64(count)+x.b, -x.a)
		}
		Register(Metric{
			Name:   x.name,
			Doc:    "precision at K of which a hit counts its class's inverse propensity, divided by the best that can be; " + x.of,
			Source: "Jain, Prabhu, Varma: Extreme multi-label loss functions for recommendation, tagging, ranking and other missing label applications (KDD 2016), eq. 1 and section 5",
			Pooled: true,
			Beyond: true,
			New: func(k int, s Set) Accumulator {
				p := &propensity{k: k, q: make([]float64, s.Classes)}
				for l, n := range s.Count {
					p.q[l] = q(n, s.contexts())
				}
				return p
			},
			Ref: func(all []Whole, k int, s Set) float64 {
				found, best := 0.0, 0.0
				for _, w := range all {
					for _, place := range w.Places {
						if place <= k {
							found += q(s.Count[w.IDs[place-1]], s.contexts())
						}
					}
					// q falls as a class gets more frequent: the best are the rarest.
					rare := slices.Clone(w.Relevant)
					slices.SortFunc(rare, func(a, b int32) int { return int(s.Count[a]) - int(s.Count[b]) })
					for _, l := range rare[:min(k, len(rare))] {
						best += q(s.Count[l], s.contexts())
					}
				}
				return found / best
			},
		})
	}
}

// propensity measures PSP of one set of examples.
type propensity struct {
	k           int
	q           []float64 // [C]
	found, best float64
	own         []float64 // scratch
}

func (p *propensity) Add(l List) float64 {
	for r, hit := range l.Hit {
		if hit {
			p.found += p.q[l.IDs[r]]
		}
	}
	p.own = p.own[:0]
	for _, c := range l.Relevant {
		p.own = append(p.own, p.q[c])
	}
	slices.Sort(p.own)
	for _, q := range p.own[max(0, len(p.own)-p.k):] {
		p.best += q
	}
	return 0
}

// Finish returns at most 1, which sums in another order may pass by a rounding.
func (p *propensity) Finish() float64 { return min(1, p.found/p.best) }
