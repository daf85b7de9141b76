package models

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// TestSampledEverySampler trains one head a few steps with each sampler and
// finds the gradients of W in the rows of positives and draws alone.
func TestSampledEverySampler(t *testing.T) {
	set := demo(t)
	for _, name := range sampler.Names() {
		for _, s := range headSettings(set) {
			if s.Temperature != 0.2 {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s", name, s.name()), func(t *testing.T) {
				head, m := newHead(t, "sampled:n=6,sampler="+name, s, 4)
				b := graph.NewBuilder[float32]()
				g := NewGraph(b, set.Contexts(), 4, set.Classes())
				attached, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, 8)
				require.NoError(t, err)
				cost, err := graph.MeanRows(attached.Loss(), attached.Targets())
				require.NoError(t, err)
				p, err := b.Train(cost)
				require.NoError(t, err)
				defer p.Close()
				var last []int32
				different := false
				for step := range 4 {
					require.NoError(t, attached.Set(step, testBatch))
					require.NoError(t, p.Run())
					require.False(t, math.IsNaN(float64(p.Cost())))
					rows := 0
					require.NoError(t, g.Step(p, func(table *Table) graph.Updater[float32] {
						if table == m.h {
							return recorder{func(graph.Gradient[float32]) {}}
						}
						return recorder{func(g graph.Gradient[float32]) {
							require.NotNil(t, g.Rows, table.Name)
							rows = len(g.Rows)
							for i, id := range g.Rows { // a small step
								for k := range table.Dim {
									table.Data[int(id)*table.Dim+k] -= 0.01 * g.Data[i*table.Dim+k]
								}
							}
						}}
					}))
					attached.Moved(p)
					require.LessOrEqual(t, rows, 6+4*6)
					ids := attached.(*attachedSampled[float32]).draws.IDs
					different = different || last != nil && fmt.Sprint(ids) != fmt.Sprint(last)
					last = append(last[:0], ids...)
				}
				if name != "in-batch" { // the batch is the same in each step
					require.True(t, different, "steps draw anew")
				}
				// The same step again draws the same.
				require.NoError(t, attached.Set(3, testBatch))
			})
		}
	}
}

// TestSampledParams: parameters of samplers are the head's, in either order, and
// what does not fit is named.
func TestSampledParams(t *testing.T) {
	set := demo(t)
	b, err := ParseHead("sampled:beta=0.5,sampler=popularity,n=9")
	require.NoError(t, err)
	require.Equal(t, "sampled:n=9,sampler=popularity,beta=0.5", b.String())
	again, err := ParseHead(b.String())
	require.NoError(t, err)
	require.Equal(t, b.Values, again.Values)
	for _, name := range sampler.Names() {
		_, err := ParseHead("sampled:sampler=" + name)
		require.NoError(t, err)
	}
	for text, want := range map[string]string{
		"sampled:beta=0.5":                        `no parameter "beta"; the choices are n, sampler, correction, hits, per`,
		"sampled:sampler=popularity,gamma=1":      `no parameter "gamma"; the choices are n, sampler, correction, hits, per, beta, delta`,
		"sampled:sampler=popular":                 `sampler="popular" is not one of`,
		"sampled:sampler=dns,per=batch":           `per="batch" is not one of row`,
		"sampled:sampler=in-batch,per=row":        `per="row" is not one of batch`,
		"sampled:n=0":                             "n=0 is outside",
		"sampled:correction=importance,hits=seen": "with hits=seen they miss more",
		"tree:kind=oak":                           `kind="oak" is not one of balanced, clusters, huffman`,
	} {
		_, err := ParseHead(text)
		require.ErrorContains(t, err, want, text)
	}
	l, err := losses.Parse("ccl")
	require.NoError(t, err)
	b, err = ParseHead("sampled")
	require.NoError(t, err)
	_, err = b.New(HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Cosine, Temperature: 1, Loss: l})
	require.ErrorContains(t, err, "use correction=none")
	for text, want := range map[string]string{
		"classes:k=91":           "91 groups of 90 classes",
		"adaptive:shortlist=90":  "must rise within [1, 90)",
		"adaptive:shortlist=500": "must rise within [1, 90)",
	} {
		b, err := ParseHead(text)
		require.NoError(t, err)
		_, err = b.New(HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: 1})
		require.ErrorContains(t, err, want)
	}
}

// TestSeenIsLeftOut: of rows whose history is most of the classes only the others count,
// whether the row's target is all of the history or, as of pairs, one class of it.
func TestSeenIsLeftOut(t *testing.T) {
	set := demo(t)
	setting := HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: 1}
	for _, per := range []string{"row", "batch"} {
		for _, task := range []string{"user", "pair"} {
			head, m := newHead(t, "sampled:n=60,correction=none,hits=seen,per="+per, setting, 4)
			x, err := set.Examples(task)
			require.NoError(t, err)
			batch, err := x.First(4)
			require.NoError(t, err)
			b := graph.NewBuilder[float32]()
			g := NewGraph(b, x.Context, 4, set.Classes())
			attached, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, len(batch.Targets.Class))
			require.NoError(t, err)
			require.NoError(t, attached.Set(0, batch))
			eval, err := b.Eval(attached.Loss())
			require.NoError(t, err)
			require.NoError(t, eval.Run())
			s := attached.(*attachedSampled[float32])
			hits := 0
			for i, row := range batch.Rows {
				known := map[int32]bool{}
				for _, c := range set.Train.ItemsOf(int(row)) {
					known[c] = true
				}
				ids, _ := s.draws.Row(i)
				z := scores(setting, m.h.Data[i*5:(i+1)*5], g.Tables()[1:])
				positives := batch.Targets.Row(i)
				var want float64
				for _, y := range positives {
					row := []float64{z[y]}
					for _, id := range ids {
						if known[id] {
							hits++
						} else {
							row = append(row, z[id])
						}
					}
					want += softmax.Ref(row, losses.Target[float64]{Pos: []int32{0}, Weight: []float64{1}}) / float64(len(positives))
				}
				require.InDelta(t, want, float64(eval.Value(attached.Loss())[i]), 1e-4)
			}
			require.Positive(t, hits)
			require.NoError(t, eval.Close())
		}
	}
	head, m := newHead(t, "sampled:hits=seen", setting, 4)
	g := NewGraph(graph.NewBuilder[float32](), &data.Frame{Rows: 4, Fields: []data.Field{{Name: "user", Size: 4}}}, 4, set.Classes())
	_, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, 8)
	require.ErrorContains(t, err, `hits=seen leaves out what the field "history" of contexts holds`)
}

// TestAdaptiveProposalSeesTheScores: draws of the oracle follow softmax of the
// head's own scores, whatever the score and temperature.
func TestAdaptiveProposalSeesTheScores(t *testing.T) {
	set := demo(t)
	for _, s := range headSettings(set) {
		if s.Bias { // proposals leave biases out
			continue
		}
		head, m := newHead(t, "sampled:n=3,sampler=softmax-exact", s, 4)
		hd := m.h.Data
		b := graph.NewBuilder[float32]()
		g := NewGraph(b, set.Contexts(), 4, set.Classes())
		attached, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, 8)
		require.NoError(t, err)
		require.NoError(t, attached.Set(0, testBatch))
		eval, err := b.Eval(attached.Loss())
		require.NoError(t, err)
		require.NoError(t, eval.Run())
		d := attached.(*attachedSampled[float32]).draws
		for r := range 4 {
			z, p := scores(s, hd[r*5:(r+1)*5], g.Tables()[1:]), make([]float64, set.Items)
			softmax.Predict(p, z)
			ids, logQ := d.Row(r)
			for j, id := range ids {
				require.InDelta(t, math.Log(p[id]), logQ[j], 1e-3)
			}
		}
		require.NoError(t, eval.Close())
	}
}
