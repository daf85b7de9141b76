package models

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/param"
)

// all is the head over all classes: every class is a candidate of every row, by
// the fused op that never holds the score matrix.
func init() {
	RegisterHead(HeadSpec{
		Name:   "all",
		Doc:    "every class is a candidate of every row: the exact loss",
		Source: "the losses' own definition",
		New: func(_ param.Values, s HeadSetting) (Head, error) {
			a := &all{score: s.Score, tau: s.Temperature, w: s.NewTable("class", s.Set.Items, s.Dim)}
			if s.Bias {
				a.bias = graph.NewTable[float32]("class-bias", s.Set.Items, 1)
			}
			return a, nil
		},
	})
}

type all struct {
	score Score
	tau   float64
	w     *Table // [C,d]
	bias  *Table // [C,1] or nil
}

func (a *all) Tables() []*Table {
	if a.bias == nil {
		return []*Table{a.w}
	}
	return []*Table{a.w, a.bias}
}

func (a *all) Attach(b *graph.Builder[float32], h *gorgonia.Node, l losses.Bound, positions int) (Side, error) {
	s := &allSide{head: a}
	s.w = b.Param(a.w.Name, a.w.Data, a.w.Rows, a.w.Dim)
	w := s.w
	if a.bias != nil {
		s.bias = b.Param(a.bias.Name, a.bias.Data, a.bias.Rows)
	}
	var err error
	if a.score == Cosine {
		if h, err = graph.L2Normalize(h); err != nil {
			return nil, err
		}
		if w, err = graph.L2Normalize(w); err != nil {
			return nil, err
		}
	}
	if a.tau != 1 {
		if h, err = graph.Scale(h, 1/a.tau); err != nil {
			return nil, err
		}
	}
	s.targets, s.data = b.Targets("target", h.Shape()[0], positions)
	s.loss, err = graph.LinearLoss(l.Rows, graph.Linear{H: h, W: w, Bias: s.bias}, s.targets)
	return s, err
}

type allSide struct {
	head    *all
	w, bias *gorgonia.Node
	loss    *gorgonia.Node
	targets *graph.Targets
	data    *graph.TargetData[float32]
}

func (s *allSide) Loss() *gorgonia.Node    { return s.loss }
func (s *allSide) Targets() *graph.Targets { return s.targets }

func (s *allSide) Set(_ int, batch *data.Batch) error {
	s.data.Reset()
	for i := range batch.Users {
		lo, hi := batch.Ptr[i], batch.Ptr[i+1]
		if err := s.data.Append(batch.Pos[lo:hi], batch.Weight[lo:hi]); err != nil {
			return err
		}
	}
	return nil
}

func (s *allSide) Apply(p *graph.Program[float32], updater func(*Table) graph.Updater[float32]) error {
	a := s.head
	if err := updater(a.w).Update(a.w, p.Grad(s.w)); err != nil {
		return err
	}
	if a.bias == nil {
		return nil
	}
	return updater(a.bias).Update(a.bias, p.Grad(s.bias))
}

func (a *all) Ranker() Ranker {
	r := &linearRanker{d: a.w.Dim, w: a.w.Data, tau: float32(a.tau), cosine: a.score == Cosine}
	if a.bias != nil {
		r.bias = a.bias.Data
	}
	if r.cosine {
		r.w = make([]float32, len(a.w.Data))
		for c := range a.w.Rows {
			normalize(r.w[c*r.d:(c+1)*r.d], a.w.Data[c*r.d:(c+1)*r.d])
		}
	} else {
		r.w = append([]float32(nil), a.w.Data...)
	}
	if r.bias != nil {
		r.bias = append([]float32(nil), r.bias...)
	}
	return r
}

// normalize stores x/max(‖x‖, 1e-12) in dst.
func normalize(dst, x []float32) {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	scale := 1 / max(math.Sqrt(s), 1e-12)
	for i, v := range x {
		dst[i] = float32(float64(v) * scale)
	}
}

// linearRanker ranks by z_j = ⟨h, w_j⟩/τ + b_j, with h normalised first if
// cosine.
type linearRanker struct {
	d      int
	w      []float32 // [C,d]
	bias   []float32 // [C] or nil
	tau    float32
	cosine bool
}

// rankTile is the number of classes whose vectors stay in cache while the rows
// of a block pass over them.
const rankTile = 256

func (r *linearRanker) Rank(tops []Top, h []float32, skip func(i int) []int32, k int) error {
	d, classes := r.d, len(r.w)/r.d
	if len(h) != len(tops)*d {
		return fmt.Errorf("models: %d encodings of width %d have %d numbers", len(tops), d, len(h))
	}
	if r.cosine {
		n := make([]float32, len(h))
		for i := range tops {
			normalize(n[i*d:(i+1)*d], h[i*d:(i+1)*d])
		}
		h = n
	}
	sel := make([]topSelector, len(tops))
	for i := range sel {
		sel[i].reset(k, skip(i))
	}
	for lo := 0; lo < classes; lo += rankTile {
		hi := min(lo+rankTile, classes)
		for i := range sel {
			row, t := h[i*d:(i+1)*d], &sel[i]
			threshold := t.threshold()
			for c := lo; c < hi; c++ {
				z := dot(row, r.w[c*d:(c+1)*d]) / r.tau
				if r.bias != nil {
					z += r.bias[c]
				}
				if z <= threshold {
					continue
				}
				// The negated comparison above lets a NaN through.
				if z != z || z > math.MaxFloat32 {
					return fmt.Errorf("models: class %d has score %v: the model has diverged", c, z)
				}
				t.offer(int32(c), z)
				threshold = t.threshold()
			}
		}
	}
	for i := range sel {
		tops[i] = sel[i].top()
	}
	return nil
}

// dot is ⟨a, b⟩ in four running sums: a fixed order, and the sums do not wait
// for each other.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += float32(a[i] * b[i])
		s1 += float32(a[i+1] * b[i+1])
		s2 += float32(a[i+2] * b[i+2])
		s3 += float32(a[i+3] * b[i+3])
	}
	for ; i < len(a); i++ {
		s0 += float32(a[i] * b[i])
	}
	return (s0 + s1) + (s2 + s3)
}
