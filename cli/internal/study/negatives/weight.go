package negatives

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/statistics"
	"github.com/fenchel-ml/fenchel/losses"
)

// A Pull is the gradient of SL@K of one positive: Negatives is the sum of ∂ℓ/∂z_j over its
// negatives, Positive is −∂ℓ/∂z_y. Both are per unit of the positive's share in its row.
type Pull struct{ Negatives, Positive float64 }

// Omega returns the weight ω_y of the negatives, +Inf where the positive is not pulled
// upwards.
func (p Pull) Omega() float64 {
	if !(p.Positive > 0) {
		return math.Inf(1)
	}
	return p.Negatives / p.Positive
}

// pullsOf returns the pulls of the positives pos, which ascend, of a row of scores z [K]
// under the loss l, a setting of sl-at-k. A positive without a negative has none.
func pullsOf(l losses.Loss, z []float64, pos []int32) []Pull {
	v := l.Held(z).Values // with the threshold as a number
	tau, tauW, beta, draws := v.Num("tau"), v.Num("tau-w"), v.Num("beta"), v.Num("draws")
	apart := v.String("positives") == "apart"
	scaled := make([]float64, 0, len(z))
	// lead is log Σ_j e^{z_j/τ} of the classes that left does not hold, and their number.
	lead := func(left []int32) (lse, n float64) {
		scaled = scaled[:0]
		for j, s := range z {
			if _, skip := slices.BinarySearch(left, int32(j)); !skip {
				scaled = append(scaled, s/tau)
			}
		}
		if len(scaled) == 0 {
			return math.Inf(-1), 0
		}
		return floats.LogSumExp(scaled), float64(len(scaled))
	}
	lse, n := 0.0, 0.0
	if apart { // all positives have the same negatives
		lse, n = lead(pos)
	}
	var all []Pull
	for i, y := range pos {
		if !apart {
			lse, n = lead(pos[i : i+1])
		}
		if n == 0 {
			continue
		}
		loss := lse - z[y]/tau
		if draws > 0 {
			loss += math.Log(draws / n)
		}
		w := losses.Sigmoid((z[y] - beta) / tauW)
		all = append(all, Pull{Negatives: w / tau, Positive: w/tau - w*(1-w)*loss/tauW})
	}
	return all
}

// Weights are the weights of the negatives of many positives.
type Weights struct {
	Positives int           `json:"positives"` // that they are of
	Mean      report.Number `json:"mean"`      // of ω_y; null where one is infinite
	Low       report.Number `json:"p10"`       // the 0.1-quantile
	Median    report.Number `json:"p50"`
	High      report.Number `json:"p90"`

	// Total is the pull of all negatives together over that of all positives together: in
	// it a positive counts as much as its row moves.
	Total report.Number `json:"total"`

	Reversed report.Number `json:"reversed"` // the share of positives that the gradient does not raise
}

// summaryOf returns the weights of pulls; NaN throughout for none.
func summaryOf(pulls []Pull) Weights {
	omega := make([]float64, len(pulls))
	var sum Pull
	reversed := 0
	for i, p := range pulls {
		omega[i] = p.Omega()
		sum.Negatives += p.Negatives
		sum.Positive += p.Positive
		if !(p.Positive > 0) {
			reversed++
		}
	}
	if len(pulls) == 0 {
		nan := report.Number(math.NaN())
		return Weights{Mean: nan, Low: nan, Median: nan, High: nan, Total: nan, Reversed: nan}
	}
	slices.Sort(omega)
	at := func(q float64) report.Number { return report.Number(statistics.Quantile(omega, q)) }
	return Weights{
		Positives: len(pulls), Mean: report.Number(stat.Mean(omega, nil)), Low: at(0.1), Median: at(0.5), High: at(0.9),
		Total: report.Number(sum.Omega()), Reversed: report.Number(float64(reversed) / float64(len(pulls))),
	}
}
