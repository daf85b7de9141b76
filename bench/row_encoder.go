package main

import (
	"errors"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	for i, r := range []struct {
		name, doc string
		c         int // width of what comes out
	}{
		{"encoder-products", "products of a layer over the positions of a batch, y = x·Wᵀ and both gradients, 25,600 × 64 by 256 × 64", 256},
		{"encoder-layer", "layer norm of x + GELU(x·Wᵀ + b), forward and backward, 25,600 × 64", 64},
	} {
		torch := func(name string, env ...string) contestant {
			return contestant{name: name, peer: "torch", work: r.name, env: env}
		}
		rows = append(rows, &row{
			order: 14 + i, name: r.name, doc: r.doc,
			prepare: func(_ settings, dir string) (job, error) {
				j := job{B: 25_600, C: r.c, D: 64}
				rng := rand.New(rand.NewPCG(2024, 14))
				normal := func(mean, deviation float64) func(int) float32 {
					return func(int) float32 { return float32(mean + deviation*rng.NormFloat64()) }
				}
				return j, errors.Join(
					writeFloats(dir, "x", j.B*j.D, normal(0, 1)),
					writeFloats(dir, "w", j.C*j.D, normal(0, 0.1)),
					writeFloats(dir, "vectors", 3*j.C, normal(1, 0.1)),
					writeFloats(dir, "up", j.B*j.C, normal(1, 0.5)),
				)
			},
			tolerance:   1e-4,
			repeat:      5,
			contestants: []contestant{{name: "fenchel", work: r.name}, torch("torch tuned", tuned...), torch("torch default")},
			targets:     []target{faster("fenchel", "torch tuned", 0.95, 1.05)},
		})
	}
	works["encoder-products"] = layerWork(nil, func(e *graph.Expr, x, w *gorgonia.Node, _ []*gorgonia.Node) *gorgonia.Node {
		return e.N(graph.MatMul(x, w, false, true))
	})
	works["encoder-layer"] = layerWork([]string{"b", "gain", "bias"}, func(e *graph.Expr, x, w *gorgonia.Node, v []*gorgonia.Node) *gorgonia.Node {
		h := e.N(graph.GELU(e.N(graph.AddBias(e.N(graph.MatMul(x, w, false, true)), v[0]))))
		return e.N(graph.LayerNorm(e.N(graph.Add(x, h)), v[1], v[2], 1e-5))
	})
}

// layerWork is a step of a layer y of x [B,D], of weights [C,D] and of vectors [C] of those
// names, under a given gradient by y; the value is ⟨y, that⟩/B.
func layerWork(names []string, layer func(e *graph.Expr, x, w *gorgonia.Node, v []*gorgonia.Node) *gorgonia.Node) func(job) (func() (float64, float64, error), error) {
	return func(j job) (func() (float64, float64, error), error) {
		x, errX := readFloats(j, "x", j.B*j.D)
		w, errW := readFloats(j, "w", j.C*j.D)
		vectors, errV := readFloats(j, "vectors", 3*j.C)
		up, errU := readFloats(j, "up", j.B*j.C)
		if err := errors.Join(errX, errW, errV, errU); err != nil {
			return nil, err
		}
		b := graph.NewBuilder[float32]()
		var v []*gorgonia.Node
		for i, name := range names {
			v = append(v, b.Param(name, vectors[i*j.C:(i+1)*j.C], j.C))
		}
		g, given := b.Input("up", j.B, j.C)
		copy(given, up)
		var e graph.Expr
		y := layer(&e, b.Param("x", x, j.B, j.D), b.Param("w", w, j.C, j.D), v)
		cost := e.N(graph.Scale(e.N(graph.Sum(e.N(graph.Mul(y, g)))), 1/float64(j.B)))
		if e.Err != nil {
			return nil, e.Err
		}
		p, err := b.Train(cost)
		if err != nil {
			return nil, err
		}
		return timed(func() (float64, error) {
			err := p.Run()
			return float64(p.Cost()), err
		}), nil
	}
}
