package graph

import (
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Threshold is the closed form of the Fenchel-Young loss of a separable regulariser
// Ω(p) = Σ_j ω(p_j) on the simplex whose map cuts scores at a threshold ξ:
//
//	p_j = w(z_j − ξ) with Σ p = 1,   w the inverse of ω′ − ω′(0), 0 for x ≤ 0
//	ℓ = Ω*(z) + Ω(t) − ⟨z,t⟩ = Σ_j [p_j (z_j−ξ) − ω(p_j)] + Σ_k [ω(t_k) − t_k (z_k−ξ)]
//	∂ℓ/∂z = p − t
//
// [FromThreshold] makes the analytic form of it: bounds of ξ keep out what cannot be in
// the support, and a few passes over the rest solve for ξ. In [LinearLoss] one pass over
// the classes finds the few scores above a bound, and the gradient touches these classes
// only. Its functions are safe for concurrent use and do not allocate. The value of Map
// decides where ξ is; a wrong or infinite derivative costs passes, no digits. A row at
// whose scores a function is NaN is NaN. Ops refuse a Threshold that breaks what its fields
// say of Reach and of Map there.
//
// Source: Blondel, Martins & Niculae 2020, arXiv:1901.02324, §6, of which the bounds are.
type Threshold struct {
	// Reach is how far below the largest score a class may be and have a p above 0:
	// ω′(1) − ω′(0), or more. It is positive and finite.
	Reach float64

	// Map returns w and its derivative at x > 0. w rises, from w(0) = 0 to w(Reach) ≥ 1.
	Map func(x float64) (p, dp float64)

	// Omega returns ω(p) for p in [0,1]; ω(0) = 0.
	Omega func(p float64) float64
}

// FromThreshold returns the analytic form that t states.
func FromThreshold(t Threshold) Analytic {
	return Analytic{F32: thresholdRow[float32]{t}, F64: thresholdRow[float64]{t}}
}

// fault returns what is wrong with t.
func (t Threshold) fault() error {
	if !(t.Reach > 0 && t.Reach <= math.MaxFloat32) || t.Map == nil || t.Omega == nil {
		return fmt.Errorf("a Threshold with Reach %g; want one above 0 and at most the largest float32, and Map and Omega", t.Reach)
	}
	if p, _ := t.Map(t.Reach); !(p >= 1-reachTol) {
		return fmt.Errorf("a Threshold whose Map is %g at its Reach of %g; want 1 or more, so that Σp = 1 has a solution", p, t.Reach)
	}
	return nil
}

// reachTol is by how much rounding may leave w(Reach) short of 1: what is left of a sum
// is shared out, and the kernel leaves as much.
const reachTol = 1e-6

// Predict stores p(z) in p, as long as z and apart from it, and returns the largest
// score m and the threshold less m; NaN for a row with a NaN or +Inf, or of masks alone,
// and where Map is NaN or infinite.
func (t Threshold) Predict(p, z []float64) (m, xi float64) {
	m, xi, _ = predictThreshold(t, p, z, make([]float64, len(z)))
	return m, xi
}

// thresholdRow is a Threshold as a RowLoss.
type thresholdRow[T Float] struct{ Threshold }

// Kernel is the form that is fused with a linear layer.
func (l thresholdRow[T]) Kernel() kernel.Loss {
	return kernel.ThresholdMap{Reach: l.Reach, Map: l.Map, Omega: l.Omega}
}

// WorkLen leaves room for the scores that may be in the support.
func (l thresholdRow[T]) WorkLen(k int) int { return k }

// Eval implements RowLoss.
func (l thresholdRow[T]) Eval(dz, z []T, t Target[T], work []T) T {
	m, xi, mass := predictThreshold(l.Threshold, dz, z, work)
	if m != m {
		return T(m)
	}
	var loss float64
	for j, p := range dz {
		if p > 0 { // again in float64, for the digits of a small loss
			x := float64(z[j]) - m - xi
			w, _ := l.Map(x)
			loss += w/mass*x - l.Omega(w/mass)
		}
	}
	for i, k := range t.Pos {
		w := float64(t.Weight[i])
		loss += l.Omega(w) - w*(float64(z[k])-m-xi)
		dz[k] = T(float64(dz[k]) - w)
	}
	return T(loss)
}

// predictThreshold is Predict with scratch of the length of z. It returns also the sum of
// w, by which p is divided.
func predictThreshold[T Float](t Threshold, p, z, work []T) (m, xi, mass float64) {
	m = math.Inf(-1)
	for _, s := range z {
		m = max(m, float64(s)) // NaN stays
	}
	if m += m - m; m != m {
		return m, m, m
	}
	c := work[:0]
	for _, s := range z {
		if float64(s)-m > -t.Reach {
			c = append(c, s)
		}
	}
	// Newton's steps within an interval that shrinks, which is halved where a step leaves
	// it or did not halve the error. What is below its lower end is out for good.
	lo, hi, last := -t.Reach, 0.0, math.Inf(1)
	xi = lo
	for {
		var slope float64
		mass = 0
		n := 0
		for _, s := range c {
			x := float64(s) - m
			if x <= lo {
				continue
			}
			c[n] = s
			n++
			if x -= xi; x > 0 {
				w, dw := t.Map(x)
				mass += w
				slope += dw
			}
		}
		c = c[:n]
		if mass >= 1 {
			lo = xi
		} else {
			hi = xi
		}
		next := xi + (mass-1)/slope
		if math.Abs(next-xi) <= 1e-16 && math.Abs(mass-1) <= 1e-11 { // else the slope is no bound
			break
		}
		if err := math.Abs(mass - 1); err > last/2 || !(next > lo && next < hi) {
			next, last = lo+(hi-lo)/2, math.Inf(1)
		} else {
			last = err
		}
		if !(next > lo && next < hi) {
			break
		}
		xi = next
	}
	mass = 0
	for j, s := range z {
		p[j] = 0
		if x := float64(s) - m - xi; x > 0 {
			w, _ := t.Map(x)
			p[j] = T(w)
			mass += w
		}
	}
	for j, q := range p { // what rounding in ξ leaves is shared out
		if q > 0 {
			p[j] = T(float64(q) / mass)
		}
	}
	if mass += mass - mass; mass != mass {
		m = mass
	}
	return m, xi, mass
}
