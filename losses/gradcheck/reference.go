package gradcheck

import (
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// reference fills in the reference by Eval at float64, and holds its value and
// gradient against Ref.
func (s *sample) reference(b losses.Loss) []Entry {
	k := s.c.K
	s.value, s.dz = make([]float64, rows), make([]float64, rows*k)
	s.dh, s.dw, s.dbias = make([]float64, rows*width), make([]float64, k*width), make([]float64, k)
	work := make([]float64, b.Analytic.F64.WorkLen(k))
	value := newWorst("value", 64, Tolerance64)
	difference := newWorst("difference", 64, Tolerance64)
	for i, t := range s.target {
		if i == padding {
			continue
		}
		z, dz, u := s.row(s.z, i), s.row(s.dz, i), s.upstream[i]
		s.value[i] = b.Analytic.F64.Eval(dz, z, t, work)
		value.see(b.Ref(z, t), s.value[i], 1, "ℓ[%d]", i)
		held := b.Held(z)
		for _, j := range s.probed(i) {
			zj := z[j]
			d := derivative(func(h float64) float64 { z[j] = zj + h; return held.Ref(z, t) }, dz[j])
			z[j] = zj
			difference.see(d, dz[j], 1, "dz[%d,%d]", i, j)
		}
		// The chain rule through z = h wᵀ + bias.
		for j := range k {
			g := u * dz[j]
			dz[j] = g
			s.dbias[j] += g
			for q := range width {
				s.dh[i*width+q] += g * s.w[j*width+q]
				s.dw[j*width+q] += g * s.h[i*width+q]
			}
		}
	}
	if b.Spec.New == nil && b.Spec.Ref == nil { // the value is that of Node, and would be held against itself
		return []Entry{difference.Entry}
	}
	return []Entry{value.Entry, difference.Entry}
}

// probed returns the candidates of row i at which a difference is taken.
func (s *sample) probed(i int) []int {
	k := s.c.K
	at := []int{}
	if k <= few {
		for j := range k {
			at = append(at, j)
		}
		return at
	}
	for _, y := range s.target[i].Pos {
		at = append(at, int(y))
	}
	order := s.order(i)
	at = append(at, order[0], order[1], order[k/2])
	slices.Sort(at)
	return slices.Compact(at)
}

// few is the number of candidates up to which central differences are taken at
// all of them.
const few = 12

// derivative returns f'(0) by extrapolated central differences. Where they do not
// meet want and the slopes of the two sides are apart, f has a kink at 0. Any value
// between the slopes is a derivative then, and the one nearest want is returned.
func derivative(f func(step float64) float64, want float64) float64 {
	d, _ := check.Derivative(f, 1.0/16, Tolerance64/4)
	if math.Abs(d-want) <= Tolerance64*(1+math.Abs(want)) {
		return d
	}
	// These are one-sided differences of second order; smooth losses come within 1e-7.
	slope := func(h float64) float64 { return (4*f(h) - f(2*h) - 3*f(0)) / (2 * h) }
	right, left := slope(1e-6), slope(-1e-6)
	if math.Abs(right-left) > 1e-5*(1+math.Abs(want)) {
		return min(max(want, min(left, right)), max(left, right))
	}
	return d
}
