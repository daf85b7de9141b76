package models

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// vectored is an attached head that scores each class by a vector of its own.
type vectored interface {
	// classVectors returns the vectors [n,d] of the classes pos [n], which are the positives of
	// a batch one after the other and then −1, and those of the draws: [B·k,d], those of
	// one row after those of another, or [k,d] where all rows share them. Empty places and
	// those of padding are zeros; draws is nil where there are none.
	classVectors(pos *gorgonia.Node) (of, draws *gorgonia.Node, shared bool, err error)
}

// positives are the leaves of a penalty: of each positive of the batch the class, the row
// and its share in the row.
type positives[T graph.Float] struct {
	class, row []int32
	share      []T
}

// Penalise adds to the cost the L2 regularisation of what a batch reads,
//
//	½ Σ_b w_b [λ‖h_b‖² + μ(Σ_j t_bj‖v_j‖² + mean_k ‖v_bk‖²)] / Σ_b w_b
//
// over its rows b, of their encodings h_b before any dropout, the vectors v_j of their
// positives j with shares t_bj, and those of their draws k; λ is contexts and μ classes,
// both at least 0. Over all classes there are no draws.
//
// With pairs as rows and one draw it is what the published program of LightGCN (He et al.,
// SIGIR 2020) adds to BPR: ½λ(‖user‖² + ‖positive‖² + ‖negative‖²), summed over the batch
// and divided by its rows, as Rendle et al. 2009 draw to 0, in each step, the three vectors
// that it reads. The shares make it one penalty of an interaction whether a row is a pair or
// a user weighted by its interactions, and the mean makes it one whatever the number of
// draws.
//
// It is called once, before the cost is differentiated. The error is of a head that
// scores no class by a vector of its own.
func (o *Objective[T]) Penalise(contexts, classes float64) error {
	var e graph.Expr
	add := func(squares *gorgonia.Node, weight float64) { // [rows]
		o.cost = e.N(graph.Add(o.cost, e.N(o.mean(e.N(graph.Scale(squares, weight/2))))))
	}
	if contexts > 0 {
		h := o.h
		if raw, ok := o.graph.once[undropped{}]; ok {
			h = e.N(o.graph.Contexts.examples(raw))
		}
		add(e.N(graph.RowDot(h, h)), contexts)
	}
	if classes == 0 || e.Err != nil {
		return e.Err
	}
	head, ok := o.Attached.(vectored)
	if !ok {
		return fmt.Errorf("models: no class is scored by a vector of its own, of which to take the square; the heads of which one is are all and sampled")
	}
	o.positives = &positives[T]{}
	var class, row, share *gorgonia.Node
	class, o.positives.class = o.b.Indices("penalty.class", o.places)
	row, o.positives.row = o.b.Indices("penalty.row", o.places)
	share, o.positives.share = o.b.Input("penalty.share", o.places)
	of, draws, shared, err := head.classVectors(class)
	if err != nil {
		return err
	}
	rows := o.h.Shape()[0]
	add(e.N(graph.SegmentSum(e.N(graph.RowDot(of, of)), share, row, rows)), classes)
	if draws == nil {
		return e.Err
	}
	squares := e.N(graph.RowDot(draws, draws))
	if k := draws.Shape()[0]; shared { // the rows' parts in the mean are 1 together
		o.cost = e.N(graph.Add(o.cost, e.N(graph.Scale(e.N(graph.Sum(squares)), classes/2/float64(k)))))
	} else {
		add(e.N(graph.RowMean(e.N(graph.Reshape(squares, rows, k/rows)))), classes)
	}
	return e.Err
}

// fill gives the leaves those of a batch.
func (p *positives[T]) fill(batch *data.Batch) {
	n := 0
	for i := range batch.Len() {
		for j := batch.Targets.Ptr[i]; j < batch.Targets.Ptr[i+1]; j++ {
			p.class[n], p.row[n], p.share[n] = batch.Targets.Class[j], int32(i), T(batch.Targets.Weight[j])
			n++
		}
	}
	for ; n < len(p.row); n++ {
		p.class[n], p.row[n], p.share[n] = -1, -1, 0
	}
}

// classVectors implements vectored.
func (s *attachedAll[T]) classVectors(pos *gorgonia.Node) (of, draws *gorgonia.Node, shared bool, err error) {
	of, err = graph.Lookup(s.w, pos)
	return of, nil, false, err
}

// classVectors implements vectored. A draw of a row without positives, which is padding, is none.
func (s *attachedSampled[T]) classVectors(pos *gorgonia.Node) (of, draws *gorgonia.Node, shared bool, err error) {
	var e graph.Expr
	drawn := s.ids
	w, place := s.vectorNode, func(id int32) int32 { return id }
	if s.w == nil {
		drawn, pos, place = s.uniqueNode, s.posNode, s.place
	}
	k := s.head.n
	ids := e.N(graph.HostInts(drawn, func(dst []int32) error {
		for i := range dst {
			dst[i] = -1
			if r := i / k; s.head.shared || s.batch.Ptr[r] < s.batch.Ptr[r+1] {
				dst[i] = place(s.draws.IDs[i])
			}
		}
		return nil
	}, s.ids.Shape().TotalSize()))
	return e.N(graph.Lookup(w, pos)), e.N(graph.Lookup(w, ids)), s.head.shared, e.Err
}

// undropped is the key under which a graph keeps the encodings before dropout.
type undropped struct{}

// Dropped returns m with dropout of its encodings: in training each of their numbers is 0
// with probability p, 0 ≤ p < 1, and the others are divided by 1−p, by [graph.Dropout] with
// that seed. Elsewhere they are m's. It is a Model to train or to check by, with the tables
// of m.
func Dropped(m Model, p float64, seed uint64) Model { return dropped{m, p, seed} }

type dropped struct {
	Model
	p    float64
	seed uint64
}

func (d dropped) Contexts(in *Inputs) (*gorgonia.Node, error) {
	h, err := d.Model.Contexts(in)
	if err != nil {
		return nil, err
	}
	in.g.once[undropped{}] = h
	return graph.Dropout(h, d.p, d.seed)
}
