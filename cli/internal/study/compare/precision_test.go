package compare

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
)

// TestPrecisionIsNoted: a comparison says once what came of a precision that it permits, and
// records of each run what computed it.
func TestPrecisionIsNoted(t *testing.T) {
	c, set := small(t, "softmax", "entmax:alpha=1.3", "rg2")
	c.Base.Train.Epochs = 1
	for _, precision := range []string{"", "medium"} {
		c.Base.Train.Precision = precision
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		for i, row := range res.Rows {
			for _, o := range row.Runs {
				if i < 2 && precision != "" {
					require.Equal(t, graph.Medium.Runs(), o.Kernel)
				} else {
					require.Equal(t, graph.Highest.Runs(), o.Kernel)
				}
			}
		}
		tiled, none := 0, 0
		for _, n := range res.Notes() {
			switch n {
			case "Precision medium: " + graph.Untiled() + "; float32 runs.", "Precision medium: products run on avx512+amx:bf16.":
				tiled++
			case "Precision medium: rg2 takes no products of scores that gain by it; float32 runs.":
				none++
			}
		}
		want := 0
		if precision != "" {
			want = 1
		}
		require.Equal(t, [2]int{want, want}, [2]int{tiled, none}, "%q", res.Notes())
	}
}
