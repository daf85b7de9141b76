package kernel

import (
	"fmt"
	"math"
)

// Softmax is softmax cross-entropy fused with the linear layer:
//
//	ℓ = log Σ_j exp(z_j/τ) − Σ_k t'_k z_k/τ,  t' = (1−ε)·t + ε/C
//
// with temperature τ and label smoothing ε, in nats. C counts the classes that
// are not masked. ∂ℓ/∂z = (p − t')/τ.
//
// Source: losses.softmax states it with its papers; the online sum is that of
// M. Milakov and N. Gimelshein, arXiv:1805.02867.
type Softmax struct {
	Tau       float32 // temperature, > 0
	Smoothing float32 // ε, in [0,1)
}

// Forward and Backward are those of [Loss].
func (s Softmax) Forward(ws *Workspace, x *Linear, loss []float32) error {
	if !(s.Tau > 0 && s.Tau <= math.MaxFloat32 && s.Smoothing >= 0 && s.Smoothing < 1) {
		return fmt.Errorf("kernel: softmax with temperature %v and smoothing %v; the temperature is positive and finite, smoothing is in [0,1)", s.Tau, s.Smoothing)
	}
	return Stream(s).Forward(ws, x, loss)
}

// Backward is that of [Loss].
func (s Softmax) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	return Stream(s).Backward(ws, x, g, out)
}

// The scores are in units of log₂, so that an exponential is 2^z.

// Scale returns log₂e/τ.
func (s Softmax) Scale() float32 { return math.Log2E / s.Tau }

// Widths: the summary is a reference m and the sum Σ 2^(z−m); the parameters are
// log₂ of the sum, and the share of smoothing.
func (s Softmax) Widths() (f, d, p int) { return 1, 1, 2 }

func (s Softmax) needsSum() bool { return s.Smoothing > 0 }

// Start takes the largest target score as the first reference: a trained model
// makes it nearly the maximum, and it is one of the scores, so the sum is 1 or
// more.
func (s Softmax) Start(p []float32, r int, t RowTarget) {
	_, p[r] = t.At(0)
	for k := 1; k < t.Len(); k++ {
		_, z := t.At(k)
		p[r] = max(p[r], z)
	}
}

// Init sets the empty sum.
func (s Softmax) Init(st State, p []float32) {
	copy(st.F, p[:tileRows])
	clear(st.D)
}

// Fold adds the tile to the sums with the reference as it is, and looks only
// then whether a sum left the range, or is NaN. In that rare case the reference
// rises and the tile is added again.
func (s Softmax) Fold(st State, _, z []float32, n int) {
	const limit = 0x1p60
	m := st.F
	var sum [tileRows]float32
	tileExpSum(z, tileRows, n, m, sum[:])
	if !(maximum(sum[:]) <= limit) {
		var old [tileRows]float32
		copy(old[:], m)
		tileMax(z, tileRows, n, m)
		for r := range sum {
			sum[r] = 0
			if m[r] > old[r] {
				st.D[r] *= math.Exp2(float64(old[r]) - float64(m[r]))
			}
		}
		tileExpSum(z, tileRows, n, m, sum[:])
	}
	for r, v := range sum {
		st.D[r] += float64(v)
	}
}

// Merge brings both sums to the larger reference.
func (s Softmax) Merge(dst, src State) {
	for r := range dst.F {
		a, b := float64(dst.F[r]), float64(src.F[r])
		m := max(a, b)
		dst.D[r] = dst.D[r]*math.Exp2(a-m) + src.D[r]*math.Exp2(b-m)
		dst.F[r] = float32(m)
	}
}

// Solve returns ℓ in nats.
func (s Softmax) Solve(st State, p []float32, r int, t RowTarget) float64 {
	lse := float64(st.F[r]) + math.Log2(st.D[r])
	eps := float64(s.Smoothing)
	p[r] = float32(lse)
	p[tileRows+r] = float32(eps / float64(t.Classes))
	// Differences first: lse and the scores may be large, and the loss small.
	var l float64
	for k := range t.Len() {
		w, z := t.At(k)
		l += float64(w) * (lse - float64(z))
	}
	if eps > 0 {
		l = (1-eps)*l + eps*(lse-t.Sum/float64(t.Classes))
	}
	return l * math.Ln2
}

// Map stores g·(p − ε/C)/τ.
func (s Softmax) Map(dst []float32, ldd int, z []float32, ldz, n int, p, g []float32) {
	var scale, u [tileRows]float32
	for r, v := range g {
		if scale[r] = v / s.Tau; v != 0 {
			u[r] = scale[r] * p[tileRows+r]
		}
	}
	tileExpMap(dst, ldd, z, ldz, n, p[:tileRows], scale[:], u[:])
}

// Target returns −g·(1−ε)·w/τ.
func (s Softmax) Target(_ []float32, _ int, g, w, _ float32) float32 {
	return -g * (1 - s.Smoothing) * w / s.Tau
}
