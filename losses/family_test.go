package losses_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/losstest"
)

// families are losses of every family whose Node is made of their one function, which
// the library's own, with a Node apart, do not show.
func families() map[string]func() losses.Form {
	return map[string]func() losses.Form{
		"ratio": func() losses.Form {
			return losses.Ratio{F: func(z float64) (f, df float64) { return 1 + math.Sqrt(1+z*z) + z, 1 + z/math.Sqrt(1+z*z) }}.Form()
		},
		"rivals": func() losses.Form {
			return losses.Rivals{Tau: 0.5, Value: func(lead, _ float64) (v, byLead, byLabel float64) {
				return losses.Softplus(lead), losses.Sigmoid(lead), 0
			}}.Form()
		},
		"margin": func() losses.Form {
			return losses.Margin{Scale: 2, Lower: func(c float64) (a, da float64) { return c - 0.1, 1 }}.Form()
		},
		"pairwise": func() losses.Form {
			return losses.Pairwise{Phi: func(x float64) (v, dv float64) { return losses.Softplus(x), losses.Sigmoid(x) }}.Form()
		},
		"one-vs-all": func() losses.Form {
			return losses.OneVsAll{Phi: func(t, z float64) (v, dv float64) {
				return losses.Softplus(z) - t*z, losses.Sigmoid(z) - t
			}}.Form()
		},
		"separable": func() losses.Form {
			return losses.Separable{ // entmax at α = 1.5
				Reach: 2,
				Map:   func(x float64) (p, dp float64) { return x * x / 4, x / 2 },
				Omega: func(p float64) float64 { return (math.Pow(p, 1.5) - p) / 0.75 },
			}.Form()
		},
	}
}

func specOf(name string, form func() losses.Form) losses.Spec {
	return losses.Spec{Name: name, Doc: "a family's", Form: func(losses.Values) losses.Form { return form() }}
}

// TestFamiliesConform holds what a family makes of its functions alone to the contract.
func TestFamiliesConform(t *testing.T) {
	for name, form := range families() {
		t.Run(name, func(t *testing.T) {
			s := specOf("own-"+name, form)
			require.NoError(t, losstest.Check(&s, true))
			require.True(t, form().Analytic.Fused())
		})
	}
}

// TestPlantedFamilies: functions that do not belong together fail.
func TestPlantedFamilies(t *testing.T) {
	for name, form := range map[string]func() losses.Form{
		"ratio": func() losses.Form {
			return losses.Ratio{F: func(z float64) (f, df float64) { return 1 + math.Sqrt(1+z*z) + z, z / math.Sqrt(1+z*z) }}.Form()
		},
		"rivals": func() losses.Form {
			return losses.Rivals{Tau: 1, Value: func(lead, _ float64) (v, byLead, byLabel float64) {
				return losses.Softplus(lead), losses.Sigmoid(-lead), 0
			}}.Form()
		},
		"pairwise": func() losses.Form {
			return losses.Pairwise{Phi: func(x float64) (v, dv float64) { return losses.Softplus(x), losses.Sigmoid(x) + 1e-3 }}.Form()
		},
		"one-vs-all": func() losses.Form {
			return losses.OneVsAll{Phi: func(t, z float64) (v, dv float64) { return losses.Softplus(z) - t*z, losses.Sigmoid(z) + t }}.Form()
		},
		"separable": func() losses.Form { // the map of one ω, the value of another
			return losses.Separable{
				Reach: 2,
				Map:   func(x float64) (p, dp float64) { return x * x / 4, x / 2 },
				Omega: func(p float64) float64 { return p * p / 2 },
			}.Form()
		},
	} {
		s := specOf("planted-"+name, form)
		require.Error(t, losstest.Check(&s, true), name)
	}
}

// TestFamiliesNeedTheirFunctions: what lacks is named when the form is made.
func TestFamiliesNeedTheirFunctions(t *testing.T) {
	for want, form := range map[string]func(){
		"losses: Ratio needs F":                      func() { losses.Ratio{}.Form() },
		"losses: Rivals needs a temperature above 0": func() { losses.Rivals{}.Form() },
		"losses: Rivals needs Value":                 func() { losses.Rivals{Tau: 1}.Form() },
		"losses: Margin needs Lower":                 func() { losses.Margin{Scale: 1}.Form() },
		"losses: Pairwise needs Phi":                 func() { losses.Pairwise{}.Form() },
		"losses: OneVsAll needs Phi":                 func() { losses.OneVsAll{}.Form() },
		"losses: Separable needs a reach above 0":    func() { losses.Separable{}.Form() },
		"losses: Separable needs Map and Omega":      func() { losses.Separable(graph.Threshold{Reach: 1}).Form() },
	} {
		require.PanicsWithValue(t, want, form)
	}
}
