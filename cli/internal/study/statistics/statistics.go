package statistics

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// Quantile returns the q-quantile of a sorted list, 0 ≤ q ≤ 1: of n values it lies
// at q·(n−1), counted from 0, on the line between the two that are next to it. It is
// NaN for no values, and where one is NaN.
//
// This is definition 7 of Hyndman and Fan, The American Statistician 50 (1996), the
// default of R and of numpy. Unlike definition 4, which gonum has, it is that of the
// values' negatives with its sign changed, so that the interval of a difference does
// not depend on which of two losses is taken from which; and its 1/2 is the median.
// Definition 7 at q is definition 4 at (q·(n−1) + 1)/n.
func Quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	n := float64(len(x))
	return stat.Quantile(min((q*(n-1)+1)/n, 1), stat.LinInterp, x, nil)
}

// Median returns the median of x, in any order; NaN for none.
func Median(x []float64) float64 { return Quantile(slices.Sorted(slices.Values(x)), 0.5) }

// Slope returns the slope of the least-squares line through the points (x, y), and
// its standard error, which is NaN for fewer than three points. Of logarithms the
// slope is the exponent of a power law.
//
// The standard error is √(RSS/((n−2)·Σ(x−x̄)²)). Source: Draper and Smith, Applied
// Regression Analysis, 3rd edition, section 1.4.
func Slope(x, y []float64) (slope, stderr float64) {
	intercept, slope := stat.LinearRegression(x, y, nil, false)
	n := float64(len(x))
	if n < 3 {
		return slope, math.NaN()
	}
	var rss float64
	for i := range x {
		e := y[i] - intercept - slope*x[i]
		rss += e * e
	}
	return slope, math.Sqrt(rss / ((n - 2) * (n - 1) * stat.Variance(x, nil)))
}

// Normalise divides p by its sum, in place, and returns it.
func Normalise(p []float64) []float64 {
	sum := floats.Sum(p)
	for i := range p {
		p[i] /= sum
	}
	return p
}
