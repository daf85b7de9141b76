package kernel

import (
	"fmt"
	"math"
)

// KthLargestRivals is [LogSumExpRivals] with a loss that also depends on the K-th
// largest score β of the row, targets included, or on the least where there are fewer
// classes:
//
//	ℓ = V(λ_y, z_y/τ, β/τ)
//
// The gradient holds β constant. One pass over W more finds it, in the memory that
// [Ranker] states.
type KthLargestRivals struct {
	K     int     // ≥ 1
	Tau   float64 // > 0
	Apart bool    // as that of LogSumExpRivals; β is of all classes all the same
	Draws float64 // as that of LogSumExpRivals

	// Value is as that of LogSumExpRivals.
	Value func(rivals, label, kth float64) (v, byRivals, byLabel float64)
}

// kthLargestState is the part of a Workspace that a KthLargestRivals uses.
type kthLargestState struct {
	ranker *Ranker
	top    []int32   // [B,K]
	score  []float32 // [B,K]
}

func (s *kthLargestState) bytes() int {
	n := 4 * (cap(s.top) + cap(s.score))
	if s.ranker != nil {
		n += s.ranker.bytes()
	}
	return n
}

// kthLargestTiled is a KthLargestRivals at the scores that a Workspace holds.
type kthLargestTiled struct {
	LogSumExpRivals
	loss KthLargestRivals
	s    *kthLargestState
}

func (l KthLargestRivals) rivals() LogSumExpRivals {
	return LogSumExpRivals{Tau: l.Tau, Apart: l.Apart, Draws: l.Draws}
}

// Solve returns ℓ; NaN where all scores are.
func (l kthLargestTiled) Solve(st State, p []float32, r int, t RowTarget) float64 {
	row, k := int(t.entries[0].row)*l.loss.K, l.loss.K
	for k > 0 && l.s.top[row+k-1] < 0 {
		k--
	}
	kth := math.NaN()
	if k > 0 {
		kth = float64(l.s.score[row+k-1]) / l.loss.Tau
	}
	by := l.LogSumExpRivals
	by.Value = func(rivals, label float64) (v, byRivals, byLabel float64) { return l.loss.Value(rivals, label, kth) }
	return by.Solve(st, p, r, t)
}

// Forward is that of [Loss].
func (l KthLargestRivals) Forward(ws *Workspace, x *Linear, loss []float32) error {
	ws.forward = false
	if l.K < 1 {
		return fmt.Errorf("kernel: the %d-th largest score; it is the first at least", l.K)
	}
	if err := x.Validate(); err != nil {
		return err
	}
	s := &ws.kthLargest
	if s.ranker == nil {
		s.ranker = new(Ranker)
	}
	l.K = min(l.K, x.C)
	s.top, s.score = grow(s.top, x.B*l.K), grow(s.score, x.B*l.K)
	if err := s.ranker.TopK(s.top, s.score, x, l.K, nil); err != nil {
		return err
	}
	// The K-th largest is a score as it is, so the others may not be shifted.
	shift := ws.ShiftInvariant
	ws.ShiftInvariant = false
	defer func() { ws.ShiftInvariant = shift }()
	return Stream(kthLargestTiled{l.rivals(), l, s}).Forward(ws, x, loss)
}

// Backward is that of [Loss].
func (l KthLargestRivals) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	return Stream(l.rivals()).Backward(ws, x, g, out)
}
