package models

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestHeadsAreAsDeclared holds what a HeadSpec declares against what the head does, both
// ways: it is Exact if and only if the mean loss is that of all scores, and it has a
// Sampling if and only if another step, with other draws, has another loss.
func TestHeadsAreAsDeclared(t *testing.T) {
	set := demo(t)
	softmax, err := losses.Parse("softmax")
	require.NoError(t, err)
	exact, drawn := 0, 0
	for _, scheme := range schemes(t) {
		s, text := settingFor(set, softmax, scheme)
		kind, err := ParseHead(text)
		require.NoError(t, err)
		head, m := newHead(t, text, s, 4)
		loss := func(step int) float64 {
			b, attached := attached(t, head, m, set, softmax, 8)
			cost, err := graph.MeanRows(attached.Loss(), attached.Targets())
			require.NoError(t, err)
			require.NoError(t, attached.Set(step, testBatch))
			p, err := b.Train(cost)
			require.NoError(t, err)
			defer p.Close()
			require.NoError(t, p.Run())
			return p.Cost()
		}
		got := loss(3)
		isExact := false
		if v, ok := head.(Vectored); ok {
			class, err := v.ClassScores(m, set.Classes())
			require.NoError(t, err)
			isExact = math.Abs(got-crossEntropy(m.h.Data, class)) < 1e-6
		}
		require.Equal(t, kind.Spec.Exact, isExact, text)
		how, samples := kind.Sampling()
		require.Equal(t, samples, loss(4) != got, text)
		if samples {
			require.Positive(t, how.N)
			drawn++
		}
		if kind.Spec.Exact {
			exact++
		}
	}
	require.Positive(t, exact)
	require.Positive(t, drawn)
}

// crossEntropy returns the mean softmax loss of testBatch at encodings h over all scores.
func crossEntropy(h []float32, class *ClassScores) float64 {
	total := 0.0
	d := class.Dim
	for i := range testBatch.Rows {
		sum := 0.0
		z := make([]float64, len(class.W)/d)
		for j := range z {
			for k := range d {
				z[j] += float64(h[i*d+k]) * float64(class.W[j*d+k])
			}
			if z[j] /= class.Temperature; class.Bias != nil {
				z[j] += float64(class.Bias[j])
			}
			sum += math.Exp(z[j])
		}
		t := testBatch.Targets
		for p := t.Ptr[i]; p < t.Ptr[i+1]; p++ {
			total += float64(t.Weight[p]) * (math.Log(sum) - z[t.Class[p]])
		}
	}
	return total / float64(len(testBatch.Rows))
}
