package metric

import (
	"cmp"
	"math"
	"slices"
)

// Tail@K is the share of the top K that is in the long tail: those classes that, of all that are
// a positive of some training context, have the fewest such contexts. The ratio r says how
// many: up to 1 it is ⌊r·n⌋ of these n classes, at least one, equal counts by lower id; above
// 1 it is all that are a positive of at most r contexts. A class that no training context has is in no tail.
// An empty ranking has 0.
//
// RecBole has it as tailpercentage, and its tail_ratio is r.
func init() {
	Register(Metric{
		Name:   "tail",
		Doc:    "share of the top K that is among the classes with the fewest training contexts, of those that have any: a share ratio of them, or those with at most so many; RecBole's tailpercentage",
		Source: "Abdollahpouri, Burke, Mobasher: Managing popularity bias in recommender systems with personalized re-ranking (FLAIRS 2019), APLT, with the tail as RecBole has it",
		Beyond: true,
		Params: []Param{{
			Name: "ratio", Doc: "the tail: up to 1 a share of the classes that have a training context, above 1 the most contexts that a class has; RecBole's tail_ratio",
			Default: 0.1, Min: 1e-9, Max: math.Inf(1), Probe: []float64{0.5, 1, 2},
		}},
		With: func(v Values) (func(k int, s Set) Accumulator, func(all []Whole, k int, s Set) float64) {
			ratio := v.Num("ratio")
			return func(_ int, s Set) Accumulator {
					tail := tailOf(s, ratio)
					return &mean{score: func(l List) float64 {
						if len(l.IDs) == 0 {
							return 0
						}
						n := 0
						for _, id := range l.IDs {
							if tail[id] {
								n++
							}
						}
						return float64(n) / float64(len(l.IDs))
					}}
				}, func(all []Whole, k int, s Set) float64 {
					value := 0.0
					for _, w := range all {
						n := min(k, len(w.IDs))
						for _, id := range w.IDs[:n] {
							if inTail(s, ratio, id) {
								value += 1 / float64(n) / float64(len(all))
							}
						}
					}
					return value
				}
		},
	})
}

// tailOf says of each class whether it is in the tail, [C].
func tailOf(s Set, ratio float64) []bool {
	tail := make([]bool, s.Classes)
	if ratio > 1 {
		for c, n := range s.Count {
			tail[c] = n > 0 && float64(n) <= ratio
		}
		return tail
	}
	var order []int32
	for c, n := range s.Count {
		if n > 0 {
			order = append(order, int32(c))
		}
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Or(cmp.Compare(s.Count[a], s.Count[b]), cmp.Compare(a, b)) })
	if len(order) > 0 {
		for _, c := range order[:max(1, int(float64(len(order))*ratio))] {
			tail[c] = true
		}
	}
	return tail
}

// inTail is tailOf of one class, by the number of classes before it.
func inTail(s Set, ratio float64, id int32) bool {
	own := s.Count[id]
	if own == 0 || ratio > 1 {
		return own > 0 && float64(own) <= ratio
	}
	before, all := 0, 0
	for c, n := range s.Count {
		if n == 0 {
			continue
		}
		all++
		if n < own || n == own && int32(c) < id {
			before++
		}
	}
	return before < max(1, int(float64(all)*ratio))
}
