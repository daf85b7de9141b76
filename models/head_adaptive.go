package models

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models/tree"
)

// adaptiveHead is the head of adaptive softmax: the most frequent classes and
// one place for each cluster of the others are decided on at full width; a
// cluster's classes are decided on at a width that shrinks with their frequency.
// The loss of class y is the row loss of the first decision and, for a class of
// a cluster, of the second.
func init() {
	RegisterHead(HeadSpec{
		Name:   "adaptive",
		Doc:    "a shortlist at full width and clusters of rarer classes at shrinking width: the row loss of both decisions",
		Source: "Grave et al. 2017, Efficient softmax approximation for GPUs, arXiv:1609.04309",
		Params: []Param{
			{Name: "shortlist", Doc: "classes of the shortlist c₀; 0 is a tenth of all, rounded up", Default: 0, Min: 0, Max: 1 << 24, Integer: true, Probe: []float64{7}},
			{Name: "clusters", Doc: "number of clusters, whose ends rise geometrically from c₀ to all", Default: 2, Min: 1, Max: 16, Integer: true, Probe: []float64{1}},
			{Name: "div", Doc: "factor by which the width shrinks from cluster to cluster", Default: 4, Min: 1, Max: 64, Probe: []float64{2}},
		},
		Rounds:        true,
		Probabilities: true,
		New:           newAdaptive,
	})
}

func newAdaptive(v Values, s HeadSetting) (Head, error) {
	c := s.Set.Items
	short := v.Int("shortlist")
	if short == 0 {
		short = (c + 9) / 10
	}
	cutoffs := []int32{int32(short)}
	for i := 1; i < v.Int("clusters"); i++ {
		end := math.Round(float64(short) * math.Pow(float64(c)/float64(short), float64(i)/v.Num("clusters")))
		cutoffs = append(cutoffs, int32(end))
	}
	layout, err := tree.NewAdaptive(counts(s.Set), cutoffs)
	if err != nil {
		return nil, fmt.Errorf("models: adaptive: %w", err)
	}
	tau, rule, err := s.newScalars()
	if err != nil {
		return nil, err
	}
	h := &adaptiveHead{
		score: s.Score, tau: tau, rule: rule, layout: layout,
		head: s.NewTable("head", layout.Head(), s.Dim), bias: s.newBias("head-bias", layout.Head()), precision: s.Precision,
	}
	for i := range layout.Clusters() {
		d := layout.Dim(i, s.Dim, v.Num("div"))
		h.project = append(h.project, s.NewTable(fmt.Sprintf("project-%d", i), d, s.Dim))
		h.tail = append(h.tail, s.NewTable(fmt.Sprintf("tail-%d", i), layout.Size(i), d))
	}
	return h, nil
}

type adaptiveHead struct {
	score   Score
	tau     temperature
	rule    trainedLoss
	layout  *tree.Adaptive
	head    *Table   // [c₀+n,d]
	bias    *Table   // [c₀+n,1] or nil
	project []*Table // [d_i,d]
	tail    []*Table // [C_i,d_i]

	precision graph.Precision // of training
}

func (h *adaptiveHead) Attach(g *Graph, m Model, x *gorgonia.Node, l losses.Loss, positions int) (Attached, error) {
	l, err := h.rule.in(g, l)
	if err != nil {
		return nil, err
	}
	return attach(g,
		func(at output[float32]) (Attached, error) { return attachAdaptive(h, at, m, x, l, positions) },
		func(at output[float64]) (Attached, error) { return attachAdaptive(h, at, m, x, l, positions) })
}

type attachedAdaptive[T graph.Float] struct {
	output[T]
	head    *adaptiveHead
	first   *graph.TargetData[T]
	cluster []*graph.TargetData[T]
	weights [][]T // [B] of each cluster: the share of the row's positives in it

	places []place[T] // of a row's positives
	pos    []int32
	share  []T

	linear        []graph.Linear // of the graph, for ScoredRows: the head, then the clusters
	linearTargets []*graph.Targets
	weightNodes   []*gorgonia.Node
	scored        [][]int32 // of each cluster, the row itself where it has positives there
}

// A place is where a positive is: in the head, and of a cluster, −1 for none.
type place[T graph.Float] struct {
	head, cluster, pos int
	weight             T
}

func attachAdaptive[T graph.Float](h *adaptiveHead, at output[T], _ Model, x *gorgonia.Node, l losses.Loss, positions int) (*attachedAdaptive[T], error) {
	s := &attachedAdaptive[T]{output: at, head: h}
	b := x.Shape()[0]
	s.bytes = 2*bytesOf[T](positions) + 36*int64(positions) // weights and shares, places and their numbers
	s.targets, s.data = s.b.Targets("target", b, positions)
	var e graph.Expr
	head := s.matrix(h.head)
	first, data := s.b.Targets("head.target", b, positions)
	s.first = data
	add := func(lin graph.Linear, t *graph.Targets) *gorgonia.Node {
		s.linear, s.linearTargets = append(s.linear, lin), append(s.linearTargets, t)
		lin.Precision = h.precision
		return e.N(graph.LinearLoss(l.Analytic, lin, t))
	}
	s.loss = add(graph.Linear{H: e.N(tempered(s.Graph, x, h.score, h.tau)), W: head, Bias: s.vector(h.bias), Unit: h.score == Cosine}, first)
	for i := range h.tail {
		inner := e.N(graph.MatMul(x, s.matrix(h.project[i]), false, true))
		targets, data := s.b.Targets(fmt.Sprintf("tail-%d.target", i), b, positions)
		weight, weights := s.b.Input(fmt.Sprintf("tail-%d.weight", i), b)
		s.cluster, s.weights = append(s.cluster, data), append(s.weights, weights)
		s.weightNodes = append(s.weightNodes, weight)
		loss := add(graph.Linear{H: e.N(tempered(s.Graph, inner, h.score, h.tau)), W: s.matrix(h.tail[i]), Unit: h.score == Cosine}, targets)
		s.loss = e.N(graph.Add(s.loss, e.N(graph.Mul(loss, weight))))
	}
	return s, e.Err
}

func (s *attachedAdaptive[T]) Set(_ int, batch *data.Batch) error {
	if err := s.setTargets(batch); err != nil {
		return err
	}
	s.first.Reset()
	for i := range s.cluster {
		s.cluster[i].Reset()
		clear(s.weights[i])
	}
	for row := range batch.Len() {
		s.places = s.places[:0]
		lo, shares := batch.Targets.Ptr[row], s.shares(batch, row)
		for j := lo; j < batch.Targets.Ptr[row+1]; j++ {
			p := place[T]{weight: shares[j-lo]}
			p.head, p.cluster, p.pos = s.head.layout.Split(int(batch.Targets.Class[j]))
			s.places = append(s.places, p)
		}
		slices.SortFunc(s.places, func(a, b place[T]) int {
			if a.head != b.head {
				return a.head - b.head
			}
			return a.pos - b.pos
		})
		if err := s.append(s.first, -1, func(p place[T]) int { return p.head }, nil); err != nil {
			return err
		}
		for i := range s.cluster {
			if err := s.append(s.cluster[i], i, func(p place[T]) int { return p.pos }, &s.weights[i][row]); err != nil {
				return err
			}
		}
	}
	s.setScored()
	return nil
}

// append gives the next row of data its target: the places of that cluster (of
// all where it is −1), equal ones together. Weights are divided by their sum,
// which goes to total where that is not nil.
func (s *attachedAdaptive[T]) append(data *graph.TargetData[T], cluster int, at func(place[T]) int, total *T) error {
	s.pos, s.share = s.pos[:0], s.share[:0]
	var sum T
	for _, p := range s.places {
		if cluster >= 0 && p.cluster != cluster {
			continue
		}
		sum += p.weight
		if n := len(s.pos); n > 0 && s.pos[n-1] == int32(at(p)) {
			s.share[n-1] += p.weight
			continue
		}
		s.pos, s.share = append(s.pos, int32(at(p))), append(s.share, p.weight)
	}
	for j := range s.share {
		s.share[j] /= sum
	}
	if total != nil {
		*total = sum
	}
	return data.Append(s.pos, s.share)
}

func (h *adaptiveHead) Ranker(Model, *data.Frame) (Ranker, error) {
	r := &adaptiveRanker{rowRanker: h.rowRanker(), layout: h.layout, trained: h.rule, rule: h.rule.now(), head: newScorer(h.head, h.bias, h.score, h.tau)}
	for i := range h.tail {
		r.project = append(r.project, newScorer(h.project[i], nil, Dot, temperature{value: 1}))
		r.tail = append(r.tail, newScorer(h.tail[i], nil, h.score, h.tau))
	}
	return r, nil
}

// rowRanker has scratch for an encoding at full width and at a cluster's, for the scores
// of the head and of a cluster, and for both decisions.
func (h *adaptiveHead) rowRanker() rowRanker {
	widest, inner := 0, 0
	for i := range h.tail {
		widest, inner = max(widest, h.tail[i].Rows), max(inner, h.tail[i].Dim)
	}
	return rowRanker{
		classes: len(h.layout.Class), floats: h.head.Dim + 2*inner + h.head.Rows + widest, doubles: 2 * (h.head.Rows + widest),
	}
}

// Bytes implements Head.
func (h *adaptiveHead) Bytes() Footprint { return Footprint{Kept: h.layout.Bytes()} }

// RankerBytes implements Head.
func (h *adaptiveHead) RankerBytes(_ Model, _ *data.Frame, rows, k int) (int64, error) {
	r := h.rowRanker()
	n := r.bytes(rows, k) + unitBytes(h.score, h.head.Rows, h.head.Dim)
	for _, t := range h.tail {
		n += unitBytes(h.score, t.Rows, t.Dim)
	}
	return n, nil
}

// adaptiveRanker ranks by log p(y).
type adaptiveRanker struct {
	rowRanker
	layout        *tree.Adaptive
	trained       trainedLoss
	rule          losses.Loss // of the moment
	head          scorer
	project, tail []scorer
}

func (r *adaptiveRanker) Renew() error {
	r.rule = r.trained.now()
	r.head.renew()
	for i := range r.tail {
		r.project[i].renew()
		r.tail[i].renew()
	}
	return nil
}

// Share implements Ranker.
func (r *adaptiveRanker) Share() Ranker {
	other := *r
	other.rowRanker = r.rowRanker.share()
	return &other
}

func (r *adaptiveRanker) Rank(tops []Top, h []float32, skip func(i int) []int32, k int) error {
	d := r.head.d
	if err := fits(len(tops), d, h); err != nil {
		return err
	}
	return r.rank(tops, skip, k, func(i int, logP []float32, scratch room) { r.score(logP, h[i*d:(i+1)*d], scratch) })
}

// LogProbs implements Prober.
func (r *adaptiveRanker) LogProbs(logP [][]float64, h []float32, targets func(i int) []int32) error {
	d := r.head.d
	if err := fits(len(logP), d, h); err != nil {
		return err
	}
	return r.probs(logP, targets, r.rule, func(i int, logP []float32, scratch room) { r.score(logP, h[i*d:(i+1)*d], scratch) })
}

// score stores the log-probabilities of all classes for encoding h [d].
func (r *adaptiveRanker) score(logP, h []float32, scratch room) {
	a, d := r.layout, r.head.d
	x, z, room := h, scratch.float32s(a.Head()), scratch.float32s(d)
	r.head.row(z, x, room)
	over := logDecision(r.rule, z, scratch.float64s(2*len(z)))
	short := int(a.Cutoffs[0])
	for rank, y := range a.Class[:short] {
		logP[y] = float32(over[rank])
	}
	for c := range r.tail {
		own := scratch // of this cluster: the next has the same
		inner, innerRoom := own.float32s(r.tail[c].d), own.float32s(r.tail[c].d)
		r.project[c].row(inner, x, room)
		z := own.float32s(a.Size(c))
		r.tail[c].row(z, inner, innerRoom)
		for j, lp := range logDecision(r.rule, z, own.double) {
			logP[a.Class[int(a.Cutoffs[c])+j]] = float32(over[short+c] + lp)
		}
	}
}
