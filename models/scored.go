package models

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// ScoredRows are N rows of candidates with scores of their own, whose losses under the
// loss at hand a head adds up: row n counts as Weight[n] of the loss of row Row[n] of the
// batch. Scores are composed of package graph's general nodes alone, none of which knows a
// loss, so that any form of the loss can end them.
type ScoredRows struct {
	Scores  *gorgonia.Node // [N,K]; −Inf is a masked candidate
	Targets *graph.Targets // of the N rows
	Row     *gorgonia.Node // Int32 [N], a leaf: −1 is nobody's row. Nil: row n is the batch's, N = B
	Weight  *gorgonia.Node // [N], a leaf; nil with Row

	// How Scores come from the scores z [B,C] of all classes of a layer, where they are no
	// such z: entry e of the last run's is z_{i,j} of Place[e] = i·C + j, 0 of −1, plus that
	// of Added [N,K], which may be nil. Both nil otherwise.
	Place []int32
	Added *gorgonia.Node
}

// A Scoring is an Attached that can say its loss a second time, by scores: what
// [CheckGradient] ends with the loss's definition and with its closed form. One that
// cannot is checked by differences of its own loss alone. All heads of this package can.
type Scoring interface {
	Attached

	// ScoredRows adds the scores to the graph that the head is attached to. It is called
	// at most once, before Set.
	ScoredRows() ([]ScoredRows, error)
}

// lossOf returns the losses [rows] of the batch's rows as the sum of those of all, each
// ended by a form of the loss.
func lossOf(all []ScoredRows, rows int, form func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error)) (*gorgonia.Node, error) {
	var e graph.Expr
	var sum *gorgonia.Node
	for _, s := range all {
		loss := e.N(form(s.Scores, s.Targets))
		if s.Row != nil {
			loss = e.N(graph.SegmentSum(loss, s.Weight, s.Row, rows))
		}
		if sum != nil {
			loss = e.N(graph.Add(sum, loss))
		}
		sum = loss
	}
	return sum, e.Err
}

// linearScores returns the scores [B,C] of a linear layer as a node. name is unique in the
// graph.
func linearScores[T graph.Float](b *graph.Builder[T], name string, lin graph.Linear) (*gorgonia.Node, error) {
	var e graph.Expr
	w := lin.W
	if lin.Unit {
		w = e.N(graph.L2Normalize(w))
	}
	z := e.N(graph.MatMul(lin.H, w, false, true))
	if e.Err != nil || lin.Bias == nil {
		return z, e.Err
	}
	rows, classes := z.Shape()[0], z.Shape()[1]
	ones := make([]T, rows)
	for i := range ones {
		ones[i] = 1
	}
	bias := e.N(graph.MatMul(b.Constant(name+".ones", ones, rows, 1), e.N(graph.Reshape(lin.Bias, 1, classes)), false, false))
	return e.N(graph.Add(z, bias)), e.Err
}

// gathered returns a matrix [n,k] of scores z [B,C]: at is Int32 [n·k] with i·C + j for
// z_ij, and −1 for 0.
func gathered(z, at *gorgonia.Node, n, k int) (*gorgonia.Node, error) {
	var e graph.Expr
	flat := e.N(graph.Reshape(z, z.Shape().TotalSize(), 1))
	return e.N(graph.Reshape(e.N(graph.Lookup(flat, at)), n, k)), e.Err
}

// scoredLeaves are the leaves of ScoredRows that are filled with each batch.
type scoredLeaves[T graph.Float] struct {
	row     []int32
	weight  []T
	targets *graph.TargetData[T]
	place   []int32 // of the candidates of the last run
}

// newScoredLeaves makes leaves for up to n rows with up to positions target entries.
func newScoredLeaves[T graph.Float](b *graph.Builder[T], name string, n, positions int) (*scoredLeaves[T], ScoredRows) {
	l, s := &scoredLeaves[T]{}, ScoredRows{}
	s.Row, l.row = b.Indices(name+".row", n)
	s.Weight, l.weight = b.Input(name+".weight", n)
	s.Targets, l.targets = b.Targets(name+".target", n, positions)
	return l, s
}

// first is the target of a row whose first candidate is its positive.
func first[T graph.Float]() ([]int32, []T) { return []int32{0}, []T{1} }

// ScoredRows implements Scoring.
func (s *attachedAll[T]) ScoredRows() ([]ScoredRows, error) {
	z, err := linearScores(s.b, "scored", s.linear)
	return []ScoredRows{{Scores: z, Targets: s.targets}}, err
}

// ScoredRows implements Scoring: a row for each positive, which is its first candidate
// before the row's draws. Classes are those of the whole frame, also where the head itself
// reads the vectors of few.
func (s *attachedSampled[T]) ScoredRows() ([]ScoredRows, error) {
	n, k, c := cap(s.batch.Pos), s.head.n+1, s.Classes.rows
	var rows ScoredRows
	s.scored, rows = newScoredLeaves(s.b, "scored", n, n)
	var e graph.Expr
	lin := graph.Linear{H: s.x, W: e.N(classes(s.Graph, s.model)), Bias: s.vector(s.head.bias), Unit: s.head.score == Cosine}
	z := e.N(linearScores(s.b, "scored", lin))
	s.scored.place = make([]int32, n*k)
	at := e.N(graph.HostInts(s.ids, func(dst []int32) error {
		s.candidates(func(p, j int, id int32, _ float64) {
			dst[p*k+j] = -1
			if id >= 0 {
				dst[p*k+j] = s.scored.row[p]*int32(c) + id
			}
		})
		copy(s.scored.place, dst)
		return nil
	}, n*k))
	rows.Place = s.scored.place
	rows.Added = e.N(graph.HostFloats(s.ids, func(dst []T) error {
		s.candidates(func(p, j int, _ int32, add float64) { dst[p*k+j] = T(add) })
		return nil
	}, n, k))
	if e.Err != nil {
		return nil, e.Err
	}
	rows.Scores = e.N(graph.Add(e.N(gathered(z, at, n, k)), rows.Added))
	return []ScoredRows{rows}, e.Err
}

// setScored gives the leaves of ScoredRows the positives of a batch.
func (s *attachedSampled[T]) setScored(batch *data.Batch) error {
	l := s.scored
	l.targets.Reset()
	at := 0
	for i := range batch.Len() {
		for _, w := range s.shares(batch, i) {
			l.row[at], l.weight[at] = int32(i), w
			if err := l.targets.Append(first[T]()); err != nil {
				return err
			}
			at++
		}
	}
	for ; at < len(l.row); at++ {
		l.row[at], l.weight[at] = -1, 0
	}
	return nil
}

// candidates says of candidate j of each positive p which class it is and what is added
// to its score: minus the correction as [graph.Correction] defines it, in float64, or −Inf
// of a draw that is left out. Rows of nobody have class −1 and 0 added.
func (s *attachedSampled[T]) candidates(each func(p, j int, id int32, add float64)) {
	h, k := s.head, s.head.n
	drop := h.drop || h.correction == graph.CorrectImportance
	add := make([]float64, k)
	for p, row := range s.scored.row {
		if row < 0 {
			for j := range k + 1 {
				each(p, j, -1, 0)
			}
			continue
		}
		y, lo := s.batch.Pos[p], 0
		if !h.shared {
			lo = int(row) * k
		}
		ids := s.draws.IDs[lo : lo+k]
		kept := 0.0
		for j, id := range ids {
			own := s.draws.From != nil && s.draws.From[j] == row
			known := s.known != nil && s.known.skip[int(row)*k+j] != 0
			if add[j] = 0; id < 0 || own || known || drop && id == y {
				add[j] = math.Inf(-1)
			} else {
				kept++
			}
		}
		positive := 0.0
		if h.correction != graph.Uncorrected && kept > 0 {
			logQ, shift := float64(s.draws.PosLogQ[p]), math.Log(kept)
			switch h.correction {
			case graph.CorrectLogQ:
				positive = -s.scale * (logQ + shift)
			case graph.CorrectImportance: // the draws follow q/(1−q_y)
				shift -= math.Log1p(-min(math.Exp(logQ), 1-1e-12))
			}
			for j := range add {
				if !math.IsInf(add[j], -1) {
					add[j] = -s.scale * (float64(s.draws.LogQ[lo+j]) + shift)
				}
			}
		}
		each(p, 0, y, positive)
		for j, id := range ids {
			each(p, j+1, id, add[j])
		}
	}
}

// ScoredRows implements Scoring: a pair of scores (0, z) for each decision.
func (s *attachedTree[T]) ScoredRows() ([]ScoredRows, error) {
	h, m := s.head, len(s.rows)
	var e graph.Expr
	z := e.N(linearScores(s.b, "scored", graph.Linear{H: s.x, W: s.matrix(h.w), Bias: s.vector(h.bias), Unit: h.score == Cosine}))
	var at *gorgonia.Node
	at, s.scored.at = s.b.Indices("scored.at", 2*m)
	targets, data := s.b.Targets("scored.target", m, m)
	s.scored.targets = data
	if e.Err != nil {
		return nil, e.Err
	}
	return []ScoredRows{{Scores: e.N(gathered(z, at, m, 2)), Targets: targets, Row: s.row, Weight: s.weightNode, Place: s.scored.at}}, e.Err
}

// setScored fills the leaves of ScoredRows with the decisions of the batch.
func (s *attachedTree[T]) setScored() error {
	nodes := int32(s.head.tree.Nodes())
	s.scored.targets.Reset()
	for m, row := range s.rows {
		s.scored.at[2*m], s.scored.at[2*m+1] = -1, -1
		if row < 0 {
			continue
		}
		s.scored.at[2*m+1] = row*nodes + s.nodes[m]
		if err := s.scored.targets.Append([]int32{s.bits[m]}, []T{1}); err != nil {
			return err
		}
	}
	return nil
}

// ScoredRows implements Scoring: the groups of each row, and the classes of each group in
// which it has positives.
func (s *attachedClasses[T]) ScoredRows() ([]ScoredRows, error) {
	h, n, k := s.head, len(s.segment), s.head.part.Widest()
	var e graph.Expr
	groups := e.N(linearScores(s.b, "scored.group", s.upper))
	z := e.N(linearScores(s.b, "scored", graph.Linear{H: s.upper.H, W: s.matrix(h.w), Bias: s.vector(h.bias), Unit: h.score == Cosine}))
	var at, mask *gorgonia.Node
	at, s.scored.at = s.b.Indices("scored.at", n*k)
	mask, s.scored.mask = s.b.Input("scored.mask", n, k)
	if e.Err != nil {
		return nil, e.Err
	}
	inside := ScoredRows{Scores: e.N(graph.Add(e.N(gathered(z, at, n, k)), mask)), Targets: s.insideTargets,
		Row: s.segmentNode, Weight: s.weightNode, Place: s.scored.at, Added: mask}
	return []ScoredRows{{Scores: groups, Targets: s.groupTargets}, inside}, e.Err
}

// setScored fills the leaves of ScoredRows with the segments of the batch.
func (s *attachedClasses[T]) setScored() {
	k, c := s.head.part.Widest(), int32(s.head.w.Rows)
	for n, row := range s.segment {
		lo, hi := int(s.ptr[n]), int(s.ptr[n+1])
		for j := range k {
			at, mask := int32(-1), T(0)
			if m := lo + j; row >= 0 && m < hi {
				at = row*c + s.ids[m]
			} else if row >= 0 {
				mask = T(math.Inf(-1))
			}
			s.scored.at[n*k+j], s.scored.mask[n*k+j] = at, mask
		}
	}
}

// ScoredRows implements Scoring: the head of each row, and the clusters.
func (s *attachedAdaptive[T]) ScoredRows() ([]ScoredRows, error) {
	var all []ScoredRows
	for i, lin := range s.linear {
		z, err := linearScores(s.b, fmt.Sprintf("scored-%d", i), lin)
		if err != nil {
			return nil, err
		}
		rows := ScoredRows{Scores: z, Targets: s.linearTargets[i]}
		if i > 0 {
			var each []int32
			rows.Weight = s.weightNodes[i-1]
			rows.Row, each = s.b.Indices(fmt.Sprintf("scored-%d.row", i), len(s.weights[i-1]))
			s.scored = append(s.scored, each)
		}
		all = append(all, rows)
	}
	return all, nil
}

// setScored fills the leaves of ScoredRows: the rows that have positives in each cluster.
func (s *attachedAdaptive[T]) setScored() {
	for i, rows := range s.scored {
		for r := range rows {
			rows[r] = -1
			if s.weights[i][r] > 0 {
				rows[r] = int32(r)
			}
		}
	}
}
