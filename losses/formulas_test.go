package losses_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

// TestFormulasOfEveryLoss holds that every built-in loss prints its formulas; that they
// are right is a part of conformance.
func TestFormulasOfEveryLoss(t *testing.T) {
	require.NotEmpty(t, losses.All())
	for _, spec := range losses.All() {
		if strings.HasPrefix(spec.Name, "toy-") { // a stranger's, of another test
			continue
		}
		require.NotNil(t, spec.Formulas, spec.Name)
		for _, b := range spec.Probes() {
			f, th := spec.Formulas(b.Values), b.Theory()
			require.NotEmpty(t, f.Loss, b)
			require.NotEmpty(t, f.Gradient, b)
			require.Equal(t, spec.Predict != nil, f.Map != "", "%s: the map", b)
			// The polynomials of order 4 and more are inverted by bisection.
			noRoot := slices.Contains([]string{"taylor:order=4", "taylor:order=6", "taylor:order=8"}, b.String())
			require.Equal(t, th.Link != nil && !noRoot, f.Minimiser != "", "%s: the minimiser", b)
			for _, text := range []losses.Formula{f.Loss, f.Gradient, f.Map, f.Minimiser} {
				if text != "" {
					latex, err := text.LaTeX()
					require.NoError(t, err, b)
					require.NotEmpty(t, latex[0])
				}
			}
			for letter := range f.Letters {
				require.True(t, strings.Contains(string(f.Loss+f.Gradient+f.Map+f.Minimiser), letter), "%s: letter %s stands nowhere", b, letter)
			}
		}
	}
}

func TestFormulaErrors(t *testing.T) {
	_, err := losses.Formula("log z_j +").LaTeX()
	require.ErrorContains(t, err, `losses: formula: "log z_j +": a factor is missing`)
}
