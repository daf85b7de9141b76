package train

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/mat"

	"github.com/fenchel-ml/fenchel/data"
)

// rated returns the small set with values of train: 0 to 4, or their negatives.
func rated(t *testing.T, sign float32) *data.Dataset {
	set := *small(t)
	x := set.Train
	values := make([]float32, x.Len())
	for p := range values {
		values[p] = sign * float32(p%5)
	}
	var err error
	set.Train, err = data.FromCSR(set.Users, set.Items, x.Ptr(), x.Item(), values, nil)
	require.NoError(t, err)
	return &set
}

// TestConfidence: the classes of a run by confidences are, at its users, the solutions of
// the weighted least squares written out in float64: with c = 1 + gain·value of the data.
func TestConfidence(t *testing.T) {
	set := rated(t, 1)
	const gain, alpha, reg, d = 1.5, 0.3, 0.05, 8
	c := quick("{train: {solver: 'ials:confidence=values,gain=1.5,alpha=0.3,reg=0.05,nu=0.5,precision=float64'}}")
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	user, class := res.Trained.Tables()[0], res.Trained.Tables()[1]
	gram := mat.NewSymDense(d, nil)
	for u := range set.Users {
		gram.SymRankOne(gram, alpha, mat.NewVecDense(d, wide(user.Row(int32(u)))))
	}
	byItem := set.Train.Transpose()
	for j := range set.Items {
		a, b := mat.NewSymDense(d, nil), mat.NewVecDense(d, nil)
		a.CopySym(gram)
		total := alpha * float64(set.Users)
		for p := byItem.Ptr()[j]; p < byItem.Ptr()[j+1]; p++ {
			x, w := mat.NewVecDense(d, wide(user.Row(byItem.Item()[p]))), 1+gain*float64(byItem.Value()[p])
			a.SymRankOne(a, w, x)
			b.AddScaledVec(b, w, x)
			total += w
		}
		for k := range d {
			a.SetSym(k, k, a.At(k, k)+reg*math.Sqrt(total))
		}
		var want mat.VecDense
		var chol mat.Cholesky
		require.True(t, chol.Factorize(a))
		require.NoError(t, chol.SolveVecTo(&want, b))
		for k, got := range class.Row(int32(j)) {
			require.InDelta(t, want.AtVec(k), got, 1e-5)
		}
	}

	c.Train.Solver = "ials:alpha=0.3,reg=0.05,nu=0.5,precision=float64"
	plain, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.NotEqual(t, tables(plain.Trained), tables(res.Trained))
	c.Train.Solver = "ials:confidence=values,gain=0,alpha=0.3,reg=0.05,nu=0.5,precision=float64"
	none, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, tables(plain.Trained), tables(none.Trained), "1 + 0·value is 1")
	resumes(t, quick("{train: {solver: 'ials:confidence=values,reg=0.1'}}"), set)
}

func wide(x []float32) (y []float64) {
	for _, v := range x {
		y = append(y, float64(v))
	}
	return y
}

// TestConfidenceFaults: what has no values, or values that make no confidence, is told
// with who has them; what has values that are not read is told as well.
func TestConfidenceFaults(t *testing.T) {
	c := quick("{train: {solver: 'ials:confidence=values,gain=0.5'}}")
	_, err := Run(t.Context(), c, small(t), nil)
	require.ErrorContains(t, err, "ials: confidence=values: the interactions of "+small(t).Name+" have no values; leave it out")
	_, err = Run(t.Context(), c, rated(t, -1), nil)
	require.ErrorContains(t, err, "have the value -3, whose confidence 1 + 0.5·-3 = -0.5 is not between 0 and")
	require.ErrorContains(t, err, "user ")
	_, err = Run(t.Context(), quick("{train: {solver: 'ials:confidence=values,gain=0.1'}}"), rated(t, -1), nil)
	require.NoError(t, err, "none is below 0")

	p := planOf(t, c)
	require.Empty(t, p.ValuesUnused(rated(t, 1)))
	one := planOf(t, quick("{train: {solver: ials}}"))
	require.Contains(t, one.ValuesUnused(rated(t, 1)), "the values of the interactions are not used: each has confidence 1; ials:confidence=values")
	require.Empty(t, one.ValuesUnused(small(t)))
	require.Empty(t, planOf(t, quick("")).ValuesUnused(rated(t, 1)))
}

// TestConfidenceMemory: the confidences count.
func TestConfidenceMemory(t *testing.T) {
	set := rated(t, 1)
	part := func(solver string) int64 {
		m, err := Estimate(quick("{train: {solver: '"+solver+"'}}"), set)
		require.NoError(t, err)
		return m.of(t, "interactions by class")
	}
	require.Equal(t, int64(8*set.Train.Len()), part("ials:confidence=values")-part("ials"))
}
