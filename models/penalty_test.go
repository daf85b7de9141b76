package models

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// TestPenalise holds what Penalise adds to the cost against its formula, evaluated row by
// row over the models' own vectors and the draws that were made, and its gradient against
// differences: of free, tied and computed vectors, over all classes, drawn ones of a row and
// of a batch, with dropout, weights of rows and a row of padding.
func TestPenalise(t *testing.T) {
	set := featured(t)
	all := wholes(set)
	kind, err := Parse("mf")
	require.NoError(t, err)
	all["mf"], err = kind.New(Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7})
	require.NoError(t, err)
	const contexts, classes = 0.3, 0.7
	for name, m := range all {
		for _, text := range []string{"all", "sampled:n=3", "sampled:n=3,per=row", "sampled:n=4,per=row,sampler=dns", "sampled:n=5,sampler=in-batch"} {
			for _, weighted := range []bool{false, true} {
				t.Run(name+"/"+text, func(t *testing.T) {
					s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: Cosine, Temperature: 0.5, Loss: softmax}
					head, err := NewHead(text, s)
					require.NoError(t, err)
					encoding, others, err := Tables(m, head, softmax, set.Contexts(), set.Classes())
					require.NoError(t, err)
					for _, table := range append(encoding, others...) {
						table.Initialise(7)
					}
					batch := *testBatch
					if weighted {
						batch.Weight = []float32{2, 0.5, 3}
					}
					b := graph.NewBuilder[float64]()
					g := NewCheck(b, set.Contexts(), 4, set.Classes()) // one row is padding
					model := m
					if weighted {
						model = Dropped(m, 0.4, 3)
					}
					o, err := NewObjective(b, g, model, head, softmax, 8, weighted)
					require.NoError(t, err)
					require.NoError(t, o.Penalise(contexts, classes))
					p, err := b.Train(o.Cost(), o.MeanLoss())
					require.NoError(t, err)
					defer p.Close()
					require.NoError(t, o.Set(0, &batch))
					require.NoError(t, p.Run())
					want := penaltyOf(t, m, set, &batch, o.Attached, contexts, classes)
					require.Greater(t, want, 0.01)
					require.InDelta(t, want, p.Cost()-p.Value(o.MeanLoss())[0], 1e-6, "encodings are of float32 here")
					report, err := graph.CheckGradient(p, graph.GradientCheck{Probes: 12})
					require.NoError(t, err, report)
				})
			}
		}
	}
}

// penaltyOf is the formula of Penalise.
func penaltyOf(t *testing.T, m Model, set *data.Dataset, batch *data.Batch, head Attached, contexts, classes float64) float64 {
	d := m.Dim()
	enc, err := NewEncoder(m, set.Contexts(), len(batch.Rows))
	require.NoError(t, err)
	defer enc.Close()
	h := make([]float32, len(batch.Rows)*d)
	require.NoError(t, enc.Encode(h, batch.Rows))
	w, err := ClassVectors(m, set.Classes())
	require.NoError(t, err)
	square := func(x []float32, i int) (sum float64) {
		for _, v := range x[i*d : (i+1)*d] {
			sum += float64(v) * float64(v)
		}
		return sum
	}
	sum, weights := 0.0, 0.0
	for i := range batch.Rows {
		weight := 1.0
		if batch.Weight != nil {
			weight = float64(batch.Weight[i])
		}
		row := contexts * square(h, i)
		for j := batch.Targets.Ptr[i]; j < batch.Targets.Ptr[i+1]; j++ {
			row += classes * float64(batch.Targets.Weight[j]) * square(w, int(batch.Targets.Class[j]))
		}
		if s, ok := head.(*attachedSampled[float64]); ok {
			ids, _ := s.draws.Row(i)
			for _, id := range ids {
				if id >= 0 {
					row += classes * square(w, int(id)) / float64(len(ids))
				}
			}
		}
		sum, weights = sum+weight*row, weights+weight
	}
	return sum / weights / 2
}

// TestPenaliseRefuses: a head without class vectors has none to penalise, and encodings
// under it still can be.
func TestPenaliseRefuses(t *testing.T) {
	set := featured(t)
	for _, text := range []string{"tree", "classes", "adaptive"} {
		s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: Dot, Temperature: 0.5, Loss: softmax}
		head, err := NewHead(text, s)
		require.NoError(t, err)
		b := graph.NewPlan[float32]()
		kind, err := Parse("mf")
		require.NoError(t, err)
		m, err := kind.New(s.Setting)
		require.NoError(t, err)
		o, err := NewObjective(b, NewGraph(b, set.Contexts(), 3, set.Classes()), m, head, softmax, 8, false)
		require.NoError(t, err)
		require.ErrorContains(t, o.Penalise(0.1, 0.1), "the heads of which one is are all and sampled", text)
		require.NoError(t, o.Penalise(0.1, 0))
		require.NotEqual(t, o.Cost(), o.MeanLoss())
	}
}
