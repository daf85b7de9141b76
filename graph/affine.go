package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// An Activation is what an [Affine] applies to each number.
type Activation int

const (
	NoActivation   Activation = iota // x
	ReluActivation                   // max(x, 0), as [Relu]
	GELUActivation                   // x·Φ(x), as [GELU]
)

// An AffineSetting says what follows the product of an [Affine]. The zero value is nothing.
type AffineSetting struct {
	Activation Activation // of x·wᵀ + b

	// Drop and Seed are those of a [Dropout] of what the activation gives; 0 is none.
	Drop float64
	Seed uint64

	// Residual [N,M], unless it is nil, is added in the end.
	Residual *gorgonia.Node
}

// Affine returns a layer of x [N,K] with weights w [M,K] and biases b [M], nil for none:
//
//	y = Residual + dropout(activation(x·wᵀ + b))   [N,M]
//
// in one op: blocks of rows go through all of it while they are in cache, and their
// gradients so, too. It is differentiable any number of times, and one of what the same
// nodes apart give.
func Affine(x, w, b *gorgonia.Node, setting AffineSetting) (*gorgonia.Node, error) {
	a, in, err := newAffine(x, w, b, setting)
	if err != nil {
		return nil, err
	}
	s32, s64 := &affineState[float32]{affine: a, f: &active32}, &affineState[float64]{affine: a, f: &active64}
	a.op = &stated{name: affineName, shape: tensor.Shape{a.n, a.m}, need: &need{}, f32: s32.forward, f64: s64.forward, drops: a.drop.p > 0, through: a.residual,
		back32: s32.backward, back64: s64.backward, nodes: a.nodes,
		scratch:     either(x, s32.scratch, s64.scratch),
		backScratch: either(x, s32.backScratch, s64.backScratch)}
	out, err := a.op.apply(in...)
	if err == nil && a.drop.p > 0 {
		a.drop.at(out.Graph())
	}
	return out, err
}

const affineName = "affine"

// affine is what the statements of one layer have in common. Its operands are x and w, then
// those of b and the residual that there are.
type affine struct {
	n, k, m        int
	activation     Activation
	bias, residual int // which operand, 0 for none
	drop           dropout
	op             *stated
}

func newAffine(x, w, b node, s AffineSetting) (*affine, []node, error) {
	const name = affineName
	if err := wantDims(name, "x", x, 2); err != nil {
		return nil, nil, err
	}
	if err := wantDims(name, "w", w, 2); err != nil {
		return nil, nil, err
	}
	a := &affine{n: x.Shape()[0], k: x.Shape()[1], m: w.Shape()[0], activation: s.Activation, drop: dropout{p: s.Drop, seed: s.Seed}}
	if w.Shape()[1] != a.k {
		return nil, nil, fmt.Errorf("graph: %s: x is %v and w is %v; want [N,K] and [M,K]", name, x.Shape(), w.Shape())
	}
	in := []node{x, w}
	if b != nil {
		if err := wantDims(name, "b", b, 1); err != nil {
			return nil, nil, err
		}
		if b.Shape()[0] != a.m {
			return nil, nil, fmt.Errorf("graph: %s: w is %v and b is %v; want [M,K] and [M]", name, w.Shape(), b.Shape())
		}
		a.bias = len(in)
		in = append(in, b)
	}
	if r := s.Residual; r != nil {
		if err := wantDims(name, "residual", r, 2); err != nil {
			return nil, nil, err
		}
		if !slices.Equal(r.Shape(), tensor.Shape{a.n, a.m}) {
			return nil, nil, fmt.Errorf("graph: %s: the residual is %v; want [%d,%d]", name, r.Shape(), a.n, a.m)
		}
		a.residual = len(in)
		in = append(in, r)
	}
	if a.activation < NoActivation || a.activation > GELUActivation {
		return nil, nil, fmt.Errorf("graph: %s: activation %d; want one of NoActivation, ReluActivation and GELUActivation", name, a.activation)
	}
	return a, in, dropFits(name, s.Drop)
}

// nodes returns the layer as nodes.
func (a *affine) nodes(in gorgonia.Nodes) (node, error) {
	var e Expr
	y := e.N(MatMul(in[0], in[1], false, true))
	if a.bias > 0 {
		y = e.N(AddBias(y, in[a.bias]))
	}
	switch a.activation {
	case ReluActivation:
		y = e.N(Relu(y))
	case GELUActivation:
		y = e.N(GELU(y))
	}
	if a.drop.p > 0 && e.Err == nil {
		y = e.N(a.drop.node(dropName, y))
	}
	if a.residual > 0 {
		y = e.N(Add(y, in[a.residual]))
	}
	return y, e.Err
}

// keeps says what forward keeps for backward: the numbers that the activation was applied
// to. Of a rectifier the value shows the sign of those, unless something is added to it.
func (a *affine) keeps() bool {
	return a.op.need.now && (a.activation == GELUActivation || a.activation == ReluActivation && a.residual > 0)
}

// An activationMath is the activations of a layer on slices, at one precision.
type activationMath[T Float] struct {
	relu, gelu func(dst, x []T)
	geluBack   func(dst, g, x []T)
}

var (
	active32 = activationMath[float32]{kernel.ReluEach, kernel.GELUEach, kernel.GELUBack}
	active64 = activationMath[float64]{eachOf[float64](relu), eachOf[float64](gelu), slopes(geluSlope)}
)

// affineState is a layer at one precision.
type affineState[T Float] struct {
	*affine
	f    *activationMath[T]
	kept []T // [N,M]
	draw kernel.Drop

	dz    []T // [N,M]
	parts []T // sums of the columns of blocks of rows
}

func (s *affineState[T]) scratch() int64 {
	if !s.keeps() {
		return 0
	}
	return bytesOf[T](s.n * s.m)
}

func (s *affineState[T]) backScratch() int64 {
	n := 0
	if s.changes() {
		n = s.n * s.m
	}
	return bytesOf[T](n + s.blocks()*s.m)
}

// changes reports whether the gradient by the product is another than that by the value.
func (a *affine) changes() bool { return a.activation != NoActivation || a.drop.p > 0 }

func (a *affine) blocks() int { return (a.n + kernel.RowBlock - 1) / kernel.RowBlock }

func (s *affineState[T]) forward(dst []T, in []any) error {
	x, w, m := vec[T](in[0]), vec[T](in[1]), s.m
	z := dst // before the activation
	if s.keeps() {
		if s.kept == nil {
			s.kept = kernel.Make[T](s.n * m)
		}
		z = s.kept
	}
	s.draw = s.drop.draw(s.op.self.now())
	kernel.RowsNT(z, x, w, s.n, m, s.k, func(lo, hi int) {
		lo, hi = lo*m, hi*m
		y := dst[lo:hi]
		z := z[lo:hi]
		if s.bias > 0 {
			kernel.AddBias(z, z, vec[T](in[s.bias]))
		}
		switch s.activation {
		case ReluActivation:
			s.f.relu(y, z)
		case GELUActivation:
			s.f.gelu(y, z)
		}
		if s.draw.Cut > 0 {
			kernel.DropEach(y, y, lo, s.draw, T(s.drop.rest()))
		}
		if s.residual > 0 {
			kernel.AddEach(y, y, vec[T](in[s.residual])[lo:hi])
		}
	})
	return nil
}

func (s *affineState[T]) backward(grads [][]T, in []any) error {
	x, w, m := vec[T](in[0]), vec[T](in[1]), s.m
	y, g := vec[T](in[len(in)-2]), vec[T](in[len(in)-1])
	var db []T
	if s.bias > 0 {
		db = grads[s.bias]
	}
	dz := g
	if s.changes() {
		s.dz = resize(s.dz, s.n*m)
		dz = s.dz
	}
	if db != nil {
		s.parts = resize(s.parts, s.blocks()*m)
	}
	rows := func(lo, hi int) {
		block := lo / kernel.RowBlock
		lo, hi = lo*m, hi*m
		if s.changes() {
			s.turn(dz[lo:hi], g[lo:hi], y, lo)
		}
		if db != nil {
			sum := s.parts[block*m:][:m]
			clear(sum)
			kernel.AddRowsTo(sum, dz[lo:hi])
		}
	}
	if grads[0] != nil {
		kernel.RowsNN(grads[0], dz, w, s.n, s.k, m, rows)
	} else {
		kernel.EachRowBlock(s.n, rows)
	}
	if db != nil {
		clear(db)
		kernel.AddRowsTo(db, s.parts)
	}
	if grads[1] != nil {
		kernel.GemmTN(grads[1], dz, x, m, s.k, s.n, false)
	}
	return nil
}

// turn stores the gradient by the product in dz, of g by the value y; lo is the place of
// their first number.
func (s *affineState[T]) turn(dz, g, y []T, lo int) {
	if s.draw.Cut > 0 {
		kernel.DropEach(dz, g, lo, s.draw, T(s.drop.rest()))
		g = dz
	}
	switch {
	case s.activation == GELUActivation:
		s.f.geluBack(dz, g, s.kept[lo:lo+len(dz)])
	case s.activation == ReluActivation && s.residual > 0:
		kernel.ReluBack(dz, g, s.kept[lo:lo+len(dz)])
	case s.activation == ReluActivation:
		kernel.ReluBack(dz, g, y[lo:lo+len(dz)])
	case s.draw.Cut == 0:
		copy(dz, g)
	}
}
