package graph

import (
	"errors"
	"fmt"
	"math"

	"gorgonia.org/gorgonia"
)

// A Scalar says what the one number of a table [1,1] is: a parameter of a head or of a
// loss that is trained with the weights, such as a temperature, within bounds. After
// each step [Program.Step] moves the number to the bound that it has left. Optimizers
// leave decay and L2 out for it: they would pull the parameter towards the value at
// which the table holds 0, which no data ask for.
type Scalar struct {
	Name        string                  // of the parameter, as logs and reports call it
	Least, Most float64                 // bounds of the table's number
	Value       func(x float64) float64 // the parameter that the number x stands for; nil: x itself
}

// NewScalar returns a table [1,1] of s that begins at x, or at the bound next to it. Its
// bounds are rounded to float32 towards each other, so that no step leaves those of s.
func NewScalar[T Float](table string, x float64, s Scalar) (*Table[T], error) {
	least, most := T(s.Least), T(s.Most)
	if float64(least) < s.Least {
		least = T(math.Nextafter32(float32(least), float32(math.Inf(1))))
	}
	if float64(most) > s.Most {
		most = T(math.Nextafter32(float32(most), float32(math.Inf(-1))))
	}
	switch {
	case s.Name == "" || table == "":
		return nil, errors.New("graph: a scalar without a name")
	case !(least < most):
		return nil, fmt.Errorf("graph: scalar %s: no number lies between %g and %g", s.Name, s.Least, s.Most)
	case math.IsNaN(x):
		return nil, fmt.Errorf("graph: scalar %s begins at NaN", s.Name)
	}
	s.Least, s.Most = float64(least), float64(most)
	return &Table[T]{Name: table, Rows: 1, Dim: 1, Init: Constant(min(max(x, s.Least), s.Most)), Scalar: &s}, nil
}

// Parameter returns the parameter that the number of the table stands for: where it
// begins, before the table has data. It panics if the table is of no Scalar.
func (t *Table[T]) Parameter() float64 {
	if t.Scalar == nil {
		panic("graph: Parameter of table " + t.Name + ", which is of no scalar")
	}
	x := float64(T(t.Init.scale))
	if t.Data != nil {
		x = float64(t.Data[0])
	}
	if t.Scalar.Value == nil {
		return x
	}
	return t.Scalar.Value(x)
}

// project moves the number of a Scalar's table to the bound that it has left. A NaN
// stays: the run that made it is to see it.
func (t *Table[T]) project() {
	if s := t.Scalar; s != nil {
		t.Data[0] = min(max(t.Data[0], T(s.Least)), T(s.Most))
	}
}

// MulScalar returns x·c of a c [1]: a trained number times a matrix x [B,K]. The
// gradients are c·g and Σ g_bk x_bk, which is added up in float64 by rows, and those in
// order.
func MulScalar(x, c *gorgonia.Node) (*gorgonia.Node, error) {
	if err := wantDims("mulscalar", "x", x, 2); err != nil {
		return nil, err
	}
	if err := wantDims("mulscalar", "c", c, 1); err != nil {
		return nil, err
	}
	if c.Shape()[0] != 1 {
		return nil, fmt.Errorf("graph: mulscalar: c is %v; want [1]", c.Shape())
	}
	var e Expr
	return e.N(MulRow(x, e.N(Repeat(c, x.Shape()[0])))), e.Err
}
