package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// Grad returns the gradient of the scalar cost with respect to each of wrt, any
// nodes that cost depends on, by a reverse walk over the derivatives (SymDiff)
// of the nodes between them.
//
// It may be applied again, to a cost that contains gradients: with a constant v,
// Grad(Sum(Mul(Grad(cost, z)[0], v)), z) is the product of the Hessian and v.
// gorgonia.Grad, called twice in one graph, returns the first gradients for shared nodes,
// without a word where these are its own; nodes of this package make it an error.
//
// Each gradient has the shape of its node, also where few rows are not zero, as by
// [RowScores]: a Program made by Train spares the others. Its value stands until the
// machine's next run unless a stock op is made to read it afterwards, into which
// Gorgonia may let that op write.
func Grad(cost *gorgonia.Node, wrt ...*gorgonia.Node) (gorgonia.Nodes, error) {
	grads, err := reverse(cost, wrt, false, true)
	var e Expr
	for i, g := range grads {
		switch {
		case rowsOf(g) != nil:
			grads[i] = e.N(denseRows(g, wrt[i], nil))
		case overwritten(g) != nil:
			grads[i] = e.N(Identity(g))
		}
	}
	if err == nil {
		err = e.Err
	}
	if err != nil {
		return nil, err
	}
	return grads, nil
}

// reverse is Grad, but the gradient of a leaf may be row-sparse; if partial, each of
// wrt counts as independent of the others, although one may be computed from another, and
// the gradient by one that cost does not depend on is nil. again asks for gradients that
// can be differentiated again, where that takes more memory: row-sparse ones as matrices.
func reverse(cost node, wrt []node, partial, again bool) (gorgonia.Nodes, error) {
	if err := wantDims("grad", "cost", cost, 0); err != nil {
		return nil, err
	}
	if slices.Contains(wrt, nil) {
		return nil, fmt.Errorf("graph: grad: a node to differentiate by is nil")
	}
	order := walk(cost)
	reaches, err := dependents(order, wrt)
	if err != nil {
		return nil, err
	}
	one, err := apply(spec{name: "one", shape: tensor.ScalarShape(), constant: true, f32: oneBody[float32], f64: oneBody[float64]}, cost)
	if err != nil {
		return nil, err
	}
	terms := map[node]gorgonia.Nodes{cost: {one}}
	total := map[node]node{}
	for _, n := range slices.Backward(order) {
		if !reaches[n] || len(terms[n]) == 0 {
			continue
		}
		g, err := sumTerms(n, terms[n], again)
		if err != nil {
			return nil, err
		}
		total[n] = g
		if n.Op() == nil || !reaches.through(n) || partial && slices.Contains(wrt, n) {
			continue // a leaf, or a node asked for beyond which none is
		}
		in := children(n)
		gs, err := derive(n, in, g)
		if err != nil {
			return nil, fmt.Errorf("graph: grad: %s: %w", describe(n), err)
		}
		if len(gs) != len(in) {
			return nil, fmt.Errorf("graph: grad: %s gives %d gradients for %d operands", describe(n), len(gs), len(in))
		}
		for i, c := range in {
			if !differentiable(n, i) || !reaches[c] {
				continue
			}
			if gs[i] == nil {
				return nil, fmt.Errorf("graph: grad: %s gives no gradient for operand %d", describe(n), i)
			}
			if r := rowsOf(gs[i]); again && r != nil && r.dense != nil {
				if gs[i], err = r.dense(); err != nil {
					return nil, err
				}
			}
			terms[c] = append(terms[c], gs[i])
		}
	}
	out := make(gorgonia.Nodes, len(wrt))
	for i, w := range wrt {
		if out[i] = total[w]; out[i] == nil && !partial {
			return nil, fmt.Errorf("graph: grad: the cost does not depend on %s by differentiable nodes", describe(w))
		}
	}
	return out, nil
}

// derivativeOf returns the gradients by wrt of ⟨y, g⟩ for an expression y of them: the
// derivative of an op that y defines. Each of wrt is a variable of its own, although one
// may be computed from another, and so is g, which may depend on them. That by what y does
// not depend on is 0.
func derivativeOf(e *Expr, y, g node, wrt ...node) gorgonia.Nodes {
	g = e.N(Identity(g)) // it may also be one of wrt
	inner := e.N(Sum(e.N(Mul(y, g))))
	if e.Err != nil {
		return nil
	}
	grads, err := reverse(inner, append(slices.Clone(wrt), g), true, true)
	if e.N(nil, err); err != nil {
		return nil
	}
	for i, w := range wrt {
		if grads[i] == nil {
			grads[i] = e.N(zeros(w))
		}
	}
	return grads[:len(wrt)]
}

// zeros returns 0 of the shape of x, a constant.
func zeros(x node) (node, error) {
	return apply(spec{name: "zeros", shape: x.Shape().Clone(), constant: true, f32: clearBody[float32], f64: clearBody[float64]}, x)
}

func clearBody[T Float](dst []T, _ []any) error {
	clear(dst)
	return nil
}

// overwritten returns a stock op that may write into the value of n, which it reads, or
// nil. Gorgonia keeps it from doing so where n is the gradient of a leaf, of which it
// knows only if gorgonia.Grad made it.
func overwritten(n node) node {
	for it := n.Graph().To(n.ID()); it.Next(); {
		r := it.Node().(node)
		if r.Op() != nil && overwrites(r) && children(r)[r.Op().OverwritesInput()] == n {
			return r
		}
	}
	return nil
}

// derive returns the gradients of the operands of n, nil where it has none.
func derive(n node, in gorgonia.Nodes, g node) (gorgonia.Nodes, error) {
	if o, ok := n.Op().(*op); ok {
		return o.derive(in, n, g)
	}
	return n.Op().(gorgonia.SDOp).SymDiff(in, n, g)
}

func oneBody[T Float](dst []T, _ []any) error {
	dst[0] = 1
	return nil
}

// sumTerms adds up the gradient of n in the order in which its users gave it.
// Gorgonia never compares the shape of a gradient with its node's.
func sumTerms(n node, terms gorgonia.Nodes, again bool) (node, error) {
	byRows := func(t node) bool { return rowsOf(t) != nil }
	if n.Op() == nil && !again && len(terms) > 1 {
		byRows = func(t node) bool { return rowsOf(t) != nil || mayBeRows(t) }
	}
	if slices.ContainsFunc(terms, byRows) {
		return sumRows(n, terms, again)
	}
	var sum node
	for _, t := range terms {
		if err := fitsGradient(n, t); err != nil {
			return nil, err
		}
		if sum == nil {
			sum = t
			continue
		}
		var err error
		if sum, err = Add(sum, t); err != nil {
			return nil, err
		}
	}
	return sum, nil
}

// fitsGradient returns an error unless g, a matrix, can be a gradient of n.
func fitsGradient(n, g node) error {
	if !slices.Equal(g.Shape(), n.Shape()) || g.Dtype() != n.Dtype() {
		return fmt.Errorf("graph: grad: %s is %v %v and its gradient %v %v", describe(n), n.Dtype(), n.Shape(), g.Dtype(), g.Shape())
	}
	return nil
}

// reach holds the nodes from which a wanted node can be reached against the
// direction of the computation, by differentiable operands.
type reach map[node]bool

// through reports whether n reaches a wanted node by its operands.
func (r reach) through(n node) bool {
	for i, c := range children(n) {
		if differentiable(n, i) && r[c] {
			return true
		}
	}
	return false
}

// dependents marks the nodes of order, operands before users.
func dependents(order gorgonia.Nodes, wrt []node) (reach, error) {
	r := reach{}
	for _, w := range wrt {
		r[w] = true
	}
	for _, n := range order {
		if n.Op() == nil {
			continue
		}
		if _, ok := n.Op().(gorgonia.SDOp); !ok {
			for _, c := range children(n) {
				if r[c] {
					return nil, fmt.Errorf("graph: grad: %s is not differentiable", describe(n))
				}
			}
			continue
		}
		if r.through(n) {
			r[n] = true
		}
	}
	return r, nil
}

func differentiable(n node, i int) bool {
	return n.Op().(gorgonia.SDOp).DiffWRT(len(children(n)))[i]
}

// children returns the operands of n in order.
func children(n node) gorgonia.Nodes {
	var c gorgonia.Nodes
	for it := n.Graph().From(n.ID()); it != nil && it.Next(); {
		c = append(c, it.Node().(node))
	}
	return c
}

// Leaves returns the leaves that n is computed from, each once, n itself if it is one.
func Leaves(n *gorgonia.Node) []*gorgonia.Node {
	var leaves []*gorgonia.Node
	for _, x := range walk(n) {
		if len(children(x)) == 0 {
			leaves = append(leaves, x)
		}
	}
	return leaves
}

// walk returns the nodes on which roots depend, each once, operands before
// users, in an order that the construction of the graph fixes.
func walk(roots ...node) gorgonia.Nodes {
	var order gorgonia.Nodes
	seen := map[node]bool{}
	type frame struct {
		n    node
		rest gorgonia.Nodes
	}
	var stack []frame // not recursion: unrolled models are deep
	push := func(n node) {
		if !seen[n] {
			seen[n] = true
			stack = append(stack, frame{n, children(n)})
		}
	}
	for _, r := range roots {
		push(r)
		for len(stack) > 0 {
			f := &stack[len(stack)-1]
			if len(f.rest) == 0 {
				order = append(order, f.n)
				stack = stack[:len(stack)-1]
				continue
			}
			next := f.rest[0]
			f.rest = f.rest[1:]
			push(next)
		}
	}
	return order
}
