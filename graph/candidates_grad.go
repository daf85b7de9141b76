package graph

import (
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// scoreGrad is one application of the derivative.
type scoreGrad[T Float] struct {
	*scoreState[T]
	classGrads[T]
	t, dw, dsum []T // by column of shared ids: [K,B], [K,d] and [K]
	coef        []T // upstream over norms; pairs and ownIDs, if unit
}

// scratch returns the memory of what backward makes, in bytes: dH, the grouping by class
// and the rows that it adds up.
func (g *scoreGrad[T]) scratch() int64 {
	if g.layout == shared {
		return groupingBytes(g.rows(), g.classes) + bytesOf[T](2*g.b*g.d+g.m+g.rows()*(g.d+1))
	}
	terms := termBytes[T](g.m, g.classes) + bytesOf[T](2*g.b*g.d+g.b)
	if g.unit {
		terms += bytesOf[T](g.m)
	}
	return terms
}

func (g *scoreGrad[T]) wants(all bool) { g.want = [3]bool{all, all, all && g.n == 3} }

// classGrads are the gradients by the H, W and Bias of Classes that an op leaves for
// the nodes which hand them out.
type classGrads[T Float] struct {
	want [3]bool // which of them are to be computed
	dh   []T
	out  [3]RowSums[T] // of W and Bias; [0] is unused

	grouped groupedTerms[T]

	// These are copies, because RowSums are read when the machine may have given away the
	// memory of nodes.
	h, ones []T
}

// classNodes returns the gradients by in, whose first n nodes are those of Classes. The
// gradients are nodes that hand out what the op of work leaves in c32 or c64. ask is
// called with i when a Program keeps number i.
func classNodes(e *Expr, name string, in gorgonia.Nodes, n int, work node, c32 *classGrads[float32], c64 *classGrads[float64], ask func(i int)) gorgonia.Nodes {
	live := func(i int) func(bool) {
		return func(bool) {
			c32.want[i], c64.want[i] = true, true
			ask(i)
		}
	}
	grads := make(gorgonia.Nodes, len(in))
	grads[0] = e.N(apply(spec{name: name + " dH", shape: in[0].Shape(), onKept: live(0),
		borrowed32: func() ([]float32, Gradient[float32]) { return c32.dh, Gradient[float32]{} },
		borrowed64: func() ([]float64, Gradient[float64]) { return c64.dh, Gradient[float64]{} }}, work))
	for i := 1; i < n; i++ {
		grads[i] = e.N(rowsNode(name+[]string{"", " dW", " dBias"}[i], &c32.out[i], &c64.out[i], live(i), left[float32], left[float64], work))
	}
	return grads
}

// sums leaves the terms in c.grouped as sums of rows of h [·,d]. unit is W where scores
// are of rows of norm 1, and else nil.
func (c *classGrads[T]) sums(h []T, d int, unit []T) {
	if c.want[1] {
		c.h = append(c.h[:0], h...)
		part := c.grouped.part(c.h)
		part.unit = unit
		c.out[1].set(c.grouped.Row, d, part)
	}
	if c.want[2] {
		if c.ones == nil {
			c.ones = ones[T](len(h) / d)
		}
		c.out[2].set(c.grouped.Row, 1, c.grouped.part(c.ones))
	}
}

func (g *scoreGrad[T]) backward(_ []T, in []any) error {
	h, w, ids := vec[T](in[0]), vec[T](in[1]), g.ids(in)
	up := vec[T](in[len(in)-1])
	if g.want[0] && g.dh == nil {
		g.dh = make([]T, g.b*g.d)
	}
	if g.layout == shared {
		return g.backwardShared(h, w, up, ids)
	}
	if g.want[0] {
		if err := g.byRow(w, up, ids); err != nil {
			return err
		}
	}
	if g.layout == pairs {
		ids = ids[:g.starts[g.b]]
	}
	if !g.want[1] && !g.want[2] {
		return nil
	}
	var at []int32
	if g.layout == pairs {
		at = in[g.n].([]int32)[:len(ids)]
	}
	g.grouped.fill(ids, g.classes, at, max(g.m/g.b, 1), up, nil)
	g.sums(h, g.d, g.table(w))
	if g.want[1] {
		g.clearIdle(up)
	}
	return nil
}

// clearIdle makes the rows of g.h zeros that have no gradient: these may hold anything,
// padding above all, and 0 times a NaN would be one.
func (g *scoreGrad[T]) clearIdle(up []T) {
	for i := range g.b {
		lo, hi := g.bounds(i)
		if !slices.ContainsFunc(up[lo:hi], func(u T) bool { return u != 0 }) {
			clear(g.h[i*g.d : (i+1)*g.d])
		}
	}
}

// byRow computes dh where each row has its own classes.
func (g *scoreGrad[T]) byRow(w, up []T, ids []int32) error {
	coef, d := up, g.d
	if g.unit {
		g.coef = resize(g.coef, len(ids))
		coef = g.coef
	}
	return parallel(g.b, 2*g.m*d, func(_, from, to int) error {
		for i := from; i < to; i++ {
			row := g.dh[i*d : (i+1)*d]
			clear(row)
			lo, hi := g.bounds(i)
			for a, b := range runs(ids, lo, hi) {
				if g.unit {
					for j := a; j < b; j++ {
						coef[j] = up[j] * g.inv[j]
					}
				}
				kernel.GatherAxpy(row, coef[a:b], w, ids[a:b])
			}
		}
		return nil
	})
}

func (g *scoreGrad[T]) backwardShared(h, w, up []T, ids []int32) error {
	d, k := g.d, len(ids)
	if g.want[0] {
		// Empty places have w = 0 here, and gradient 0 from whatever read their −Inf.
		err := parallel(g.b, 2*g.m*d, func(_, from, to int) error {
			kernel.GemmNN(g.dh[from*d:to*d], up[from*k:to*k], g.w, to-from, d, k, false)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if !g.want[1] && !g.want[2] {
		return nil
	}
	if g.t == nil {
		g.t, g.dsum = make([]T, g.m), make([]T, k)
	}
	if g.want[1] {
		if g.dw == nil {
			g.dw = kernel.Make[T](k * d)
		}
		g.h = append(g.h[:0], h...)
		g.clearIdle(up)
	}
	err := parallel(k, 2*g.m*d, func(_, from, to int) error {
		for j := from; j < to; j++ {
			for i := range g.b {
				g.t[j*g.b+i] = up[i*k+j]
			}
			g.dsum[j] = kernel.Sum(g.t[j*g.b : (j+1)*g.b])
		}
		if !g.want[1] {
			return nil
		}
		kernel.GemmNN(g.dw[from*d:to*d], g.t[from*g.b:to*g.b], g.h, to-from, d, g.b, false)
		return nil
	})
	if err != nil {
		return err
	}
	g.grouped.Group(ids, g.classes)
	part := rowPart[T]{ptr: g.grouped.Ptr, src: g.grouped.Place, from: g.dw, unit: g.table(w)}
	if g.want[1] {
		g.out[1].set(g.grouped.Row, d, part)
	}
	if g.want[2] {
		part.from, part.unit = g.dsum, nil
		g.out[2].set(g.grouped.Row, 1, part)
	}
	return nil
}
