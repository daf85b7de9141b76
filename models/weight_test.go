package models

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// meanGradient returns the cost and the gradient by every table, in float64, of a batch of
// all examples.
func meanGradient(t *testing.T, set *data.Dataset, x *data.Examples, scheme string, l losses.Loss) (float64, []float64) {
	t.Helper()
	s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.5, Seed: 7}, Score: Cosine, Temperature: 0.7, Bias: true, Loss: l}
	if l.Spec.Domain == losses.Cosines {
		s.Temperature, s.Bias = 1, false
	}
	m, err := Parse("mf")
	require.NoError(t, err)
	model, err := m.New(s.Setting)
	require.NoError(t, err)
	head, err := NewHead(scheme, s)
	require.NoError(t, err)
	encoding, classes, err := Tables(model, head, l, set.Contexts(), set.Classes())
	require.NoError(t, err)
	for _, table := range slices.Concat(encoding, classes) {
		table.Initialise(7)
	}
	b := graph.NewBuilder[float64]()
	batch, err := x.First(x.Len())
	require.NoError(t, err)
	g := NewCheck(b, x.Context, len(batch.Rows), set.Classes())
	o, err := NewObjective(b, g, model, head, l, len(batch.Targets.Class), x.Weight != nil)
	require.NoError(t, err)
	p, err := b.Train(o.Cost())
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, o.Set(0, batch))
	require.NoError(t, p.Run())
	var all []float64
	for _, table := range g.Tables() {
		all = append(all, p.Grad(g.Node(table)).Dense(table.Rows*table.Dim, table.Rows)...)
	}
	return p.Cost(), all
}

// TestUserAndPairRowsAreOneObjective: under a loss whose gradient is affine in the target
// the rows of tasks user and pair have one full gradient by every table, and costs that
// differ by a constant of the targets, whichever weight; under any other loss they differ.
func TestUserAndPairRowsAreOneObjective(t *testing.T) {
	set, err := data.Load(data.Config{Source: "demo:users=14,items=11,per-user=4"})
	require.NoError(t, err)
	apart := func(scheme string, l losses.Loss, w data.RowWeight) (gradient, value, constant float64) {
		var cost [2]float64
		var grad [2][]float64
		for i, task := range []string{"user", "pair"} {
			x, err := set.Examples(task)
			require.NoError(t, err)
			x, err = x.Weighted(w)
			require.NoError(t, err)
			if task == "user" {
				constant = splitConstant(t, x, l)
			}
			cost[i], grad[i] = meanGradient(t, set, x, scheme, l)
		}
		size := 0.0
		for j, v := range grad[0] {
			gradient, size = max(gradient, math.Abs(v-grad[1][j])), max(size, math.Abs(v))
		}
		require.Positive(t, size)
		return gradient / size, cost[1] - cost[0], constant
	}
	affine, others := 0, 0
	for _, spec := range losses.All() {
		l := spec.Bind(spec.Defaults())
		for _, text := range data.RowWeights() {
			gradient, value, constant := apart("all", l, data.RowWeight(text))
			if !l.Theory().Props.Has(losses.AffineInTarget) {
				others++
				require.Greater(t, gradient, 1e-4, "%s %s", l, text)
				continue
			}
			affine++
			require.LessOrEqual(t, gradient, 1e-6, "%s %s", l, text)
			require.InDelta(t, constant, value, 1e-6, "%s %s", l, text)
			if text == string(data.ByInteraction) {
				t.Logf("%-12s gradients differ by %.2g; a row for each interaction costs %.6g more", l, gradient, constant)
			}
		}
	}
	require.Positive(t, affine)
	require.Positive(t, others)
	softmax, err := losses.Parse("softmax")
	require.NoError(t, err)
	for _, scheme := range []string{"tree", "classes", "adaptive"} {
		gradient, value, _ := apart(scheme, softmax, data.ByInteraction)
		require.LessOrEqual(t, gradient, 1e-6, scheme)
		require.InDelta(t, 0, value, 1e-6, scheme)
	}
}

// splitConstant is the mean of Loss.SplitConstant over the rows of x; NaN of a loss that
// has none.
func splitConstant(t *testing.T, x *data.Examples, l losses.Loss) float64 {
	if !l.Theory().Props.Has(losses.AffineInTarget) {
		_, err := l.SplitConstant(losses.Target[float64]{Pos: []int32{0}, Weight: []float64{1}})
		require.ErrorContains(t, err, "affine-in-target")
		return math.NaN()
	}
	var sum, total float64
	for i := range x.Row {
		target := losses.Target[float64]{Pos: x.Targets.Row(i)}
		for range target.Pos {
			target.Weight = append(target.Weight, 1/float64(len(target.Pos)))
		}
		c, err := l.SplitConstant(target)
		require.NoError(t, err)
		w := 1.0
		if x.Weight != nil {
			w = float64(x.Weight[i])
		}
		sum, total = sum+w*c, total+w
	}
	return sum / total
}
