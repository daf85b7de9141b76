package optim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
)

// TestScalarHasNoDecay: every optimizer moves the number of a scalar, and by its
// gradient alone, whatever l2 and decay it has for other tables.
func TestScalarHasNoDecay(t *testing.T) {
	settings(t, func(t *testing.T, b setting) {
		after := func(l2, decay float64, scalar bool) float32 {
			table, err := graph.NewScalar[float32]("logit-scale", 2, graph.Scalar{Name: "temperature", Least: -9, Most: 9})
			require.NoError(t, err)
			table.Initialise(1)
			if !scalar {
				table.Scalar = nil
			}
			u := setting{with(t, b.Optimizer, "lr=0.1"), Regularization{L2: l2, Decay: decay}}.For(table)
			for range 3 {
				require.NoError(t, u.Update(table, gradient{Data: []float32{0.5}}))
			}
			return table.Data[0]
		}
		want := after(0, 0, false)
		require.NotEqual(t, float32(2), want)
		require.Equal(t, want, after(0, 0, true))
		require.Equal(t, want, after(0.7, 0.3, true))
		require.NotEqual(t, want, after(0.7, 0.3, false), "a table of weights does see them")
	})
}
