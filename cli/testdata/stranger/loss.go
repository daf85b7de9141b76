package main

import "github.com/fenchel-ml/fenchel/losses"

// gini is half the squared norm on the simplex times τ: sparsemax with a temperature.
func init() {
	losses.Register(losses.FenchelYoung(losses.FenchelYoungLoss{
		Name: "own-gini", Doc: "sparsemax with a temperature", Source: "Martins & Astudillo 2016, arXiv:1602.02068",
		Params: []losses.Param{{Name: "tau", Doc: "temperature of the regulariser", Default: 1, Min: 0.01, Max: 100, Probe: []float64{0.5}}},
		Theory: func(v losses.Values) losses.Theory {
			tau := v.Num("tau")
			return losses.Theory{
				Props:      losses.NonNegative | losses.ShiftInvariant | losses.FenchelYoungForm | losses.Simplex | losses.Convex | losses.SparseGradient,
				Smoothness: losses.Constant(1 / tau), Tight: 0.999,
				MapOrder: losses.OrderWeak, PopulationOrder: losses.OrderStrict, ZeroOne: true, Calibrated: true,
				Margin: tau, Support: losses.Support{Of: losses.NearTop, Reach: tau}, Cost: "O(K) a pass, few passes",
			}
		},
		F32: gini[float32], F64: gini[float64],
	}))
}

func gini[T losses.Float](v losses.Values) losses.Regulariser[T] {
	tau := v.Num("tau")
	return losses.Regulariser[T]{
		// The threshold climbs to (Σ_{z/τ>ξ} z/τ − 1)/n until no class falls below it.
		Map: func(p, z, _ []T) {
			xi, next := 0.0, -1e300
			for first := true; first || next > xi; first = false {
				xi = next
				sum, n := -1.0, 0.0
				for _, s := range z {
					if x := float64(s) / tau; x > xi {
						sum, n = sum+x, n+1
					}
				}
				next = sum / n
			}
			for j, s := range z {
				p[j] = T(max(float64(s)/tau-xi, 0))
			}
		},
		Omega: func(p []T) (half float64) {
			for _, q := range p {
				half += tau * float64(q) * float64(q) / 2
			}
			return half
		},
	}
}
