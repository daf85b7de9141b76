package graph

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// ValueGrads pairs each of params, leaves of a graph, with its gradient among grads, as
// [Grad] returned them: what the Step of a gorgonia.Solver takes, after each run of
// a machine of the caller's. It does for Grad what gorgonia.NodesToValueGrads does for
// gorgonia.Grad, with or without BindDualValues.
//
// A solver gets a copy of the gradient, in memory of the pair, and may overwrite it; the
// values of params it overwrites in place. A pair without a gradient, because
// no machine has run, and one whose leaf has no value is an error of Step. A
// solver moves every entry: for a table of which a batch reads few rows take a
// [Program] and its Step.
//
// Errors: another number of grads than of params, a param that is no floating-point leaf,
// a gradient of another shape, precision or graph, and one into which a stock op may
// write, that was made to read it after Grad had returned.
func ValueGrads(params, grads gorgonia.Nodes) ([]gorgonia.ValueGrad, error) {
	if len(params) != len(grads) {
		return nil, fmt.Errorf("graph: value grads: %d parameters and %d gradients", len(params), len(grads))
	}
	pairs := make([]gorgonia.ValueGrad, len(params))
	for i, p := range params {
		g := grads[i]
		switch {
		case p == nil || g == nil:
			return nil, fmt.Errorf("graph: value grads: parameter %d or its gradient is nil", i)
		case p.Op() != nil:
			return nil, fmt.Errorf("graph: value grads: parameter %d is %s; want a leaf, which a solver can move", i, describe(p))
		case p.Graph() != g.Graph():
			return nil, fmt.Errorf("graph: value grads: %s and its gradient are of two graphs", describe(p))
		}
		if err := wantFloats("value grads", p); err != nil {
			return nil, err
		}
		if !slices.Equal(g.Shape(), p.Shape()) || g.Dtype() != p.Dtype() {
			return nil, fmt.Errorf("graph: value grads: %s is %v %v and its gradient %v %v", describe(p), p.Dtype(), p.Shape(), g.Dtype(), g.Shape())
		}
		if op := overwritten(g); op != nil {
			return nil, fmt.Errorf("graph: value grads: stock op %s may write into the gradient of %s; have it read graph.Identity of that", describe(op), describe(p))
		}
		pairs[i] = &valueGrad{param: p, grad: g}
	}
	return pairs, nil
}

// A valueGrad is a pair of ValueGrads.
type valueGrad struct {
	param, grad node
	copy        gorgonia.Value
}

// Name is for the errors of solvers.
func (v *valueGrad) Name() string { return v.param.Name() }

func (v *valueGrad) Value() gorgonia.Value { return v.param.Value() }

func (v *valueGrad) Grad() (gorgonia.Value, error) {
	if v.param.Value() == nil {
		return nil, fmt.Errorf("graph: value grads: %s has no value; bind one by gorgonia.Let", describe(v.param))
	}
	switch g := v.grad.Value().(type) {
	case nil:
		return nil, errors.New("graph: value grads: no gradient yet; run the machine first")
	case *tensor.Dense:
		c, ok := v.copy.(*tensor.Dense)
		if !ok {
			c = tensor.New(tensor.Of(g.Dtype()), tensor.WithShape(v.param.Shape()...))
			v.copy = c
		}
		return c, tensor.Copy(c, g)
	default: // a scalar
		c, err := gorgonia.CloneValue(g)
		return c, err
	}
}
