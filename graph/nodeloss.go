package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"gorgonia.org/gorgonia"
)

// A Definition states a loss as nodes: scores z [B,K] and targets t of B rows to losses
// [B]. Each loss depends on its own row alone. A score of −Inf is a masked candidate,
// which counts as deleted, and the loss of a padding row is not specified. It is called
// once for each graph that needs it, with B of at least 2, and makes nodes and nothing
// else: it may not use [Dropout], which would have to know the rows of the whole batch.
type Definition func(z *gorgonia.Node, t *Targets) (*gorgonia.Node, error)

// FromNode returns the form of a loss that has no closed one, for [Loss], [LinearLoss],
// [SampledLoss] and all others: their values come from its definition, their gradients
// from symbolic differentiation of it. Text names the loss, as in [Analytic].
//
// The ops compile the definition once each, at the precision of their scores, to a
// graph of few rows, and run batches through it a block of rows at a time: as many as
// fit in 32 MiB with all that the definition keeps of them, and at least two. A
// definition that cannot be compiled or differentiated is an error when the op is made.
// An error of its run names the loss and the row.
//
// What the contract of [RowLoss] says of masks, padding and scores that are not finite
// holds of the ops whatever the definition does there. Its Eval takes a block for each
// row, which is tens of times slower than the ops are, and allocates; where the ops would
// return an error, the value and the gradient are NaN.
func FromNode(text string, d Definition) Analytic { return FromTrained(text, d.untrained()) }

// nodeLoss is the RowLoss of a definition. Ops know it and take nodeRows.
type nodeLoss[T Float] struct {
	definition TrainedDefinition
	params     []node // of the graph of the ops
	mu         sync.Mutex
	idle       map[blockKind][]*nodeRows[T]
	kept       int // blocks in idle
}

// A blockKind says which rows a block of Eval takes: K candidates, and one label a row
// or any target.
type blockKind struct {
	k     int
	label bool
}

// maxIdle is how many blocks Eval keeps for the calls to come, of all kinds.
const maxIdle = 64

func (*nodeLoss[T]) WorkLen(int) int { return 0 }

// Eval takes a block that no other goroutine has.
func (l *nodeLoss[T]) Eval(dz, z []T, t Target[T], _ []T) T {
	kind := blockKind{len(z), len(t.Pos) == 1}
	r, err := l.take(kind)
	if len(l.params) > 0 {
		err = errors.New("the value of a trained parameter is that of a run")
	}
	var loss T
	if err == nil {
		err = r.each(1, true, func(_ int, row []T) (Target[T], error) {
			copy(row, z)
			return t, nil
		}, func(_ int, v T, grad, _ []T) {
			loss = v
			copy(dz, grad)
		}, func(i int) int { return i })
	}
	if err != nil {
		for j := range dz {
			dz[j] = T(math.NaN())
		}
		return T(math.NaN())
	}
	l.give(kind, r)
	return loss
}

func (l *nodeLoss[T]) take(kind blockKind) (*nodeRows[T], error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rs := l.idle[kind]; len(rs) > 0 {
		l.idle[kind] = rs[:len(rs)-1]
		l.kept--
		return rs[len(rs)-1], nil
	}
	capacity := kind.k
	if kind.label {
		capacity = 0
	}
	return &nodeRows[T]{definition: l.definition, rows: leastRows, k: kind.k, capacity: capacity}, nil
}

func (l *nodeLoss[T]) give(kind blockKind, r *nodeRows[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.kept == maxIdle { // another kind is asked for now
		clear(l.idle)
		l.kept = 0
	}
	if l.idle == nil {
		l.idle = map[blockKind][]*nodeRows[T]{}
	}
	l.idle[kind] = append(l.idle[kind], r)
	l.kept++
}

// byDefinition reports whether l is made by FromNode.
func (l Analytic) byDefinition() bool {
	_, ok := l.F32.(*nodeLoss[float32])
	return ok
}

// leastRows is the least number of rows of a block: Gorgonia takes a matrix of one row for
// a vector, which a definition of its stock ops need not expect.
const leastRows = 2

// nodeRows evaluates rows of k scores by a definition, in a graph of its own that holds
// a block of them.
type nodeRows[T Float] struct {
	definition TrainedDefinition
	params     int // that are trained
	rows, k    int
	capacity   int      // positions of the targets of a block; 0 is one label a row
	held       [2]int64 // bytes of a block that ran without and with gradients; estimates
	trained    *trainedRun[T]

	// Of the graph, which the first run makes.
	b       *Builder[T]
	z       []T // [rows,k]
	label   []int32
	targets *TargetData[T]
	loss    node           // [rows]
	dz      node           // [rows,k]
	param   [][]T          // [rows] of each parameter
	dparam  []node         // [rows] of each: ∂ℓ/∂parameter
	ofRow   []T            // those of a row
	program [2]*Program[T] // of the losses; of these and their gradients
	target  []Target[T]    // [rows]
}

// nodeRowsOf returns the blocks in which an op of that name evaluates rows of k scores,
// at most most, and nil if row is no definition or the op works at another precision,
// that of like. t are the op's targets, nil if each row has one label.
func nodeRowsOf[T Float](name string, row RowLoss[T], like node, most, k int, t *Targets) (*nodeRows[T], error) {
	l, ok := row.(*nodeLoss[T])
	if !ok || like.Dtype() != dtypeFor[T]() {
		return nil, nil
	}
	r := &nodeRows[T]{definition: l.definition, params: len(l.params), k: k}
	if t != nil && t.label == nil {
		r.capacity = t.capacity()
	}
	if err := r.fit(most); err != nil {
		return nil, fmt.Errorf("graph: %s: %w", name, err)
	}
	return r, nil
}

// fit chooses the rows of a block, at most most and as many as blockBytes hold, by the
// sizes of plans of two and of three rows, between which all that grows has grown by a row.
func (r *nodeRows[T]) fit(most int) error {
	var size [2][2]int64
	for i := range size {
		r.rows = leastRows + i
		var err error
		if size[i], err = r.plan(); err != nil {
			return err
		}
	}
	each := size[1][1] - size[0][1]
	r.rows = leastRows
	if more := (int64(blockBytes) - size[0][1]) / max(each, 1); more > 0 {
		r.rows = max(leastRows, int(min(int64(most), leastRows+more)))
	}
	for i := range r.held {
		r.held[i] = size[0][i] + int64(r.rows-leastRows)*(size[1][i]-size[0][i])
	}
	return nil
}

// like returns blocks of the same definition for rows of k scores, which are not fit yet.
func (r *nodeRows[T]) like(k int) *nodeRows[T] {
	return &nodeRows[T]{definition: r.definition, params: r.params, k: k, capacity: r.capacity, trained: r.trained}
}

// plan returns the bytes of a block without and with gradients.
func (r *nodeRows[T]) plan() (size [2]int64, err error) {
	at := r.like(r.k)
	at.rows = r.rows
	if err := at.build(NewPlan[T]()); err != nil {
		return size, err
	}
	for i := range size {
		p, err := at.compiled(i == 1)
		if err != nil {
			return size, err
		}
		size[i] = p.Bytes()
		if err := p.Close(); err != nil {
			return size, err
		}
	}
	return size, nil
}

// build makes the graph in b.
func (r *nodeRows[T]) build(b *Builder[T]) error {
	r.b = b
	book := bookOf(b.g)
	book.block, book.trained = r.rows, r.params > 0
	var z node
	z, r.z = b.Input("scores", r.rows, r.k)
	params := make([]node, r.params)
	r.param, r.dparam = make([][]T, r.params), nil
	for i := range params {
		params[i], r.param[i] = b.Input(fmt.Sprintf("parameter %d", i), r.rows)
	}
	var t *Targets
	if r.capacity > 0 {
		t, r.targets = b.Targets("targets", r.rows, r.capacity)
	} else {
		var label node
		label, r.label = b.Indices("labels", r.rows)
		t = &Targets{Rows: r.rows, label: label}
	}
	if err := b.Err(); err != nil {
		return err
	}
	loss, err := r.definition(z, t, params)
	switch {
	case err != nil:
		return fmt.Errorf("its definition: %w", err)
	case loss == nil:
		return errors.New("its definition returned no node")
	case loss.Dtype() != dtypeFor[T]() || loss.Dims() != 1 || len(loss.Shape()) != 1 || loss.Shape()[0] != r.rows:
		return fmt.Errorf("its definition made %v %v of %d rows of scores; want %v, a loss of each", loss.Dtype(), loss.Shape(), r.rows, dtypeFor[T]())
	}
	if slices.ContainsFunc(walk(loss), drops) {
		return errors.New("its definition uses Dropout, which works in models only")
	}
	var e Expr
	cost := e.N(Sum(loss))
	if e.Err != nil {
		return e.Err
	}
	grads, err := Grad(cost, append(params, z)...)
	if err != nil {
		return fmt.Errorf("its definition: %w", err)
	}
	r.loss, r.dz, r.dparam = loss, grads[r.params], grads[:r.params]
	return nil
}

// compiled returns the program that computes the losses, with their gradients if grad.
func (r *nodeRows[T]) compiled(grad bool) (*Program[T], error) {
	i, outs := 0, gorgonia.Nodes{r.loss}
	if grad {
		i, outs = 1, append(append(outs, r.dz), r.dparam...)
	}
	if r.program[i] == nil {
		var err error
		if r.program[i], err = r.b.Eval(outs...); err != nil {
			return nil, fmt.Errorf("its definition: %w", err)
		}
	}
	return r.program[i], nil
}

// open makes the graph on the first run, so that an op that never runs takes no memory.
func (r *nodeRows[T]) open() error {
	if r.b != nil {
		return nil
	}
	r.target = make([]Target[T], r.rows)
	return r.build(NewBuilder[T]())
}

// bytes estimates what a block holds once it has run.
func (r *nodeRows[T]) bytes(grad bool) int64 {
	if grad {
		return r.held[1]
	}
	return r.held[0]
}

// run evaluates the first n rows, whose scores stand in r.z and whose targets in
// r.target. It returns their losses and, if grad, gradients, which are valid until the
// next run; at names a row in errors.
func (r *nodeRows[T]) run(n int, grad bool, at func(i int) int) (loss, dz []T, err error) {
	p, err := r.compiled(grad)
	if err != nil {
		return nil, nil, err
	}
	for i := range r.target {
		if i >= n {
			r.target[i] = Target[T]{}
		}
		if len(r.target[i].Pos) == 0 { // numbers that may be none are nobody's
			clear(r.row(i))
		}
	}
	for i, x := range r.param {
		for j := range x {
			x[j] = r.trained.value[i]
		}
	}
	if err := r.attempt(p); err != nil {
		return nil, nil, r.locate(p, n, err, at)
	}
	loss = p.Value(r.loss)
	if grad {
		dz = p.Value(r.dz)
	}
	return loss[:n], dz, parallel(n, n*r.k, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			r.settle(i, loss, dz)
		}
		return nil
	})
}

// row returns the scores of row i of the block.
func (r *nodeRows[T]) row(i int) []T { return r.z[i*r.k : (i+1)*r.k] }

// attempt runs p on the scores and targets of the block.
func (r *nodeRows[T]) attempt(p *Program[T]) error {
	if r.targets != nil {
		if err := r.targets.Set(r.target); err != nil {
			return err
		}
	} else {
		for i, t := range r.target {
			r.label[i] = -1
			if len(t.Pos) > 0 {
				r.label[i] = t.Pos[0]
			}
		}
	}
	return p.Run()
}

// settle makes of row i what the contract of RowLoss says, whatever the definition does
// of padding, masks and scores that are not finite.
func (r *nodeRows[T]) settle(i int, loss, dz []T) {
	if dz != nil {
		dz = dz[i*r.k : (i+1)*r.k]
	}
	if len(r.target[i].Pos) == 0 {
		loss[i] = 0
		clear(dz)
		return
	}
	for j, v := range r.row(i) {
		switch {
		case v-v == 0:
		case !masked(v):
			loss[i] = T(math.NaN())
		case dz != nil:
			dz[j] = 0
		}
	}
}

// locate returns the error of the first row that fails when it is alone in the block.
func (r *nodeRows[T]) locate(p *Program[T], n int, err error, at func(i int) int) error {
	z, target := append([]T{}, r.z...), append([]Target[T]{}, r.target...)
	for i := range n {
		if len(target[i].Pos) == 0 {
			continue
		}
		clear(r.z)
		clear(r.target)
		copy(r.z, z[i*r.k:(i+1)*r.k])
		r.target[0] = target[i]
		if alone := r.attempt(p); alone != nil {
			return fmt.Errorf("row %d: %s", at(i), ofBlock(alone))
		}
	}
	return fmt.Errorf("rows %d to %d: %s", at(0), at(n-1), ofBlock(err))
}

// ofBlock returns the text of an error of a block without what speaks of the block.
func ofBlock(err error) string {
	text := strings.TrimPrefix(err.Error(), "graph: run: ")
	return strings.Replace(text, "row 0: ", "", 1)
}

// each evaluates n rows, a block at a time. fill, on several goroutines, stores the
// scores of row i in z and returns its target. take gets its loss and, if grad, its
// gradient and that by each parameter, in the order of rows.
func (r *nodeRows[T]) each(n int, grad bool, fill func(i int, z []T) (Target[T], error), take func(i int, loss T, dz, dparam []T), at func(i int) int) error {
	if err := r.open(); err != nil {
		return err
	}
	for lo := 0; lo < n; lo += r.rows {
		m := min(r.rows, n-lo)
		err := parallel(m, m*r.k, func(_, from, to int) (err error) {
			for i := from; i < to && err == nil; i++ {
				r.target[i], err = fill(lo+i, r.row(i))
			}
			return err
		})
		if err != nil {
			return err
		}
		loss, dz, err := r.run(m, grad, func(i int) int { return at(lo + i) })
		if err != nil {
			return err
		}
		for i, v := range loss {
			var g []T
			if grad {
				g = dz[i*r.k : (i+1)*r.k]
			}
			take(lo+i, v, g, r.byParam(i, grad))
		}
	}
	return nil
}
