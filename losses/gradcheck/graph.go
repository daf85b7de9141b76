package gradcheck

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// nodes are the leaves of one loss in the common graph.
type nodes struct {
	symbolic, analytic *gorgonia.Node // z [B,K]
	h, w, bias         *gorgonia.Node
}

// runGraph checks all losses at precision T in one graph.
func runGraph[T graph.Float](bounds []losses.Loss, samples []*sample) ([][]Entry, error) {
	b := graph.NewBuilder[T]()
	var e graph.Expr
	var cost *gorgonia.Node
	leaves := make([]nodes, len(bounds))
	for i, bound := range bounds {
		s, l := samples[i], &leaves[i]
		k := s.c.K
		name := func(what string) string { return fmt.Sprintf("%s of %s #%d", what, bound, i) }
		l.symbolic = b.Param(name("z"), as[T](s.z), rows, k)
		l.analytic = b.Param(name("z again"), as[T](s.z), rows, k)
		l.h = b.Param(name("h"), as[T](s.h), rows, width)
		l.w = b.Param(name("W"), as[T](s.w), k, width)
		l.bias = b.Param(name("bias"), as[T](s.bias), k)
		targets, data := b.Targets(name("targets"), rows, 3*rows)
		for _, t := range s.target {
			if err := data.Append(t.Pos, as[T](t.Weight)); err != nil {
				return nil, fmt.Errorf("gradcheck: %w", err)
			}
		}
		upstream, u := b.Input(name("upstream"), rows)
		copy(u, as[T](s.upstream))
		for _, loss := range []*gorgonia.Node{
			e.N(bound.Node(l.symbolic, targets)),
			e.N(graph.Loss(bound.Analytic, l.analytic, targets)),
			e.N(graph.LinearLoss(bound.Analytic, graph.Linear{H: l.h, W: l.w, Bias: l.bias}, targets)),
		} {
			term := e.N(graph.Sum(e.N(graph.Mul(loss, upstream))))
			if cost != nil {
				term = e.N(graph.Add(cost, term))
			}
			cost = term
		}
		if e.Err != nil {
			return nil, fmt.Errorf("gradcheck: %s: %w", bound, e.Err)
		}
	}
	p, err := b.Train(cost)
	if err != nil {
		return nil, fmt.Errorf("gradcheck: %w", err)
	}
	defer p.Close()
	bits, tolerance := 64, Tolerance64
	if _, single := any(T(0)).(float32); single {
		bits, tolerance = 32, Tolerance32
	}
	gradients := func() [][]T {
		var all [][]T
		for _, l := range leaves {
			for _, n := range []*gorgonia.Node{l.symbolic, l.analytic, l.h, l.w, l.bias} {
				all = append(all, dense(p.Grad(n), n.Shape()))
			}
		}
		return all
	}
	if err := p.Run(); err != nil {
		return nil, fmt.Errorf("gradcheck: %w", err)
	}
	first := gradients()
	if err := p.Run(); err != nil {
		return nil, fmt.Errorf("gradcheck: second run: %w", err)
	}
	second := gradients()
	entries := make([][]Entry, len(bounds))
	for i, bound := range bounds {
		s := samples[i]
		g := second[5*i:]
		for n := range 5 {
			if !slices.EqualFunc(first[5*i+n], g[n], func(x, y T) bool { return x == y || x != x && y != y }) {
				return nil, fmt.Errorf("gradcheck: %s at K = %d: a second run of the same graph gives another gradient", bound, s.c.K)
			}
		}
		symbolic := newWorst("symbolic", bits, tolerance)
		analytic := newWorst("analytic", bits, tolerance)
		fused := newWorst("fused", bits, tolerance)
		see2(symbolic, g[0], s.dz, 1, s.c.K, "dz")
		see2(analytic, g[1], s.dz, 1, s.c.K, "dz")
		see2(fused, g[2], s.dh, largest(s.w), width, "dh")
		see2(fused, g[3], s.dw, largest(s.h), width, "dW")
		see2(fused, g[4], s.dbias, 1, 1, "dbias")
		entries[i] = []Entry{symbolic.Entry, analytic.Entry, fused.Entry}
	}
	return entries, nil
}

// dense copies the gradient of a leaf, which may hold some rows only.
func dense[T graph.Float](g graph.Gradient[T], shape []int) []T {
	if g.Rows == nil {
		return slices.Clone(g.Data)
	}
	wide := 1
	for _, n := range shape[1:] {
		wide *= n
	}
	all := make([]T, shape[0]*wide)
	for i, r := range g.Rows {
		copy(all[int(r)*wide:(int(r)+1)*wide], g.Data[i*wide:])
	}
	return all
}

// as converts x.
func as[T graph.Float](x []float64) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i] = T(v)
	}
	return y
}
