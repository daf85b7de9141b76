package bias

import (
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// moments are the expected gradient by h [d] and the trace of its variance.
type moments struct {
	mean  []float64
	trace float64
}

// theory returns the predicted moments of the estimator's gradient at a query, for k
// draws from the proposal q [C]. They are to the leading order in 1/k for softmax, and
// exact for nce, neg and bpr. It reports false where there is no formula.
func (e *Estimator) theory(p *Problem, s, h, q []float64, y, k int) (moments, bool) {
	v := e.Loss.Values
	switch e.Loss.Spec.Name {
	case "softmax":
		if v.Num("smoothing") != 0 || v.Num("negatives") != 1 || e.correction == graph.CorrectLogQ && e.drop || e.correction == graph.Uncorrected && e.drop {
			return moments{}, false
		}
		return ratioMoments(p, s, q, y, k, e.correction, 1/v.Num("tau")), true
	case "nce":
		if e.drop {
			return moments{}, false
		}
		d := make([]float64, len(s))
		for j := range d {
			d[j] = s[j] - v.Num("log-z")
			if e.correction == graph.CorrectLogQ {
				d[j] -= math.Log(float64(k) * q[j])
			}
		}
		return drawMoments(p, q, k, 1, func(j int, dst []float64) { floats.AddScaled(dst, kernel.Sigmoid(d[j]), p.row(j)) }, func(dst []float64) {
			floats.AddScaled(dst, -kernel.Sigmoid(-d[y]), p.row(y))
		}), true
	case "bpr":
		if e.drop || e.correction != graph.Uncorrected || v.String("weights") != "equal" {
			return moments{}, false
		}
		return drawMoments(p, q, k, 1/float64(k), func(j int, dst []float64) {
			g := kernel.Sigmoid(s[j] - s[y])
			floats.AddScaled(dst, g, p.row(j))
			floats.AddScaled(dst, -g, p.row(y))
		}, func([]float64) {}), true
	}
	return moments{}, false
}

// drawMoments returns the exact moments of fixed + scale·Σ_j each(j) over k independent
// draws j.
func drawMoments(p *Problem, q []float64, k int, scale float64, each func(j int, dst []float64), fixed func(dst []float64)) moments {
	m := moments{mean: make([]float64, p.D)}
	v, sum := make([]float64, p.D), make([]float64, p.D)
	var squares float64
	for j, qj := range q {
		clear(v)
		each(j, v)
		floats.AddScaled(sum, qj, v)
		squares += qj * floats.Dot(v, v)
	}
	fixed(m.mean)
	floats.AddScaled(m.mean, scale*float64(k), sum)
	m.trace = scale * scale * float64(k) * (squares - floats.Dot(sum, sum))
	return m
}

// ratioMoments returns the moments of softmax over the positive and k draws; see the
// package's documentation. inv is 1/τ.
func ratioMoments(p *Problem, s, q []float64, y, k int, c graph.Correction, inv float64) moments {
	n := len(s)
	top := math.Inf(-1)
	for _, x := range s {
		top = max(top, x*inv)
	}
	// Each class has its odds, the chance of a draw and the weight that it enters with.
	odds, chance, a := make([]float64, n), make([]float64, n), make([]float64, n)
	for j := range odds {
		odds[j] = math.Exp(s[j]*inv - top)
		switch chance[j] = q[j]; {
		case c == graph.CorrectLogQ:
			a[j] = odds[j] / q[j]
		case c == graph.Uncorrected:
			a[j] = odds[j]
		case j == y:
			chance[j] = 0
		default:
			chance[j] = q[j] / (1 - q[y])
			a[j] = odds[j] / chance[j]
		}
	}
	// The limit is Z and μ. With the importance correction the positive is part of them;
	// with the others it is one more draw of weight a_y, which the limit forgets.
	var z, fixed, extra float64
	kk := float64(k)
	if c == graph.CorrectImportance {
		fixed = odds[y]
		kk *= 1 - q[y] // draws that hit the positive are lost: so many remain
	} else {
		extra = a[y]
	}
	mu := make([]float64, p.D)
	z = fixed
	floats.AddScaled(mu, fixed, p.row(y))
	for j := range a {
		z += chance[j] * a[j]
		floats.AddScaled(mu, chance[j]*a[j], p.row(j))
	}
	for i := range mu {
		mu[i] /= z
	}
	phi, first, second := make([]float64, p.D), make([]float64, p.D), make([]float64, p.D)
	var trace, total float64
	for j := range a {
		if chance[j] == 0 {
			continue
		}
		p.minus(phi, j, mu)
		floats.AddScaled(first, chance[j]*a[j], phi)
		floats.AddScaled(second, chance[j]*a[j]*a[j], phi)
		trace += chance[j] * a[j] * a[j] * floats.Dot(phi, phi)
		total += chance[j] * a[j]
	}
	m := moments{mean: append([]float64(nil), mu...)}
	p.minus(phi, y, mu)
	floats.AddScaled(m.mean, extra/(z*kk), phi)
	floats.AddScaled(m.mean, -1/(kk*z*z), second)
	floats.AddScaled(m.mean, total/(kk*z*z), first)
	floats.AddScaled(m.mean, -1, p.row(y))
	for i := range m.mean {
		m.mean[i] *= inv
	}
	m.trace = inv * inv * (trace - floats.Dot(first, first)) / (kk * z * z)
	return m
}
