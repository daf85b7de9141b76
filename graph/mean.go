package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// MeanRows returns the mean of loss [B] over the rows that are not padding, a
// scalar; 0 if all are. What loss holds in padding rows does not enter.
func MeanRows(loss *gorgonia.Node, t *Targets) (*gorgonia.Node, error) {
	return WeightedMean(loss, nil, t)
}

// WeightedMean returns Σ_i w_i ℓ_i / Σ_i w_i of loss [B] and weight [B] over the rows
// that are not padding, a scalar; 0 where there are none. What loss and weight hold in
// padding rows does not enter. weight has no gradient; nil is 1 everywhere. A weight
// that is not above 0 and finite makes the run fail with an error that names the row, and
// so does a label below −1.
func WeightedMean(loss, weight *gorgonia.Node, t *Targets) (*gorgonia.Node, error) {
	if err := wantDims("mean", "loss", loss, 1); err != nil {
		return nil, err
	}
	if err := t.valid("mean", loss.Shape()[0]); err != nil {
		return nil, err
	}
	if weight != nil {
		if err := wantDims("mean", "weight", weight, 1); err != nil {
			return nil, err
		}
		if !slices.Equal(weight.Shape(), loss.Shape()) {
			return nil, fmt.Errorf("graph: mean: loss is %v and weight is %v; want [B] both", loss.Shape(), weight.Shape())
		}
	}
	return meanOf(loss, weight, t)
}

// meanOf is Σ wx/Σw of x [B], and spreadMean its adjoint: both are linear, and so are
// each other's derivatives.
func meanOf(x, weight node, t *Targets) (node, error) {
	return apply(spec{name: "mean", shape: tensor.ScalarShape(), fixed: meanFixed(weight, t), f32: meanBody[float32](weight), f64: meanBody[float64](weight),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(append(gorgonia.Nodes{e.N(spreadMean(g, weight, t))}, make(gorgonia.Nodes, len(in)-1)...)...)
		}}, meanIn(x, weight, t)...)
}

// spreadMean returns g·w/Σw [B] in the rows that are not padding and 0 in the others.
func spreadMean(g, weight node, t *Targets) (node, error) {
	return apply(spec{name: "spreadmean", shape: tensor.Shape{t.Rows}, fixed: meanFixed(weight, t), f32: spreadBody[float32](weight), f64: spreadBody[float64](weight),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(append(gorgonia.Nodes{e.N(meanOf(g, weight, t))}, make(gorgonia.Nodes, len(in)-1)...)...)
		}}, meanIn(g, weight, t)...)
}

// meanIn returns the inputs of both.
func meanIn(x, weight node, t *Targets) []node {
	in := []node{x}
	if weight != nil {
		in = append(in, weight)
	}
	return append(in, t.leaves()...)
}

func meanFixed(weight node, t *Targets) []int {
	if weight == nil {
		return t.fixed(1)
	}
	return append([]int{1}, t.fixed(2)...)
}

// shares reads the weights of a run.
type shares[T Float] struct {
	given bool
	view  view[T]
	w     []T // nil is 1 everywhere
	total float64
}

func (s *shares[T]) read(in []any, rows int) error {
	s.total = 0
	if s.given {
		s.w, in = vec[T](in[0]), in[1:]
	}
	s.view.read(in)
	for i := range rows {
		if s.view.padding(i) {
			if s.view.label != nil && s.view.label[i] < -1 {
				return fmt.Errorf("row %d has label %d; want a class, or -1 for padding", i, s.view.label[i])
			}
			continue
		}
		if !s.given {
			s.total++
			continue
		}
		w := float64(s.w[i])
		if !(w > 0) || math.IsInf(w, 1) {
			return fmt.Errorf("row %d has weight %v, want above 0 and finite", i, w)
		}
		s.total += w
	}
	if math.IsInf(s.total, 1) {
		return fmt.Errorf("the weights of %d rows sum to +Inf", rows)
	}
	return nil
}

// of returns the weight of row i.
func (s *shares[T]) of(i int) float64 {
	if s.w == nil {
		return 1
	}
	return float64(s.w[i])
}

func meanBody[T Float](weight node) body[T] {
	s := shares[T]{given: weight != nil}
	return func(dst []T, in []any) error {
		loss := vec[T](in[0])
		if err := s.read(in[1:], len(loss)); err != nil {
			return err
		}
		sum := 0.0
		for i, l := range loss {
			if !s.view.padding(i) {
				sum += s.of(i) * float64(l)
			}
		}
		dst[0] = 0
		if s.total > 0 {
			dst[0] = T(sum / s.total)
		}
		return nil
	}
}

func spreadBody[T Float](weight node) body[T] {
	s := shares[T]{given: weight != nil}
	return func(dst []T, in []any) error {
		if err := s.read(in[1:], len(dst)); err != nil {
			return err
		}
		g := float64(vec[T](in[0])[0])
		for i := range dst {
			dst[i] = 0
			if !s.view.padding(i) {
				dst[i] = T(g * s.of(i) / s.total)
			}
		}
		return nil
	}
}
