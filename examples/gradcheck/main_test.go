package main

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

func Example() {
	main()
	// Output:
	// softmax: cost 2.227726, symbolic and closed form within 1e-12: true
	// softmax:tau=0.5,smoothing=0.1: cost 3.490376, symbolic and closed form within 1e-12: true
	// sparsemax: cost 1.606669, symbolic and closed form within 1e-12: true
}

// TestAWrongGradientIsFound holds that the example's check can fail.
func TestAWrongGradientIsFound(t *testing.T) {
	loss, err := losses.Parse("softmax")
	require.NoError(t, err)
	wrong := graph.Analytic{Text: "wrong", F32: loss.Analytic.F32, F64: steep{loss.Analytic.F64}}
	_, _, err = gradient(func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) { return graph.Loss(wrong, z, t) })
	require.ErrorContains(t, err, "central difference")
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
