package metric

// ARP@K is the mean over the top K of N_i, the number of training contexts in which class i is a
// positive: the average recommendation popularity. An empty ranking has 0.
//
// RecBole has it as averagepopularity.
func init() {
	Register(Metric{
		Name:      "arp",
		Doc:       "mean over the top K of the number of training contexts that have the class: average recommendation popularity; RecBole's averagepopularity",
		Source:    "Yin, Cui, Li, Yao, Chen: Challenging the long tail recommendation (VLDB 2012), section 5",
		Beyond:    true,
		Lower:     true,
		Unbounded: true,
		New:       Mean(overTop(func(s Set, id int32) float64 { return float64(s.Count[id]) })),
		Ref: func(all []Whole, k int, s Set) float64 {
			value := 0.0
			for _, w := range all {
				seen, n := 0, min(k, len(w.IDs))
				for _, id := range w.IDs[:n] {
					seen += int(s.Count[id])
				}
				value += float64(seen) / float64(max(n, 1)) / float64(len(all))
			}
			return value
		},
	})
}

// overTop is the score of [Mean] that is the mean over the ranking of what f says of each class,
// 0 of an empty one.
func overTop(f func(s Set, id int32) float64) func(l List, k int, s Set) float64 {
	return func(l List, _ int, s Set) float64 {
		if len(l.IDs) == 0 {
			return 0
		}
		sum := 0.0
		for _, id := range l.IDs {
			sum += f(s, id)
		}
		return sum / float64(len(l.IDs))
	}
}
