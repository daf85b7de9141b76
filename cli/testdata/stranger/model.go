package main

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models"
)

// net encodes a user as W f(u), where u is the user's vector and f a function by name.
type net struct {
	user, weights *models.Table
	f             func(x *gorgonia.Node) (*gorgonia.Node, error)
	models.FreeClasses
}

func (m net) Dim() int { return m.weights.Rows }

func (m net) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	user, err := in.IDs("user")
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	h := e.N(m.f(e.N(graph.Lookup(in.Table(m.user), user))))
	return e.N(graph.MatMul(h, in.Table(m.weights), false, true)), e.Err
}

func init() {
	models.Register(models.Spec{
		Name: "own-net", Doc: "two layers over a vector for each user", Source: "this module",
		Params: []models.Param{
			{Name: "f", Doc: "between the layers", Choices: models.Enum("relu", "tanh"), DefaultString: "tanh"},
			{Name: "width", Doc: "width of a user's vector", Default: 16, Min: 1, Max: 1 << 20, Integer: true, Probe: []float64{3}},
		},
		New: func(v models.Values, s models.Setting) (models.Model, error) {
			f := graph.Tanh
			if v.String("f") == "relu" {
				f = graph.Relu
			}
			width := v.Int("width")
			m := net{s.NewTable("user", s.Set.Users, width), s.NewTable("weights", s.Dim, width), f, models.NewFreeClasses(s)}
			m.weights.Init = graph.Xavier()
			return m, nil
		},
	})
}
