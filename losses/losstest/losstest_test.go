package losstest

import (
	"errors"
	"math"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// rows is the analytic form f of a loss at one precision.
type rows[T losses.Float] func(dz, z []T, t losses.Target[T], work []T) T

func (rows[T]) WorkLen(int) int { return 0 }

func (f rows[T]) Eval(dz, z []T, t losses.Target[T], work []T) T { return f(dz, z, t, work) }

// change returns softmax, without parameters, with its rows changed by f, which gets
// the value and the gradient of the right ones.
func change(t *testing.T, f func(value float64, dz, z []float64, t losses.Target[float64]) float64) losses.Spec {
	s := softmax(t)
	right := s.New(losses.Values{})
	s.New = func(losses.Values) graph.Analytic {
		return graph.Analytic{F64: rows[float64](func(dz, z []float64, t losses.Target[float64], work []float64) float64 {
			return f(right.F64.Eval(dz, z, t, work), dz, z, t)
		}), F32: right.F32}
	}
	return s
}

func softmax(t *testing.T) losses.Spec {
	registered, err := losses.Lookup("softmax")
	require.NoError(t, err)
	s, v := *registered, registered.Defaults()
	s.Params, s.Unit, s.Form = nil, nil, nil
	s.New = func(losses.Values) graph.Analytic {
		return registered.New(v).Rows() // a fused form would go on unchanged beside changed rows
	}
	s.Node = func(_ losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
		return registered.Node(v, z, t)
	}
	s.Ref = func(_ losses.Values, z []float64, t losses.Target[float64]) float64 { return registered.Ref(v, z, t) }
	s.Theory = func(losses.Values) losses.Theory { return registered.Theory(v) }
	s.Predict = func(_ losses.Values, p, z []float64) { registered.Predict(v, p, z) }
	s.Formulas = func(losses.Values) losses.Formulas {
		return losses.Formulas{
			Loss: "log Σ_j e^{z_j} − Σ_j t_j z_j", Gradient: "p_j − t_j", Map: "e^{z_j}/Σ_i e^{z_i}", Minimiser: "log t_j + 1",
		}
	}
	return s
}

// formulas returns softmax with other formulas.
func formulas(t *testing.T, f func(f *losses.Formulas)) losses.Spec {
	s := softmax(t)
	right := s.Formulas
	s.Formulas = func(v losses.Values) losses.Formulas {
		fs := right(v)
		f(&fs)
		return fs
	}
	return s
}

// theory returns softmax with another declaration.
func theory(t *testing.T, f func(th *losses.Theory)) losses.Spec {
	s := softmax(t)
	right := s.Theory
	s.Theory = func(v losses.Values) losses.Theory {
		th := right(v)
		f(&th)
		return th
	}
	return s
}

// gini is a right Fenchel–Young loss: sparsemax, by its map, Ω and Jacobian.
func gini() losses.FenchelYoungLoss {
	return losses.FenchelYoungLoss{
		Name: "gini", Doc: "sparsemax", Source: "this test",
		Theory: func(losses.Values) losses.Theory {
			return losses.Theory{
				Props:      losses.NonNegative | losses.ShiftInvariant | losses.FenchelYoungForm | losses.Simplex | losses.Convex | losses.SparseGradient,
				Smoothness: losses.Constant(1), Tight: 0.999,
				MapOrder: losses.OrderWeak, PopulationOrder: losses.OrderStrict, ZeroOne: true, Calibrated: true,
				Margin: 1, Support: losses.Support{Of: losses.NearTop, Reach: 1}, Cost: "O(K)",
			}
		},
		F32: func(losses.Values) losses.Regulariser[float32] { return sparse[float32](1, half) },
		F64: func(losses.Values) losses.Regulariser[float64] { return sparse[float64](1, half) },
		Jacobian: func(_ losses.Values, dst, _, p, g []float64) {
			mean, n := 0.0, 0.0
			for i, q := range p {
				if q > 0 {
					mean, n = mean+g[i], n+1
				}
			}
			for j, q := range p {
				if dst[j] = 0; q > 0 {
					dst[j] = g[j] - mean/n
				}
			}
		},
	}
}

// half is the regulariser of sparsemax.
func half(q float64) float64 { return q * q / 2 }

// sparse is the projection of a·z to the simplex beside the Ω that is Σ omega(p_j).
func sparse[T losses.Float](a float64, omega func(q float64) float64) losses.Regulariser[T] {
	return losses.Regulariser[T]{
		Map: func(p, z, _ []T) {
			next, xi := -1e300, math.Inf(-1)
			for next > xi {
				xi = next
				sum, n := -1.0, 0.0
				for _, s := range z {
					if x := a * float64(s); x > xi {
						sum, n = sum+x, n+1
					}
				}
				next = sum / n
			}
			for j, s := range z {
				p[j] = T(max(a*float64(s)-xi, 0))
			}
		},
		Omega: func(p []T) (sum float64) {
			for _, q := range p {
				sum += omega(float64(q))
			}
			return sum
		},
	}
}

// TestRightLossesPass: what the mistakes are planted in has none.
func TestRightLossesPass(t *testing.T) {
	s := softmax(t)
	require.NoError(t, Check(&s, true))
	s = losses.FenchelYoung(gini())
	require.NoError(t, Check(&s, true))
}

// TestPlantedMistakes: each mistake is found, by the checks that it is for. Two of them
// are one's own mistake twice, in the rows and in the textbook value: the gradient shows it.
func TestPlantedMistakes(t *testing.T) {
	regulariser := func(a float64, omega func(q float64) float64) losses.Spec {
		l := gini()
		l.F32 = func(losses.Values) losses.Regulariser[float32] { return sparse[float32](a, omega) }
		l.F64 = func(losses.Values) losses.Regulariser[float64] { return sparse[float64](a, omega) }
		return losses.FenchelYoung(l)
	}
	jacobian := func(f func(dst, p, g []float64)) losses.Spec {
		l := gini()
		l.Jacobian = func(_ losses.Values, dst, _, p, g []float64) { f(dst, p, g) }
		return losses.FenchelYoung(l)
	}
	node := func(f func(e *graph.Expr, z, right *gorgonia.Node) *gorgonia.Node) losses.Spec {
		s := softmax(t)
		right := s.Node
		s.Node = func(v losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			return f(&e, z, e.N(right(v, z, t))), e.Err
		}
		return s
	}
	for name, c := range map[string]struct {
		spec   losses.Spec
		checks []string
	}{
		"wrong Ω":                     {regulariser(1, func(q float64) float64 { return q * q * q / 3 }), []string{"gradient", "node"}},
		"Ω of another scale":          {regulariser(1, func(q float64) float64 { return q * q }), []string{"gradient", "node"}},
		"wrong map":                   {regulariser(2, half), []string{"gradient", "node"}},
		"Jacobian without its mean":   {jacobian(func(dst, _, g []float64) { copy(dst, g) }), []string{"node"}},
		"Jacobian off the support":    {jacobian(func(dst, p, g []float64) { dst[0] = g[slices.Index(p, slices.Max(p))] - g[0] }), []string{"node"}},
		"sign of the gradient":        {change(t, func(v float64, dz, _ []float64, _ losses.Target[float64]) float64 { negate(dz); return v }), []string{"gradient", "node"}},
		"sign of the value":           {change(t, func(v float64, _, _ []float64, _ losses.Target[float64]) float64 { return -v }), []string{"values", "node", "props"}},
		"one coordinate":              {change(t, func(v float64, dz, _ []float64, _ losses.Target[float64]) float64 { dz[len(dz)-1] *= 1.001; return v }), []string{"gradient", "node"}},
		"missing weight":              {change(t, unweighted), []string{"values", "gradient", "node"}},
		"NaN where scores are large":  {change(t, func(v float64, _, z []float64, _ losses.Target[float64]) float64 { return nanAbove(v, z) }), []string{"values"}},
		"NaN that is swallowed":       {change(t, func(v float64, _, _ []float64, _ losses.Target[float64]) float64 { return max(zeroForNaN(v), 0) }), []string{"not-a-number"}},
		"mask that counts":            {change(t, func(v float64, _, z []float64, _ losses.Target[float64]) float64 { return v + 0.01*masks(z) }), []string{"masks"}},
		"order that counts":           {change(t, func(v float64, _, z []float64, _ losses.Target[float64]) float64 { return v + 1e-3*math.Tanh(z[0]) }), []string{"values", "permutation"}},
		"write to z":                  {change(t, func(v float64, _, z []float64, _ losses.Target[float64]) float64 { z[0] = 0; return v }), []string{"purity"}},
		"allocation":                  {change(t, func(v float64, _, z []float64, _ losses.Target[float64]) float64 { kept = slices.Clone(z); return v }), []string{"purity"}},
		"panic":                       {change(t, func(float64, []float64, []float64, losses.Target[float64]) float64 { panic("lost") }), []string{"values: panic: lost", "corners"}},
		"definition of another scale": {node(func(e *graph.Expr, _, right *gorgonia.Node) *gorgonia.Node { return e.N(graph.Scale(right, 2)) }), []string{"node", "side-by-side"}},
		"definition without gradient": {node(func(e *graph.Expr, z, right *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.Add(right, e.N(graph.Scale(e.N(graph.RowSum(e.N(graph.FillMasked(z, 0)))), 1e-3))))
		}), []string{"node"}},
		"definition that fails": {node(func(e *graph.Expr, _, _ *gorgonia.Node) *gorgonia.Node { return e.N(nil, errors.New("no graph")) }), []string{"node: Node: no graph"}},

		"sparse, declared":          {theory(t, func(th *losses.Theory) { th.Props |= losses.SparseGradient }), []string{"props: sparse-gradient is declared", "support"}},
		"convex, not declared":      {theory(t, func(th *losses.Theory) { th.Props &^= losses.Convex }), []string{"props: convex is not declared"}},
		"simplex, not declared":     {theory(t, func(th *losses.Theory) { th.Props &^= losses.Simplex }), []string{"props: simplex is not declared"}},
		"smoother than it is":       {theory(t, func(th *losses.Theory) { th.Smoothness = losses.Constant(0.3) }), []string{"smoothness"}},
		"less smooth than it is":    {theory(t, func(th *losses.Theory) { th.Smoothness = losses.Constant(2) }), []string{"smoothness"}},
		"no Lipschitz gradient":     {theory(t, func(th *losses.Theory) { th.Smoothness = losses.Constant(math.Inf(1)) }), []string{"smoothness"}},
		"a margin":                  {theory(t, func(th *losses.Theory) { th.Margin = 3 }), []string{"margin"}},
		"weak order of the map":     {theory(t, func(th *losses.Theory) { th.MapOrder = losses.OrderWeak }), []string{"map"}},
		"weak order of the minimum": {theory(t, func(th *losses.Theory) { th.PopulationOrder = losses.OrderWeak }), []string{"population"}},
		"not calibrated":            {theory(t, func(th *losses.Theory) { th.Calibrated = false }), []string{"population"}},
		"no zero-one":               {theory(t, func(th *losses.Theory) { th.ZeroOne = false }), []string{"population"}},
		"wrong link":                {theory(t, func(th *losses.Theory) { th.Link = func(t, _ []float64) []float64 { return slices.Clone(t) } }), []string{"population"}},
		"wrong link of counts": {theory(t, func(th *losses.Theory) {
			right := th.Link
			th.Link = func(t, count []float64) []float64 {
				z := right(t, nil)
				for i, n := range count {
					z[i] += math.Log(n)
				}
				return z
			}
		}), []string{"population: Link of t="}},
		"a support": {theory(t, func(th *losses.Theory) { th.Support = losses.Support{Of: losses.NearTop, Reach: 2} }), []string{"support"}},

		"formula of the loss":      {formulas(t, func(f *losses.Formulas) { f.Loss = "log Σ_j e^{z_j} − max_j t_j z_j" }), []string{"formulas: the loss's formula is"}},
		"formula of the gradient":  {formulas(t, func(f *losses.Formulas) { f.Gradient = "t_j − p_j" }), []string{"formulas: the gradient's formula is"}},
		"formula of the map":       {formulas(t, func(f *losses.Formulas) { f.Map = "σ(z_j)"; f.Gradient = "e^{z_j}/Σ_i e^{z_i} − t_j" }), []string{"formulas: the map's formula is"}},
		"formula of the minimiser": {formulas(t, func(f *losses.Formulas) { f.Minimiser = "t_j" }), []string{"formulas: the minimiser's formula is"}},
		"no formula of the map":    {formulas(t, func(f *losses.Formulas) { f.Map = "" }), []string{"formulas: a formula of the map"}},
		"no letter":                {formulas(t, func(f *losses.Formulas) { f.Loss = "τ log Σ_j e^{z_j}" }), []string{"formulas: loss: formula: \"τ log Σ_j e^{z_j}\": nothing defines τ"}},
		"no parameter":             {formulas(t, func(f *losses.Formulas) { f.Letters = map[string]string{"τ": "tau"} }), []string{"formulas: Formulas.Letters names \"tau\""}},
		"no formula":               {formulas(t, func(f *losses.Formulas) { f.Loss = "log Σ" }), []string{"formulas: ℓ: formula: \"log Σ\": the index of Σ is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			if underRace && slices.Equal(c.checks, []string{"purity"}) {
				t.Skip("the mistake is a race, or an allocation, which is not counted under the race detector")
			}
			err := Check(&c.spec, true)
			require.Error(t, err)
			for _, check := range c.checks {
				require.Regexp(t, "(?m)^(softmax/|gini/)?"+regexp.QuoteMeta(check), err.Error())
			}
		})
	}
}

// kept holds what a loss must not keep.
var kept []float64

func negate(x []float64) {
	for i := range x {
		x[i] = -x[i]
	}
}

func zeroForNaN(v float64) float64 {
	if v != v {
		return 0
	}
	return v
}

func nanAbove(v float64, z []float64) float64 {
	if slices.Max(z) > 20 {
		return math.NaN()
	}
	return v
}

func masks(z []float64) float64 {
	n := 0.0
	for _, s := range z {
		if math.IsInf(s, -1) {
			n++
		}
	}
	return n
}

// unweighted takes every positive at the same weight, in the value and the gradient.
func unweighted(_ float64, dz, z []float64, t losses.Target[float64]) float64 {
	top, sum, loss := slices.Max(z), 0.0, 0.0
	for j, s := range z {
		dz[j] = math.Exp(s - top)
		sum += dz[j]
	}
	for j := range dz {
		dz[j] /= sum
	}
	for _, k := range t.Pos {
		loss += (top + math.Log(sum) - z[k]) / float64(len(t.Pos))
		dz[k] -= 1 / float64(len(t.Pos))
	}
	return loss
}
