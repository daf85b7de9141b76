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

// classesHead is the head over two levels: groups of classes, and the classes
// of a group. The loss of class y is the row loss over the groups with y's as
// label, and that over the group's classes with y as label; with softmax, log
// p(y) = log p(group) + log p(y | group). A row costs O(d (K + C/K)).
func init() {
	RegisterHead(HeadSpec{
		Name:   "classes",
		Doc:    "two levels, groups of like frequency and the classes of a group: the row loss of both decisions",
		Source: "Goodman 2001, Classes for fast maximum entropy training, ICASSP",
		Params: []Param{
			{Name: "k", Doc: "number of groups K; 0 is the square root of the number of classes, rounded up", Default: 0, Min: 0, Max: 1 << 24, Integer: true, Probe: []float64{3}},
		},
		Cost:          costOfClasses,
		Probabilities: true,
		New: func(v Values, s HeadSetting) (Head, error) {
			p, err := tree.ByFrequency(counts(s.Set), v.Int("k"))
			if err != nil {
				return nil, fmt.Errorf("models: classes: %w", err)
			}
			tau, rule, err := s.newScalars()
			return &classesHead{
				score: s.Score, tau: tau, rule: rule, part: p,
				w: s.NewTable("class", s.Set.Items, s.Dim), bias: s.newBias("class-bias", s.Set.Items),
				group: s.NewTable("group", p.Groups(), s.Dim), groupBias: s.newBias("group-bias", p.Groups()),
			}, err
		},
	})
}

type classesHead struct {
	score     Score
	tau       temperature
	rule      trainedLoss
	part      *tree.Partition
	w         *Table // [C,d]
	bias      *Table // [C,1] or nil
	group     *Table // [K,d]
	groupBias *Table // [K,1] or nil
}

func (h *classesHead) Attach(g *Graph, m Model, x *gorgonia.Node, l losses.Loss, positions int) (Attached, error) {
	l, err := h.rule.in(g, l)
	if err != nil {
		return nil, err
	}
	return attach(g,
		func(at output[float32]) (Attached, error) { return attachClasses(h, at, m, x, l, positions) },
		func(at output[float64]) (Attached, error) { return attachClasses(h, at, m, x, l, positions) })
}

// classesSide has a segment for each pair of a row and a group in which the row
// has positives.
type attachedClasses[T graph.Float] struct {
	output[T]
	head   *classesHead
	groups *graph.TargetData[T] // of the decision between groups
	inside *graph.TargetData[T] // of the decision in each segment

	ptr, segment []int32 // [S+1] bounds of segments, [S] their rows
	weights      []T     // [S]
	rows, ids    []int32 // [M] of the scores
	order        []int32 // positives of a row by group
	pos          []int32
	share        []T

	upper                       graph.Linear // of the graph, for ScoredRows
	groupTargets, insideTargets *graph.Targets
	segmentNode, weightNode     *gorgonia.Node
	scored                      struct {
		at   []int32
		mask []T
	}
}

func attachClasses[T graph.Float](h *classesHead, at output[T], _ Model, x *gorgonia.Node, l losses.Loss, positions int) (*attachedClasses[T], error) {
	s := &attachedClasses[T]{output: at, head: h}
	b, widest := x.Shape()[0], h.part.Widest()
	// A row has a segment for each of its groups.
	segments := min(positions, b*h.part.Groups())
	m := min(segments*widest, b*h.w.Rows)
	if m > math.MaxInt32 {
		return nil, fmt.Errorf("models: classes: %d positives in groups of up to %d classes", positions, widest)
	}
	s.bytes = 2*bytesOf[T](positions) + 8*int64(positions) // weights and shares, order and places
	s.targets, s.data = s.b.Targets("target", b, positions)
	var groups, inside *graph.Targets
	groups, s.groups = s.b.Targets("group.target", b, positions)
	inside, s.inside = s.b.Targets("segment.target", segments, positions)
	var ptr, row, weight, rows, ids *gorgonia.Node
	ptr, s.ptr = s.b.Indices("segment.ptr", segments+1)
	row, s.segment = s.b.Indices("segment.row", segments)
	weight, s.weights = s.b.Input("segment.weight", segments)
	rows, s.rows = s.b.Indices("score.row", m)
	ids, s.ids = s.b.Indices("score.class", m)

	var e graph.Expr
	x = e.N(tempered(s.Graph, x, h.score, h.tau))
	c := graph.Classes{H: x, W: s.matrix(h.w), Bias: s.vector(h.bias), Unit: h.score == Cosine}
	s.groupTargets, s.insideTargets, s.segmentNode, s.weightNode = groups, inside, row, weight
	s.upper = graph.Linear{H: x, W: s.matrix(h.group), Bias: s.vector(h.groupBias), Unit: h.score == Cosine}
	lower := e.N(graph.RaggedLoss(l.Analytic, e.N(graph.PairScores(c, rows, ids)), ptr, inside))
	s.loss = e.N(graph.Add(
		e.N(graph.LinearLoss(l.Analytic, s.upper, groups)),
		e.N(graph.SegmentSum(lower, weight, row, b))))
	return s, e.Err
}

func (s *attachedClasses[T]) Set(_ int, batch *data.Batch) error {
	if err := s.setTargets(batch); err != nil {
		return err
	}
	p := s.head.part
	s.groups.Reset()
	s.inside.Reset()
	seg, m := 0, 0
	for i := range batch.Len() {
		lo, hi := int(batch.Targets.Ptr[i]), int(batch.Targets.Ptr[i+1])
		s.order = s.order[:0]
		shares := s.shares(batch, i)
		for j := lo; j < hi; j++ {
			s.order = append(s.order, int32(j))
		}
		slices.SortFunc(s.order, func(a, b int32) int { // by group, then by place in it
			x, y := batch.Targets.Class[a], batch.Targets.Class[b]
			if p.Group[x] != p.Group[y] {
				return int(p.Group[x] - p.Group[y])
			}
			return int(p.Pos[x] - p.Pos[y])
		})
		var groups []int32
		var mass []T
		for from := 0; from < len(s.order); {
			g, to := p.Group[batch.Targets.Class[s.order[from]]], from
			total := T(0)
			s.pos, s.share = s.pos[:0], s.share[:0]
			for ; to < len(s.order) && p.Group[batch.Targets.Class[s.order[to]]] == g; to++ {
				j := s.order[to]
				s.pos, s.share = append(s.pos, p.Pos[batch.Targets.Class[j]]), append(s.share, shares[int(j)-lo])
				total += shares[int(j)-lo]
			}
			for j := range s.share {
				s.share[j] /= total
			}
			if err := s.inside.Append(s.pos, s.share); err != nil {
				return err
			}
			groups, mass = append(groups, g), append(mass, total)
			s.segment[seg], s.weights[seg], s.ptr[seg] = int32(i), total, int32(m)
			for _, y := range p.Class[p.Ptr[g]:p.Ptr[g+1]] {
				s.rows[m], s.ids[m] = int32(i), y
				m++
			}
			seg++
			from = to
		}
		if err := s.groups.Append(groups, mass); err != nil {
			return err
		}
	}
	for j := seg; j < len(s.segment); j++ {
		s.segment[j], s.weights[j], s.ptr[j] = -1, 0, int32(m)
	}
	s.ptr[len(s.segment)] = int32(m)
	for ; m < len(s.rows); m++ {
		s.rows[m], s.ids[m] = -1, -1
	}
	if s.scored.at != nil {
		s.setScored()
	}
	return nil
}

func (h *classesHead) Ranker(Model, *data.Frame) (Ranker, error) {
	return &classesRanker{rowRanker: h.rowRanker(), part: h.part, trained: h.rule, rule: h.rule.now(),
		upper: newScorer(h.group, h.groupBias, h.score, h.tau), lower: newScorer(h.w, h.bias, h.score, h.tau)}, nil
}

// rowRanker has scratch for an encoding, for the scores of groups and classes, and for
// the decisions between groups and within one.
func (h *classesHead) rowRanker() rowRanker {
	groups, widest := h.part.Groups(), h.part.Widest()
	return rowRanker{classes: h.w.Rows, floats: h.w.Dim + groups + h.w.Rows + widest, doubles: 2 * (groups + widest)}
}

// Bytes implements Head.
func (h *classesHead) Bytes() Footprint { return Footprint{Kept: h.part.Bytes()} }

// RankerBytes implements Head.
func (h *classesHead) RankerBytes(_ Model, _ *data.Frame, rows, k int) (int64, error) {
	r := h.rowRanker()
	return unitBytes(h.score, h.w.Rows+h.group.Rows, h.w.Dim) + r.bytes(rows, k), nil
}

// classesRanker ranks by log p(y), in O(C d) a row.
type classesRanker struct {
	rowRanker
	part         *tree.Partition
	trained      trainedLoss
	rule         losses.Loss // of the moment
	upper, lower scorer
}

func (r *classesRanker) Renew() error {
	r.rule = r.trained.now()
	r.upper.renew()
	r.lower.renew()
	return nil
}

// Share implements Ranker.
func (r *classesRanker) Share() Ranker {
	other := *r
	other.rowRanker = r.rowRanker.share()
	return &other
}

func (r *classesRanker) Rank(tops []Top, h []float32, skip func(i int) []int32, k int) error {
	d := r.upper.d
	if err := fits(len(tops), d, h); err != nil {
		return err
	}
	return r.rank(tops, skip, k, func(i int, logP []float32, scratch room) { r.score(logP, h[i*d:(i+1)*d], scratch) })
}

// LogProbs implements Prober.
func (r *classesRanker) LogProbs(logP [][]float64, h []float32, targets func(i int) []int32) error {
	d := r.upper.d
	if err := fits(len(logP), d, h); err != nil {
		return err
	}
	return r.probs(logP, targets, r.rule, func(i int, logP []float32, scratch room) { r.score(logP, h[i*d:(i+1)*d], scratch) })
}

// score stores the log-probabilities of all classes for encoding h [d].
func (r *classesRanker) score(logP, h []float32, scratch room) {
	p, d := r.part, r.upper.d
	x, group, z := scratch.float32s(d), scratch.float32s(p.Groups()), scratch.float32s(len(p.Group))
	r.upper.row(group, h, x)
	r.lower.row(z, h, x)
	over := logDecision(r.rule, group, scratch.float64s(2*len(group)))
	for g := range group {
		classes := p.Class[p.Ptr[g]:p.Ptr[g+1]]
		within := scratch.floats[:len(classes)]
		for j, y := range classes {
			within[j] = z[y]
		}
		for j, lp := range logDecision(r.rule, within, scratch.double) {
			logP[classes[j]] = float32(over[g] + lp)
		}
	}
}

// logDecision returns the log-probabilities of a decision among candidates with
// scores z: those of rule's prediction map, where 0 counts as 1e-300;
// of NaN scores NaN. They lie in work, which has twice as many numbers as z or more.
func logDecision(rule losses.Loss, z []float32, work []float64) []float64 {
	x, p := work[:len(z)], work[len(z):2*len(z)]
	for j, v := range z {
		x[j] = float64(v)
	}
	if plain(rule) {
		top := slices.Max(x) // NaN if there is one
		var sum float64
		for _, v := range x {
			sum += math.Exp(v - top)
		}
		for j, v := range x {
			p[j] = v - top - math.Log(sum)
		}
		return p
	}
	decide(rule, p, x)
	for j, v := range p {
		p[j] = math.Log(max(v, 1e-300))
		if x[j] != x[j] {
			p[j] = x[j]
		}
	}
	return p
}
