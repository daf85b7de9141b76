package graph

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGradientRowKeepsTheWorst(t *testing.T) {
	r := GradientRow{Param: "w", Tolerance: 1e-3}
	v := func(a, b, c float64) []GradientValue {
		return []GradientValue{{"symbolic", a}, {"fused", b}, {"numerical", c}}
	}
	r.See("w[0]", 2, v(1, 1, 1)...)
	require.Equal(t, GradientRow{Param: "w", Where: "w[0]", Values: v(1, 1, 1), Tolerance: 1e-3, Compared: 1}, r)
	r.See("w[1]", 2, v(1, 1.5, 0.5)...)
	r.See("w[2]", 2, v(1, 1.25, 1)...)
	require.Equal(t, "w[1]", r.Where)
	require.Equal(t, 0.5, r.Error) // between the largest and the smallest, over the size
	require.Equal(t, 3, r.Compared)
	require.False(t, r.OK())
	require.Equal(t, 1.5, r.By("fused"))
	require.True(t, math.IsNaN(r.By("analytic")))

	r.See("w[3]", 2, v(1, math.NaN(), 1)...)
	require.Equal(t, math.Inf(1), r.Error, "a NaN is the worst of all")
	require.False(t, r.OK())

	inf := GradientRow{Tolerance: 1}
	inf.See("x", 1, v(math.Inf(1), math.Inf(1), math.Inf(1))...)
	require.Zero(t, inf.Error)
	inf.See("y", 1, v(math.Inf(1), math.Inf(-1), 0)...)
	require.Equal(t, math.Inf(1), inf.Error)
}

func TestGradientReport(t *testing.T) {
	require.False(t, (&GradientReport{}).OK(), "nothing was compared")
	require.Zero(t, (&GradientReport{}).Worst())
	r := &GradientReport{Title: "two tables", Rows: []GradientRow{{Param: "user", Tolerance: 1e-8}, {Param: "item", Tolerance: 1e-4}, {Param: "unseen", Tolerance: 1}}}
	r.Rows[0].See("user[3,1]", 1, GradientValue{"symbolic", -0.125}, GradientValue{"numerical", -0.125})
	r.Rows[1].See("item[0,0]", 1, GradientValue{"symbolic", 0.5}, GradientValue{"float32", 0.50000005})
	require.True(t, r.OK())
	require.NoError(t, r.Err())
	require.Equal(t, "item", r.Worst().Param)
	require.Equal(t, `two tables
PARAMETER  WORST AT   SYMBOLIC  NUMERICAL  FLOAT32      ERROR    TOLERANCE  VERDICT
user       user[3,1]  -0.125    -0.125     -            0        1e-08      PASS
item       item[0,0]   0.5      -           0.50000005  5.0e-08  1e-04      PASS
unseen     -          -         -          -            0        1e+00      PASS
3 of 3 within tolerance, of 2 comparisons
`, r.String())
	r.Rows[0].See("user[0,1]", 1, GradientValue{"symbolic", 1}, GradientValue{"numerical", 2})
	r.Rows[0].Kinks = 4
	require.False(t, r.OK())
	require.EqualError(t, r.Err(), "user[0,1] of user: symbolic 1, numerical 2: error 1.0e+00 exceeds 1e-08")
	require.Regexp(t, `user  .* FAIL\n`, r.String())
	require.Contains(t, r.String(), "2 of 3 within tolerance, of 3 comparisons, 4 at kinks\n")
}

func TestCoordinate(t *testing.T) {
	require.Equal(t, "w[2,1]", Coordinate("w", []int{3, 4}, 9))
	require.Equal(t, "bias[5]", Coordinate("bias", []int{7}, 5))
}

// TestTargetRows: what leaves hold, in both of their kinds.
func TestTargetRows(t *testing.T) {
	b := NewBuilder[float64]()
	targets, data := b.Targets("y", 3, 4)
	require.NoError(t, data.Append([]int32{1, 4}, []float64{0.25, 0.75}))
	require.NoError(t, data.Append(nil, nil))
	rows := TargetRows[float64](targets)
	require.Len(t, rows, 3)
	require.Equal(t, Target[float64]{Pos: []int32{1, 4}, Weight: []float64{0.25, 0.75}}, rows[0])
	require.Empty(t, rows[1].Pos)
	require.Empty(t, rows[2].Pos)
	leaf, label := b.Indices("label", 2)
	copy(label, []int32{-1, 3})
	labels, err := LabelTargets(leaf)
	require.NoError(t, err)
	rows = TargetRows[float64](labels)
	require.Empty(t, rows[0].Pos)
	require.Equal(t, []int32{3}, rows[1].Pos)
	require.Equal(t, []float64{1}, rows[1].Weight)
}

// TestForwardIsAStepOfTraining: Dropout drops where Forward runs, and not where Eval does.
func TestForwardIsAStepOfTraining(t *testing.T) {
	b := NewBuilder[float64]()
	ones := make([]float64, 64)
	for i := range ones {
		ones[i] = 1
	}
	x := b.Constant("x", ones, 8, 8)
	var e Expr
	y := e.N(Dropout(x, 0.5, 1))
	require.NoError(t, e.Err)
	zeros := func(p *Program[float64], err error) (n int) {
		require.NoError(t, err)
		defer p.Close()
		require.NoError(t, p.Run())
		for _, v := range p.Value(y) {
			if v == 0 {
				n++
			}
		}
		return n
	}
	require.Zero(t, zeros(b.Eval(y)))
	require.Positive(t, zeros(b.Forward(y)))
}
