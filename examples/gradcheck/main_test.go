package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out))
	for _, loss := range []string{"softmax", "softmax:tau=0.5,smoothing=0.1", "sparsemax"} {
		for _, title := range []string{", symbolic\n", ", closed form\n", ", one beside the other\n"} {
			require.Contains(t, out.String(), loss+title)
		}
	}
	require.Equal(t, 3*5, strings.Count(out.String(), "PASS\n"), "U and W of two statements, and both, of each loss")
	require.Contains(t, out.String(), "2 of 2 within tolerance, of 52 comparisons\n")
}

// TestAWrongGradientIsFound holds that the example's check can fail.
func TestAWrongGradientIsFound(t *testing.T) {
	loss, err := losses.Parse("softmax")
	require.NoError(t, err)
	wrong := graph.Analytic{Text: "wrong", F32: loss.Analytic.F32, F64: steep{loss.Analytic.F64}}
	_, _, err = gradient(func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) { return graph.Loss(wrong, z, t) })
	require.ErrorContains(t, err, "numerical")
}

// steep states a slope that its value does not have.
type steep struct{ right graph.RowLoss[float64] }

func (s steep) WorkLen(k int) int { return s.right.WorkLen(k) }

func (s steep) Eval(dz, z []float64, t graph.Target[float64], work []float64) float64 {
	loss := s.right.Eval(dz, z, t, work)
	for j := range dz {
		dz[j] *= 1.001
	}
	return loss
}
