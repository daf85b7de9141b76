package metric

import "math"

// Perplexity is exp(NLL): the number of classes among which a uniform choice would be as hard.
// It belongs to the examples together: the mean of their own would be another number.
func init() {
	Register(Metric{
		Name:      "perplexity",
		Doc:       "exp of the mean of −ln p of the relevant classes, p by all classes: 1 is certainty, C a uniform guess among C classes",
		Source:    "Jelinek, Mercer, Bahl, Baker: Perplexity, a measure of the difficulty of speech recognition tasks (1977)",
		Pooled:    true,
		LogProbs:  true,
		NoCutoff:  true,
		Lower:     true,
		Unbounded: true,
		New: func(int, Set) Accumulator {
			return &perplexity{mean{score: func(l List) float64 { return surprise(l.LogP) }}}
		},
		Ref: func(all []Whole, _ int, _ Set) float64 {
			product := 1.0 // of the n-th roots of 1/p
			for _, w := range all {
				for _, lp := range w.LogP {
					product *= math.Pow(math.Exp(-lp), 1/float64(len(w.LogP)*len(all)))
				}
			}
			return product
		},
	})
}

type perplexity struct{ mean }

func (p *perplexity) Add(l List) float64 {
	p.mean.Add(l)
	return 0
}

func (p *perplexity) Finish() float64 { return math.Exp(p.mean.Finish()) }
