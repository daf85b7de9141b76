package models

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
)

// labelled returns the losses with labels, hot and mean.
func labelled(t *testing.T) (pairs [][2]losses.Loss) {
	for _, spec := range losses.All() {
		if !slices.ContainsFunc(spec.Params, func(p losses.Param) bool { return p.Name == "labels" }) {
			continue
		}
		var pair [2]losses.Loss
		for i, labels := range []string{"hot", "mean"} {
			l, err := losses.Parse(spec.Name + ":labels=" + labels)
			require.NoError(t, err)
			require.Equal(t, labels == "hot", l.Theory().Props.Has(losses.HotLabels), l)
			pair[i] = l
		}
		pairs = append(pairs, pair)
	}
	require.Len(t, pairs, 4, "bce, gbce, nce and squared")
	return pairs
}

// TestHotLabelsOfOneLabel: where each row of scores has one label hot labels are mean ones:
// rows of one interaction, drawn candidates, and the two ways of a decision in a tree. Over
// all classes a row of several is another loss, and m times a row's mean labels less
// (m−1) rows without any where φ is affine in the truth.
func TestHotLabelsOfOneLabel(t *testing.T) {
	set, err := data.Load(data.Config{Source: "demo:users=14,items=11,per-user=4"})
	require.NoError(t, err)
	for _, pair := range labelled(t) {
		for _, c := range []struct {
			task, scheme string
			same         bool
		}{
			{"pair", "all", true}, {"user", "all", false}, {"user", "sampled:n=4", true}, {"user", "sampled:n=4,per=row", true},
			{"user", "tree", true}, {"pair", "classes", true}, {"user", "classes", false},
		} {
			x, err := set.Examples(c.task)
			require.NoError(t, err)
			hot, dHot := meanGradient(t, set, x, c.scheme, pair[0])
			mean, dMean := meanGradient(t, set, x, c.scheme, pair[1])
			apart := 0.0
			for j := range dHot {
				apart = max(apart, math.Abs(dHot[j]-dMean[j]))
			}
			if c.same {
				require.InDelta(t, mean, hot, 1e-12, "%s %s %s", pair[0], c.task, c.scheme)
				require.LessOrEqual(t, apart, 1e-12, "%s %s %s", pair[0], c.task, c.scheme)
			} else {
				require.Greater(t, apart, 1e-4, "%s %s %s", pair[0], c.task, c.scheme)
			}
		}
	}
}

// TestStartAtPrior: biases start at the scores at which a model of biases alone has no
// gradient, under hot and mean labels, by whichever weight; what nobody has is not at −∞.
func TestStartAtPrior(t *testing.T) {
	set, err := data.Load(data.Config{Source: "demo:users=14,items=11,per-user=4"})
	require.NoError(t, err)
	unseen := slices.Index(set.Train.ItemCounts(), 0)
	for _, text := range []string{"bce", "bce:labels=mean", "gbce:beta=0.5", "nce:labels=hot,log-z=2", "squared:labels=hot", "softmax", "softmax:tau=0.5"} {
		for _, weight := range data.RowWeights() {
			l, err := losses.Parse(text)
			require.NoError(t, err)
			x, err := set.Examples("user")
			require.NoError(t, err)
			x, err = x.Weighted(data.RowWeight(weight))
			require.NoError(t, err)
			head, err := NewHead("all", HeadSetting{Setting: Setting{Set: set, Dim: 4, Seed: 7}, Score: Dot, Temperature: 1, Bias: true, Loss: l})
			require.NoError(t, err)
			require.NoError(t, StartAtPrior(head, l, x))
			bias := head.(ClassBiased).ClassBias().Data
			// The gradient of Σ_i w_i ℓ(b, t_i) by each bias.
			row, z := l.Analytic.F64, wide(bias)
			dz, work, sum, total := make([]float64, len(z)), make([]float64, row.WorkLen(len(z))), make([]float64, len(z)), 0.0
			for i := range x.Row {
				target := losses.Target[float64]{Pos: x.Targets.Row(i)}
				target.Weight = slices.Repeat([]float64{1 / float64(len(target.Pos))}, len(target.Pos))
				w := 1.0
				if x.Weight != nil {
					w = float64(x.Weight[i])
				}
				row.Eval(dz, z, target, work)
				total += w
				for j, d := range dz {
					sum[j] += w * d
				}
			}
			for j := range sum {
				require.False(t, math.IsInf(z[j], 0) || math.IsNaN(z[j]))
				tol := 1e-6
				if l.Theory().Props.Has(losses.ShiftInvariant) {
					tol = 0.2 // log-odds are those of each class apart, log p of all together
				}
				if j == unseen {
					tol = 0.1
				}
				require.InDelta(t, 0, sum[j]/total, tol, "%s %s: class %d", text, weight, j)
			}
		}
	}
}

// TestStartAtPriorRefuses: heads whose biases are of decisions, or that have none, and
// examples that say nothing.
func TestStartAtPriorRefuses(t *testing.T) {
	set := demo(t)
	x, err := set.Examples("user")
	require.NoError(t, err)
	for _, spec := range Heads() {
		for _, bias := range []bool{true, false} {
			head, err := NewHead(spec.Name, HeadSetting{Setting: Setting{Set: set, Dim: 4, Seed: 7}, Score: Dot, Temperature: 1, Bias: bias, Loss: softmax})
			require.NoError(t, err)
			err = StartAtPrior(head, softmax, x)
			if spec.ClassBias && bias {
				require.NoError(t, err, spec.Name)
				require.ErrorContains(t, StartAtPrior(head, losses.Loss{}, x), "no loss")
				none := &data.Examples{Context: x.Context, Row: []int32{0}, Targets: data.Targets{Ptr: []int32{0, 0}}}
				require.ErrorContains(t, StartAtPrior(head, softmax, none), "no example has a target")
				continue
			}
			require.ErrorContains(t, err, "has no bias of each class to start at the prior", spec.Name)
		}
	}
	for text, want := range map[string]Bias{"1": ZeroBias, "TRUE": ZeroBias, "0": NoBias, " prior ": PriorBias} {
		b, err := ParseBias(text)
		require.NoError(t, err)
		require.Equal(t, want, b)
	}
	_, err = ParseBias("pior")
	require.ErrorContains(t, err, `unknown bias "pior" (did you mean prior?); the choices are false, true, prior`)
}
