package metric

// EPC@K is the mean over the top K of 1 − p(seen), where p(seen) of a class is the share
// of the training contexts in which it is a positive: 1 where nobody has seen what is
// shown, 0 where everybody has. An empty ranking has 0.
func init() {
	Register(Metric{
		Name:   "epc",
		Doc:    "mean over the top K of 1 − p(seen), p the share of training contexts that have the class: expected popularity complement",
		Source: "Vargas, Castells: Rank and relevance in novelty and diversity metrics for recommender systems (2011), eq. 4 without discount and relevance",
		Beyond: true,
		New:    Mean(overTop(func(s Set, id int32) float64 { return 1 - float64(s.Count[id])/float64(s.Trained) })),
		Ref: func(all []Whole, k int, s Set) float64 {
			value := 0.0
			for _, w := range all {
				seen, n := 0, min(k, len(w.IDs))
				for _, id := range w.IDs[:n] {
					seen += int(s.Count[id])
				}
				if n > 0 {
					value += float64(n*s.Trained-seen) / float64(n*s.Trained)
				}
			}
			return value / float64(len(all))
		},
	})
}
