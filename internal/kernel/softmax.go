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
// Source: losses.softmax states it with its papers.
type Softmax struct {
	Tau       float32 // temperature, > 0
	Smoothing float32 // ε, in [0,1)
}

// Valid reports a temperature or smoothing outside of its range.
func (s Softmax) Valid() error {
	if !(s.Tau > 0 && s.Tau <= math.MaxFloat32 && s.Smoothing >= 0 && s.Smoothing < 1) {
		return fmt.Errorf("kernel: softmax with temperature %v and smoothing %v; the temperature is positive and finite, smoothing is in [0,1)", s.Tau, s.Smoothing)
	}
	return nil
}

// Forward is that of [Loss].
func (s Softmax) Forward(ws *Workspace, x *Linear, loss []float32) error {
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
// log₂ of the sum, the share of smoothing, and the factor of splitLog2.
func (s Softmax) Widths() (f, d, p int) { return 1, 1, 3 }

func (s Softmax) needsSum() bool { return s.Smoothing > 0 }

// Each is false: the targets of a row share one sum.
func (s Softmax) Each() bool { return false }

// Start takes the largest target score as the first reference: a trained model
// makes it nearly the maximum, and what is far below it matters to nothing.
func (s Softmax) Start(p []float32, r int, t RowTarget) { p[r] = t.Top() }

// Init sets the empty sum.
func (s Softmax) Init(st State, p []float32) { initExp(st, p) }

// Fold adds the tile to the sums.
func (s Softmax) Fold(st State, _, z []float32, _, n int) { foldExp(st, z, n) }

// Merge brings both sums to the larger reference.
func (s Softmax) Merge(dst, src State) { mergeExp(dst, src) }

// Solve returns ℓ in nats.
func (s Softmax) Solve(st State, p []float32, r int, t RowTarget) float64 {
	top := float64(max(st.F[r], t.Top()))
	rest := st.D[r] * math.Exp2(float64(st.F[r])-top) // of the classes that are no target
	sum := rest
	for k := range t.Len() {
		_, z := t.At(k)
		t.work[k] = math.Exp2(float64(z) - top)
		sum += t.work[k]
	}
	lse := top + math.Log2(sum)
	eps := float64(s.Smoothing)
	share := eps / float64(t.Classes)
	p[r], p[2*tileRows+r] = splitLog2(lse)
	p[tileRows+r] = float32(share)
	// Differences first: lse and the scores may be large, and the loss small.
	var l float64
	for k := range t.Len() {
		w, z := t.At(k)
		l += float64(w) * (lse - float64(z))
		t.Set(k, (t.work[k]/sum-(1-eps)*float64(w)-share)/float64(s.Tau))
	}
	if t.Len() == 1 { // log1p keeps the digits of the others
		_, z := t.At(0)
		l = Softplus((float64(st.F[r])+math.Log2(st.D[r])-float64(z))*math.Ln2) / math.Ln2
		miss := rest / sum
		t.Set(0, ((1-miss)*eps-miss*(1-eps)-share)/float64(s.Tau)) // 1−miss − (1−ε) − ε/C
	}
	if eps > 0 {
		l = (1-eps)*l + eps*(lse-t.Sum/float64(t.Classes))
	}
	return l * math.Ln2
}

// Map stores g·(p − ε/C)/τ.
func (s Softmax) Map(dst []float32, ldd int, z []float32, ldz, _, n int, p, g []float32) {
	var scale, u [tileRows]float32
	for r, v := range g {
		if v != 0 {
			scale[r] = v / s.Tau
			u[r] = scale[r] * p[tileRows+r]
			scale[r] *= p[2*tileRows+r]
		}
	}
	tileExpMap(dst, ldd, z, ldz, n, p[:tileRows], scale[:], u[:])
}

// A sum of exponentials is the summary of a reference m in F and of Σ 2^(z−m) in
// D. initExp sets the empty one with the first of the parameters as reference.
func initExp(st State, p []float32) {
	copy(st.F[:tileRows], p)
	clear(st.D)
}

// foldExp adds the tile to the sums with the reference as it is, and looks only
// then whether a sum left the range, or is NaN. In that rare case the reference
// rises and the tile is added again. A reference at floor takes the first maximum.
//
// Source: the online sum is that of M. Milakov and N. Gimelshein, arXiv:1805.02867.
func foldExp(st State, z []float32, n int) {
	const limit = 0x1p60
	m := st.F[:tileRows]
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

// mergeExp brings both sums to the larger reference. Mostly the two are equal, for all
// chunks begin with the same one and few tiles raise it; then both factors are 1. That of
// two infinite references, which would be NaN, is of rows that do not exist, or whose sum
// is NaN already.
func mergeExp(dst, src State) {
	for r := range dst.F[:tileRows] {
		if dst.F[r] == src.F[r] {
			dst.D[r] += src.D[r]
			continue
		}
		a, b := float64(dst.F[r]), float64(src.F[r])
		if a > b {
			dst.D[r] += src.D[r] * math.Exp2(b-a)
			continue
		}
		dst.D[r] = dst.D[r]*math.Exp2(a-b) + src.D[r]
		dst.F[r] = src.F[r]
	}
}
