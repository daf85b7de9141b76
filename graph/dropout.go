package graph

import (
	"errors"
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Dropout returns x with each element set to 0 with probability p, and the others
// divided by 1−p; 0 ≤ p < 1. In a Program made by Eval, and in a machine made with
// gorgonia.EvalMode, it returns a copy of x.
//
// Which elements those are is a function of four numbers, and no run leaves anything
// behind for the next: seed; the step of the run; the site, which is how many
// Dropouts the graph had before; and the place, the index of the element in x, row
// by row. A process that resumes a training thus draws what the uninterrupted one
// would have, and a row draws the same beside fewer others. The step is what
// [Program.SetStep] says or, of a machine that is no Program's, [SetStep]; 0 at first.
// Of several machines that a user makes over one graph the last decides whether they
// train, as with Gorgonia's own ops.
//
// The gradient draws the same elements again: no mask is kept. p counts in steps of 2⁻³².
func Dropout(x *gorgonia.Node, p float64, seed uint64) (*gorgonia.Node, error) {
	if x == nil {
		return nil, errors.New("graph: dropout: operand 0 is nil")
	}
	if err := dropFits(dropName, p); err != nil {
		return nil, err
	}
	if err := wantFloats(dropName, x); err != nil {
		return nil, err
	}
	d := &dropout{p: p, seed: seed}
	out, err := d.node(dropName, x)
	if err != nil {
		return nil, err
	}
	d.at(out.Graph())
	return out, nil
}

// dropFits returns an error unless p is the probability of a dropout.
func dropFits(name string, p float64) error {
	if !(p >= 0 && p < 1) {
		return fmt.Errorf("graph: %s: p = %g; want 0 ≤ p < 1", name, p)
	}
	return nil
}

// SetStep says which step of a training the runs are that follow of machines over g
// which a user made; see [Dropout]. A Program has a step of its own.
func SetStep(g *gorgonia.ExprGraph, step int) {
	for _, n := range g.AllNodes() {
		if o, ok := n.Op().(*op); ok {
			o.own.step = step
		}
	}
}

const dropName = "dropout"

// drops reports whether n is an op that draws a dropout.
func drops(n node) bool {
	o, ok := n.Op().(*op)
	return ok && o.drops
}

// dropout is what the ops of a dropout have in common.
type dropout struct {
	p          float64
	seed, site uint64
}

// at makes d the next dropout of g.
func (d *dropout) at(g *gorgonia.ExprGraph) {
	book := bookOf(g)
	d.site = book.sites
	book.sites++
}

// draw returns what a run drops: nothing, of which the Cut is 0, where it does not train.
func (d *dropout) draw(m mode) kernel.Drop {
	if !m.train {
		return kernel.Drop{}
	}
	return kernel.Drop{Key: kernel.Mix(kernel.Mix(kernel.Mix(d.seed)+uint64(m.step)) + d.site),
		Cut: uint32(min(math.Round(d.p*(1<<32)), math.MaxUint32))}
}

// rest is what the elements that are left are multiplied by.
func (d *dropout) rest() float64 { return 1 / (1 - d.p) }

// node returns the op on x, which is its own derivative.
func (d *dropout) node(name string, x node) (node, error) {
	var self *op // which knows how its machine runs
	n, err := apply(spec{name: name, shape: x.Shape(), drops: true, f32: dropBody[float32](d, &self), f64: dropBody[float64](d, &self),
		diff: func(_ gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			return e.grads(e.N(d.node(dropName+" gradient", g)))
		}}, x)
	if err == nil {
		self = n.Op().(*op)
	}
	return n, err
}

func dropBody[T Float](d *dropout, self **op) body[T] {
	return func(dst []T, in []any) error {
		mode, x := (*self).now(), vec[T](in[0])
		if !mode.train {
			copy(dst, x)
			return nil
		}
		draw := d.draw(mode)
		return parallel(len(dst), 2*len(dst), func(_, lo, hi int) error {
			kernel.DropEach(dst[lo:hi], x[lo:hi], lo, draw, T(d.rest()))
			return nil
		})
	}
}
