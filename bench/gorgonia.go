package main

import (
	"errors"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

func init() { works["gorgonia"] = gorgoniaWork }

// gorgoniaWork is softmax cross-entropy by the ops that Gorgonia comes with. It
// has none that picks the label's score with a right gradient, so the label is a
// one-hot row; the scores of the inputs are small enough to need no shift.
func gorgoniaWork(j job) (func() (float64, float64, error), error) {
	h, errH := readFloats(j, "h", j.B*j.D)
	w, errW := readFloats(j, "w", j.C*j.D)
	y, errY := readInts(j, "y", j.B)
	if err := errors.Join(errH, errW, errY); err != nil {
		return nil, err
	}
	hot := make([]float32, j.B*j.C)
	for i, c := range y {
		hot[i*j.C+int(c)] = 1
	}
	g := gorgonia.NewGraph()
	leaf := func(name string, data []float32, r, c int) *gorgonia.Node {
		v := tensor.New(tensor.WithShape(r, c), tensor.WithBacking(data))
		return gorgonia.NewMatrix(g, gorgonia.Float32, gorgonia.WithShape(r, c), gorgonia.WithName(name), gorgonia.WithValue(v))
	}
	hn, wn, yn := leaf("H", h, j.B, j.D), leaf("W", w, j.C, j.D), leaf("Y", hot, j.B, j.C)
	var fault error
	n := func(x *gorgonia.Node, err error) *gorgonia.Node {
		fault = errors.Join(fault, err)
		return x
	}
	z := n(gorgonia.Mul(hn, n(gorgonia.Transpose(wn))))
	lse := n(gorgonia.Log(n(gorgonia.Sum(n(gorgonia.Exp(z)), 1))))
	own := n(gorgonia.Sum(n(gorgonia.HadamardProd(z, yn)), 1))
	cost := n(gorgonia.Mean(n(gorgonia.Sub(lse, own))))
	if fault != nil {
		return nil, fault
	}
	if _, err := gorgonia.Grad(cost, hn, wn); err != nil {
		return nil, err
	}
	vm := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(hn, wn))
	return timed(func() (float64, error) {
		vm.Reset()
		if err := vm.RunAll(); err != nil {
			return 0, err
		}
		return float64(cost.Value().Data().(float32)), nil
	}), nil
}
