package bias

import (
	"math"

	"github.com/fenchel-ml/fenchel/graph"
)

// moments are the expected gradient by h [d] and the trace of its variance.
type moments struct {
	mean  []float64
	trace float64
}

// Theory returns the predicted moments of the estimator's gradient at a query
// with proposal q [C], of k draws: to the leading order in 1/k for softmax, exact
// for nce, neg and bpr. It reports false where there is no formula.
func (e *Estimator) theory(p *Problem, s, h, q []float64, y, k int) (moments, bool) {
	v := e.Loss.Values
	switch e.Loss.Spec.Name {
	case "softmax":
		if v.Num("smoothing") != 0 || e.correction == graph.CorrectLogQ && e.drop || e.correction == graph.Uncorrected && e.drop {
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
		return drawMoments(p, q, k, 1, func(j int, dst []float64) { axpy(dst, sigmoid(d[j]), p.row(j)) }, func(dst []float64) {
			axpy(dst, -sigmoid(-d[y]), p.row(y))
		}), true
	case "bpr":
		if e.drop || e.correction != graph.Uncorrected || v.String("weights") != "equal" {
			return moments{}, false
		}
		return drawMoments(p, q, k, 1/float64(k), func(j int, dst []float64) {
			g := sigmoid(s[j] - s[y])
			axpy(dst, g, p.row(j))
			axpy(dst, -g, p.row(y))
		}, func([]float64) {}), true
	}
	return moments{}, false
}

// drawMoments are those of fixed + scale·Σ over k independent draws j of
// each(j): exact.
func drawMoments(p *Problem, q []float64, k int, scale float64, each func(j int, dst []float64), fixed func(dst []float64)) moments {
	m := moments{mean: make([]float64, p.D)}
	v, sum := make([]float64, p.D), make([]float64, p.D)
	var square float64
	for j, qj := range q {
		clear(v)
		each(j, v)
		axpy(sum, qj, v)
		square += qj * dot(v, v)
	}
	fixed(m.mean)
	axpy(m.mean, scale*float64(k), sum)
	m.trace = scale * scale * float64(k) * (square - dot(sum, sum))
	return m
}

// ratioMoments are those of softmax over the positive and k draws; see the
// package's documentation. inv is 1/τ.
func ratioMoments(p *Problem, s, q []float64, y, k int, c graph.Correction, inv float64) moments {
	n := len(s)
	top := math.Inf(-1)
	for _, x := range s {
		top = max(top, x*inv)
	}
	// Of a class: its odds, the chance of a draw and the weight that it enters with.
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
	// The limit: Z and μ. Of the importance correction the positive is part of them;
	// of the others it is one more draw of weight a_y, which the limit forgets.
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
	axpy(mu, fixed, p.row(y))
	for j := range a {
		z += chance[j] * a[j]
		axpy(mu, chance[j]*a[j], p.row(j))
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
		axpy(first, chance[j]*a[j], phi)
		axpy(second, chance[j]*a[j]*a[j], phi)
		trace += chance[j] * a[j] * a[j] * dot(phi, phi)
		total += chance[j] * a[j]
	}
	m := moments{mean: append([]float64(nil), mu...)}
	p.minus(phi, y, mu)
	axpy(m.mean, extra/(z*kk), phi)
	axpy(m.mean, -1/(kk*z*z), second)
	axpy(m.mean, total/(kk*z*z), first)
	axpy(m.mean, -1, p.row(y))
	for i := range m.mean {
		m.mean[i] *= inv
	}
	m.trace = inv * inv * (trace - dot(first, first)) / (kk * z * z)
	return m
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func dot(a, b []float64) (s float64) {
	for i, v := range a {
		s += v * b[i]
	}
	return s
}

func axpy(y []float64, a float64, x []float64) {
	for i, v := range x {
		y[i] += a * v
	}
}
