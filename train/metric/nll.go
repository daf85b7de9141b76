package metric

import "math"

// NLL is −(1/n)·Σ ln p(y) over examples and their relevant classes y, in nats: the mean
// cross-entropy of the model, with p by all classes. An example of several classes counts with their mean.
// A model that gives a relevant class nothing has an infinite one.
func init() {
	Register(Metric{
		Name:      "nll",
		Doc:       "mean of −ln p of the relevant classes, p by all classes: negative log-likelihood in nats",
		Source:    "Shannon: A mathematical theory of communication (1948), §7, of a model's p",
		LogProbs:  true,
		NoCutoff:  true,
		Lower:     true,
		Unbounded: true,
		New:       Mean(func(l List, _ int, _ Set) float64 { return surprise(l.LogP) }),
		Ref:       func(all []Whole, _ int, _ Set) float64 { return meanSurprise(all) },
	})
}

// surprise returns the mean of −ln p.
func surprise(logP []float64) float64 {
	sum := 0.0
	for _, lp := range logP {
		sum -= lp
	}
	return sum / float64(len(logP))
}

// meanSurprise is −ln of the geometric mean of probabilities, example by example.
func meanSurprise(all []Whole) float64 {
	mean := 0.0
	for _, w := range all {
		for _, lp := range w.LogP {
			mean += math.Log(math.Exp(-lp)) / float64(len(w.LogP)) / float64(len(all))
		}
	}
	return mean
}
