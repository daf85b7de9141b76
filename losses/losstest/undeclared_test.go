package losstest

import (
	"math"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// nodeOnly is softmax of which nothing is declared but its graph.
func nodeOnly(t *testing.T) losses.Spec {
	return losses.Spec{Name: "node-only", Doc: "softmax, as nodes alone", Node: softmax(t).Node}
}

// TestNodeAlonePasses: a loss of nodes alone is a loss, whatever else it declares.
func TestNodeAlonePasses(t *testing.T) {
	right := softmax(t)
	for name, declare := range map[string]func(s *losses.Spec){
		"nothing":         func(*losses.Spec) {},
		"Ref":             func(s *losses.Spec) { s.Ref = right.Ref },
		"Ref and Predict": func(s *losses.Spec) { s.Ref, s.Predict = right.Ref, right.Predict },
		"New":             func(s *losses.Spec) { s.New = right.New },
		"Formulas": func(s *losses.Spec) {
			s.Predict = right.Predict
			s.Formulas = func(v losses.Values) losses.Formulas { f := right.Formulas(v); f.Minimiser = ""; return f }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := nodeOnly(t)
			declare(&s)
			require.NoError(t, Check(&s, true))
		})
	}
}

// TestNodeAloneWithTheory: what is declared of a loss of nodes alone is found again by
// searches, of which each step runs a graph.
func TestNodeAloneWithTheory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute: a million rows, each a run of a graph")
	}
	s := nodeOnly(t)
	s.Theory, s.Predict = softmax(t).Theory, softmax(t).Predict
	require.NoError(t, Check(&s, true))
}

// TestMistakesOfNodesAlone: a mistake in what is declared is found, and one of the graph
// that shows without anything to hold it against.
func TestMistakesOfNodesAlone(t *testing.T) {
	right := softmax(t)
	node := func(f func(e *graph.Expr, z, loss *gorgonia.Node) *gorgonia.Node) func(s *losses.Spec) {
		return func(s *losses.Spec) {
			s.Node = func(v losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
				var e graph.Expr
				return f(&e, z, e.N(right.Node(v, z, t))), e.Err
			}
		}
	}
	for name, c := range map[string]struct {
		spoil  func(s *losses.Spec)
		checks []string
	}{
		"Ref of another scale": {func(s *losses.Spec) {
			s.Ref = func(v losses.Values, z []float64, t losses.Target[float64]) float64 {
				return 1.001 * right.Ref(v, z, t)
			}
		}, []string{"values", "gradient", "corners"}},
		"Ref of a constant more": {func(s *losses.Spec) {
			s.Ref = func(v losses.Values, z []float64, t losses.Target[float64]) float64 { return 1e-6 + right.Ref(v, z, t) }
		}, []string{"values", "corners"}},
		"map beyond 1":             {func(s *losses.Spec) { s.Predict = func(v losses.Values, p, z []float64) { copy(p, z) } }, []string{"map"}},
		"map that turns the order": {func(s *losses.Spec) { s.Predict = func(v losses.Values, p, z []float64) { turned(p, z) } }, []string{"map: Rank is declared where"}},
		"Rank without need": {func(s *losses.Spec) {
			s.Predict, s.Rank = right.Predict, func(losses.Values) func(float64) float64 { return func(z float64) float64 { return z } }
		}, []string{"map: Rank is declared where"}},
		"gradient that is held": {node(func(e *graph.Expr, z, loss *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.Add(loss, e.N(graph.Detach(e.N(graph.RowMean(z))))))
		}), []string{"gradient", "corners"}},
		"mask that counts": {node(func(e *graph.Expr, z, loss *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.Add(loss, e.N(graph.RowSum(e.N(graph.Exp(e.N(graph.FillMasked(z, -1))))))))
		}), []string{"masks"}},
		"candidate of its own": {node(func(e *graph.Expr, z, loss *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.Add(loss, e.N(firstOf(z))))
		}), []string{"permutation", "masks"}},
		"rows that know each other": {node(func(e *graph.Expr, z, loss *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.Add(loss, e.N(graph.Repeat(e.N(graph.ColSum(e.N(graph.Reshape(loss, z.Shape()[0], 1)))), z.Shape()[0]))))
		}), []string{"node", "side-by-side"}},
		"gradient of New": {func(s *losses.Spec) {
			s.New = change(t, func(v float64, dz, _ []float64, _ losses.Target[float64]) float64 { dz[0] *= 1.001; return v }).New
		}, []string{"gradient", "node", "corners"}},
		"formula": {func(s *losses.Spec) {
			s.Formulas = func(losses.Values) losses.Formulas { return losses.Formulas{Loss: "log Σ_j e^{z_j}", Gradient: "p_j"} }
		}, []string{"formulas"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := nodeOnly(t)
			c.spoil(&s)
			err := Check(&s, true)
			require.Error(t, err)
			for _, check := range c.checks {
				require.Regexp(t, "(?m)^(node-only/)?"+regexp.QuoteMeta(check), err.Error())
			}
		})
	}
}

// TestTheoryOfNodesAlone: the checks that take no search find what is declared wrongly.
func TestTheoryOfNodesAlone(t *testing.T) {
	right := softmax(t)
	run := func(f func(th *losses.Theory)) error {
		s := nodeOnly(t)
		s.Predict = right.Predict
		s.Theory = func(v losses.Values) losses.Theory {
			th := right.Theory(v)
			f(&th)
			return th
		}
		b := s.Bind(s.Defaults())
		r := &rig{Loss: b, theory: b.Theory(), lo: math.Inf(-1), hi: math.Inf(1), short: true}
		return check.Suite(func(t *check.T) {
			t.Run("map", r.predict)
			t.Run("props", r.props)
			t.Run("offsets", r.offsets)
			t.Run("margin", r.margin)
			t.Run("support", r.support)
		})
	}
	require.NoError(t, run(func(*losses.Theory) {}))
	require.ErrorContains(t, run(func(th *losses.Theory) { th.Margin = 3 }), "margin: ")
	require.ErrorContains(t, run(func(th *losses.Theory) { th.Props &^= losses.Convex }), "props: convex is not declared")
	require.ErrorContains(t, run(func(th *losses.Theory) { th.Props |= losses.SparseGradient }), "props: sparse-gradient is declared")
	require.ErrorContains(t, run(func(th *losses.Theory) { th.MapOrder = losses.OrderWeak }), "map: MapOrder")
	require.ErrorContains(t, run(func(th *losses.Theory) { th.Support = losses.Support{Of: losses.NearTop, Reach: 2} }), "support: ")
	require.ErrorContains(t, run(func(th *losses.Theory) { th.Props &^= losses.ShiftInvariant }), "offsets: ")
}

// firstOf returns the first score of each row.
func firstOf(z *gorgonia.Node) (*gorgonia.Node, error) {
	var e graph.Expr
	return e.N(graph.Reshape(e.N(graph.Slice(z, 1, 0, 1)), z.Shape()[0])), e.Err
}

// turned stores a distribution in the reverse of the order of z.
func turned(p, z []float64) {
	sum := 0.0
	for j, s := range z {
		p[j] = math.Exp(-s)
		sum += p[j]
	}
	for j := range p {
		p[j] /= sum
	}
}
