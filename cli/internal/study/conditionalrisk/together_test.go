package conditionalrisk_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/cli/internal/study/conditionalrisk"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestRisks: several contexts together have the risks of each, and a loss that is nothing
// but its nodes has those of its rows, on any number of processors.
func TestRisks(t *testing.T) {
	truths := [][]float64{{0.45, 0.05, 0.3, 0.2}, {0.1, 0.2, 0.3, 0.4}, {0.25, 0.35, 0.15, 0.25}}
	rng := rand.New(rand.NewPCG(5, 6))
	z := make([]float64, 12)
	for j := range z {
		z[j] = rng.NormFloat64()
	}
	bind := func(text string, nodes bool) losses.Loss {
		b, err := losses.Parse(text)
		require.NoError(t, err)
		if nodes {
			spec := *b.Spec
			spec.New, spec.Ref = nil, nil
			b = spec.Bind(spec.Defaults())
		}
		return b
	}
	for _, text := range []string{"softmax", "bce", "hinge"} {
		want, sum := make([]float64, len(z)), 0.0
		b := bind(text, false)
		for u, x := range truths { // one label at a time
			for y, ty := range x {
				dz := make([]float64, 4)
				sum += ty * b.Analytic.F64.Eval(dz, z[4*u:4*u+4], losses.Target[float64]{Pos: []int32{int32(y)}, Weight: []float64{1}}, make([]float64, b.Analytic.F64.WorkLen(4)))
				for j, d := range dz {
					want[4*u+j] += ty * d
				}
			}
		}
		for _, nodes := range []bool{false, true} {
			b, g, alone := bind(text, nodes), make([]float64, len(z)), make([]float64, len(z))
			all, each := conditionalrisk.NewRisks(b, truths), 0.0
			v := all.Value(g, z)
			for u, x := range truths {
				each += conditionalrisk.New(b, x).Value(alone[4*u:4*u+4], z[4*u:4*u+4])
			}
			require.InDelta(t, each, v, 1e-12, text)
			require.InDelta(t, v, all.Value(nil, z), 1e-12, text)
			worst, _ := check.Worst(g, want, 1)
			require.LessOrEqual(t, worst, 1e-12, "%s, nodes %v", text, nodes)
			worst, _ = check.Worst(alone, want, 1)
			require.LessOrEqual(t, worst, 1e-12, "%s, nodes %v", text, nodes)
			if nodes || text == "bce" || text == "hinge" { // else a constant differs
				require.InDelta(t, sum, v, 1e-12, text)
			}
			old := runtime.GOMAXPROCS(1)
			again := make([]float64, len(z))
			require.Equal(t, v, conditionalrisk.NewRisks(b, truths).Value(again, z), text)
			runtime.GOMAXPROCS(old)
			require.Equal(t, g, again, text)
		}
	}
}

// TestRisksOfNoGraph: a definition that does not compile has no number for its risk.
func TestRisksOfNoGraph(t *testing.T) {
	spec := losses.Spec{Name: "broken", Doc: "no loss", Node: func(_ losses.Values, z *gorgonia.Node, _ *graph.Targets) (*gorgonia.Node, error) {
		return z, nil // a loss of each row is wanted
	}}
	g := make([]float64, 6)
	v := conditionalrisk.NewRisks(spec.Bind(spec.Defaults()), [][]float64{{0.5, 0.3, 0.2}, {0.2, 0.3, 0.5}}).Value(g, make([]float64, 6))
	require.True(t, math.IsNaN(v) && math.IsNaN(g[0]), "%v %v", v, g)
}

// valley is Rosenbrock's function, which takes many steps.
type valley struct{ evaluations *int }

func (valley) Len() int { return 2 }
func (v valley) Value(g, z []float64) float64 {
	*v.evaluations++
	a, b := 1-z[0], z[1]-z[0]*z[0]
	if g != nil {
		g[0], g[1] = -2*a-400*z[0]*b, 200*b
	}
	return a*a + 100*b*b
}

// TestDescend: a descent ends by itself or says that it was stopped, where it was told to,
// and keeps to the walls of a domain whose minimum lies on one.
func TestDescend(t *testing.T) {
	n, inf := 0, math.Inf(1)
	z := []float64{-1.2, 1}
	require.True(t, conditionalrisk.Descend(valley{&n}, z, -inf, inf, 1000))
	require.InDeltaSlice(t, []float64{1, 1}, z, 1e-9)
	require.Greater(t, n, 20)

	n, z = 0, []float64{-1.2, 1}
	require.False(t, conditionalrisk.Descend(valley{&n}, z, -inf, inf, 20))
	require.LessOrEqual(t, n, 20)
	require.Greater(t, math.Abs(z[0]-1), 1e-3)

	// With z₀ ≤ 1/2 the least lies at (1/2, 1/4).
	z = []float64{-1.2, 0.5}
	require.True(t, conditionalrisk.Descend(valley{&n}, z, -2, 0.5, 1000))
	require.Equal(t, 0.5, z[0])
	require.InDelta(t, 0.25, z[1], 1e-9)
}
