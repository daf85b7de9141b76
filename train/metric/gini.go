package metric

import (
	"maps"
	"slices"
)

// Gini@K is the Gini index of how often each class is among the top K of the examples:
//
//	Σ_i (2i − C − 1)·n_(i) / (C·Σ_i n_(i))
//
// where n_(1) ≤ … ≤ n_(C) are how often each class is shown, 0 among them: 0 where all classes
// are shown equally often, (C−1)/C where one is shown and no other. Where nothing is shown it is 0.
//
// RecBole has it as giniindex. Its item_num counts the padding as an item: what it prints of a
// run is of C+1 classes.
func init() {
	Register(Metric{
		Name:   "gini",
		Doc:    "Gini index of how often each class is in a top K: 0 where all are equally often, near 1 where the same few always are; RecBole's giniindex",
		Source: "Sun, Ding, Bai, Wang, Zhang, Zhang, Wu: Debiasing the human-recommender system feedback loop in collaborative filtering (WWW Companion 2019), of the counts of recommended items",
		Pooled: true,
		Beyond: true,
		Lower:  true,
		New:    func(_ int, s Set) Accumulator { return &gini{shown{times: map[int32]int32{}}, s.Classes} },
		// Half the mean difference of all pairs, divided by the mean.
		Ref: func(all []Whole, k int, s Set) float64 {
			times, total := timesShown(all, k, s), 0
			difference := 0
			for _, a := range times {
				total += a
				for _, b := range times {
					difference += max(a-b, b-a)
				}
			}
			if total == 0 {
				return 0
			}
			return float64(difference) / float64(2*s.Classes*total)
		},
	})
}

// shown counts how often each class is among the places that it is given. Memory is that of
// the classes that are, since there may be a count of many segments at a time.
type shown struct {
	times map[int32]int32 // at most one place an example, and examples are numbered by int32
	total int64
}

func (s *shown) Add(l List) float64 {
	for _, id := range l.IDs {
		s.times[id]++
	}
	s.total += int64(len(l.IDs))
	return 0
}

// rising returns how often each class is shown that is, the rarest first.
func (s *shown) rising() []int32 { return slices.Sorted(maps.Values(s.times)) }

type gini struct {
	shown
	classes int
}

func (g *gini) Finish() float64 {
	if g.total == 0 {
		return 0
	}
	times := g.rising()
	c, sum := float64(g.classes), 0.0
	for i, n := range times {
		place := float64(g.classes - len(times) + i + 1)
		sum += (2*place - c - 1) * float64(n)
	}
	return max(0, sum/(c*float64(g.total))) // which a rounding may take below
}

// timesShown counts how often each class is in a top K.
func timesShown(all []Whole, k int, s Set) []int {
	times := make([]int, s.Classes)
	for _, w := range all {
		for _, id := range w.IDs[:min(k, len(w.IDs))] {
			times[id]++
		}
	}
	return times
}
