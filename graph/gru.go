package graph

import (
	"fmt"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// GRUWeights are the weights of a gated recurrent unit of H numbers over inputs of D: of
// the gates r, z and n, in this order, by the input and by what was before.
type GRUWeights struct {
	WX *gorgonia.Node // [3H,D]
	WH *gorgonia.Node // [3H,H]
	BX *gorgonia.Node // [3H]
	BH *gorgonia.Node // [3H]
}

// GRU returns the states h [N,H] of a gated recurrent unit that goes over the rows of each
// segment of x [N,D] in their order:
//
//	r_t = σ(WXr·x_t + BXr + WHr·h_{t−1} + BHr)
//	z_t = σ(WXz·x_t + BXz + WHz·h_{t−1} + BHz)
//	n_t = tanh(WXn·x_t + BXn + r_t∘(WHn·h_{t−1} + BHn))
//	h_t = (1 − z_t)∘n_t + z_t∘h_{t−1},   h_{−1} = 0
//
// as PyTorch's GRU states it; several layers are several GRUs. Segment s is the rows ptr[s]
// to ptr[s+1]−1, with ptr [S+1] Int32, which never falls; the segments may be empty. Rows
// of no segment are padding, as in [CausalAttention], and NaN stays in its segment, too.
// Longest is the rows of the longest segment, beyond which a run fails; 0 is any number.
//
// One op goes over all steps: those of equal place in 24 segments of like length are one
// product. Second derivatives are those of nodes, some 25 for each of Longest steps, of at
// most 100. Source: K. Cho et al., Learning phrase representations using RNN encoder-decoder
// for statistical machine translation, 2014.
func GRU(x, ptr *gorgonia.Node, w GRUWeights, longest int) (*gorgonia.Node, error) {
	u, err := newGRU(x, ptr, w, longest)
	if err != nil {
		return nil, err
	}
	s32, s64 := &gruState[float32]{gru: u}, &gruState[float64]{gru: u}
	u.op = &stated{name: gruName, shape: tensor.Shape{u.n, u.h}, need: &need{}, f32: s32.forward, f64: s64.forward,
		back32: s32.backward, back64: s64.backward,
		nodes: func(in gorgonia.Nodes) (node, error) {
			if u.longest > gruSteps {
				return nil, fmt.Errorf("graph: %s: second derivatives are those of a node or more for each of %d steps; want at most %d as the longest segment", gruName, u.longest, gruSteps)
			}
			return u.nodes(in)
		},
		scratch:     either(x, s32.scratch, s64.scratch),
		backScratch: either(x, s32.backScratch, s64.backScratch)}
	return u.op.apply(x, w.WX, w.WH, w.BX, w.BH, ptr)
}

const (
	gruName  = "gru"
	gruSteps = 100 // more would be thousands of nodes, whose compilation takes minutes
)

// gru is what the statements of one unit have in common.
type gru struct {
	n, d, h, segments, longest int
	op                         *stated
}

func newGRU(x, ptr node, w GRUWeights, longest int) (*gru, error) {
	if err := wantDims(gruName, "x", x, 2); err != nil {
		return nil, err
	}
	if err := wantBounds(gruName, ptr); err != nil {
		return nil, err
	}
	if err := wantDims(gruName, "WH", w.WH, 2); err != nil {
		return nil, err
	}
	u := &gru{n: x.Shape()[0], d: x.Shape()[1], h: w.WH.Shape()[1], segments: ptr.Shape()[0] - 1, longest: longest}
	for _, c := range []struct {
		name string
		x    node
		want tensor.Shape
	}{{"WX", w.WX, tensor.Shape{3 * u.h, u.d}}, {"WH", w.WH, tensor.Shape{3 * u.h, u.h}}, {"BX", w.BX, tensor.Shape{3 * u.h}}, {"BH", w.BH, tensor.Shape{3 * u.h}}} {
		if err := wantDims(gruName, c.name, c.x, len(c.want)); err != nil {
			return nil, err
		}
		if !c.x.Shape().Eq(c.want) {
			return nil, fmt.Errorf("graph: %s: %s is %v; want %v", gruName, c.name, c.x.Shape(), c.want)
		}
	}
	if longest < 0 {
		return nil, fmt.Errorf("graph: %s: longest = %d; want rows of a segment, or 0 for any number", gruName, longest)
	}
	if longest == 0 || longest > u.n {
		u.longest = u.n
	}
	return u, nil
}

// gruState is a unit at one precision.
type gruState[T Float] struct {
	*gru
	k kernel.GRU[T]
}

func (s *gruState[T]) forward(dst []T, in []any) error {
	ptr := in[5].([]int32)
	if err := checkBounds(ptr, s.n, s.longest); err != nil {
		return err
	}
	s.k.X, s.k.WX, s.k.WH, s.k.BX, s.k.BH = vec[T](in[0]), vec[T](in[1]), vec[T](in[2]), vec[T](in[3]), vec[T](in[4])
	s.k.Ptr, s.k.D, s.k.H = ptr, s.d, s.h
	s.k.Forward(dst)
	return nil
}

func (s *gruState[T]) backward(grads [][]T, in []any) error {
	s.k.Backward(kernel.GRUGrad[T]{X: grads[0], WX: grads[1], WH: grads[2], BX: grads[3], BH: grads[4]}, vec[T](in[7]))
	return nil
}

func (s *gruState[T]) scratch() int64 { return bytesOf[T](kernel.GRUNumbers(s.n, s.d, s.h, false)) }

func (s *gruState[T]) backScratch() int64 {
	return bytesOf[T](kernel.GRUNumbers(s.n, s.d, s.h, true)) - s.scratch()
}

// nodes returns the unit as nodes: all segments advance step by step.
func (u *gru) nodes(in gorgonia.Nodes) (node, error) {
	var e Expr
	x, wx, wh, bx, bh, ptr := in[0], in[1], in[2], in[3], in[4], in[5]
	var h node
	var states gorgonia.Nodes
	for t := range u.longest {
		xt := e.N(Lookup(x, e.N(u.places(ptr, t))))
		byX := e.N(AddBias(e.N(MatMul(xt, wx, false, true)), bx))
		if h == nil {
			h = e.N(Scale(e.N(Slice(byX, 1, 0, u.h)), 0))
		}
		byH := e.N(AddBias(e.N(MatMul(h, wh, false, true)), bh))
		gate := func(y node, i int) node { return e.N(Slice(y, 1, i*u.h, (i+1)*u.h)) }
		r := e.N(Sigmoid(e.N(Add(gate(byX, 0), gate(byH, 0)))))
		z := e.N(Sigmoid(e.N(Add(gate(byX, 1), gate(byH, 1)))))
		n := e.N(Tanh(e.N(Add(gate(byX, 2), e.N(Mul(r, gate(byH, 2)))))))
		h = e.N(Add(n, e.N(Mul(z, e.N(Sub(h, n))))))
		states = append(states, h)
	}
	if e.Err != nil {
		return nil, e.Err
	}
	return Lookup(e.N(Concat(0, states...)), e.N(u.order(ptr)))
}

// places returns the row of each segment that step t reads, −1 where there is none.
func (u *gru) places(ptr node, t int) (node, error) {
	return apply(spec{name: "gru places", shape: tensor.Shape{u.segments}, constant: true, i32: func(dst []int32, in []any) error {
		ptr := in[0].([]int32)
		if err := checkBounds(ptr, u.n, u.longest); err != nil {
			return err
		}
		for s := range dst {
			if dst[s] = ptr[s] + int32(t); dst[s] >= ptr[s+1] {
				dst[s] = -1
			}
		}
		return nil
	}}, ptr)
}

// order returns where the state of each row is among those of all steps, −1 for padding.
func (u *gru) order(ptr node) (node, error) {
	return apply(spec{name: "gru order", shape: tensor.Shape{u.n}, constant: true, i32: func(dst []int32, in []any) error {
		ptr := in[0].([]int32)
		for i := range dst {
			dst[i] = -1
		}
		for s := range u.segments {
			for i := ptr[s]; i < ptr[s+1]; i++ {
				dst[i] = (i-ptr[s])*int32(u.segments) + int32(s)
			}
		}
		return nil
	}}, ptr)
}
