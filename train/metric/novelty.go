package metric

import "math"

// Novelty@K is the mean over the top K of −log₂ p_i in bits, the self-information of class i,
// where p_i is the share of the training contexts in which it is a positive. A class that is a
// positive of none counts as one that is a positive of one, since −log₂ 0 is no number: so the most that
// there is is log₂ of the number of these contexts. An empty ranking has 0.
func init() {
	Register(Metric{
		Name:      "novelty",
		Doc:       "mean over the top K of −log₂ p in bits, p the share of training contexts that have the class, and at least one of them: mean self-information",
		Source:    "Zhou, Kuscsik, Liu, Medo, Wakeling, Zhang: Solving the apparent diversity-accuracy dilemma of recommender systems (PNAS 2010), surprisal",
		Beyond:    true,
		Unbounded: true,
		New: Mean(overTop(func(s Set, id int32) float64 {
			return max(0, math.Log2(float64(s.Trained)/float64(max(s.Count[id], 1))))
		})),
		// −log₂ of the geometric mean of p.
		Ref: func(all []Whole, k int, s Set) float64 {
			value := 0.0
			for _, w := range all {
				product, n := 1.0, min(k, len(w.IDs))
				for _, id := range w.IDs[:n] {
					product *= math.Pow(min(1, float64(max(s.Count[id], 1))/float64(s.Trained)), 1/float64(n))
				}
				value -= math.Log(product) / math.Ln2 / float64(len(all))
			}
			return value
		},
	})
}
