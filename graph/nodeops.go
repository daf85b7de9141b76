package graph

import (
	"errors"
	"math"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The ops of losses, where the loss is a Definition.

// byDefinition has s take the blocks of the loss's definition, if it is one.
func (s *linearState[T]) byDefinition(name string, like node, t *Targets) (err error) {
	if s.nodes, err = nodeRowsOf(name, s.row, like, s.b, s.c, t); s.nodes != nil {
		s.rows = s.nodes.rows
	}
	return err
}

// nodeBlock is block by a definition: the scores are the input of its graph, and the
// gradients its output, if grad.
func (s *linearState[T]) nodeBlock(dst []T, in []any, lo, hi int, grad bool) error {
	r, n := s.nodes, hi-lo
	grad = grad || r.trained != nil && s.need.now // the forward pass leaves the gradient by trained parameters
	if err := r.open(); err != nil {
		return err
	}
	s.z = r.z
	s.scores(vec[T](in[0])[lo*s.d:hi*s.d], vec[T](in[1]), n)
	for i := range n {
		r.target[i] = s.view.row(lo + i)
	}
	if s.n == 3 {
		if err := parallel(n, n*s.c, func(_, from, to int) error {
			for i := from; i < to; i++ {
				if err := s.addBias(r.row(i), vec[T](in[2]), r.target[i], lo+i); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	loss, dz, err := r.run(n, grad, func(i int) int { return lo + i })
	copy(dst[lo:hi], loss)
	s.dz = dz
	if err == nil && r.trained != nil {
		for i := range n {
			r.trained.set(s.b, lo+i, r.byParam(i, grad))
		}
	}
	return err
}

// nodeForward is forward by a definition.
func (s *lossState[T]) nodeForward(dst, z []T) error {
	k := s.k
	return s.nodes.each(len(dst), s.need.now, func(i int, row []T) (Target[T], error) {
		t := s.view.row(i)
		copy(row, z[i*k:(i+1)*k])
		return t, unmasked(i, row, t)
	}, func(i int, loss T, dz, dparam []T) {
		dst[i] = loss
		s.nodes.trained.set(len(dst), i, dparam)
		if dz != nil {
			copy(s.dz[i*k:(i+1)*k], dz)
		}
	}, func(i int) int { return i })
}

// nodeForward is forward by a definition: every positive is a row of its own.
func (s *sampledState[T]) nodeForward(dst, pos, neg []T) error {
	s.places = s.view.places(s.places, s.b)
	clear(dst)
	if s.need.now {
		clear(s.dneg)
		s.nodes.trained.clear(s.b)
	}
	return s.nodes.each(len(s.places), s.need.now, func(e int, z []T) (t Target[T], err error) {
		i, j := s.places[e].row, s.places[e].at
		p, y := s.start(i), s.view.row(i).Pos[j]
		r := sampledRow[T]{pos: pos[p : p+j+1], neg: neg[i*s.k : (i+1)*s.k]}
		var logK T
		if err = positiveUnmasked(r.pos[j], y); err == nil {
			logK, err = s.candidates(z[1:], r, i, j, y)
		}
		if err == nil {
			z[0], err = s.positive(r, i, j, logK)
		}
		return s.first, inRow(i, err)
	}, func(e int, loss T, dz, dparam []T) {
		i, j := s.places[e].row, s.places[e].at
		w := s.view.row(i).Weight[j]
		dst[i] += w * loss
		if dz != nil {
			s.nodes.trained.add(i, w, dparam)
			s.dpos[s.start(i)+j] = w * dz[0]
			kernel.Axpy(w, dz[1:], s.dneg[i*s.k:(i+1)*s.k])
		}
	}, func(e int) int { return s.places[e].row })
}

// A place is a position of a target: the number at of a row.
type place struct{ row, at int }

// places returns the positions of the targets of all rows in order, in memory of all.
func (v *view[T]) places(all []place, rows int) []place {
	all = all[:0]
	for i := range rows {
		for j := range v.row(i).Pos {
			all = append(all, place{i, j})
		}
	}
	return all
}

// segmentsOf gives s32 and s64 the blocks of l, if it is a definition, for segments of k
// scores each, or more if a run has longer ones.
func segmentsOf(name string, l Analytic, z node, segments, k int, t *Targets, s32 *segmentState[float32], s64 *segmentState[float64]) error {
	var err32, err64 error
	s32.nodes, err32 = nodeRowsOf(name, l.F32, z, segments, k, t)
	s64.nodes, err64 = nodeRowsOf(name, l.F64, z, segments, k, t)
	return errors.Join(err32, err64)
}

// nodeRagged is the run of a RaggedLoss by a definition. The candidates that a segment
// lacks to the widest are masked.
func nodeRagged[T Float](s *segmentState[T], dst, dz []T, of []int32, in []any, widest int) error {
	if old := s.nodes; old.k < widest {
		k := old.k
		for k < widest {
			k *= 2
		}
		s.nodes = old.like(k)
		if err := s.nodes.fit(len(dst)); err != nil {
			return err
		}
	}
	z, ptr := vec[T](in[0]), in[1].([]int32)
	return s.nodes.each(len(dst), true, func(i int, row []T) (Target[T], error) {
		t, segment := s.view.row(i), z[ptr[i]:ptr[i+1]]
		if len(t.Pos) == 0 {
			return t, nil
		}
		for j := copy(row, segment); j < len(row); j++ {
			row[j] = T(math.Inf(-1))
		}
		return t, segmentFits(i, segment, t)
	}, func(i int, loss T, grad, dparam []T) {
		dst[i] = loss
		s.nodes.trained.set(len(dst), i, dparam)
		if len(s.view.row(i).Pos) == 0 {
			return
		}
		for j := ptr[i]; j < ptr[i+1]; j++ {
			of[j], dz[j] = int32(i), grad[j-ptr[i]]
		}
	}, func(i int) int { return i })
}

// nodeBinary is the run of a BinaryLoss by a definition.
func nodeBinary[T Float](s *segmentState[T], dst, dz []T, of, bit []int32, z []T) error {
	labels := []int32{0, 1}
	one := []T{1}
	return s.nodes.each(len(dst), true, func(i int, pair []T) (t Target[T], err error) {
		if bit[i] < 0 {
			return t, nil
		}
		if err = bitFits(bit[i], i); err != nil {
			return t, err
		}
		pair[0], pair[1] = 0, z[i]
		return Target[T]{Pos: labels[bit[i] : bit[i]+1], Weight: one}, nil
	}, func(i int, loss T, grad, dparam []T) {
		s.nodes.trained.set(len(dst), i, dparam)
		of[i], dst[i], dz[i] = -1, loss, grad[1]
		if bit[i] >= 0 {
			of[i] = int32(i)
		}
	}, func(i int) int { return i })
}

// positivesByBlocks is EachPositive in the graph of a block of a definition, where a
// matrix with a row for each position would be as large as targets may be: the rows go
// through blocks of blocks, of as many positions as the block has rows. Apart, a row of a
// block has the scores twice, with the other positions masked in the second. It is not
// differentiable again.
func positivesByBlocks(z node, t *Targets, apart bool, hard func(z, x *gorgonia.Node, t *Targets) (*gorgonia.Node, error)) (node, error) {
	const name = "each positive"
	if bookOf(z.Graph()).trained {
		return nil, errors.New("graph: each positive: the definition of a loss with trained parameters evaluates positives one by one only where each row has one label; state it by the whole target")
	}
	b, k := z.Shape()[0], z.Shape()[1]
	var need need
	s32, s64 := &positiveState[float32]{lossState[float32]{k: k, need: &need}, apart, nil}, &positiveState[float64]{lossState[float64]{k: k, need: &need}, apart, nil}
	definition := func(z *gorgonia.Node, t *Targets) (*gorgonia.Node, error) {
		if !apart {
			return hard(z, z, t)
		}
		var e Expr
		each, x := e.N(Slice(z, 1, 0, k)), e.N(Slice(z, 1, k, 2*k))
		if e.Err != nil {
			return nil, e.Err
		}
		return hard(each, x, t)
	}
	if err := errors.Join(s32.open(z, definition), s64.open(z, definition)); err != nil {
		return nil, err
	}
	return apply(spec{name: name, shape: tensor.Shape{b}, fixed: t.fixed(1), f32: s32.forward, f64: s64.forward, wants: need.wants,
		scratch: either(z, s32.scratch(b), s64.scratch(b)),
		diff:    lossGradient(name, &need, &s32.lossState, &s64.lossState, b, k)}, append([]node{z}, t.leaves()...)...)
}

// positiveState passes ∂ℓ/∂z of the averages of positives' losses on.
type positiveState[T Float] struct {
	lossState[T]
	apart  bool
	places []place
}

func (s *positiveState[T]) open(z node, hard Definition) error {
	if z.Dtype() != dtypeFor[T]() {
		return nil
	}
	s.nodes = &nodeRows[T]{definition: hard.untrained(), rows: bookOf(z.Graph()).block, k: s.k}
	if s.apart {
		s.nodes.k = 2 * s.k
	}
	var err error
	s.nodes.held, err = s.nodes.plan()
	return err
}

func (s *positiveState[T]) forward(dst []T, in []any) error {
	z, k := vec[T](in[0]), s.k
	s.view.read(in[1:])
	if err := s.view.check(len(dst), k); err != nil {
		return err
	}
	if s.need.now && s.dz == nil {
		s.dz = make([]T, len(z))
	}
	s.places = s.view.places(s.places, len(dst))
	clear(dst)
	clear(s.dz)
	one := []T{1}
	return s.nodes.each(len(s.places), s.need.now, func(e int, row []T) (Target[T], error) {
		i, j := s.places[e].row, s.places[e].at
		pos := s.view.row(i).Pos
		copy(row, z[i*k:(i+1)*k])
		if s.apart {
			copy(row[k:], row[:k])
			maskOthers(row[k:], pos, pos[j])
		}
		return Target[T]{Pos: pos[j : j+1], Weight: one}, nil
	}, func(e int, loss T, dz, _ []T) {
		i := s.places[e].row
		w := s.view.row(i).Weight[s.places[e].at]
		dst[i] += w * loss
		for len(dz) > 0 {
			kernel.Axpy(w, dz[:k], s.dz[i*k:(i+1)*k])
			dz = dz[k:]
		}
	}, func(e int) int { return s.places[e].row })
}
