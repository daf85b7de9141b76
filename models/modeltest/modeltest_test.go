package modeltest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models"
)

// net is a right model: two layers over a user's vector and a bag of what the user has, and
// classes that are computed.
type net struct {
	user, item, weights *models.Table

	encode  func(e *graph.Expr, in *models.Inputs, h *gorgonia.Node) *gorgonia.Node // a mistake in Contexts
	classes func(e *graph.Expr, in *models.Inputs, w *gorgonia.Node) *gorgonia.Node // a mistake in Classes
	dim     int
}

func (m net) Dim() int { return m.dim }

func (m net) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	user, err := in.IDs("user")
	if err != nil {
		return nil, err
	}
	ptr, ids, values, err := in.Bag("history")
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	x := e.N(graph.Add(e.N(graph.Lookup(in.Table(m.user), user)), e.N(graph.Bag(in.Table(m.item), ptr, ids, values))))
	h := e.N(graph.MatMul(e.N(graph.Tanh(x)), in.Table(m.weights), false, true))
	if m.encode != nil {
		h = m.encode(&e, in, h)
	}
	return h, e.Err
}

func (m net) Classes(in *models.Inputs) (*gorgonia.Node, error) {
	id, err := in.IDs("id")
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	w := e.N(graph.MatMul(e.N(graph.Lookup(in.Table(m.item), id)), in.Table(m.weights), false, true))
	if m.classes != nil {
		w = m.classes(&e, in, w)
	}
	return w, e.Err
}

func spec(f func(m *net, s models.Setting) models.Model) *models.Spec {
	return &models.Spec{Name: "net", Doc: "two layers", Source: "this test", New: func(_ models.Values, s models.Setting) (models.Model, error) {
		m := &net{user: s.NewTable("user", s.Set.Users, 3), item: s.NewTable("item", s.Set.Items, 3), weights: s.NewTable("weights", s.Dim, 3), dim: s.Dim}
		return f(m, s), nil
	}}
}

// factored is a matrix factorisation whose Factors may be another table.
type factored struct {
	user, other *models.Table
	models.FreeClasses
}

func (m factored) Dim() int { return m.user.Dim }

func (m factored) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	ids, err := in.IDs("user")
	if err != nil {
		return nil, err
	}
	return graph.Lookup(in.Table(m.user), ids)
}

func (m factored) Factors() (users, classes *models.Table) { return m.other, m.W }

// TestRightModelsPass: what the mistakes are planted in has none, by its spec and alone.
func TestRightModelsPass(t *testing.T) {
	right := func(m *net, _ models.Setting) models.Model { return *m }
	require.NoError(t, Check(spec(right), nil))
	set, err := data.Load(data.Config{Source: "demo:users=9,items=12,per-user=4"})
	require.NoError(t, err)
	m, err := spec(right).New(models.Values{}, models.Setting{Set: set, Dim: 4, Init: 0.5})
	require.NoError(t, err)
	require.NoError(t, CheckModel(m, set))
	set.Users = 7
	require.Error(t, CheckModel(m, set))
}

// TestPlantedMistakes: each mistake is found, by the checks that it is for.
func TestPlantedMistakes(t *testing.T) {
	contexts := func(f func(e *graph.Expr, in *models.Inputs, h *gorgonia.Node) *gorgonia.Node) *models.Spec {
		return spec(func(m *net, _ models.Setting) models.Model { m.encode = f; return *m })
	}
	classes := func(f func(e *graph.Expr, in *models.Inputs, w *gorgonia.Node) *gorgonia.Node) *models.Spec {
		return spec(func(m *net, _ models.Setting) models.Model { m.classes = f; return *m })
	}
	// Half of the gradient of what it returns as it is.
	half := graph.RowFunction{Name: "half",
		Eval: func(y, x []float64) error { copy(y, x); return nil },
		Back: func(dx, _, _, g []float64) error {
			for j := range g {
				dx[j] = g[j] / 2
			}
			return nil
		}}
	noise := 0.0
	var kept *gorgonia.Node
	for name, c := range map[string]struct {
		spec   *models.Spec
		checks []string
	}{
		"rows that see each other": {contexts(func(e *graph.Expr, _ *models.Inputs, h *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.AddBias(h, e.N(graph.ColSum(h))))
		}), []string{"encodings: the encoding of row 3 beside padding"}},
		"one encoding for all": {contexts(func(e *graph.Expr, _ *models.Inputs, h *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.Scale(h, 0))
		}), []string{"encodings: the encodings of the rows"}},
		"NaN": {contexts(func(e *graph.Expr, _ *models.Inputs, h *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.Sqrt(h))
		}), []string{"encodings: row"}},
		"encodings that change": {contexts(func(e *graph.Expr, _ *models.Inputs, h *gorgonia.Node) *gorgonia.Node {
			noise++
			return e.N(graph.AddScalar(h, noise))
		}), []string{"encodings"}},
		"gradient of contexts": {contexts(func(e *graph.Expr, _ *models.Inputs, h *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.MapRows(half, h))
		}), []string{"gradient: the gradient", "gradient@all: the gradient"}},
		"gradient of classes": {classes(func(e *graph.Expr, _ *models.Inputs, w *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.MapRows(half, w))
		}), []string{"gradient: the gradient", "gradient@all: the gradient", "gradient@sampled:n=4: the gradient"}},
		"classes of other rows": {classes(func(e *graph.Expr, in *models.Inputs, w *gorgonia.Node) *gorgonia.Node {
			if in.Rows() == 90 {
				return w
			}
			return e.N(graph.Concat(0, w, w))
		}), []string{"gradient@sampled:n=4: the training graph: "}},
		"shape": {spec(func(m *net, _ models.Setting) models.Model { m.dim = 4; return *m }), []string{"a model of width 5 has Dim() 4"}},
		"shape of classes": {classes(func(e *graph.Expr, _ *models.Inputs, w *gorgonia.Node) *gorgonia.Node {
			return e.N(graph.Concat(1, w, w))
		}), []string{"tables: Classes returned"}},
		"no node": {classes(func(*graph.Expr, *models.Inputs, *gorgonia.Node) *gorgonia.Node { return nil }), []string{"tables: Classes returned no node"}},
		"a node that is kept": {contexts(func(_ *graph.Expr, _ *models.Inputs, h *gorgonia.Node) *gorgonia.Node {
			if kept == nil {
				kept = h
			}
			return kept
		}), []string{"encodings"}},
		"two tables of one name": {spec(func(m *net, _ models.Setting) models.Model { m.item.Name = "user"; return *m }), []string{"tables: Contexts: graph: leaf \"user\": the name is taken"}},
		"no table":               {spec(func(*net, models.Setting) models.Model { return constant{} }), []string{"tables: the model reads no table"}},
		"a write to a table": {contexts(func(_ *graph.Expr, in *models.Inputs, h *gorgonia.Node) *gorgonia.Node {
			for _, n := range h.Graph().AllNodes() {
				if x, ok := dataOf(n); ok {
					x[0]++
				}
			}
			return h
		}), []string{"encodings"}},
		"panic": {contexts(func(_ *graph.Expr, in *models.Inputs, h *gorgonia.Node) *gorgonia.Node {
			return in.Vector(nil).Graph().AllNodes()[0]
		}), []string{"tables: panic: "}},
		"factored, not declared": {spec(func(m *net, s models.Setting) models.Model {
			return factored{s.NewTable("a", s.Set.Users, s.Dim), s.NewTable("a", s.Set.Users, s.Dim), models.NewFreeClasses(s)}
		}), []string{"New: models: net declares Factored=false"}},
		"other factors": {func() *models.Spec {
			s := spec(func(m *net, s models.Setting) models.Model {
				other := s.NewTable("b", s.Set.Users, s.Dim)
				other.Initialise(3)
				return factored{s.NewTable("a", s.Set.Users, s.Dim), other, models.NewFreeClasses(s)}
			})
			s.Factored = true
			return s
		}(), []string{"factored: the encoding of user 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(c.spec, nil)
			require.Error(t, err)
			for _, check := range c.checks {
				require.True(t, strings.HasPrefix(err.Error(), "net/"+check) || strings.HasPrefix(err.Error(), "net: "+check) || strings.Contains(err.Error(), "\nnet/"+check), "%s in %v", check, err)
			}
		})
	}
}

// constant has nothing to train.
type constant struct{}

func (constant) Dim() int { return 5 }

func (constant) Contexts(in *models.Inputs) (*gorgonia.Node, error) { return zeros(in, "user") }

func (constant) Classes(in *models.Inputs) (*gorgonia.Node, error) { return zeros(in, "id") }

func zeros(in *models.Inputs, field string) (*gorgonia.Node, error) {
	id, err := in.IDs(field)
	if err != nil {
		return nil, err
	}
	return graph.HostFloats(id, func(dst []float32) error { return nil }, in.Rows(), 5)
}

// A model passes, and the same model with a wrong declaration does not.
func Example() {
	for _, s := range models.All() {
		if s.Name != "mf" {
			continue
		}
		fmt.Println(Check(s, nil))
		wrong := *s
		wrong.Factored = false
		fmt.Println(Check(&wrong, nil))
	}
	// Output:
	// <nil>
	// mf: New: models: mf declares Factored=false and made a models.mf, whose methods say otherwise
}
