package models

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/losses"
)

// all is the head over all classes: every class is a candidate of every row, by
// the fused op, which holds no more scores than graph.LinearLoss says.
func init() {
	RegisterHead(HeadSpec{
		Name:          "all",
		Doc:           "every class is a candidate of every row: the exact loss",
		Source:        "the losses' own definition",
		Exact:         true,
		ClassBias:     true,
		Rounds:        true,
		Probabilities: true,
		Cost:          costOfAll,
		New:           func(_ Values, s HeadSetting) (Head, error) { return newAll(s) },
	})
}

func newAll(s HeadSetting) (*all, error) {
	by, err := rankBy(s.Loss)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	tau, rule, err := s.newScalars()
	return &all{score: s.Score, tau: tau, rule: rule, by: by, bias: s.newBias("class-bias", s.Set.Items), precision: s.Precision}, err
}

// rankBy returns what classes rank by under l in place of their scores, nil where it
// is the scores.
func rankBy(l losses.Loss) (func(score float32) float32, error) {
	if l.Spec == nil { // softmax
		return nil, nil
	}
	f, err := l.Rank()
	if f == nil {
		return nil, err
	}
	return func(score float32) float32 { return float32(f(float64(score))) }, nil
}

type all struct {
	score Score
	tau   temperature
	rule  trainedLoss
	by    func(score float32) float32 // nil: the score
	bias  *Table                      // [C,1] or nil

	precision graph.Precision // of training
}

func (a *all) Attach(g *Graph, m Model, h *gorgonia.Node, l losses.Loss, positions int) (Attached, error) {
	l, err := a.rule.in(g, l)
	if err != nil {
		return nil, err
	}
	return attach(g,
		func(at output[float32]) (Attached, error) { return attachAll(a, at, m, h, l, positions) },
		func(at output[float64]) (Attached, error) { return attachAll(a, at, m, h, l, positions) })
}

// attachedAll is a head over all classes in one graph.
type attachedAll[T graph.Float] struct {
	output[T]
	linear graph.Linear
	w      *gorgonia.Node // class vectors, before any norm is made 1
}

func attachAll[T graph.Float](a *all, at output[T], m Model, h *gorgonia.Node, l losses.Loss, positions int) (*attachedAll[T], error) {
	s := &attachedAll[T]{output: at}
	rows := h.Shape()[0]
	s.bytes = bytesOf[T](positions) // weights of a row
	var e graph.Expr
	s.w = e.N(classes(s.Graph, m))
	s.linear = graph.Linear{H: e.N(tempered(s.Graph, h, a.score, a.tau)), W: s.w, Bias: s.vector(a.bias), Unit: a.score == Cosine, Precision: a.precision}
	s.targets, s.data = s.b.Targets("target", rows, positions)
	s.loss = e.N(graph.LinearLoss(l.Analytic, s.linear, s.targets))
	return s, e.Err
}

func (s *attachedAll[T]) Set(_ int, batch *data.Batch) error { return s.setTargets(batch) }

func (a *all) Ranker(m Model, frame *data.Frame) (Ranker, error) {
	classes, err := newClassEncoder(graph.NewBuilder[float32](), m, frame)
	if err != nil {
		return nil, err
	}
	r := &linearRanker{classes: classes, scorer: scorer{d: m.Dim(), bias: a.bias, tau: a.tau, cosine: a.score == Cosine}, kernel: kernel.Ranker{By: a.by}, rule: a.rule}
	return r, r.Renew()
}

// Bytes implements Head.
func (a *all) Bytes() Footprint { return Footprint{} }

// RankerBytes implements Head.
func (a *all) RankerBytes(m Model, frame *data.Frame, rows, k int) (int64, error) {
	classes, d := frame.Rows, m.Dim()
	k = min(k, classes)
	n, err := ClassBytes(m, frame)
	n += unitBytes(a.score, classes, d) + kernel.RankerBytes(rows, classes, d, k)
	return n + int64(rows)*(4*int64(d)+8*int64(k)) + topBytes(rows, k), err
}

// ClassScores implements Vectored.
func (a *all) ClassScores(m Model, frame *data.Frame) (*ClassScores, error) {
	w, err := ClassVectors(m, frame)
	if err != nil {
		return nil, err
	}
	s := &ClassScores{Dim: m.Dim(), W: w, Temperature: a.tau.now(), Cosine: a.score == Cosine}
	if s.Cosine {
		s.W = make([]float32, len(w))
		kernel.NormalizeRows(s.W, w, m.Dim())
	}
	if a.bias != nil {
		s.Bias = a.bias.Data
	}
	return s, nil
}

// linearRanker ranks all classes by their scores, or by what the loss's map calls for
// in their place.
type linearRanker struct {
	scorer
	classes classEncoder
	kernel  kernel.Ranker
	row     kernel.RowRanker
	rule    trainedLoss // of which LogProbs makes probabilities

	h      []float32 // [n,d]
	ids    []int32   // [n,k]
	scores []float32
}

func (r *linearRanker) Renew() error {
	w, err := r.classes.vectors()
	if err == nil {
		r.take(w)
	}
	return err
}

// RankRow implements RowRanker.
func (r *linearRanker) RankRow(top *Top, h []float32, skip []int32, k int) (bool, error) {
	if r.kernel.By != nil {
		return false, nil
	}
	d, classes := r.d, len(r.w)/r.d
	if err := fits(1, d, h); err != nil {
		return true, err
	}
	r.h = append(r.h[:0], h...)
	r.encodeRow(r.h)
	k = min(k, classes)
	top.IDs, top.Scores = slices.Grow(top.IDs[:0], k)[:k], slices.Grow(top.Scores[:0], k)[:k]
	var bias []float32
	if r.bias != nil {
		bias = r.bias.Data
	}
	n, err := r.row.TopK(top.IDs, top.Scores, r.h, r.w, bias, k, skip)
	if err != nil {
		return true, fmt.Errorf("models: %w: the model has diverged", err)
	}
	top.IDs, top.Scores = top.IDs[:n], top.Scores[:n]
	return true, nil
}

// Share implements Ranker.
func (r *linearRanker) Share() Ranker {
	return &linearRanker{scorer: r.scorer, classes: r.classes, kernel: kernel.Ranker{By: r.kernel.By}}
}

func (r *linearRanker) Rank(tops []Top, h []float32, skip func(i int) []int32, k int) error {
	n, d, classes := len(tops), r.d, len(r.w)/r.d
	if err := fits(n, d, h); err != nil {
		return err
	}
	r.h = append(r.h[:0], h...)
	r.encode(r.h)
	k = min(k, classes)
	r.ids, r.scores = slices.Grow(r.ids[:0], n*k)[:n*k], slices.Grow(r.scores[:0], n*k)[:n*k]
	x := &kernel.Linear{B: n, C: classes, D: d, H: r.h, W: r.w}
	if r.bias != nil {
		x.Bias = r.bias.Data
	}
	if err := r.kernel.TopK(r.ids, r.scores, x, k, skip); err != nil {
		return err
	}
	for i := range tops {
		ids, scores := r.ids[i*k:(i+1)*k], r.scores[i*k:(i+1)*k]
		m := k
		for m > 0 && ids[m-1] < 0 {
			m--
		}
		// The kernel leaves NaN out: a list that is too short gives it away. No bias is
		// −Inf here, so nothing else is left out but skip.
		if want := min(k, classes-len(skip(i))); m != want {
			return fmt.Errorf("models: %d of row %d's scores are numbers, want %d or more: the model has diverged", m, i, want)
		}
		if m > 0 && scores[0] > math.MaxFloat32 {
			return fmt.Errorf("models: class %d has score %v: the model has diverged", ids[0], scores[0])
		}
		tops[i] = Top{IDs: slices.Clone(ids[:m]), Scores: slices.Clone(scores[:m])}
	}
	return nil
}
