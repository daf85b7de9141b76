package losses

import (
	"math"
	"strconv"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The Taylor softmax is the ratio loss of the exponential's Taylor polynomial,
// which is positive at even order.
func init() {
	Register(Spec{
		Name:   "taylor",
		Doc:    "cross-entropy of the Taylor softmax, p ∝ Σ_{k≤n} z^k/k!; ranks by p, since it rises again at low scores",
		Source: "de Brébisson & Vincent 2016, arXiv:1511.05042, eq. 3; higher orders: Banerjee et al. 2020, arXiv:2011.11538, eq. 4",
		Params: []Param{
			{Name: "order", Doc: "n, even", Choices: Enum("2", "4", "6", "8"), DefaultString: "2", Hint: taylorHint},
		},
		Formulas: taylorFormulas,
		Theory:   func(v Values) Theory { return taylorTheory(taylorOrder(v)) },
		Form: func(v Values) Form {
			n := taylorOrder(v)
			f := Ratio{
				F: func(z float64) (f, df float64) { return taylorPolynomial(n, z), taylorPolynomial(n-1, z) },
				Node: func(e *graph.Expr, x *gorgonia.Node) *gorgonia.Node { // Horner: 1 + x(1 + x/2(1 + x/3(…)))
					f := e.N(graph.AddScalar(e.N(graph.Scale(x, 1/float64(n))), 1))
					for k := n - 1; k >= 1; k-- {
						f = e.N(graph.AddScalar(e.N(graph.Mul(f, e.N(graph.Scale(x, 1/float64(k))))), 1))
					}
					return f
				},
			}.Form()
			if n == 2 { // Σz and Σz² say all
				return f.with(kernel.Taylor2{})
			}
			return f.with(kernel.Stream(kernel.Taylor{Order: n}))
		},
		Rank: func(v Values) func(z float64) float64 { return taylorRank(taylorOrder(v)) },
	})
}

// taylorOrder returns n, one of the choices of the parameter.
func taylorOrder(v Values) int {
	n, err := strconv.Atoi(v.String("order"))
	if err != nil {
		panic("losses: taylor: " + err.Error())
	}
	return n
}

// taylorPolynomial returns Σ_{k≤n} s^k/k! by Horner's rule. Its derivative is
// the polynomial of order n−1.
func taylorPolynomial(n int, s float64) float64 {
	f := 1.0
	for k := n; k >= 1; k-- {
		f = 1 + f*s/float64(k)
	}
	return f
}

// taylorBottom returns where the polynomial of even order n is least: f' = 0.
func taylorBottom(n int) float64 {
	return bisect(-float64(n), 0, func(s float64) float64 { return taylorPolynomial(n-1, s) })
}

// taylorRank returns the function that leaves a score on the rising branch of f as it
// is, and takes one on the falling branch to the score x on the rising branch with
// f(x) = f(z).
func taylorRank(n int) func(z float64) float64 {
	bottom := taylorBottom(n)
	inverse := [9]float64{0: 1} // 1/k!
	for k := 1; k <= n; k++ {
		inverse[k] = inverse[k-1] / float64(k)
	}
	return func(z float64) float64 {
		if !(z < bottom) {
			return z
		}
		x := 2*bottom - z
		if n == 2 { // a parabola
			return x
		}
		// f(x) − f(z) = (x−z) q(x), with the coefficients of q by Horner's rule. Newton's
		// method on q knows x to rounding even where f is flat.
		var q [8]float64
		last := 0.0
		for k := n; k >= 1; k-- {
			last = inverse[k] + z*last
			q[k-1] = last
		}
		for range 50 { // 3 or 4 are needed
			var v, slope float64
			for k := n - 1; k >= 0; k-- {
				slope = slope*x + v
				v = v*x + q[k]
			}
			step := v / slope
			x -= step
			if !(math.Abs(step) > 1e-8*math.Abs(x)) { // what is left is its square
				break
			}
		}
		return x
	}
}

func taylorTheory(n int) Theory {
	th := Theory{
		Props:           AffineInTarget | NonNegative | Simplex,
		MapOrder:        OrderNone,
		PopulationOrder: OrderNone, // f takes each value above its least twice
		Link: func(t, _ []float64) []float64 {
			// f = c·t on the rising branch, right of the f' = 0 at bottom.
			bottom := taylorBottom(n)
			least := 1.0
			for _, ti := range t {
				least = min(least, ti)
			}
			z := make([]float64, len(t))
			for i, ti := range t {
				f := 2 * taylorPolynomial(n, bottom) * ti / least
				z[i] = bisect(bottom, bottom+2*f*float64(n), func(s float64) float64 { return taylorPolynomial(n, s) - f })
			}
			return z
		},
		Calibrated: true,
		Margin:     math.Inf(1),
		Support:    Support{Of: ButSigns},
		Cost:       "O(nK)",
	}
	if n == 2 {
		// ∇² log F lies in [−1/(4K), 2/K], since Σ f'² = 2F − K, and −(log f)'' in
		// [−2, ¼].
		th.Smoothness = func(k int) float64 { return 2 + 1/(4*float64(k)) }
		th.Tight = 0.8
		th.Cost = "O(K), or O(d²) through WᵀW: Σz, Σz² and the target's score decide"
		return th
	}
	// sup f''/f + sup |(log f)''|, maxima found on a grid of step 1e-3, rounded up.
	th.Smoothness = Constant(map[int]float64{4: 3.001 + 2.650, 6: 3.982 + 3.082, 8: 4.807 + 3.387}[n])
	th.Tight = 0.3
	return th
}

// bisect returns a zero of the rising f between lo and hi.
func bisect(lo, hi float64, f func(float64) float64) float64 {
	for range 100 {
		if mid := lo + (hi-lo)/2; f(mid) > 0 {
			hi = mid
		} else {
			lo = mid
		}
	}
	return lo
}
