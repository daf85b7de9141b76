package models

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

func demo(t *testing.T) *data.Dataset {
	set, err := data.Load(data.Config{Source: "demo:users=60,items=90,per-user=8"})
	require.NoError(t, err)
	f := data.Field{Name: "features", Size: 17, ID: []int32{}, Value: []float32{}}
	for u := range set.Users { // none to four each
		f.Lo = append(f.Lo, len(f.ID))
		for k := range u % 5 {
			f.ID, f.Value = append(f.ID, int32((u+4*k)%17)), append(f.Value, float32(k+1)/float32(2+u%3))
		}
		f.Hi = append(f.Hi, len(f.ID))
	}
	set.UserFields = []data.Field{f}
	require.NoError(t, set.Contexts().Validate())
	return set
}

// built makes the tables that a model reads of a set, as training would, and returns
// them.
func built(t *testing.T, m Model, set *data.Dataset) []*Table {
	g := NewGraph(graph.NewPlan[float32](), set.Contexts(), 1, set.Classes())
	_, err := Encode(g, m)
	require.NoError(t, err)
	_, err = classes(g, m)
	require.NoError(t, err)
	for _, table := range g.Tables() {
		table.Initialise(7)
	}
	return g.Tables()
}

func wide(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// headSettings are the ways that a head can score.
func headSettings(set *data.Dataset) (all []HeadSetting) {
	for _, score := range Scores() {
		for _, tau := range []float64{1, 0.2} {
			for _, bias := range []bool{false, true} {
				all = append(all, HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: score, Temperature: tau, Bias: bias})
			}
		}
	}
	return all
}

func (s HeadSetting) name() string { return fmt.Sprintf("%s/%g/%v", s.Score, s.Temperature, s.Bias) }

// newHead returns the head, with weights and biases that are not 0, and a model of rows
// given encodings for it.
func newHead(t *testing.T, text string, s HeadSetting, rows int) (Head, given) {
	b, err := ParseHead(text)
	require.NoError(t, err)
	head, err := b.New(s)
	require.NoError(t, err)
	m := newGiven(s.Setting, rows)
	l := s.Loss
	if l.Spec == nil {
		l = softmax
	}
	g := NewGraph(graph.NewPlan[float32](), s.Set.Contexts(), rows, s.Set.Classes())
	_, err = head.Attach(g, m, g.Contexts.Table(m.h), l, 8)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(3, 3))
	for _, table := range g.Tables()[1:] {
		table.Initialise(7)
		for i := range table.Data {
			table.Data[i] += float32(rng.NormFloat64())
		}
	}
	return head, m
}

// classTables are the tables of a head that scores by class vectors: these, and a
// bias if it has one.
func classTables(m given, head Head) []*Table {
	h, ok := head.(*all)
	if !ok {
		h = head.(*sampled).all
	}
	return slices.DeleteFunc([]*Table{m.W, h.bias}, func(t *Table) bool { return t == nil })
}

// scores is the definition, in float64.
func scores(s HeadSetting, h []float32, tables []*Table) []float64 {
	w, d := tables[0], s.Dim
	norm := func(x []float32) float64 {
		n := 0.0
		for _, v := range x {
			n += float64(v) * float64(v)
		}
		return math.Max(math.Sqrt(n), 1e-12)
	}
	z := make([]float64, w.Rows)
	for c := range z {
		for k := range d {
			z[c] += float64(h[k]) * float64(w.Data[c*d+k])
		}
		if s.Score == Cosine {
			z[c] /= norm(h) * norm(w.Row(int32(c)))
		}
		z[c] /= s.Temperature
		if s.Bias {
			z[c] += float64(tables[1].Data[c])
		}
	}
	return z
}

// TestRank: the ranking of head all is that of its scores as defined, and a row
// gets the same bits alone as among others.
func TestRank(t *testing.T) {
	set := demo(t)
	for _, s := range headSettings(set) {
		t.Run(s.name(), func(t *testing.T) {
			head, m := newHead(t, "all", s, 4)
			ranker, err := head.Ranker(m, set.Classes())
			require.NoError(t, err)
			rng := rand.New(rand.NewPCG(5, 5))
			h := make([]float32, 70*5)
			for i := range h {
				h[i] = float32(rng.NormFloat64())
			}
			copy(h[5:10], make([]float32, 5)) // an encoding of zeros
			skip := func(i int) []int32 { return set.Train.ItemsOf(i % set.Users) }
			tops := make([]Top, 70)
			require.NoError(t, ranker.Rank(tops, h, skip, 12))
			for i, top := range tops {
				z := scores(s, h[i*5:(i+1)*5], classTables(m, head))
				require.Len(t, top.IDs, 12)
				var order []int32
				for c := range z {
					if !slices.Contains(skip(i), int32(c)) {
						order = append(order, int32(c))
					}
				}
				slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(z[b], z[a]) })
				for r, c := range top.IDs {
					require.InDelta(t, z[c], top.Scores[r], 1e-4)
					require.InDelta(t, z[order[r]], z[c], 1e-4, "row %d place %d", i, r)
					require.NotContains(t, skip(i), c)
				}
				alone := make([]Top, 1)
				require.NoError(t, ranker.Rank(alone, h[i*5:(i+1)*5], func(int) []int32 { return skip(i) }, 12))
				require.Equal(t, top, alone[0])
			}
			require.ErrorContains(t, ranker.Rank(tops, h[:3], skip, 12), "70 encodings of width 5 have 3 numbers")
			for _, bad := range []float64{math.NaN(), math.Inf(1)} {
				h[0] = float32(bad)
				require.ErrorContains(t, ranker.Rank(tops, h, skip, 12), "diverged")
			}
			all := make([]Top, 1)
			require.NoError(t, ranker.Rank(all, make([]float32, 5), func(int) []int32 { return []int32{3, 8} }, 1000))
			require.Len(t, all[0].IDs, 88)
		})
	}
}

// TestAttach holds the losses and gradients of the attached heads against the
// loss's definition on the written-out score matrix, in float64, on a batch with
// a padding row.
func TestAttach(t *testing.T) {
	set := demo(t)
	l, err := losses.Parse("softmax")
	require.NoError(t, err)
	batch := testBatch
	for _, s := range headSettings(set) {
		t.Run(s.name(), func(t *testing.T) {
			head, m := newHead(t, "all", s, 4)
			b := graph.NewBuilder[float32]()
			g := NewGraph(b, set.Contexts(), 4, set.Classes())
			attached, err := head.Attach(g, m, g.Contexts.Table(m.h), l, 6)
			require.NoError(t, err)
			cost, err := graph.MeanRows(attached.Loss(), attached.Targets())
			require.NoError(t, err)
			p, err := b.Train(cost)
			require.NoError(t, err)
			defer p.Close()
			require.NoError(t, attached.Set(0, batch))
			require.NoError(t, p.Run())
			got := map[string][]float64{}
			require.NoError(t, g.Step(p, func(table *Table) graph.Updater[float32] {
				return recorder{func(g graph.Gradient[float32]) { got[table.Name] = wide(g.Data) }}
			}))

			c := graph.NewBuilder[float64]()
			var e graph.Expr
			leaf := map[string]*gorgonia.Node{"h": c.Param("h", wide(m.h.Data), 4, 5)}
			w := m.W
			leaf["class"] = c.Param("class", wide(w.Data), w.Rows, 5)
			x, y := leaf["h"], leaf["class"]
			if s.Score == Cosine {
				x, y = e.N(graph.L2Normalize(x)), e.N(graph.L2Normalize(y))
			}
			z := e.N(graph.Scale(e.N(graph.MatMul(x, y, false, true)), 1/s.Temperature))
			if s.Bias {
				leaf["class-bias"] = c.Param("class-bias", wide(classTables(m, head)[1].Data), w.Rows)
				z = e.N(graph.AddBias(z, leaf["class-bias"]))
			}
			targets, td := c.Targets("target", 4, 6)
			for i := range batch.Rows {
				lo, hi := batch.Targets.Ptr[i], batch.Targets.Ptr[i+1]
				require.NoError(t, td.Append(batch.Targets.Class[lo:hi], wide(batch.Targets.Weight[lo:hi])))
			}
			want := e.N(graph.MeanRows(e.N(l.Node(z, targets)), targets))
			require.NoError(t, e.Err)
			q, err := c.Train(want)
			require.NoError(t, err)
			defer q.Close()
			require.NoError(t, q.Run())
			require.True(t, check.Near(float64(p.Cost()), q.Cost(), 1e-5, 1e-6), "%v, want %v", p.Cost(), q.Cost())
			require.Len(t, got, len(leaf))
			for name, n := range leaf {
				worst, at := check.Worst(got[name], q.Grad(n).Data, 1e-2)
				require.LessOrEqual(t, worst, 1e-4, "%s entry %d", name, at)
			}
		})
	}
}

type recorder struct {
	f func(g graph.Gradient[float32])
}

func (r recorder) Update(_ *Table, g graph.Gradient[float32]) error { r.f(g); return nil }

func TestErrors(t *testing.T) {
	set := demo(t)
	_, err := Parse("mff")
	require.ErrorContains(t, err, "the choices are gru4rec, lightgcn, linear, mf, ")
	_, err = Parse("mf:init=1")
	require.ErrorContains(t, err, "takes no parameters")
	_, err = ParseHead("some")
	require.ErrorContains(t, err, "all")
	b, err := ParseHead("all")
	require.NoError(t, err)
	_, err = b.New(HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: "cos", Temperature: 1})
	require.ErrorContains(t, err, "cosine, dot")
	_, err = b.New(HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: math.NaN()})
	require.ErrorContains(t, err, "not above 0")
	m, err := Parse("mf")
	require.NoError(t, err)
	mf, err := m.New(Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7})
	require.NoError(t, err)
	built(t, mf, set)
	e, err := NewEncoder(mf, set.Contexts(), 4)
	require.NoError(t, err)
	defer e.Close()
	require.ErrorContains(t, e.Encode(make([]float32, 5), []int32{60}), "row 60 is outside [0,60)")
	_, err = NewEncoder(mf, nil, 4)
	require.ErrorContains(t, err, "no frame of context rows")
	_, err = NewEncoder(mf, set.Classes(), 4)
	require.ErrorContains(t, err, `no field "user"; the choices are id`)
}
