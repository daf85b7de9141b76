package kernel

import (
	"fmt"
	"math"
)

// KthRivals is [Rivals] with a loss that also depends on the K-th largest score β of
// the row, targets included, or the least where there are fewer classes:
//
//	ℓ = V(λ_y, z_y/τ, β/τ)
//
// The gradient by β goes to the class that has it. One pass over W more finds it, in
// the memory that [Ranker] states.
type KthRivals struct {
	K   int     // ≥ 1
	Tau float64 // > 0

	// Value is as that of Rivals.
	Value func(rivals, label, kth float64) (v, byRivals, byLabel, byKth float64)
}

// kthState is what a KthRivals keeps in a Workspace.
type kthState struct {
	ranker *Ranker
	top    []int32   // [B,K]
	score  []float32 // [B,K]
	class  []int32   // [B]: that of β, −1 for none
	grad   []float32 // [B]: ∂ℓ/∂β
}

func (s *kthState) bytes() int {
	n := 4 * (cap(s.top) + cap(s.score) + cap(s.class) + cap(s.grad))
	if s.ranker != nil {
		n += s.ranker.bytes()
	}
	return n
}

// kthTiled is a KthRivals at the scores that a Workspace holds.
type kthTiled struct {
	Rivals
	loss KthRivals
	s    *kthState
}

func (l KthRivals) rivals() Rivals { return Rivals{Tau: l.Tau} }

// Solve returns ℓ.
func (l kthTiled) Solve(st State, p []float32, r int, t RowTarget) float64 {
	i := int(t.entries[0].row)
	kth, tau, k := math.NaN(), l.loss.Tau, l.loss.K
	if at := l.s.class[i]; at >= 0 {
		for k > 1 && l.s.top[i*l.loss.K+k-1] < 0 {
			k--
		}
		kth = float64(l.s.score[i*l.loss.K+k-1]) / tau
	}
	var sum float64
	n := 0
	by := l.Rivals
	by.Value = func(rivals, label float64) (v, byRivals, byLabel float64) {
		v, byRivals, byLabel, g := l.loss.Value(rivals, label, kth)
		w, _ := t.At(n)
		sum += float64(w) * g / tau
		n++
		return v, byRivals, byLabel
	}
	v := by.Solve(st, p, r, t)
	l.s.grad[i] = float32(sum)
	return v
}

// Forward is that of [Loss].
func (l KthRivals) Forward(ws *Workspace, x *Linear, loss []float32) error {
	ws.forward = false
	if l.K < 1 {
		return fmt.Errorf("kernel: the %d-th largest score; it is the first at least", l.K)
	}
	if err := x.Validate(); err != nil {
		return err
	}
	s := &ws.kth
	if s.ranker == nil {
		s.ranker = new(Ranker)
	}
	k := min(l.K, x.C)
	l.K = k
	s.top, s.score = grow(s.top, x.B*k), grow(s.score, x.B*k)
	s.class, s.grad = grow(s.class, x.B), grow(s.grad, x.B)
	clear(s.grad)
	if err := s.ranker.TopK(s.top, s.score, x, k, nil); err != nil {
		return err
	}
	for i := range x.B {
		s.class[i] = -1
		for _, c := range s.top[i*k:][:k] {
			if c >= 0 {
				s.class[i] = c
			}
		}
	}
	return Stream(kthTiled{l.rivals(), l, s}).Forward(ws, x, loss)
}

// Backward is that of [Loss].
func (l KthRivals) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	s := &ws.kth
	if err := Stream(kthTiled{l.rivals(), l, s}).Backward(ws, x, g, out); err != nil {
		return err
	}
	for i, c := range s.class {
		if ws.live[i] && c >= 0 {
			ws.addEntry(out, i, int(c), ws.up[i]*s.grad[i])
		}
	}
	return nil
}
