package graph

import (
	"errors"
	"fmt"

	"gorgonia.org/gorgonia"
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
func Dropout(x *gorgonia.Node, p float64, seed uint64) (*gorgonia.Node, error) {
	if x == nil {
		return nil, errors.New("graph: dropout: operand 0 is nil")
	}
	if !(p >= 0 && p < 1) {
		return nil, fmt.Errorf("graph: dropout: p = %g; want 0 ≤ p < 1", p)
	}
	d := &dropout{p: p, seed: seed}
	mask, err := apply(spec{name: dropMaskName, shape: x.Shape(), constant: true, f32: dropMask[float32](d), f64: dropMask[float64](d)}, x)
	if err != nil {
		return nil, err
	}
	book := bookOf(mask.Graph())
	d.op, d.site = mask.Op().(*op), book.sites
	book.sites++
	return Mul(x, mask) // whose derivative reads the same mask
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

// dropMaskName is the name of the op of a mask.
const dropMaskName = "dropmask"

// dropout is what the op of a mask is made with.
type dropout struct {
	op         *op
	p          float64
	seed, site uint64
}

// dropMask stores 1/(1−p) or 0, or 1 where the machine that runs does not train.
func dropMask[T Float](d *dropout) body[T] {
	return func(dst []T, _ []any) error {
		mode := d.op.now()
		key := mix(mix(mix(d.seed)+uint64(mode.step)) + d.site)
		return parallel(len(dst), 8*len(dst), func(_, lo, hi int) error {
			for i := lo; i < hi; i++ {
				dst[i] = 1
				if !mode.train {
					continue
				}
				dst[i] = T(1 / (1 - d.p))
				if u := float64(mix(key+uint64(i)*golden)>>11) * 0x1p-53; u < d.p {
					dst[i] = 0
				}
			}
			return nil
		})
	}
}

// golden is the increment of SplitMix64, whose outputs mix(key), mix(key+golden), …
// are.
const golden = 0x9e3779b97f4a7c15

// mix is the output function of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
func mix(x uint64) uint64 {
	x += golden
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
