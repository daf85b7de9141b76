package metric

import "math"

// Entropy@K is Shannon's entropy −Σ_i p_i ln p_i in nats, where p_i is the share of class i of
// all places of the top K of the examples: ln C where all classes are shown equally often, 0
// where one is shown alone, or nothing.
//
// RecBole's shannonentropy has this formula in its documentation, and its program divides that
// by the number of classes that are shown, which is Coverage@K·C.
func init() {
	Register(Metric{
		Name:      "entropy",
		Doc:       "−Σ p ln p in nats, p a class's share of all places of the top K: ln C where all are shown equally often; RecBole's shannonentropy is this divided by the number of classes shown",
		Source:    "Shannon: A mathematical theory of communication (1948), §6, of recommended items as Vargas, Castells (2011) and RecBole have it",
		Pooled:    true,
		Beyond:    true,
		Unbounded: true,
		New:       func(int, Set) Accumulator { return &entropy{shown{times: map[int32]int32{}}} },
		// ln N − (1/N) Σ n ln n.
		Ref: func(all []Whole, k int, s Set) float64 {
			total, sum := 0, 0.0
			for _, n := range timesShown(all, k, s) {
				if n > 0 {
					total += n
					sum += float64(n) * math.Log(float64(n))
				}
			}
			if total == 0 {
				return 0
			}
			return math.Log(float64(total)) - sum/float64(total)
		},
	})
}

type entropy struct{ shown }

func (e *entropy) Finish() float64 {
	sum := 0.0
	for _, n := range e.rising() { // in one order, whatever that of the map
		p := float64(n) / float64(e.total)
		sum -= p * math.Log(p)
	}
	return sum
}
