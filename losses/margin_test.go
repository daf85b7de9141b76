package losses_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Without a margin am-softmax and arcface are the cosine softmax at τ = 1/scale.
func TestMarginsFromNone(t *testing.T) {
	rng := rand.New(rand.NewPCG(30, 1))
	for range 20 {
		z := make([]float64, 12)
		for j := range z {
			z[j] = 2*rng.Float64() - 1
		}
		y := hard(rng.IntN(12))
		want, dwant := row(bind(t, "cosine:tau=0.125"), z, y)
		for _, text := range []string{"am-softmax:scale=8,margin=0", "arcface:scale=8,margin=0"} {
			got, dgot := row(bind(t, text), z, y)
			require.InDelta(t, want, got, 1e-13, text)
			require.InDeltaSlice(t, dwant, dgot, 1e-13, text)
		}
	}
}

// A margin loss of several positives is the mean of the losses of each, also where one
// leads the others by so much that its own share drowns theirs.
func TestMarginIsTheMeanOverPositives(t *testing.T) {
	z := []float64{0.9, 0.2, 0.1}
	both := target{Pos: []int32{0, 1}, Weight: []float64{0.5, 0.5}}
	for _, text := range []string{"am-softmax:scale=64,margin=0.8", "arcface:scale=64,margin=1", "am-softmax:scale=300,margin=0", "arcface"} {
		b := bind(t, text)
		got, dgot := row(b, z, both)
		var want float64
		dwant := make([]float64, len(z))
		for _, y := range both.Pos {
			loss, dz := row(b, z, hard(int(y)))
			want += loss / 2
			for j := range dz {
				dwant[j] += dz[j] / 2
			}
		}
		require.InEpsilon(t, want, got, 1e-14, text)
		require.InDeltaSlice(t, dwant, dgot, 1e-12, text)
	}
	_, dz := row(bind(t, "am-softmax:scale=64,margin=0.8"), z, both)
	require.InDelta(t, 0.053, dz[0], 0.0005)
}
