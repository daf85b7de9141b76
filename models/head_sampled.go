package models

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// sampled is the head over a few classes: each positive of a row against n
// draws of a sampler. A step reads and moves the rows of the class table that
// are positives or draws, whatever the number of classes.
func init() {
	RegisterHead(HeadSpec{
		Name:   "sampled",
		Doc:    "the positive and n draws of a sampler, whose parameters go here too: the cost does not grow with the classes",
		Source: "Bengio & Senécal 2008, Adaptive importance sampling; correction=logq with hits kept is ranking NCE: Ma & Collins 2018, arXiv:1809.01812",
		Params: []Param{
			{Name: "n", Doc: "draws", Default: 512, Min: 1, Max: 1 << 20, Integer: true, Probe: []float64{3}},
			{Name: "sampler", Doc: "proposal distribution q", Choices: sampler.Names, DefaultString: "uniform"},
			{Name: "correction", Doc: "logq: log(nq) off every score; importance: log(nq') off the draws, which then miss the positive; none",
				Choices: graph.Corrections, DefaultString: "logq"},
			{Name: "hits", Doc: "draws that are the positive: keep or drop them; seen drops what is in the training history of the row's context too", Choices: Enum("keep", "drop", "seen"), DefaultString: "keep"},
		},
		ClassBias:     true,
		Probabilities: true,
		More:          moreSampled,
		Sampling:      samplingOf,
		Cost:          costOfSampled,
		New:           newSampled,
	})
}

// moreSampled returns the parameters that depend on the sampler: how its draws
// are dealt out, and its own.
func moreSampled(v Values) ([]Param, error) {
	b, err := sampler.Lookup(v.String("sampler"))
	if err != nil {
		return nil, err
	}
	if v.String("hits") == "seen" && v.String("correction") == graph.CorrectImportance.String() {
		return nil, errors.New("correction=importance corrects for draws that miss the positive, and with hits=seen they miss more: use correction=logq or none, or hits=keep or drop")
	}
	per := Param{Name: "per", Doc: "draws for each row, or one set for the batch", Choices: Enum("row", "batch"), DefaultString: "batch"}
	if b.Props.Has(sampler.Adaptive) {
		per.Choices, per.DefaultString = Enum("row"), "row"
	}
	if b.Props.Has(sampler.InBatch) {
		per.Choices = Enum("batch")
	}
	return append([]Param{per}, b.Params...), nil
}

func samplingOf(v Values) (Sampling, error) {
	spec, err := sampler.Lookup(v.String("sampler"))
	if err != nil {
		return Sampling{}, err
	}
	c, err := graph.ParseCorrection(v.String("correction"))
	hits := v.String("hits")
	return Sampling{
		Sampler: spec.At(v), // which holds the sampler's parameters among others
		N:       v.Int("n"), PerBatch: v.String("per") == "batch", Drop: hits != "keep", Seen: hits == "seen", Correction: c,
	}, err
}

func newSampled(v Values, s HeadSetting) (Head, error) {
	how, err := samplingOf(v)
	if err != nil {
		return nil, err
	}
	base, err := newAll(s)
	if err != nil {
		return nil, err
	}
	h := &sampled{all: base, n: how.N, shared: how.PerBatch, drop: how.Drop && !how.Seen, seen: how.Seen, correction: how.Correction, seed: s.Seed}
	if s.Loss.Spec != nil && s.Loss.Spec.Domain == losses.Cosines && h.correction != graph.Uncorrected {
		return nil, fmt.Errorf("models: sampled: loss %s takes cosines, and a score less log q is not one: use correction=none", s.Loss)
	}
	h.sampler, err = how.Sampler.New(sampler.Config{C: s.Set.Items, D: s.Dim, Counts: counts(s.Set), Seed: s.Seed})
	return h, err
}

type sampled struct {
	*all
	sampler    *sampler.Sampler
	n          int
	shared     bool
	drop, seen bool // seen leaves out what drop does
	correction graph.Correction
	seed       uint64
}

// Alone implements [Lone]. What only passes round positives of other rows is drawn by their
// frequency in training, without the row's own, which it leaves out among others too.
func (h *sampled) Alone() (Head, error) {
	choice := h.sampler.Choice
	props := choice.Spec.Props
	if !props.Has(sampler.InBatch) && !props.Has(sampler.Observes) {
		return h, nil
	}
	own := *h
	if props.Has(sampler.InBatch) && !props.Has(sampler.FullSupport) {
		by, err := sampler.Parse("popularity:beta=1")
		if err != nil {
			return nil, err
		}
		choice, own.drop = by, !h.seen
	}
	var err error
	own.sampler, err = choice.New(h.sampler.Config)
	return &own, err
}

func (h *sampled) Attach(g *Graph, m Model, x *gorgonia.Node, l losses.Loss, positions int) (Attached, error) {
	l, err := h.rule.in(g, l)
	if err != nil {
		return nil, err
	}
	return attach(g,
		func(at output[float32]) (Attached, error) { return attachSampled(h, at, m, x, l, positions) },
		func(at output[float64]) (Attached, error) { return attachSampled(h, at, m, x, l, positions) })
}

// Bytes implements Head.
func (h *sampled) Bytes() Footprint { return h.sampler.Bytes() }

// attachedSampled is a sampled head in one graph. Draws are made in the run, by a
// node that reads the encodings: adaptive samplers need them.
type attachedSampled[T graph.Float] struct {
	output[T]
	head  *sampled
	w     *Table // of the class vectors, where they are weights of their own
	draws *sampler.Draws
	drawn bool // for the batch of the last Set
	taken bool // draws are another graph's
	batch sampler.Batch

	model  Model
	x, ids *gorgonia.Node // encodings as scores take them, and the draws
	scale  float64        // of the correction
	scored *scoredLeaves[T]

	known *knownClasses // of the rows of the batch; nil where draws of them stay

	// Class vectors, and the positives in their places. Where the model computes vectors,
	// they are those of unique: the classes that are positives or draws of the run.
	vectorNode, uniqueNode, posNode *gorgonia.Node
	unique                          []int32

	h       []float32
	unit    []float32    // [C,d] class vectors that an adaptive sampler sees where they are no table: of norm 1, or computed
	fresh   bool         // unit was made
	vectors classEncoder // of which unit is a copy
}

// unitEvery is the number of steps after which unit is computed anew: an
// optimizer may move rows that have no gradient, by momentum, and what a model
// computes moves with all of its weights. It is no more than the quality of the
// proposal: log q is that of unit, exactly.
const unitEvery = 100

func attachSampled[T graph.Float](h *sampled, at output[T], m Model, x *gorgonia.Node, l losses.Loss, positions int) (*attachedSampled[T], error) {
	free, err := freeClasses(m, at.Classes.frame)
	if err != nil {
		return nil, err
	}
	s := &attachedSampled[T]{output: at, head: h, w: free}
	b, k := x.Shape()[0], h.n
	if err := s.allocate(m, b, positions); err != nil {
		return nil, err
	}
	if x, err = tempered(s.Graph, x, h.score, h.tau); err != nil {
		return nil, err
	}
	s.targets, s.data = s.b.Targets("target", b, positions)

	shape := []int{b, k}
	if h.shared {
		shape = shape[1:]
	}
	in := graph.Sampled{Correction: h.correction, DropHits: h.drop, Unit: l.Unit()}
	var e graph.Expr
	in.IDs = e.N(graph.HostIntsOf(x, s.draw, shape...))
	s.model, s.x, s.ids, s.scale = m, x, in.IDs, in.Unit
	if h.correction != graph.Uncorrected {
		in.LogQ = e.N(graph.HostFloats(in.IDs, func(dst []T) error { return widen(dst, s.draws.LogQ) }, shape...))
		in.PosLogQ = e.N(graph.HostFloats(in.IDs, func(dst []T) error { return widen(dst, s.draws.PosLogQ) }, positions))
	}
	if h.sampler.Choice.Spec.Props.Has(sampler.InBatch) {
		in.From = e.N(graph.HostInts(in.IDs, func(dst []int32) error {
			copy(dst, s.draws.From)
			return nil
		}, k))
	}
	if h.seen {
		known, bytes, err := newKnown(s.Contexts.frame, s.Classes.rows, b, k, s.leaves.plan())
		if err != nil {
			return nil, err
		}
		s.known, s.bytes = known, s.bytes+bytes
		in.Skip = e.N(graph.HostInts(in.IDs, func(dst []int32) error { copy(dst, s.known.skip); return nil }, b, k))
	}
	if free == nil {
		return s, s.computed(&e, m, x, l, in, positions)
	}
	s.vectorNode = s.matrix(free)
	c := graph.Classes{H: x, W: s.vectorNode, Bias: s.vector(h.bias), Unit: h.score == Cosine}
	s.loss = e.N(graph.SampledLinearLoss(l.Analytic, c, in, s.targets))
	return s, e.Err
}

// allocate makes what draws are made with, and counts it: in a plan it makes nothing.
func (s *attachedSampled[T]) allocate(m Model, b, positions int) (err error) {
	h, plan := s.head, s.leaves.plan()
	if s.bytes, err = h.sampler.DrawsBytes(b, h.n, h.shared, positions); err != nil {
		return err
	}
	s.bytes += bytesOf[T](positions) + 4*int64(b+1) + 4*int64(positions)
	if !plan {
		if s.draws, err = h.sampler.NewDraws(b, h.n, h.shared); err != nil {
			return err
		}
		s.batch = sampler.Batch{Seed: h.seed, Ptr: make([]int32, b+1), Pos: make([]int32, 0, positions)}
	}
	if !h.sampler.Choice.Spec.Props.Has(sampler.Adaptive) {
		return nil
	}
	classes, d := s.Classes.rows, m.Dim()
	s.bytes += 4 * int64(b) * int64(d)
	if !plan {
		s.h = make([]float32, b*d)
	}
	if h.score != Cosine && s.w != nil {
		return nil
	}
	computed, err := ClassBytes(m, s.Classes.frame)
	if err != nil {
		return err
	}
	s.bytes += 4*int64(classes)*int64(d) + computed
	if !plan {
		s.unit = make([]float32, classes*d)
		s.vectors, err = newClassEncoder(graph.NewBuilder[float32](), m, s.Classes.frame)
	}
	return err
}

// computed makes the loss over class vectors that the model computes: of the classes that
// are positives or draws, each once, whatever the number of classes.
func (s *attachedSampled[T]) computed(e *graph.Expr, m Model, x *gorgonia.Node, l losses.Loss, in graph.Sampled, positions int) error {
	if e.Err != nil {
		return e.Err
	}
	all := s.Classes
	places := in.IDs.Shape().TotalSize()
	most := min(all.rows, positions+places)
	s.bytes += 4 * int64(positions+places)
	if !s.leaves.plan() {
		s.unique = make([]int32, 0, positions+places)
	}
	unique := e.N(graph.HostInts(in.IDs, func(dst []int32) error {
		s.unique = append(append(s.unique[:0], s.batch.Pos...), s.draws.IDs...)
		slices.Sort(s.unique)
		s.unique = slices.Compact(s.unique)
		if len(s.unique) > 0 && s.unique[0] < 0 { // empty places
			s.unique = slices.Delete(s.unique, 0, 1) // not [1:], which would give up a place of the buffer each batch
		}
		for i := copy(dst, s.unique); i < len(dst); i++ {
			dst[i] = -1
		}
		return nil
	}, most))
	place := func(dst, ids []int32) {
		for i := range dst {
			dst[i] = -1
			if i < len(ids) {
				dst[i] = s.place(ids[i])
			}
		}
	}
	draws := e.N(graph.HostInts(unique, func(dst []int32) error { place(dst, s.draws.IDs); return nil }, in.IDs.Shape()...))
	pos := e.N(graph.HostInts(unique, func(dst []int32) error { place(dst, s.batch.Pos); return nil }, positions))
	rows := e.N(graph.HostInts(unique, func(dst []int32) error {
		for i := range dst {
			dst[i] = -1
		}
		for r := range len(s.batch.Ptr) - 1 {
			for j := s.batch.Ptr[r]; j < s.batch.Ptr[r+1]; j++ {
				dst[j] = int32(r)
			}
		}
		return nil
	}, positions))
	few := &Inputs{g: s.Graph, name: "drawn", frame: all.frame, rows: most, contexts: most, drawn: &drawn{unique, func() []int32 { return s.unique }}}
	w, err := checked("Classes", m, few, m.Classes)
	if err != nil {
		return err
	}
	s.vectorNode, s.uniqueNode, s.posNode = w, unique, pos
	c := graph.Classes{H: x, W: w, Unit: s.head.score == Cosine}
	if s.head.bias != nil {
		c.Bias = e.N(graph.Reshape(e.N(graph.Lookup(s.matrix(s.head.bias), unique)), most))
	}
	in.Pos, in.Neg, in.Classes = e.N(graph.PairScores(c, rows, pos)), e.N(graph.RowScores(c, draws)), all.rows
	s.loss = e.N(graph.SampledLoss(l.Analytic, in, s.targets))
	return e.Err
}

// place returns the place of a class in unique, −1 of an empty place.
func (s *attachedSampled[T]) place(id int32) int32 {
	if id < 0 {
		return -1
	}
	j, _ := slices.BinarySearch(s.unique, id)
	return int32(j)
}

// widen copies src to the front of dst and clears the rest.
func widen[T graph.Float](dst []T, src []float32) error {
	for i, v := range src {
		dst[i] = T(v)
	}
	clear(dst[len(src):])
	return nil
}

// draw is the body of the node of draws. They are made in the first run of a batch: the
// gradient holds them constant, and so does whoever runs the batch again at other weights
// to take differences.
func (s *attachedSampled[T]) draw(dst []int32, h []T) error {
	if err := s.drawOnce(h); err != nil {
		return err
	}
	copy(dst, s.draws.IDs)
	if s.known != nil {
		s.known.mark(&s.batch, s.draws)
	}
	return nil
}

func (s *attachedSampled[T]) drawOnce(h []T) error {
	if s.drawn {
		return nil
	}
	b := &s.batch
	if s.h != nil {
		for i, v := range h {
			s.h[i] = float32(v)
		}
		b.H, b.W = s.h, s.classes()
	}
	if err := s.head.sampler.Draw(s.draws, b); err != nil {
		return err
	}
	s.drawn = true
	return nil
}

// drawing is a sampled head, which can take the draws that the same head made for the same
// batch in another graph.
type drawing interface {
	made() *sampler.Draws
	take(d *sampler.Draws)
}

func (s *attachedSampled[T]) made() *sampler.Draws { return s.draws }

func (s *attachedSampled[T]) take(d *sampler.Draws) { s.draws, s.taken = d, true }

// classes returns the class vectors that scores meet.
func (s *attachedSampled[T]) classes() []float32 {
	if s.unit != nil {
		return s.unit
	}
	return s.w.Data
}

func (s *attachedSampled[T]) Set(step int, batch *data.Batch) error {
	if err := s.setTargets(batch); err != nil {
		return err
	}
	b := &s.batch
	b.Step, b.Pos = uint64(step), append(b.Pos[:0], batch.Targets.Class...)
	n := batch.Len()
	copy(b.Ptr, batch.Targets.Ptr)
	for i := n; i < len(b.Ptr); i++ {
		b.Ptr[i] = batch.Targets.Ptr[n] // padding rows
	}
	if s.known != nil {
		s.known.of(batch)
	}
	if s.scored != nil {
		if err := s.setScored(batch); err != nil {
			return err
		}
	}
	if s.drawn = s.taken; s.drawn {
		return nil // the sampler has seen the batch
	}
	if s.unit != nil && (!s.fresh || step%unitEvery == 0) {
		w, err := s.vectors.vectors()
		if err != nil {
			return err
		}
		if s.head.score == Cosine {
			kernel.NormalizeRows(s.unit, w, s.head.sampler.Config.D)
		} else {
			copy(s.unit, w)
		}
		s.fresh = true
	}
	s.head.sampler.Observe(b)
	if s.h == nil {
		return nil
	}
	_, err := s.head.sampler.Refresh(b.Step, s.classes())
	return err
}

func (s *attachedSampled[T]) Moved(p *graph.Program[float32]) {
	w := s.w
	if s.unit == nil || w == nil || w.Frozen { // the next copy has what a model computes, and no step moves a frozen table
		return
	}
	for _, id := range p.GradRows(s.Node(w)) {
		row := s.unit[int(id)*w.Dim : (int(id)+1)*w.Dim]
		kernel.NormalizeRows(row, w.Row(id), w.Dim)
	}
}

// State returns the sampler's state and, where there are any, the class vectors that it
// sees in place of a table's.
func (s *attachedSampled[T]) State() []graph.Array {
	state := s.head.sampler.State()
	if s.unit != nil {
		n := 0
		if s.fresh {
			n = len(s.unit)
		}
		state = append(state, graph.Vector("unit", s.unit[:n]))
	}
	return state
}

func (s *attachedSampled[T]) SetState(state []graph.Array) error {
	if s.unit != nil {
		last := len(state) - 1
		if last < 0 || state[last].Name != "unit" {
			return fmt.Errorf("models: sampled: the state lacks unit, the class vectors that draws are made by")
		}
		unit, ok := state[last].Data.([]float32)
		if !ok || len(unit) != 0 && len(unit) != len(s.unit) {
			return fmt.Errorf("models: sampled: the state's unit has %d numbers, want %d", len(unit), len(s.unit))
		}
		copy(s.unit, unit)
		s.fresh, state = len(unit) > 0, state[:last]
	}
	return s.head.sampler.SetState(state)
}
