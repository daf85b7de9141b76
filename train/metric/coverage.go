package metric

import "slices"

// Coverage@K is the share of the classes that some example has among its top K: 1 where
// every class is shown to somebody. It is of the examples together.
func init() {
	Register(Metric{
		Name:   "coverage",
		Doc:    "|∪ top K| / C: the share of all classes that the top K of all examples show",
		Source: "Ge, Delgado-Battenfeld, Jannach: Beyond accuracy: evaluating recommender systems by coverage and serendipity (2010), catalog coverage",
		Pooled: true,
		Beyond: true,
		New:    func(_ int, s Set) Accumulator { return &coverage{shown: make([]bool, s.Classes)} },
		Ref: func(all []Whole, k int, s Set) float64 {
			var shown []int32
			for _, w := range all {
				shown = append(shown, w.IDs[:min(k, len(w.IDs))]...)
			}
			slices.Sort(shown)
			return float64(len(slices.Compact(shown))) / float64(s.Classes)
		},
	})
}

type coverage struct {
	shown []bool // [C]
	n     int
}

func (c *coverage) Add(l List) float64 {
	for _, id := range l.IDs {
		if !c.shown[id] {
			c.shown[id] = true
			c.n++
		}
	}
	return 0
}

func (c *coverage) Finish() float64 { return float64(c.n) / float64(len(c.shown)) }
