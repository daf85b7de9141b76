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
	"github.com/fenchel-ml/fenchel/losses/param"
)

func demo(t *testing.T) *data.Dataset {
	set, err := data.Load(data.Config{Source: "demo:users=60,items=90,per-user=8"})
	require.NoError(t, err)
	return set
}

// each calls f with every probed setting of every registered model.
func each(t *testing.T, f func(t *testing.T, m Model)) {
	require.NotEmpty(t, All())
	for _, s := range All() {
		probes, err := param.Probes(s.Params)
		require.NoError(t, err)
		for _, v := range probes {
			b := Bound{s, v}
			again, err := Parse(b.String())
			require.NoError(t, err)
			require.Equal(t, b.Values, again.Values)
			t.Run(b.String(), func(t *testing.T) {
				m, err := b.New(Setting{Set: demo(t), Dim: 5, Init: 0.5, Seed: 7})
				require.NoError(t, err)
				f(t, m)
			})
		}
	}
}

// encode returns the encodings of users with the Encoder's block of size rows.
func encode(t *testing.T, m Model, rows int, users []int32) []float32 {
	e, err := NewEncoder(m, rows)
	require.NoError(t, err)
	h := make([]float32, len(users)*m.Dim())
	require.NoError(t, e.Encode(h, users))
	require.NoError(t, e.Close())
	return h
}

// TestModel holds every model to the contract: named tables, fresh weights from
// the seed alone, an encoding that depends on its own user alone.
func TestModel(t *testing.T) {
	each(t, func(t *testing.T, m Model) {
		var names []string
		for i, in := range m.Inputs() {
			require.NotContains(t, names, in.Table.Name)
			names = append(names, in.Table.Name)
			require.Equal(t, in.PerUser == 0, in.Rows == nil)
			require.Same(t, in.Table, m.Inputs()[i].Table)
			require.Len(t, in.Table.Data, in.Table.Rows*in.Table.Dim)
		}
		users := []int32{3, 0, 59, 3, 17, 8, 9}
		all := encode(t, m, 7, users)
		require.Equal(t, all, encode(t, m, 3, users), "in blocks with a short last one")
		require.Equal(t, all, encode(t, m, 64, users), "in a block that is not full")
		for i, u := range users {
			require.Equal(t, all[i*m.Dim():(i+1)*m.Dim()], encode(t, m, 1, []int32{u}))
		}
		require.NotEqual(t, all[:m.Dim()], all[m.Dim():2*m.Dim()], "users differ")
	})
}

// TestModelGradient holds the symbolic gradient of Σ_bk c_bk h_bk through every
// input against central differences, in float64.
func TestModelGradient(t *testing.T) {
	each(t, func(t *testing.T, m Model) {
		users := []int32{3, 0, 59, 17}
		build := func(data [][]float64) ([]float64, [][]float64) {
			b := graph.NewBuilder[float64]()
			var leaves []*gorgonia.Node
			for i, in := range m.Inputs() {
				rows := in.Table.Rows
				if in.PerUser > 0 {
					rows = in.PerUser * len(users)
				}
				leaves = append(leaves, b.Param(in.Table.Name, data[i], rows, in.Table.Dim))
			}
			h, err := m.Encode(leaves)
			require.NoError(t, err)
			c, cd := b.Input("c", len(users), m.Dim())
			for i := range cd {
				cd[i] = math.Sin(float64(i + 1))
			}
			z, err := graph.Mul(h, c)
			require.NoError(t, err)
			cost, err := graph.Sum(z)
			require.NoError(t, err)
			p, err := b.Train(cost)
			require.NoError(t, err)
			defer p.Close()
			require.NoError(t, p.Run())
			var grads [][]float64
			for _, l := range leaves {
				grads = append(grads, slices.Clone(p.Grad(l).Data))
			}
			return []float64{p.Cost()}, grads
		}
		var leafs [][]float64
		for _, in := range m.Inputs() {
			x := in.Table.Data
			if in.PerUser > 0 {
				x = make([]float32, in.PerUser*len(users)*in.Table.Dim)
				require.NoError(t, in.Table.Gather(x, in.Rows(nil, users)))
			}
			leafs = append(leafs, wide(x))
		}
		_, grads := build(leafs)
		for i := range leafs {
			num := make([]float64, len(leafs[i]))
			check.CentralDifference(num, func([]float64) float64 { v, _ := build(leafs); return v[0] }, leafs[i], 1e-5)
			worst, at := check.Worst(grads[i], num, 1)
			require.LessOrEqual(t, worst, 1e-8, "input %d entry %d", i, at)
		}
	})
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

// newHead returns the head with biases that are not 0.
func newHead(t *testing.T, text string, s HeadSetting) Head {
	b, err := ParseHead(text)
	require.NoError(t, err)
	h, err := b.New(s)
	require.NoError(t, err)
	rng := rand.New(rand.NewPCG(3, 3))
	for _, table := range h.Tables() {
		for i := range table.Data {
			table.Data[i] += float32(rng.NormFloat64())
		}
	}
	return h
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
			head := newHead(t, "all", s)
			ranker := head.Ranker()
			rng := rand.New(rand.NewPCG(5, 5))
			h := make([]float32, 70*5)
			for i := range h {
				h[i] = float32(rng.NormFloat64())
			}
			copy(h[5:10], make([]float32, 5)) // an encoding of zeros
			skip := func(i int) []int32 { return set.Train.Of(i % set.Users) }
			tops := make([]Top, 70)
			require.NoError(t, ranker.Rank(tops, h, skip, 12))
			for i, top := range tops {
				z := scores(s, h[i*5:(i+1)*5], head.Tables())
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
	batch := &data.Batch{Users: []int32{4, 9, 2}, Ptr: []int32{0, 1, 4, 6}, Pos: []int32{7, 1, 8, 30, 0, 89}, Weight: []float32{1, .25, .5, .25, .5, .5}}
	for _, s := range headSettings(set) {
		t.Run(s.name(), func(t *testing.T) {
			head := newHead(t, "all", s)
			hd := Setting{Set: set, Dim: 5, Init: 1, Seed: 9}.NewTable("h", 4, 5).Data

			b := graph.NewBuilder[float32]()
			h := b.Param("h", hd, 4, 5)
			side, err := head.Attach(b, h, l, 6)
			require.NoError(t, err)
			cost, err := graph.MeanRows(side.Loss(), side.Targets())
			require.NoError(t, err)
			p, err := b.Train(cost)
			require.NoError(t, err)
			defer p.Close()
			require.NoError(t, side.Set(0, batch))
			require.NoError(t, p.Run())
			got := map[string][]float64{"h": wide(p.Grad(h).Data)}
			require.NoError(t, side.Apply(p, func(table *Table) graph.Updater[float32] {
				return recorder{func(g graph.Gradient[float32]) { got[table.Name] = wide(g.Data) }}
			}))

			c := graph.NewBuilder[float64]()
			var e graph.Expr
			leaf := map[string]*gorgonia.Node{"h": c.Param("h", wide(hd), 4, 5)}
			w := head.Tables()[0]
			leaf["class"] = c.Param("class", wide(w.Data), w.Rows, 5)
			x, y := leaf["h"], leaf["class"]
			if s.Score == Cosine {
				x, y = e.N(graph.L2Normalize(x)), e.N(graph.L2Normalize(y))
			}
			z := e.N(graph.Scale(e.N(graph.MatMul(x, y, false, true)), 1/s.Temperature))
			if s.Bias {
				leaf["class-bias"] = c.Param("class-bias", wide(head.Tables()[1].Data), w.Rows)
				z = e.N(graph.AddBias(z, leaf["class-bias"]))
			}
			targets, td := c.Targets("target", 4, 6)
			for i := range batch.Users {
				require.NoError(t, td.Append(batch.Pos[batch.Ptr[i]:batch.Ptr[i+1]], wide(batch.Weight[batch.Ptr[i]:batch.Ptr[i+1]])))
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
	require.ErrorContains(t, err, "the choices are mf")
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
	e, err := NewEncoder(mf, 4)
	require.NoError(t, err)
	defer e.Close()
	require.ErrorContains(t, e.Encode(make([]float32, 5), []int32{60}), "outside [0,60)")
}

// TestNewTable: numbers depend on seed and name, and have the scale asked for.
func TestNewTable(t *testing.T) {
	s := Setting{Init: 0.3, Seed: 1}
	a := s.NewTable("a", 100, 50)
	require.Equal(t, a.Data, s.NewTable("a", 100, 50).Data)
	require.NotEqual(t, a.Data, s.NewTable("b", 100, 50).Data)
	require.NotEqual(t, a.Data, Setting{Init: 0.3, Seed: 2}.NewTable("a", 100, 50).Data)
	square := 0.0
	for _, x := range a.Data {
		square += float64(x) * float64(x)
	}
	require.InDelta(t, 0.3, math.Sqrt(square/5000), 0.01)
}

// TestLeavesReadByRows: a model may read few of the rows that were gathered for it.
func TestLeavesReadByRows(t *testing.T) {
	table := graph.NewTable[float32]("item", 10, 2)
	m := lookup{table}
	b := graph.NewBuilder[float32]()
	leaves := Bind(b, m, 3)
	ids, id := b.Indices("ids", 3)
	copy(id, []int32{1, 4, 1}) // 4 is of the row of padding
	h := b.Param("h", []float32{2, 3}, 1, 2)
	var e graph.Expr
	cost := e.N(graph.Sum(e.N(graph.RowScores(graph.Classes{H: h, W: leaves.Nodes()[0]}, ids))))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, leaves.Gather([]int32{7, 5}))
	require.NoError(t, p.Run())
	var got graph.Gradient[float32]
	require.NoError(t, leaves.Apply(p, func(*Table) graph.Updater[float32] {
		return recorder{func(g graph.Gradient[float32]) { got = g }}
	}))
	require.Equal(t, graph.Gradient[float32]{Rows: []int32{8}, Data: []float32{4, 6}}, got) // the second row of user 7
}

// lookup gathers the rows u and u+1 of user u.
type lookup struct{ t *Table }

func (m lookup) Dim() int { return m.t.Dim }

func (m lookup) Inputs() []Input {
	return []Input{{Table: m.t, PerUser: 2, Rows: func(dst, users []int32) []int32 {
		for _, u := range users {
			dst = append(dst, u, u+1)
		}
		return dst
	}}}
}

func (m lookup) Encode(leaves []*gorgonia.Node) (*gorgonia.Node, error) { return leaves[0], nil }
