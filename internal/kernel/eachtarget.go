package kernel

import (
	"errors"
	"fmt"
)

// eachTarget turns a loss of one label into its mean over the targets of a row, by
// their weights: every target becomes a row of its own, with a copy of H.
type eachTarget struct{ hinge }

// splitState is what eachTarget keeps in a Workspace.
type splitState struct {
	from    *Linear // the problem that was split, or nil
	x       Linear  // one row per target
	h, loss []float32
	label   []int32
	g, dh   []float32
}

func (s *splitState) bytes() int {
	return 4 * (cap(s.h) + cap(s.loss) + cap(s.label) + cap(s.g) + cap(s.dh))
}

// several reports whether a row of x has more than one target.
func (x *Linear) several() bool {
	if x.Label == nil {
		for i := 1; i < len(x.Ptr); i++ {
			if x.Ptr[i]-x.Ptr[i-1] > 1 {
				return true
			}
		}
	}
	return false
}

func (l eachTarget) forward(ws *Workspace, x *Linear, loss []float32) error {
	s := &ws.split
	s.from = nil
	if !x.several() {
		return l.hinge.forward(ws, x, loss)
	}
	if err := x.Validate(); err != nil {
		return err
	}
	if len(loss) != x.B {
		return fmt.Errorf("kernel: room for %d losses, want B = %d", len(loss), x.B)
	}
	n := len(x.Pos)
	s.h, s.loss, s.label = grow(s.h, n*x.D), grow(s.loss, n), grow(s.label, n)
	copy(s.label, x.Pos)
	for i := range x.B {
		for k := int(x.Ptr[i]); k < int(x.Ptr[i+1]); k++ {
			copy(s.h[k*x.D:][:x.D], x.H[i*x.D:])
		}
	}
	s.x = Linear{B: n, C: x.C, D: x.D, H: s.h, W: x.W, Bias: x.Bias, Label: s.label}
	if err := l.hinge.forward(ws, &s.x, s.loss); err != nil {
		return err
	}
	for i := range x.B {
		lo, hi := x.Ptr[i], x.Ptr[i+1]
		loss[i] = dotGo(x.Weight[lo:hi], s.loss[lo:hi])
	}
	s.from = x
	return nil
}

func (l eachTarget) backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	s := &ws.split
	if s.from == nil {
		return l.hinge.backward(ws, x, g, out)
	}
	if s.from != x || !ws.forward {
		return errors.New("kernel: Backward without a Forward of the same problem")
	}
	if err := out.validate(x, g, ws.sparse); err != nil {
		return err
	}
	n := s.x.B
	s.g, s.dh = grow(s.g, n), grow(s.dh, n*x.D)
	for i := range x.B {
		for k := x.Ptr[i]; k < x.Ptr[i+1]; k++ {
			s.g[k] = g[i] * x.Weight[k]
		}
	}
	split := *out
	if out.H != nil {
		split.H = s.dh
	}
	if err := l.hinge.backward(ws, &s.x, s.g, &split); err != nil {
		return err
	}
	if out.H != nil {
		for i := range x.B {
			row := out.H[i*x.D:][:x.D]
			clear(row)
			for k := int(x.Ptr[i]); k < int(x.Ptr[i+1]); k++ {
				axpy(1, s.dh[k*x.D:][:x.D], row)
			}
		}
	}
	return nil
}
