package graph

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
)

func TestCheckGradient(t *testing.T) {
	m := newLogistic[float64](t, testAnalytic(0.3), 6, 3, 20)
	m.fill(t, rand.New(rand.NewPCG(4, 4)), 5)
	before := append([]float64{}, m.w2d...)
	report, err := CheckGradient(m.prog, GradientCheck{})
	require.NoError(t, err)
	require.Len(t, report.Rows, 2)
	require.Equal(t, []string{"w1", "w2"}, []string{report.Rows[0].Param, report.Rows[1].Param})
	for _, r := range report.Rows {
		require.LessOrEqual(t, r.Error, 1e-8)
		require.GreaterOrEqual(t, r.Error, 0.0)
		require.Zero(t, r.Kinks)
	}
	require.Equal(t, before, m.w2d)

	eval, err := m.b.Eval(m.xn)
	require.NoError(t, err)
	_, err = CheckGradient(eval, GradientCheck{})
	require.ErrorContains(t, err, "no cost")
	_, err = CheckGradient(m.prog, GradientCheck{Probes: -1})
	require.Error(t, err)
}

// TestCheckGradientFindsErrors: a derivative that is off by 1e-6, at one entry.
func TestCheckGradientFindsErrors(t *testing.T) {
	b := NewBuilder[float64]()
	x := b.Param("x", []float64{0.3, 0.6, 0.9}, 3)
	y, err := apply(spec{name: "wrong", shape: x.Shape(), f64: mapped(1, eachOf[float64](func(x float64) float64 { return x * x * x })),
		diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
			var e Expr
			d := e.N(Scale(e.N(Square(in[0])), 3))
			return e.grads(e.N(Mul(g, e.N(Scale(d, 1+1e-6)))))
		}}, x)
	require.NoError(t, err)
	prog, err := b.Train(gorgonia.Must(Sum(y)))
	require.NoError(t, err)
	report, err := CheckGradient(prog, GradientCheck{})
	require.ErrorContains(t, err, "x[")
	require.InDelta(t, 1e-6, report.Rows[0].Error, 1e-7)
}

// TestCheckGradientAtKinks: at a kink any number between the slopes is a
// gradient, and one outside is not.
func TestCheckGradientAtKinks(t *testing.T) {
	for slope, ok := range map[float64]bool{0: true, 1: true, 1.01: false} {
		b := NewBuilder[float64]()
		x := b.Param("x", []float64{0, 0.5}, 2)
		rect, err := apply(spec{name: "rectifier", shape: x.Shape(), f64: mapped(1, eachOf[float64](func(x float64) float64 { return max(x, 0) })),
			diff: func(in gorgonia.Nodes, _, g node) (gorgonia.Nodes, error) {
				var e Expr
				at := e.N(unaryOf("slope", in[0], nil, mapped(1, eachOf[float64](func(x float64) float64 {
					if x == 0 {
						return slope
					}
					return 1
				})), nil))
				return e.grads(e.N(Mul(g, at)))
			}}, x)
		require.NoError(t, err)
		prog, err := b.Train(gorgonia.Must(Sum(gorgonia.Must(Exp(rect)))))
		require.NoError(t, err)
		report, err := CheckGradient(prog, GradientCheck{})
		if ok {
			require.NoError(t, err, "slope %g", slope)
			require.NotZero(t, report.Rows[0].Kinks)
		} else {
			require.Error(t, err)
		}
	}
}
