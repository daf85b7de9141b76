package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorgonia.org/gorgonia"
)

// A Gradient is the gradient of a cost with respect to one parameter of shape
// [n, …]. Rows nil means dense: Data has the parameter's shape. Else Rows lists
// the rows that can be non-zero, unique and ascending, and Data holds those
// rows only.
//
// It is borrowed: read-only and valid until the next Run of its Program.
type Gradient[T Float] struct {
	Rows []int32
	Data []T
}

// sparse returns g, whose rows may be none: nil would mean dense.
func (g Gradient[T]) sparse() Gradient[T] {
	if g.Rows == nil {
		g.Rows = []int32{}
	}
	return g
}

// A Program is a graph compiled once and run for many steps: a tape machine
// over what its outputs need, and nothing else. Write the data of the leaves,
// Run, read the results. A last batch of fewer rows is filled up with padding
// rows.
//
// Not safe for concurrent use; of the Programs of one graph only one may run at
// a time. Programs of different graphs are independent even where their
// parameters share memory, as long as nobody writes it.
type Program[T Float] struct {
	vm     gorgonia.VM
	ops    []*op
	onKept []func() // what it asks of them
	mode   mode
	cost   node
	roots  map[node]node // what was asked for → the node that holds it
	params gorgonia.Nodes
	grads  []node
	sinks  []*tableSink[T] // of params; nil where there can be none
	nodes  gorgonia.Nodes  // that the machine computes
	plan   bool
	ran    bool
	held   *int64 // bytes of the Builder's own leaves
	leaves int    // that the machine reads
}

// Train compiles the cost, a scalar, and its gradients with respect to every
// Param of b; Value also returns what outs hold, such as one term of the cost. A Param that
// the cost does not use is an error. The graph is verified first; see [Verify].
func (b *Builder[T]) Train(cost *gorgonia.Node, outs ...*gorgonia.Node) (*Program[T], error) {
	if err := b.ready("train", append(gorgonia.Nodes{cost}, outs...)...); err != nil {
		return nil, err
	}
	if len(b.params) == 0 {
		return nil, errors.New("graph: train: the graph has no parameter")
	}
	if err := Verify(append(gorgonia.Nodes{cost}, outs...)...); err != nil {
		return nil, err
	}
	grads, err := reverse(cost, b.params, false, false)
	if err != nil {
		return nil, err
	}
	p := &Program[T]{mode: mode{train: true}, cost: cost, params: b.params, grads: grads, plan: b.plan, held: &b.held}
	if err := p.compile(slices.Concat(gorgonia.Nodes{cost}, grads, outs)); err != nil {
		return nil, err
	}
	return p, nil
}

// Eval compiles outs, whose values Value then returns. Dropout passes its input
// through.
func (b *Builder[T]) Eval(outs ...*gorgonia.Node) (*Program[T], error) {
	return b.forward(mode{}, outs)
}

// Forward is Eval of outs as a step of training computes them: Dropout drops.
func (b *Builder[T]) Forward(outs ...*gorgonia.Node) (*Program[T], error) {
	return b.forward(mode{train: true}, outs)
}

func (b *Builder[T]) forward(m mode, outs gorgonia.Nodes) (*Program[T], error) {
	if err := b.ready("eval", outs...); err != nil {
		return nil, err
	}
	if err := Verify(outs...); err != nil {
		return nil, err
	}
	p := &Program[T]{mode: m, plan: b.plan, held: &b.held}
	if err := p.compile(outs); err != nil {
		return nil, err
	}
	return p, nil
}

// ready returns what is wrong with the Builder or the nodes to compile.
func (b *Builder[T]) ready(what string, outs ...node) error {
	if err := b.Err(); err != nil {
		return err
	}
	if len(outs) == 0 {
		return fmt.Errorf("graph: %s: nothing to compute", what)
	}
	for _, n := range outs {
		switch {
		case n == nil:
			return fmt.Errorf("graph: %s: an output is nil", what)
		case n.Graph() != b.g:
			return fmt.Errorf("graph: %s: %s is of another graph", what, describe(n))
		case n.Dtype() != dtypeFor[T]():
			return fmt.Errorf("graph: %s: %s is %v; want %v", what, describe(n), n.Dtype(), dtypeFor[T]())
		}
	}
	return nil
}

// compile makes the machine that computes wanted.
func (p *Program[T]) compile(wanted gorgonia.Nodes) error {
	// A stock elementwise op may write into its operand where it is the last to
	// read it, also if that is one of our outputs. What others read is copied.
	used := map[node]bool{}
	for _, n := range walk(wanted...) {
		for _, c := range children(n) {
			used[c] = true
		}
	}
	p.roots = map[node]node{}
	var roots gorgonia.Nodes
	for _, n := range wanted {
		if p.roots[n] != nil {
			continue
		}
		root := n
		if used[n] || n.Op() == nil {
			var err error
			if root, err = Identity(n); err != nil {
				return err
			}
		}
		p.roots[n] = root
		roots = append(roots, root)
	}
	if err := verifyCompiled(roots...); err != nil {
		return err
	}
	order := walk(roots...)
	readers := map[node]gorgonia.Nodes{}
	for _, n := range order {
		for _, c := range children(n) {
			readers[c] = append(readers[c], n)
		}
	}
	var leaves gorgonia.Nodes
	for _, n := range order {
		if o, ok := n.Op().(*op); ok {
			p.ops = append(p.ops, o)
			if o.onKept != nil {
				byRows := p.byRows(n, readers[n])
				p.onKept = append(p.onKept, func() { o.onKept(byRows) })
			}
			if addsRows(n) {
				for i, t := range o.rows.terms {
					o.rows.lent[i] = keeps(t, readers[t])
				}
			}
		}
		if n.Op() == nil {
			leaves = append(leaves, n)
		} else {
			p.nodes = append(p.nodes, n)
		}
	}
	p.leaves = len(leaves)
	p.findSinks(readers)
	g := roots[0].Graph()
	prog, locations, err := gorgonia.CompileFunction(g, leaves, roots)
	if err != nil {
		return fmt.Errorf("graph: compile: %w", err)
	}
	own := map[*op]mode{} // which the new machine would set
	for _, n := range g.AllNodes() {
		if o, ok := n.Op().(*op); ok {
			own[o] = o.own
		}
	}
	p.vm = gorgonia.NewTapeMachine(g, gorgonia.WithPrecompiled(prog, locations))
	for o, m := range own {
		o.own = m
	}
	return nil
}

// byRows reports whether all who read n take the rows of it that are not zero: Grad
// and Step, and sums of row-sparse gradients.
func (p *Program[T]) byRows(n node, readers gorgonia.Nodes) bool {
	output := p.roots[n] == n && (n == p.cost || !slices.Contains(p.grads, n))
	return !output && !slices.ContainsFunc(readers, func(r node) bool { return !addsRows(r) })
}

// keeps reports whether the memory of n holds its value to the end of a run: ours does
// where no stock op writes into it, a leaf's may be the caller's to write, and the
// machine gives that of a stock op away.
func keeps(n node, readers gorgonia.Nodes) bool {
	_, own := n.Op().(*op)
	return own && !slices.ContainsFunc(readers, overwrites)
}

// SetStep says which step of a training the runs are that follow, 0 at first. Only
// [Dropout] asks: runs of one step have the same masks.
func (p *Program[T]) SetStep(step int) { p.mode.step = step }

// Run computes the outputs from what the leaves hold. After an error the
// outputs are undefined and the Program may be run again. A cost that is NaN or
// infinite is a value, not an error.
func (p *Program[T]) Run() error {
	switch {
	case p.vm == nil:
		return errors.New("graph: run: the program is closed")
	case p.plan:
		return errors.New("graph: run: the program is a plan; see NewPlan")
	}
	p.ran = false
	p.claim()
	defer p.release()
	p.vm.Reset()
	if err := p.vm.RunAll(); err != nil {
		return fmt.Errorf("graph: run: %w", cause(err))
	}
	p.ran = true
	return nil
}

// claim has the ops work for this Program alone, until release.
func (p *Program[T]) claim() {
	for _, o := range p.ops {
		o.mode = &p.mode
		if o.wants != nil {
			o.wants(false)
		}
	}
	for _, f := range p.onKept {
		f()
	}
	p.claimSinks()
}

// release has them work for any machine.
func (p *Program[T]) release() {
	p.releaseSinks()
	for _, o := range p.ops {
		o.mode = nil
		if o.wants != nil {
			o.wants(true)
		}
	}
}

// cause strips the machine's frames, which print instructions and hide the
// error that they wrap, from an error of one of our ops.
func cause(err error) error {
	if _, own, ok := strings.Cut(err.Error(), "graph: "); ok {
		return errors.New(own)
	}
	return err
}

// nodeBytes is what a node of a graph takes beside its value, with its op, its
// instruction and its share of the tape: 1.5 to 1.8 KiB in graphs of 11 to 325 nodes
// (TestNodeBytes), and the header of a value.
const nodeBytes = 2 << 10

// Bytes estimates the memory that the Program holds once it has run, the data of
// parameters and constants apart: the nodes, the leaves that its Builder made, the
// value of each node, and what ops keep beside it, gradients above all.
// What an op makes of the data is counted at its largest: a row-sparse gradient of
// W that the loss may also find dense counts as dense. The rows that Grad adds up come
// on top, and where several terms are row-sparse the list of their rows; Step with a
// [SumUpdater] adds none up. A gradient that a [Program.Sink] takes is not held. A [Sparse]
// counts once, with its transpose, however many nodes multiply by it.
func (p *Program[T]) Bytes() int64 {
	p.claim()
	defer p.release()
	total := *p.held + nodeBytes*int64(len(p.nodes)+p.leaves)
	counted := map[*Sparse]bool{nil: true}
	for _, n := range p.nodes {
		o, own := n.Op().(*op)
		if own && !counted[o.holds] {
			counted[o.holds], counted[o.holds.transposed] = true, true
			total += o.holds.Bytes()
		}
		if !own || o.borrowed32 == nil && o.borrowed64 == nil { // what is borrowed is another's memory
			total += int64(n.Shape().TotalSize()) * int64(n.Dtype().Size())
		}
		if own && o.scratch != nil {
			total += o.scratch()
		}
	}
	return total
}

// Cost returns the cost of the last Run of a Program made by Train.
func (p *Program[T]) Cost() T {
	if p.cost == nil {
		panic("graph: Cost of a program without one")
	}
	return p.Value(p.cost)[0]
}

// Value returns the value of an output after a Run, borrowed until the next
// one: the cost of Train, or any argument of Eval.
func (p *Program[T]) Value(n *gorgonia.Node) []T {
	root := p.roots[n]
	if root == nil {
		panic("graph: Value of a node that is no output of the program")
	}
	if !p.ran {
		panic("graph: Value without a successful Run")
	}
	switch d := root.Value().Data().(type) {
	case []T:
		return d
	case T:
		return []T{d}
	}
	panic(fmt.Sprintf("graph: %s holds %T", describe(n), root.Value().Data()))
}

// Grad returns the gradient of the cost with respect to param after a Run.
func (p *Program[T]) Grad(param *gorgonia.Node) Gradient[T] {
	n := p.keptGrad(param)
	if r := rowsOf(n); r != nil {
		s := sumsOf[T](r)
		return Gradient[T]{Rows: s.Rows, Data: s.all()}
	}
	if h := borrowedOf[T](p.roots[n]); h != nil {
		if dense, rows := h(); dense == nil {
			return rows.sparse()
		}
	}
	return Gradient[T]{Data: p.Value(n)}
}

// Step has u move t, which holds the data of param, along the gradient of the cost
// with respect to param after a Run: u.Update(t, p.Grad(param)), but a [SumUpdater]
// adds up the rows of a row-sparse gradient itself. What Grad returns of param is
// undefined from then on until the next Run. The number of a [Scalar] that has left its
// bounds is at the bound then. What the run has moved already, by [Program.Sink], stays
// as it is.
func (p *Program[T]) Step(param *gorgonia.Node, t *Table[T], u Updater[T]) (err error) {
	i := p.gradOf(param)
	if p.hasMoved(i) {
		if moved := p.sinks[i].table; moved != t {
			return fmt.Errorf("graph: step: the run has moved table %q by Sink, and this is another", moved.Name)
		}
		return nil
	}
	if r := rowsOf(p.grads[i]); r != nil {
		err = t.move(u, sumsOf[T](r))
	} else {
		err = u.Update(t, p.Grad(param))
	}
	t.project()
	return err
}

// GradRows returns the rows of Grad(param) without adding them up: nil means dense.
func (p *Program[T]) GradRows(param *gorgonia.Node) []int32 {
	if r := rowsOf(p.keptGrad(param)); r != nil {
		return sumsOf[T](r).Rows
	}
	return p.Grad(param).Rows
}

// keptGrad returns the node of the gradient with respect to param after a Run that kept it.
func (p *Program[T]) keptGrad(param *gorgonia.Node) node {
	i := p.gradOf(param)
	if p.hasMoved(i) {
		panic("graph: Grad of a parameter whose table the run has moved; see Sink")
	}
	return p.grads[i]
}

// gradOf returns the number of param after a Run.
func (p *Program[T]) gradOf(param *gorgonia.Node) int {
	i := slices.Index(p.params, param)
	if i < 0 || !p.mode.train {
		panic("graph: Grad of a node that is no parameter of the program")
	}
	if !p.ran {
		panic("graph: Grad without a successful Run")
	}
	return i
}

// Close frees the machine. A closed Program does not run.
func (p *Program[T]) Close() error {
	if p.vm == nil {
		return nil
	}
	err := p.vm.Close()
	p.vm, p.ran = nil, false
	return err
}

// Identity returns a copy of x.
func Identity(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unaryOf("identity", x, mapped(1, same[float32]), mapped(1, same[float64]), func(_ *Expr, _, _, g node) node { return g })
}

// Detach returns x as a constant: a copy that has no gradient. What a definition
// detaches its gradient holds fixed.
func Detach(x *gorgonia.Node) (*gorgonia.Node, error) {
	return unaryOf("detach", x, mapped(1, same[float32]), mapped(1, same[float64]), nil)
}

func same[T Float](dst, x []T) { copy(dst, x) }
