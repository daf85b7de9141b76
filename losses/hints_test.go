package losses_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

// TestHints holds what is said of values that are refused, and that it is true: at the end
// of the range that is nearest the loss, less its value at scores 0, is that of the loss
// which is named, to a bound.
func TestHints(t *testing.T) {
	rng := rand.New(rand.NewPCG(32, 1))
	for text, c := range map[string]struct {
		hint, end, named string
		scale            float64 // of the loss
		tol              float64
	}{
		"entmax:alpha=1":      {"alpha=1 is outside [1.001, 4]: alpha=1 is softmax", "entmax:alpha=1.001", "softmax", 1, 5e-3},
		"entmax:alpha=0.9999": {": alpha=1 is softmax", "entmax:alpha=1.001", "softmax", 1, 5e-3},
		"entmax:alpha=9":      {"outside [1.001, 4]: as alpha grows it becomes perceptron", "entmax:alpha=4", "perceptron", 1, 0.1},
		"tsallis:alpha=1":     {"alpha=1 is outside [1.001, 4]: alpha=1 is softmax", "tsallis:alpha=1.001", "softmax", 1, 5e-3},
		"tsallis:alpha=9":     {": as alpha grows it becomes perceptron", "tsallis:alpha=4", "perceptron", 1, 0.4},
		"normmax:alpha=1":     {"alpha=1 is outside [1.01, 10]: alpha=1 is perceptron", "normmax:alpha=1.01", "perceptron", 1, 0.02},
		"softmax:tau=0":       {"tau=0 is outside [0.01, 100]: as tau goes to 0 it becomes, times tau, perceptron", "softmax:tau=0.01", "perceptron", 0.01, 0.02},
		"cosine:tau=0":        {": as tau goes to 0 it becomes, times tau, perceptron", "cosine:tau=0.01", "perceptron", 0.01, 0.02},
		"softmax:smoothing=1": {": smoothing=1 leaves nothing of the labels", "", "", 0, 0},
		"hinge:margin=0":      {"margin=0 is outside [0.001, 100]: margin=0 is perceptron", "hinge:margin=0.001", "perceptron", 1, 2e-3},
		"taylor:order=3":      {`order="3" is not one of 2, 4, 6, 8: a polynomial of odd order has a root, where p is no probability`, "", "", 0, 0},
		"taylor:order=0":      {": order=0 is 1 at every score", "", "", 0, 0},
		"taylor:order=10":     {": as order grows it becomes softmax", "taylor:order=8", "softmax", 1, 1e-3},
	} {
		_, err := losses.Parse(text)
		require.ErrorContains(t, err, c.hint, text)
		if c.named == "" {
			continue
		}
		end, named := bind(t, c.end), bind(t, c.named)
		zero := make([]float64, 5)
		at0, _ := row(end, zero, hard(0))
		named0, _ := row(named, zero, hard(0))
		for range 20 {
			z := normal(rng, 5, 1)
			for j := range z {
				z[j] = max(-1, min(z[j], 1)) // cosines
			}
			a, _ := row(end, z, hard(2))
			b, _ := row(named, z, hard(2))
			require.LessOrEqual(t, math.Abs(c.scale*(a-at0)-(b-named0)), c.tol, "%s at %v", text, z)
		}
	}
	for _, text := range []string{"entmax:alpha=0.5", "softmax:tau=1e3", "taylor:order=x", "normmax:alpha=11"} {
		_, err := losses.Parse(text)
		require.Error(t, err)
		require.NotContains(t, err.Error(), ": as ", text)
		require.Regexp(t, `(\]|2, 4, 6, 8)$`, err.Error(), text)
	}
}
