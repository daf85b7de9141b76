package kernel

import (
	"fmt"
	"math"
)

// LogSumExpRivals is the mean over the targets y of a row, by their weights, of a loss of
// the label's score and of the log-sum-exp of all other classes:
//
//	ℓ = V(λ_y, z_y/τ),  λ_y = log Σ_{j≠y} e^{z_j/τ}
//	∂ℓ/∂z_j = (∂V/∂λ)·e^{z_j/τ − λ_y}/τ,  ∂ℓ/∂z_y = (∂V/∂z)/τ
//
// The targets share one sum, so several cost as much as one. The cross-entropy is
// V = softplus(λ − z).
type LogSumExpRivals struct {
	Tau float64 // temperature, > 0

	// Value returns V and its derivatives. V does not fall as rivals grows. Where there
	// is no other class rivals is −Inf, and the derivative by it is 0. V is NaN where
	// either argument is.
	Value func(rivals, label float64) (v, byRivals, byLabel float64)

	// Apart leaves the other targets of the row out of λ: it is that of the classes that
	// are no target.
	Apart bool

	// Draws, above 0, makes λ that of as many uniform draws from the n classes of its sum:
	// it is less by log(n/Draws).
	Draws float64
}

// Valid reports a temperature outside of its range.
func (l LogSumExpRivals) Valid() error {
	if !(l.Tau > 0 && l.Tau <= math.MaxFloat32) {
		return fmt.Errorf("kernel: log-sum-exp with temperature %v; it is positive and finite", l.Tau)
	}
	return nil
}

// Scale returns log₂e/τ: an exponential is 2^z.
func (l LogSumExpRivals) Scale() float32 { return float32(math.Log2E / l.Tau) }

// Widths: a reference and a sum; the parameters are log₂ of what 2^z is divided by, and
// the factor of splitLog2.
func (l LogSumExpRivals) Widths() (f, d, p int) { return 1, 1, 2 }

// Each is false: the sums of the targets differ by each other's terms only.
func (l LogSumExpRivals) Each() bool { return false }

// Start leaves the reference to the first tile: the label may be far above the
// others, whose sum keeps its digits.
func (l LogSumExpRivals) Start(p []float32, r int, _ RowTarget) { p[r] = floor }

// Init sets the empty sum.
func (l LogSumExpRivals) Init(st State, p []float32) { initExp(st, p) }

// Fold adds the tile to the sums.
func (l LogSumExpRivals) Fold(st State, _, z []float32, _, n int) { foldExp(st, z, n) }

// Merge brings both sums to the larger reference.
func (l LogSumExpRivals) Merge(dst, src State) { mergeExp(dst, src) }

// Solve returns ℓ.
func (l LogSumExpRivals) Solve(st State, p []float32, r int, t RowTarget) (loss float64) {
	n := t.Len()
	score := func(k int) float64 { _, z := t.At(k); return float64(z) }
	rest := float64(st.F[r]) + math.Log2(st.D[r]) // of the classes that are no target
	all := NewLogSum(n, rest, score)
	less := l.Surplus(t.Classes, n)
	// The divisor's inverse is Σ_y w_y (∂V/∂λ) 2^(−λ_y).
	for k := range n {
		w, z := t.At(k)
		others := rest
		if !l.Apart {
			others = all.Without(k, rest, score)
		}
		v, byRivals, byLabel := l.Value(others*math.Ln2-less, float64(z)*math.Ln2)
		loss += float64(w)*v + float64(z-z) // NaN of an infinite score
		t.Set(k, float64(w)*byLabel/l.Tau)
		t.work[k] = math.Inf(-1)
		if byRivals != 0 {
			t.work[k] = math.Log2(float64(w)*byRivals) - others
		}
	}
	term := func(k int) float64 { return t.work[k] }
	share := NewLogSum(n, math.Inf(-1), term)
	p[r], p[tileRows+r] = splitLog2(-share.Value())
	if n > 1 && !l.Apart {
		for k := range n { // what the other targets give a target
			own := float64(t.entries[k].grad)
			t.Set(k, own+math.Exp2(share.Without(k, math.Inf(-1), term)+score(k))/l.Tau)
		}
	}
	return loss
}

// Surplus returns log(n/Draws) of a row of that many classes and targets, 0 without Draws.
func (l LogSumExpRivals) Surplus(classes, targets int) float64 {
	if !l.Apart {
		targets = 1
	}
	if n := classes - targets; l.Draws > 0 && n > 0 {
		return math.Log(float64(n) / l.Draws)
	}
	return 0
}

// A LogSum is log₂ of 2^rest + Σ_k 2^(x_k) over n terms, as 2^top·sum.
type LogSum struct {
	n        int
	top, sum float64
}

// NewLogSum adds the terms x(0) … x(n−1).
func NewLogSum(n int, rest float64, x func(k int) float64) LogSum {
	return logSumBut(n, -1, rest, x)
}

// logSumBut leaves one term out.
func logSumBut(n, but int, rest float64, x func(k int) float64) LogSum {
	s := LogSum{n: n, top: rest}
	for k := range n {
		if k != but {
			s.top = max(s.top, x(k)) // NaN stays
		}
	}
	if math.IsInf(s.top, -1) { // there is no term
		return s
	}
	s.sum = math.Exp2(rest - s.top)
	for k := range n {
		if k != but {
			s.sum += math.Exp2(x(k) - s.top)
		}
	}
	return s
}

// Value returns log₂ of the sum.
func (s LogSum) Value() float64 { return s.top + math.Log2(s.sum) }

// Without returns the value without the k-th term: by subtraction, unless the term
// is more than half of the sum.
func (s LogSum) Without(k int, rest float64, x func(k int) float64) float64 {
	if own := math.Exp2(x(k) - s.top); own <= s.sum/2 {
		return s.top + math.Log2(s.sum-own)
	}
	return logSumBut(s.n, k, rest, x).Value()
}

// Map stores g·∂ℓ/∂z.
func (l LogSumExpRivals) Map(dst []float32, ldd int, z []float32, ldz, _, n int, p, g []float32) {
	var scale, zero [tileRows]float32
	for r, v := range g {
		if v != 0 {
			scale[r] = v / float32(l.Tau) * p[tileRows+r]
		}
	}
	tileExpMap(dst, ldd, z, ldz, n, p[:tileRows], scale[:], zero[:])
}
