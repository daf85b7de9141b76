package kernel

import (
	"fmt"
	"math"
)

// Taylor is the cross-entropy of p ∝ f(z), f the exponential's Taylor polynomial of
// an even order:
//
//	ℓ = Σ_k t_k log(F/f(z_k)),  F = Σ_j f(z_j),  ∂ℓ/∂z_j = f'(z_j)/F − t_j f'(z_j)/f(z_j)
//
// For order 2, [Taylor2] needs no pass over the scores. Sums are of float32: at
// order 8 scores beyond about 10⁵ make them infinite, and the loss NaN.
//
// Source: de Brébisson and Vincent, arXiv:1511.05042, eq. 3.
type Taylor struct {
	Order int // 4, 6 or 8
}

// Valid reports another order.
func (l Taylor) Valid() error {
	switch l.Order {
	case 4, 6, 8:
		return nil
	}
	return fmt.Errorf("kernel: Taylor softmax of order %d; the choices are 4, 6 and 8", l.Order)
}

// Scale returns 1.
func (l Taylor) Scale() float32 { return 1 }

// Widths: the summary is Σ f, the parameter 1/F.
func (l Taylor) Widths() (f, d, p int) { return 0, 1, 1 }

// Each is false: the targets share one sum.
func (l Taylor) Each() bool { return false }

// Start does nothing.
func (l Taylor) Start([]float32, int, RowTarget) {}

// Init sets the empty sum.
func (l Taylor) Init(st State, _ []float32) { clear(st.D) }

// Fold adds the tile.
func (l Taylor) Fold(st State, _, z []float32, _, n int) {
	var s [tileRows]float32
	tileTaylorSum(z, tileRows, n, l.Order, s[:])
	addTo(st.D, s[:])
}

// addTo adds x to sums.
func addTo(sum []float64, x []float32) {
	for r, v := range x {
		sum[r] += float64(v)
	}
}

// Merge adds the sums.
func (l Taylor) Merge(dst, src State) { axpyGo(1, src.D, dst.D) }

// Solve returns ℓ.
func (l Taylor) Solve(st State, p []float32, r int, t RowTarget) (loss float64) {
	rest := st.D[r]
	rest += rest - rest // NaN of +Inf
	total := rest
	for k := range t.Len() {
		_, z := t.At(k)
		total += taylorOf(l.Order, float64(z)) + float64(z-z)
	}
	p[r] = float32(1 / total)
	for k := range t.Len() {
		w32, z := t.At(k)
		w := float64(w32)
		f, df := taylorOf(l.Order, float64(z)), taylorOf(l.Order-1, float64(z))
		if t.Len() == 1 { // log1p keeps the digits of the others
			t.Set(k, -df/f*(rest/total))
			return math.Log1p(rest/f) + float64(z-z)
		}
		loss += w * math.Log(total/f)
		t.Set(k, df/total-w*df/f)
	}
	return loss
}

// Map stores g·f'(z)/F.
func (l Taylor) Map(dst []float32, ldd int, z []float32, ldz, _, n int, p, g []float32) {
	var scale [tileRows]float32
	for r, v := range g {
		if v != 0 {
			scale[r] = v * p[r]
		}
	}
	tileTaylorMap(dst, ldd, z, ldz, n, l.Order-1, scale[:])
}
