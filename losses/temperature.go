package losses

import "math"

// NaturalTemperature returns the temperature τ at which cosines span what the loss's own
// scores do: one unit of them, from a class that has nothing to do with a context to one
// that fits it, is the lead that the loss's link gives the M classes that follow a context
// over the others,
//
//	1/τ = Link(1/M) − Link(b),   b = 0, or 1/(C·M) where the link is infinite at 0
//
// at the distribution of M classes of probability 1/M and C − M of b, of total 1. M ≥ 1,
// the spread, is the mean number of classes that follow one context; it need not be whole.
// C ≥ M is the number of classes. Under a loss of hot labels M counts as 1, because each
// class that follows has its whole label, whatever others do. So τ is 1/log C of softmax, √M/2 of entmax at α = 1.5,
// √M of normmax, M of sparsemax and squared, and M/C of rg2 and rgx. A loss whose scores
// stand for p on a scale far from that of τ is trained by its corners: sparsemax at τ = 0.2
// has one class in its support however long it is trained, and squared cannot come near
// its least value.
//
// A weight of the negatives moves all scores together, and no scale: τ is that of the loss
// without it.
//
// It reports false where there is no such temperature: the loss takes cosines, it declares
// no link, or one that is no measure, because minimisers do not keep the order of
// probabilities strictly or all have one score.
//
// Source: this library; it follows from the link ∇Ω of a Fenchel–Young loss, Blondel,
// Martins & Niculae 2020, arXiv:1901.02324, §3, whose minimiser is Link(t), and is
// stated for any loss with a link.
func (l Loss) NaturalTemperature(spread float64, classes int) (tau float64, ok bool) {
	return l.naturalTemperature(spread, classes, float64(classes))
}

// SampledTemperature is NaturalTemperature where a row's candidates are one positive and so
// many uniform draws, at least 1: its spread is then 1 + draws·(M−1)/(C−1), since that many
// of them follow the context on average, its classes are the candidates, and b is 1/C of
// the probability of those that follow, as it is over all classes. So τ is 1/log C of
// softmax still, whose minimiser does not depend on the number of draws, and of sparsemax
// it is the spread among the candidates. With C − 1 draws or more it is
// NaturalTemperature's.
func (l Loss) SampledTemperature(spread float64, classes, draws int) (tau float64, ok bool) {
	if draws < 1 || classes < 2 || !(spread >= 1 && spread <= float64(classes)) {
		return 0, false
	}
	n := float64(min(draws, classes-1))
	return l.naturalTemperature(1+n*(spread-1)/float64(classes-1), classes, 1+n)
}

// naturalTemperature is NaturalTemperature among candidates of classes.
func (l Loss) naturalTemperature(spread float64, classes int, candidates float64) (tau float64, ok bool) {
	th := l.unweighed().Theory()
	if l.Spec.Domain == Cosines || th.Link == nil || th.PopulationOrder != OrderStrict || !(spread >= 1 && spread <= candidates) {
		return 0, false
	}
	if th.Props.Has(HotLabels) {
		spread = 1
	}
	count := []float64{spread, candidates - spread}
	lead := func(background float64) float64 {
		total := 1 + count[1]*background
		z := th.Link([]float64{1 / spread / total, background / total}, count)
		return z[0] - z[1]
	}
	x := lead(0)
	if math.IsInf(x, 0) || math.IsNaN(x) {
		x = lead(1 / (float64(classes) * spread))
	}
	tau = 1 / x
	return tau, tau > 0 && !math.IsInf(tau, 1)
}

// SpreadMatters reports whether the natural temperature has the spread in it, rather than
// a trace of it: at twice the spread it is a tenth larger, or more. Of softmax it has not,
// and of one-vs-all cross-entropy next to nothing.
func (l Loss) SpreadMatters(spread float64, classes int) bool {
	once, ok := l.NaturalTemperature(spread, 2*max(classes, 1))
	twice, also := l.NaturalTemperature(2*spread, 2*max(classes, 1))
	return ok && also && twice >= 1.1*once
}
