package kernel

import (
	"fmt"
	"math"
)

// Logistic is the one-vs-all logistic loss of x = z − shift:
//
//	ℓ = (1/N) Σ_j [β t_j softplus(−x_j) + (1 − t_j) softplus(x_j)]
//	∂ℓ/∂z_j = (1/N) [(1 − t_j) σ(x_j) − β t_j σ(−x_j)]
//
// where N is 1, or the number of classes that are not masked.
type Logistic struct {
	Shift float64
	Beta  float64 // β > 0
	Hot   bool    // t_j is 1 at every target, whatever its weight
	Mean  bool    // N counts the classes
}

// Valid reports parameters that are not finite, or a β that is not positive.
func (l Logistic) Valid() error {
	if math.IsNaN(l.Shift) || math.IsInf(l.Shift, 0) || !(l.Beta > 0 && !math.IsInf(l.Beta, 1)) {
		return fmt.Errorf("kernel: logistic loss with shift %v and β = %v; both are finite, and β is positive", l.Shift, l.Beta)
	}
	return nil
}

// Scale returns log₂e: an exponential is 2^z.
func (l Logistic) Scale() float32 { return math.Log2E }

// Widths: the summary is that of foldSoftplus; the parameters are the shift and
// 1/N.
func (l Logistic) Widths() (f, d, p int) { return 1, 1, 2 }

// Each is false: the targets share one sum.
func (l Logistic) Each() bool { return false }

// Start sets both parameters.
func (l Logistic) Start(p []float32, r int, t RowTarget) {
	p[r], p[tileRows+r] = float32(l.Shift*math.Log2E), 1
	if l.Mean {
		p[tileRows+r] = 1 / float32(t.Classes)
	}
}

// Init sets the empty sum.
func (l Logistic) Init(st State, _ []float32) { initSoftplus(st) }

// Fold adds the tile.
func (l Logistic) Fold(st State, p, z []float32, _, n int) { foldSoftplus(st, p, z, n) }

// Merge adds the sums.
func (l Logistic) Merge(dst, src State) { mergeSoftplus(dst, src) }

// Solve returns ℓ.
func (l Logistic) Solve(st State, p []float32, r int, t RowTarget) float64 {
	v, n := sumSoftplus(st, r), 1.0
	if l.Mean {
		n = float64(t.Classes)
	}
	for k := range t.Len() {
		w32, z := t.At(k)
		w, x := float64(w32), float64(z)*math.Ln2-l.Shift
		if l.Hot {
			w = 1
		}
		v += l.Beta*w*Softplus(-x) + (1-w)*Softplus(x)
		v += float64(z - z) // NaN of an infinite score
		t.Set(k, ((1-w)*Sigmoid(x)-l.Beta*w*Sigmoid(-x))/n)
	}
	return v / n
}

// Map stores g·σ(x)/N.
func (l Logistic) Map(dst []float32, ldd int, z []float32, ldz, _, n int, p, g []float32) {
	mapSigmoid(dst, ldd, z, ldz, n, p, g)
}

// Pairwise is the mean over the targets y, by their weights, of the logistic loss
// of every other class against y, averaged over these n classes:
//
//	ℓ = (1/n) Σ_{j≠y} softplus(z_j − z_y),   ∂ℓ/∂z_j = σ(z_j − z_y)/n
//
// and the entry of y makes the sum 0. Without another class ℓ is 0.
//
// Source: Rendle, Freudenthaler, Gantner and Schmidt-Thieme, arXiv:1205.2618, §4.1.
type Pairwise struct{}

// Valid returns nil.
func (Pairwise) Valid() error { return nil }

// Scale returns log₂e: an exponential is 2^z.
func (Pairwise) Scale() float32 { return math.Log2E }

// Widths: the summary is that of foldSoftplus; the parameters are the label's score
// and 1/n.
func (Pairwise) Widths() (f, d, p int) { return 1, 1, 2 }

// Each is true.
func (Pairwise) Each() bool { return true }

// Balanced is true.
func (Pairwise) Balanced() bool { return true }

// Start sets both parameters.
func (Pairwise) Start(p []float32, r int, t RowTarget) {
	_, p[r] = t.At(0)
	p[tileRows+r] = 1 / float32(max(t.Classes-1, 1))
}

// Init sets the empty sum.
func (Pairwise) Init(st State, _ []float32) { initSoftplus(st) }

// Fold adds the tile.
func (Pairwise) Fold(st State, p, z []float32, _, n int) { foldSoftplus(st, p, z, n) }

// Merge adds the sums.
func (Pairwise) Merge(dst, src State) { mergeSoftplus(dst, src) }

// Solve returns ℓ.
func (Pairwise) Solve(st State, _ []float32, r int, t RowTarget) float64 {
	_, z := t.At(0)
	return (sumSoftplus(st, r) + float64(z-z)) / float64(max(t.Classes-1, 1))
}

// Map stores g·σ(z−z_y)/n.
func (Pairwise) Map(dst []float32, ldd int, z []float32, ldz, _, n int, p, g []float32) {
	mapSigmoid(dst, ldd, z, ldz, n, p, g)
}

// The summary of Σ softplus(x), x = ln2·(z − p) of the first parameter p, is a
// product less 1 in F, whose logarithm is yet to be added to the sum in D.

func initSoftplus(st State) {
	clear(st.F)
	clear(st.D)
}

func foldSoftplus(st State, p, z []float32, n int) {
	const limit = 0x1p24 // a tile multiplies by 2⁹⁶ at most
	var s [tileRows]float32
	tileSoftplusSum(z, tileRows, n, p[:tileRows], st.F, s[:])
	for r, v := range s {
		st.D[r] += math.Ln2 * float64(v)
	}
	if !(maximum(st.F) <= limit) {
		for r, v := range st.F {
			st.D[r] += math.Log1p(float64(v))
		}
		clear(st.F)
	}
}

func mergeSoftplus(dst, src State) {
	for r := range src.F {
		dst.D[r] += src.D[r] + math.Log1p(float64(src.F[r]))
	}
}

// sumSoftplus returns the sum; NaN of scores that hold +Inf.
func sumSoftplus(st State, r int) float64 {
	v := st.D[r] + math.Log1p(float64(st.F[r]))
	return v + (v - v)
}

// mapSigmoid stores g·σ(ln2·(z − p))·p', p and p' the first two parameters.
func mapSigmoid(dst []float32, ldd int, z []float32, ldz, n int, p, g []float32) {
	var scale [tileRows]float32
	for r, v := range g {
		if v != 0 {
			scale[r] = v * p[tileRows+r]
		}
	}
	tileSigmoidMap(dst, ldd, z, ldz, n, p[:tileRows], scale[:])
}
