package losses_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// layerOf is the mean loss of a batch over a linear layer and its gradients: by
// the float64 rows, or fused at float32.
func layerOf[T graph.Float](t *testing.T, l graph.Analytic, h, w, bias []float64, b, c int, targets []losses.Target[float64]) (float64, [][]float64) {
	d := len(h) / b
	g := graph.NewBuilder[T]()
	cast := func(x []float64) []T {
		y := make([]T, len(x))
		for i, v := range x {
			y[i] = T(v)
		}
		return y
	}
	lin := graph.Linear{H: g.Param("h", cast(h), b, d), W: g.Param("w", cast(w), c, d), Bias: g.Param("bias", cast(bias), c)}
	tg, data := g.Targets("t", b, 3*b)
	for _, target := range targets {
		require.NoError(t, data.Append(target.Pos, cast(target.Weight)))
	}
	var e graph.Expr
	u, up := g.Input("u", b)
	for i := range up {
		up[i] = T(0.5 + 0.25*float64(i))
	}
	cost := e.N(graph.MeanRows(e.N(graph.Mul(e.N(graph.LinearLoss(l, lin, tg)), u)), tg))
	require.NoError(t, e.Err)
	p, err := g.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	var grads [][]float64
	for i, n := range []int{b * d, c * d, c} {
		got := p.Grad([]*gorgonia.Node{lin.H, lin.W, lin.Bias}[i])
		dense, width := make([]float64, n), n/[]int{b, c, c}[i]
		for j, v := range got.Data {
			at := j
			if got.Rows != nil {
				at = int(got.Rows[j/width])*width + j%width
			}
			dense[at] = float64(v)
		}
		grads = append(grads, dense)
	}
	return float64(p.Cost()), grads
}

// TestFusedForms holds the fused form of every loss, at each probed setting, against
// its rows in float64, and where that is a kernel's also what its public form makes of
// tiles: on rows with one and several positives and a padding row,
// with more classes than a tile. The toys of other tests have none.
func TestFusedForms(t *testing.T) {
	public := 0
	defer func() { require.Greater(t, public, 30, "forms beside a kernel") }()
	for _, spec := range losses.All() {
		if strings.HasPrefix(spec.Name, "toy-") {
			continue
		}
		for _, bound := range spec.Probes() {
			t.Run(bound.String(), func(t *testing.T) {
				require.True(t, bound.Analytic.Fused(), "no fused form: LinearLoss would take blocks of scores")
				for _, size := range [][3]int{{5, 3, 4}, {7, 1100, 9}} {
					b, c, d := size[0], size[1], size[2]
					rng := rand.New(rand.NewPCG(uint64(c), 1))
					normal := func(n int, scale float64) []float64 {
						x := make([]float64, n)
						for i := range x {
							x[i] = float64(float32(scale * rng.NormFloat64()))
						}
						return x
					}
					h, w, bias := normal(b*d, 0.7), normal(c*d, 0.7), normal(c, 0.3)
					var targets []losses.Target[float64]
					for i := range b {
						switch i % 3 {
						case 0:
							targets = append(targets, losses.Target[float64]{Pos: []int32{int32(rng.IntN(c))}, Weight: []float64{1}})
						case 1:
							targets = append(targets, losses.Target[float64]{Pos: []int32{0, int32(c / 2), int32(c - 1)}, Weight: []float64{0.25, 0.25, 0.5}})
						default:
							targets = append(targets, losses.Target[float64]{})
						}
					}
					rows := bound.Analytic.Rows()
					want, dwant := layerOf[float64](t, rows, h, w, bias, b, c, targets)
					forms := []graph.Analytic{bound.Analytic}
					if tiles, ok := losses.WithoutKernel(bound.Analytic); ok {
						forms = append(forms, tiles)
						public++
					}
					for _, form := range forms {
						got, dgot := layerOf[float32](t, form, h, w, bias, b, c, targets)
						require.Truef(t, check.Near(got, want, 1e-4, 1e-5), "C=%d: loss %g, rows %g", c, got, want)
						for i, what := range []string{"H", "W", "bias"} {
							size := 0.0
							for _, g := range dwant[i] {
								size = max(size, math.Abs(g))
							}
							for j := range dwant[i] {
								require.Truef(t, check.Near(dgot[i][j], dwant[i][j], 1e-3, 2e-4*size), "C=%d: d%s[%d] is %g, rows %g", c, what, j, dgot[i][j], dwant[i][j])
							}
						}
					}
				}
			})
		}
	}
}
