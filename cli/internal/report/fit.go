package report

import "math"

// FitLine returns the slope of the least-squares line through the points (x, y),
// and its standard error: NaN for fewer than three points. Of logarithms it is
// the exponent of a power law.
func FitLine(x, y []float64) (slope, stderr float64) {
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx += x[i] / n
		my += y[i] / n
	}
	var sxx, sxy float64
	for i := range x {
		sxx += (x[i] - mx) * (x[i] - mx)
		sxy += (x[i] - mx) * (y[i] - my)
	}
	slope = sxy / sxx
	var rss float64
	for i := range x {
		e := y[i] - my - slope*(x[i]-mx)
		rss += e * e
	}
	if n < 3 {
		return slope, math.NaN()
	}
	return slope, math.Sqrt(rss / (n - 2) / sxx)
}
