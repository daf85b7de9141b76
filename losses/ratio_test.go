package losses_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// rgx is softmax's Taylor polynomial: the error is of third order. rg2 is a
// squared loss of target K·t − 1 and lies above rgx by half the squared mean.
func TestRGExpandsSoftmax(t *testing.T) {
	rng := rand.New(rand.NewPCG(28, 1))
	for range 20 {
		z, y := normal(rng, 10, 1), hard(rng.IntN(10))
		at := func(text string, scale float64) float64 {
			x := make([]float64, len(z))
			for j := range x {
				x[j] = scale * z[j]
			}
			loss, _ := row(bind(t, text), x, y)
			return loss
		}
		far := math.Abs(at("softmax", 1e-2) - at("rgx", 1e-2))
		near := math.Abs(at("softmax", 1e-3) - at("rgx", 1e-3))
		require.InEpsilon(t, 1000, far/near, 0.1)

		var mean, square float64
		for j, s := range z {
			d := s + 1
			if int32(j) == y.Pos[0] {
				d -= 10
			}
			mean, square = mean+s/10, square+d*d/20
		}
		require.InDelta(t, at("rgx", 1)+mean*mean/2, at("rg2", 1), 1e-13)
		require.InDelta(t, square+math.Log(10)+0.5-5, at("rg2", 1), 1e-13)
	}
}

// The Taylor softmax nears softmax as the order grows, spherical's gradient is
// orthogonal to the scores without ε, and z-loss ignores scale and shift.
func TestSphericalFamily(t *testing.T) {
	rng := rand.New(rand.NewPCG(29, 1))
	for range 20 {
		z, y := normal(rng, 10, 0.3), hard(rng.IntN(10))
		want, _ := row(bind(t, "softmax"), z, y)
		last := math.Inf(1)
		for _, n := range []int{2, 4, 6, 8} {
			got, _ := row(bind(t, fmt.Sprintf("taylor:order=%d", n)), z, y)
			require.Less(t, math.Abs(got-want), last)
			last = math.Abs(got - want)
		}
		require.Less(t, last, 1e-5)

		for j := range z {
			z[j] += math.Copysign(0.1, z[j]) // away from where ε counts
		}
		_, dz := row(bind(t, "spherical:eps=1e-6"), z, y)
		require.InDelta(t, 0, dot(z, dz), 1e-3)

		want, _ = row(bind(t, "z-loss"), z, y)
		for j := range z {
			z[j] = 7*z[j] + 3
		}
		got, _ := row(bind(t, "z-loss"), z, y)
		require.InDelta(t, want, got, 1e-10)
	}
}

// What the Taylor softmax ranks by is a score of the same probability that is not below
// the polynomial's least, also where that is flat and far down the falling branch.
func TestTaylorRank(t *testing.T) {
	for _, n := range []int{2, 4, 6, 8} {
		b := bind(t, fmt.Sprintf("taylor:order=%d", n))
		by, err := b.Rank()
		require.NoError(t, err)
		f := func(z float64) float64 { // as the loss's map gives it, against z = 0
			p := make([]float64, 2)
			require.True(t, b.Predict(p, []float64{z, 0}))
			return p[0] / p[1]
		}
		bottom := by(-1e-300) // a score on the rising branch is its own
		require.Equal(t, -1e-300, bottom)
		for z := -float64(n); z < 0; z += 1e-3 {
			if f(z) < f(bottom) {
				bottom = z
			}
		}
		last := math.Inf(-1)
		for d := 1e-9; d < 1e6; d *= 1.1 {
			z := bottom - 1e-3 - d
			x := by(z)
			require.Greater(t, x, bottom)
			require.Greater(t, x, last)
			require.InEpsilon(t, f(z), f(x), 1e-13, "order %d: %g for %g", n, x, z)
			last = x
			require.Equal(t, bottom+1e-3+d, by(bottom+1e-3+d))
		}
	}
}
