package losstest

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// batch is rows of one K: one label, several positives, a padding row, the label
// in the lead, a masked candidate.
func (r *rig) batch(seed uint64, k int, scale float64) (z [][]float64, t []losses.Target[float64]) {
	rng := rand.New(rand.NewPCG(seed, uint64(k)))
	for i := range 6 {
		z = append(z, r.scores(rng, k, scale))
		switch i {
		case 0:
			t = append(t, label(rng.IntN(k)))
		case 1, 4:
			t = append(t, soft(rng, k))
		case 2:
			t = append(t, losses.Target[float64]{})
		default:
			t = append(t, label(0))
			z[i][0] = float64(float32(r.clip(z[i][0] + 2*scale)))
		}
	}
	if k > 2 { // room for a mask beside the targets
		z[5][k-1] = math.Inf(-1)
	}
	return z, t
}

// node holds the graph of Node, and the op that wraps Eval, against Eval: values
// and gradients under a non-uniform upstream gradient, twice in a row.
func (r *rig) node(t *check.T) {
	for _, k := range []int{1, 2, 7} {
		for _, scale := range r.scales()[:3] {
			// Node states the definition term by term and loses the digits that the
			// terms share; 30 is the largest spread of the scores.
			nodes(t, r, k, scale, 1e-8)
			if scale < 30 {
				nodes[float32](t, r, k, scale, 1e-4)
			}
		}
	}
}

func nodes[T losses.Float](t *check.T, r *rig, k int, scale float64, tol T) {
	rows, targets := r.batch(14, k, scale)
	n := len(rows)
	b := graph.NewBuilder[T]()
	var flat []T
	for _, z := range rows {
		for _, x := range z {
			flat = append(flat, T(x))
		}
	}
	twin := append([]T(nil), flat...)
	z, z2 := b.Param("z", flat, n, k), b.Param("z2", twin, n, k)
	tg, data := b.Targets("t", n, 3*n)
	t.NoError(data.Set(cast[T](targets)), "the targets")
	u, up := b.Input("u", n)
	for i := range up {
		up[i] = T(0.5 + 0.75*float64(i)) // not uniform
	}
	def, err := r.Node(z, tg)
	t.NoError(err, "Node")
	row, err := graph.Loss(r.Analytic, z2, tg)
	t.NoError(err, "graph.Loss")
	var e graph.Expr
	cost := e.N(graph.Add(
		e.N(graph.MeanRows(e.N(graph.Mul(def, u)), tg)),
		e.N(graph.MeanRows(e.N(graph.Mul(row, u)), tg))))
	t.NoError(e.Err, "the cost")
	train, err := b.Train(cost)
	t.NoError(err, "the program that trains")
	defer train.Close()
	eval, err := b.Eval(def, row)
	t.NoError(err, "the program that evaluates")
	defer eval.Close()

	const valid = 5 // of the 6 rows
	for range 2 {
		t.NoError(train.Run(), "a training run")
		g := [2][]T{train.Grad(z).Data, train.Grad(z2).Data}
		gDef, gRow := append([]T(nil), g[0]...), append([]T(nil), g[1]...)
		t.NoError(eval.Run(), "an evaluation")
		vDef, vRow := eval.Value(def), eval.Value(row)
		for i, target := range targets {
			if len(target.Pos) == 0 {
				for j := range k {
					t.True(gDef[i*k+j] == 0, "gradient of a padding row")
					t.True(gRow[i*k+j] == 0, "gradient of a padding row")
				}
				continue
			}
			loss, dz := r.row(rows[i], target)
			size := 1.0
			for _, d := range dz {
				size = max(size, math.Abs(d))
			}
			t.True(check.Near(float64(vDef[i]), loss, float64(tol), float64(tol)*max(1, scale)), "K=%d scale=%g row %d: Node is %g, Row %g", k, scale, i, vDef[i], loss)
			t.True(check.Near(float64(vRow[i]), loss, 1e-5, 1e-5), "K=%d scale=%g row %d: graph.Loss is %g, Row %g", k, scale, i, vRow[i], loss)
			for j := range dz {
				want := dz[j] * float64(up[i]) / valid
				t.True(check.Near(float64(gDef[i*k+j]), want, 0, float64(tol)*size*10), "K=%d scale=%g row %d: the symbolic gradient of Node at %d is %g, Row's %g", k, scale, i, j, gDef[i*k+j], want)
				t.True(check.Near(float64(gRow[i*k+j]), want, 1e-5, 1e-5*size), "K=%d scale=%g row %d: the gradient of graph.Loss at %d is %g, Row's %g", k, scale, i, j, gRow[i*k+j], want)
			}
		}
	}
}

func cast[T losses.Float](in []losses.Target[float64]) []losses.Target[T] {
	out := make([]losses.Target[T], len(in))
	for i, t := range in {
		out[i].Pos = t.Pos
		for _, w := range t.Weight {
			out[i].Weight = append(out[i].Weight, T(w))
		}
	}
	return out
}

// sideBySide holds that settings of one loss in one graph keep apart, where
// Gorgonia would merge ops that it takes for equal.
func sideBySide(t *check.T, bounds []losses.Loss) {
	b := graph.NewBuilder[float64]()
	r := &rig{Loss: bounds[0]}
	r.lo, r.hi = r.Spec.Domain.Bounds()
	const k = 4
	rows, targets := r.batch(15, k, r.scales()[1])
	var flat []float64
	for _, z := range rows {
		flat = append(flat, z...)
	}
	z := b.Param("z", flat, len(rows), k)
	tg, data := b.Targets("t", len(rows), 3*len(rows))
	t.NoError(data.Set(targets), "the targets")
	var outs gorgonia.Nodes
	for _, bound := range bounds {
		for range 2 {
			def, err := bound.Node(z, tg)
			t.NoError(err, "Node")
			row, err := graph.Loss(bound.Analytic, z, tg)
			t.NoError(err, "graph.Loss")
			outs = append(outs, def, row)
		}
	}
	p, err := b.Eval(outs...)
	t.NoError(err, "the program that evaluates")
	defer p.Close()
	t.NoError(p.Run(), "an evaluation")
	for n, out := range outs {
		bound := &rig{Loss: bounds[n/4]}
		for i, target := range targets {
			if len(target.Pos) == 0 {
				continue
			}
			want, _ := bound.row(rows[i], target)
			t.True(check.Near(p.Value(out)[i], want, 1e-8, 1e-8), "%s beside the others: row %d is %g, alone %g", bound, i, p.Value(out)[i], want)
		}
	}
}
