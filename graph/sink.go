package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// BlockRows returns the number of rows of width dim of which the blocks that a
// [BlockUpdater] gets are multiples, but for the last of a table: 32, or 16 where dim is above 128.
func BlockRows(dim int) int { return kernel.SinkRows(dim) }

// A BlockUpdater is an Updater that can move a table by blocks of rows, each as soon as
// its gradient is known: what [Program.Sink] takes. Begin, Block for every row of the
// table, and End are Update by a dense gradient, to the bit.
type BlockUpdater[T Float] interface {
	Updater[T]

	// Begin starts a step of t, or says why it cannot.
	Begin(t *Table[T]) error

	// Block moves the rows of t from row on along grad [n,Dim], their gradient, which it
	// may overwrite. Each row is given in one call of a step. row is a multiple of
	// [BlockRows], and so is n unless the table ends there.
	//
	// Calls come from several goroutines at a time. worker, below what runtime.GOMAXPROCS(0)
	// has been at most since Begin, is no other goroutine's meanwhile; which rows it gets,
	// and when, is not determined, and no result may depend on it.
	Block(worker, row int, grad []T)

	// Ahead returns up to two pieces of memory, nil for none, that Block of the n rows from
	// row on is going to read beside the table, as its moments: they are brought into the
	// cache while the gradient of the rows is computed.
	Ahead(row, n int) (p, q []T)

	// End ends the step.
	End()
}

// A UnitBlockUpdater is a BlockUpdater that leads a gradient through [L2Normalize] itself,
// while it moves the rows: that of a [LinearLoss] with Unit comes by UnitBlock.
type UnitBlockUpdater[T Float] interface {
	BlockUpdater[T]

	// UnitBlock is Block for the gradient with respect to the rows of L2Normalize(t), to the
	// bits that L2Normalize's derivative and Block would have.
	UnitBlock(worker, row int, grad []T)
}

// Sink has the runs that follow move t, which holds the data of param, along the gradient
// of the cost with respect to param by u, in place of keeping that gradient: a block of
// rows moves when its gradient is finished and still in cache, and no matrix of the size
// of the table is held or read again. A u that is nil ends that. What t becomes has the
// bits that it would have by [Program.Step], which is still called after each run: it
// moves t where the run found the gradient to have few rows, and else does nothing more.
// Grad and GradRows of param panic after a run that has moved t.
//
// It returns false, and does nothing, where the gradient of param is not known block by
// block or the program reads param otherwise: the gradient must come from one
// [LinearLoss] alone, whose W param is and whose fused form finishes rows as it goes, and
// nothing else may read param, an output included. The fused forms that do not are those of
// a mean over the targets of a row whose entries at the target balance the others, such as
// bpr over all classes.
//
// A t that has not the size of param is an error of the run. A run that fails may have
// moved some rows. Whoever must know the gradients of all parameters before one of them
// moves, as clipping by their common norm does, cannot use it. In a plan u is not called,
// and may be any BlockUpdater.
func (p *Program[T]) Sink(param *gorgonia.Node, t *Table[T], u BlockUpdater[T]) bool {
	i := slices.Index(p.params, param)
	if i < 0 {
		panic("graph: Sink of a node that is no parameter of the program")
	}
	s := p.sinks[i]
	if s == nil {
		return false
	}
	s.table, s.to = t, u
	return true
}

// A sinkable is a gradient of a leaf that the op which makes it can hand over by blocks.
type sinkable struct {
	by   []node        // who may read the leaf: nobody reads a row after it was handed over
	set  func(rowSink) // has the op do so in the runs that follow; not, of nil
	done func() bool   // whether it did in the last run
}

// A rowSink takes the blocks of a run between begin and end.
type rowSink interface {
	kernel.Sink
	begin() error
	end()
}

// A tableSink hands the gradient of a parameter, of size numbers, to the updater of its table.
type tableSink[T Float] struct {
	of    *sinkable
	size  int
	table *Table[T]
	to    BlockUpdater[T] // nil: nobody takes it
	moved bool            // the table, in the last run
}

func (s *tableSink[T]) begin() error {
	if s.table == nil || len(s.table.Data) != s.size {
		return fmt.Errorf("graph: sink: what is to move is no table of the %d numbers of its parameter", s.size)
	}
	return s.to.Begin(s.table)
}

func (s *tableSink[T]) end() { s.to.End() }

// Rows implements kernel.Sink, at float32 alone.
func (s *tableSink[T]) Rows(worker, c0, _ int, dw []float32) {
	s.to.Block(worker, c0, any(dw).([]T))
}

// UnitRows implements kernel.UnitSink, at float32 alone.
func (s *tableSink[T]) UnitRows(worker, c0, _ int, dw []float32) bool {
	to, ok := s.to.(UnitBlockUpdater[T])
	if ok {
		to.UnitBlock(worker, c0, any(dw).([]T))
	}
	return ok
}

// Ahead implements kernel.Sink.
func (s *tableSink[T]) Ahead(c0, n int) (p, q []float32) {
	a, b := s.to.Ahead(c0, n)
	p, _ = any(a).([]float32)
	q, _ = any(b).([]float32)
	return p, q
}

// findSinks notes which parameters can be moved in a run; readers are those of each node
// that the machine computes or reads.
func (p *Program[T]) findSinks(readers map[node]gorgonia.Nodes) {
	p.sinks = make([]*tableSink[T], len(p.params))
	for i, w := range p.params {
		n := p.grads[i]
		o, ok := n.Op().(*op)
		if !ok || o.sinkable == nil || p.roots[n] != n || len(readers[n]) > 0 {
			continue
		}
		if !slices.ContainsFunc(readers[w], func(r node) bool { return !slices.Contains(o.sinkable.by, r) }) {
			p.sinks[i] = &tableSink[T]{of: o.sinkable, size: w.Shape().TotalSize()}
		}
	}
}

// claimSinks has the ops hand over what somebody takes, until releaseSinks.
func (p *Program[T]) claimSinks() {
	for _, s := range p.sinks {
		if s != nil && s.to != nil {
			s.of.set(s)
		}
	}
}

func (p *Program[T]) releaseSinks() {
	for _, s := range p.sinks {
		if s != nil {
			s.moved = s.to != nil && s.of.done()
			s.of.set(nil)
		}
	}
}

// hasMoved reports whether the last run has moved the table of parameter i.
func (p *Program[T]) hasMoved(i int) bool { return p.sinks[i] != nil && p.sinks[i].moved }
