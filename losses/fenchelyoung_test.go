package losses_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

// gini is a user's regulariser, whole: half the squared norm on the simplex with
// a temperature, whose map is sparsemax(z/τ) by sorting's slow sister.
func gini[T losses.Float](v losses.Values) losses.Regulariser[T] {
	tau := v.Num("tau")
	return losses.Regulariser[T]{
		Map: func(p, z, _ []T) {
			// Raise ξ to (Σ_{z>ξ} z/τ − 1)/n until no candidate falls below it.
			xi := math.Inf(-1)
			for {
				var sum float64
				n := 0
				for _, s := range z {
					if x := float64(s) / tau; x > xi {
						sum += x
						n++
					}
				}
				next := (sum - 1) / float64(n)
				if !(next > xi) {
					break
				}
				xi = next
			}
			for j, s := range z {
				p[j] = T(max(float64(s)/tau-xi, 0))
			}
		},
		Omega: func(p []T) float64 {
			var norm float64
			for _, q := range p {
				norm += float64(q) * float64(q)
			}
			return tau * norm / 2
		},
	}
}

// logistic is a second one, of which only the map is known: the logistic
// function, whose Ω is a sum of binary entropies.
func logistic[T losses.Float](losses.Values) losses.Regulariser[T] {
	return losses.Regulariser[T]{Map: func(p, z, _ []T) {
		for j, s := range z {
			p[j] = T(1 / (1 + math.Exp(-float64(s))))
		}
	}}
}

func init() {
	losses.Register(losses.FenchelYoung(losses.FenchelYoungLoss{
		Name: "toy-gini", Doc: "sparsemax with a temperature", Source: "this test",
		Params: []losses.Param{{Name: "tau", Doc: "temperature of the regulariser", Default: 1, Min: 0.01, Max: 100, Probe: []float64{0.5}}},
		Theory: func(v losses.Values) losses.Theory {
			tau := v.Num("tau")
			return losses.Theory{
				Props:      losses.NonNegative | losses.ShiftInvariant | losses.FenchelYoungForm | losses.Simplex | losses.Convex | losses.SparseGradient,
				Smoothness: losses.Constant(1 / tau), Tight: 0.999,
				MapOrder: losses.OrderWeak, PopulationOrder: losses.OrderStrict, ZeroOne: true, Calibrated: true,
				Margin: tau, Support: losses.Support{Of: losses.NearTop, Reach: tau}, Cost: "O(K) a step",
			}
		},
		F32: gini[float32], F64: gini[float64],
	}))
	losses.Register(losses.FenchelYoung(losses.FenchelYoungLoss{
		Name: "toy-logistic", Doc: "one-vs-all from its map alone", Source: "this test",
		Theory: func(losses.Values) losses.Theory {
			return losses.Theory{
				Props:      losses.FenchelYoungForm | losses.Convex,
				Smoothness: losses.Constant(0.25), Tight: 0.999,
				MapOrder: losses.OrderStrict, PopulationOrder: losses.OrderStrict, ZeroOne: true, Calibrated: true,
				Margin: math.Inf(1), Cost: "dozens of maps",
			}
		},
		F32: logistic[float32], F64: logistic[float64],
	}))
}

// A user's regulariser is a loss as good as the module's own: TestConformance
// ranges over it too, since it is registered; and it equals what it restates.
func TestFenchelYoungRestatesKnownLosses(t *testing.T) {
	z := []float64{0.3, -1.2, 2, 0.7, 0}
	target := losses.Target[float64]{Pos: []int32{1, 2}, Weight: []float64{0.25, 0.75}}
	value := func(text string) (float64, []float64) {
		b, err := losses.Parse(text)
		require.NoError(t, err)
		dz := make([]float64, len(z))
		return b.Analytic.F64.Eval(dz, z, target, make([]float64, b.Analytic.F64.WorkLen(len(z)))), dz
	}
	mine, dmine := value("toy-gini")
	want, dwant := value("sparsemax")
	require.InDelta(t, want, mine, 1e-14)
	require.InDeltaSlice(t, dwant, dmine, 1e-14)

	// Without Ω the value counts from the one at z = 0, here K log 2.
	mine, dmine = value("toy-logistic")
	want, dwant = value("bce:labels=mean")
	require.InDelta(t, want-5*math.Ln2, mine, 1e-12)
	require.InDeltaSlice(t, dwant, dmine, 1e-14)
}

// TestMapsThatNoRuleIntegrates: without Omega the value of a map that is NaN is NaN, and
// that of one whose rounding hides what the rules would agree on is a number: neither takes
// a halving of every interval to the last.
func TestMapsThatNoRuleIntegrates(t *testing.T) {
	for name, p0 := range map[string]func(z float64) float64{
		"NaN":   func(float64) float64 { return math.NaN() },
		"rough": func(z float64) float64 { return 0.5 + 0.01*math.Sin(1e12*z) },
	} {
		t.Run(name, func(t *testing.T) {
			s := losses.FenchelYoung(losses.FenchelYoungLoss{
				Name: "rough", Doc: "a map that no rule integrates",
				F32: func(losses.Values) losses.Regulariser[float32] { return losses.Regulariser[float32]{} },
				F64: func(losses.Values) losses.Regulariser[float64] {
					return losses.Regulariser[float64]{Map: func(p, z, _ []float64) {
						p[0] = p0(z[0])
						p[1] = 1 - p[0]
					}}
				},
			})
			row := s.Bind(s.Defaults()).Analytic.F64
			loss := row.Eval(make([]float64, 2), []float64{1, 2}, losses.Target[float64]{Pos: []int32{0}, Weight: []float64{1}}, make([]float64, row.WorkLen(2)))
			require.Equal(t, name == "NaN", math.IsNaN(loss))
		})
	}
}
