package conditionalrisk_test

import (
	"context"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/study/conditionalrisk"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestGradient holds ∂R/∂z of every loss against central differences, and the
// risk's differences against the sum over labels, constant aside.
func TestGradient(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dist := []float64{0.45, 0.05, 0.3, 0.2}
	for _, spec := range losses.All() {
		r := conditionalrisk.New(spec.Bind(spec.Defaults()), dist)
		b := spec.Bind(spec.Defaults()).Held(make([]float64, len(dist)))
		level := math.NaN()
		for range 5 {
			z, g, want := make([]float64, 4), make([]float64, 4), make([]float64, 4)
			for j := range z {
				z[j] = 0.6 * (2*rng.Float64() - 1) // inside every domain
			}
			v := r.Value(g, z)
			require.Equal(t, v, r.Value(nil, z), spec.Name)
			check.CentralDifference(want, func(z []float64) float64 { return r.Value(nil, z) }, z, 1e-6)
			worst, at := check.Worst(g, want, 1)
			require.LessOrEqual(t, worst, 1e-5, "%s: entry %d of the gradient", spec.Name, at)
			var sum float64
			for y, ty := range dist {
				sum += ty * b.Ref(z, losses.Target[float64]{Pos: []int32{int32(y)}, Weight: []float64{1}})
			}
			if math.IsNaN(level) {
				level = v - sum
			}
			require.InDelta(t, level, v-sum, 1e-9, spec.Name)
		}
	}
}

// TestMinimaMeetLinks holds the search against the closed forms that losses declare.
func TestMinimaMeetLinks(t *testing.T) {
	dist := []float64{0.4, 0.1, 0.2, 0.25, 0.05}
	n := 0
	for _, spec := range losses.All() {
		b := spec.Bind(spec.Defaults())
		link := b.Theory().Link
		if link == nil {
			continue
		}
		n++
		r := conditionalrisk.New(b, dist)
		rng := rand.New(rand.NewPCG(3, 4))
		smooth := !math.IsInf(b.Theory().Smoothness(5), 1)
		minima, err := conditionalrisk.Minima(t.Context(), r, conditionalrisk.Settings{Lo: r.Lo, Hi: r.Hi, Smooth: smooth, Starts: conditionalrisk.Starts(rng, r.Lo, r.Hi, 5, 5)})
		require.NoError(t, err)
		require.True(t, check.Near(minima[0].Value, r.Value(nil, link(dist, nil)), 1e-9, 1e-9),
			"%s: the search reaches %.12g, the closed form %.12g", spec.Name, minima[0].Value, r.Value(nil, link(dist, nil)))
	}
	require.NotZero(t, n)
}

// TestSampled holds the risk over draws against a plain sum over all ordered
// draws, and its gradient against central differences.
func TestSampled(t *testing.T) {
	dist, q := []float64{0.5, 0.3, 0.2}, []float64{0.2, 0.3, 0.5}
	z := []float64{0.3, -0.7, 1.1}
	for _, text := range []string{"softmax:tau=0.5", "nce", "bpr"} {
		b, err := losses.Parse(text)
		require.NoError(t, err)
		for _, correction := range []graph.Correction{graph.Uncorrected, graph.CorrectLogQ, graph.CorrectImportance} {
			for _, drop := range []bool{false, true} {
				r := conditionalrisk.NewSampled(b, dist, q, 2, correction, drop)
				var want float64
				for y, ty := range dist {
					for i, qi := range q {
						for j, qj := range q {
							var kept []int
							for _, d := range []int{i, j} {
								if d != y || !drop && correction != graph.CorrectImportance {
									kept = append(kept, d)
								}
							}
							k := max(1, float64(len(kept)))
							row := []float64{z[y]}
							if correction == graph.CorrectLogQ {
								row[0] -= b.Unit() * math.Log(k*q[y])
							}
							for _, d := range kept {
								s := z[d]
								switch correction {
								case graph.CorrectLogQ:
									s -= b.Unit() * math.Log(k*q[d])
								case graph.CorrectImportance:
									s -= b.Unit() * math.Log(k*q[d]/(1-q[y]))
								}
								row = append(row, s)
							}
							want += ty * qi * qj * b.Ref(row, losses.Target[float64]{Pos: []int32{0}, Weight: []float64{1}})
						}
					}
				}
				g, diff := make([]float64, 3), make([]float64, 3)
				require.InDelta(t, want, r.Value(g, z), 1e-12, "%s correction=%d drop=%v", text, correction, drop)
				check.CentralDifference(diff, func(z []float64) float64 { return r.Value(nil, z) }, z, 1e-6)
				worst, at := check.Worst(g, diff, 1)
				require.LessOrEqual(t, worst, 1e-8, "%s correction=%d drop=%v: entry %d", text, correction, drop, at)
			}
		}
	}
}

// bowl is (z₀−3)² + |z₁| on which a search has to end on a kink.
type bowl struct{}

func (bowl) Len() int { return 2 }
func (bowl) Value(g, z []float64) float64 {
	if g != nil {
		g[0], g[1] = 2*(z[0]-3), 1
		if z[1] < 0 {
			g[1] = -1
		}
	}
	return (z[0]-3)*(z[0]-3) + math.Abs(z[1])
}

func TestMinimaKinksAndBounds(t *testing.T) {
	starts := func() [][]float64 { return [][]float64{{0, 0.7}, {5, -2}} }
	inf := math.Inf(1)
	minima, err := conditionalrisk.Minima(t.Context(), bowl{}, conditionalrisk.Settings{Lo: -inf, Hi: inf, Starts: starts()})
	require.NoError(t, err)
	require.InDelta(t, 3, minima[0].Z[0], 1e-5)
	require.InDelta(t, 0, minima[0].Z[1], 1e-5)
	require.True(t, math.IsNaN(minima[0].Slope))

	bounds := conditionalrisk.Settings{Lo: -1, Hi: 1, Smooth: true, Starts: conditionalrisk.Starts(rand.New(rand.NewPCG(1, 1)), -1, 1, 2, 4, []float64{9, -9})}
	minima, err = conditionalrisk.Minima(t.Context(), bowl{}, bounds)
	require.NoError(t, err)
	require.Equal(t, 1.0, minima[0].Z[0], "the wall")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = conditionalrisk.Minima(ctx, bowl{}, bounds)
	require.ErrorIs(t, err, context.Canceled)
}
