package models

import (
	"math"
	"sync"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// lightgcn propagates vectors along the pairs of the train set. With the vectors of users
// P⁽⁰⁾ [U,d] and of classes Q⁽⁰⁾ [C,d], and the matrix of pairs A [U,C] whose entry of a user
// with n_u classes and a class with n_i users is 1/√(n_u n_i),
//
//	P⁽ᵏ⁾ = A·Q⁽ᵏ⁻¹⁾,  Q⁽ᵏ⁾ = Aᵀ·P⁽ᵏ⁻¹⁾,    h_u = mean_k P⁽ᵏ⁾_u,  w_i = mean_k Q⁽ᵏ⁾_i,   k = 0 … layers
//
// Both sides are computed from both tables in each step, by as many products of the whole
// matrix as there are layers. layers=0 is mf. The pairs are those of the train set also
// where valid or test is ranked: who is in none of them, user or class, keeps its own
// vector over the number of layers + 1.
func init() {
	Register(Spec{
		Name:   "lightgcn",
		Doc:    "h and the classes' vectors are means of what is passed on along the train pairs, layer by layer",
		Source: "He, Deng, Wang, Li, Zhang, Wang: LightGCN: simplifying and powering graph convolution network for recommendation (SIGIR 2020)",
		Params: []Param{
			{Name: "layers", Doc: "how many times vectors are passed on", Default: 2, Min: 0, Max: 16, Integer: true, Probe: []float64{0, 3}},
		},
		New: func(v Values, s Setting) (Model, error) {
			return &lightgcn{
				layers: v.Int("layers"),
				side:   [2]*Table{s.NewTable("user", s.Set.Users, s.Dim), s.NewTable("item", s.Set.Items, s.Dim)},
				pairs:  sync.OnceValues(func() (*graph.Sparse, error) { return normalisedPairs(s.Set.Train) }),
			}, nil
		},
	})
}

type lightgcn struct {
	layers int
	side   [2]*Table // P⁽⁰⁾ and Q⁽⁰⁾
	pairs  func() (*graph.Sparse, error)
}

// The sides of the graph.
const (
	userSide = iota
	classSide
)

// Dim implements Model.
func (m *lightgcn) Dim() int { return m.side[userSide].Dim }

// Contexts implements Model.
func (m *lightgcn) Contexts(in *Inputs) (*gorgonia.Node, error) {
	var e graph.Expr
	user := e.N(in.IDs("user"))
	return e.N(graph.Lookup(e.N(m.mean(in, userSide)), user)), e.Err
}

// Classes implements Model.
func (m *lightgcn) Classes(in *Inputs) (*gorgonia.Node, error) {
	var e graph.Expr
	w := e.N(m.mean(in, classSide))
	if in.Whole() {
		return w, e.Err
	}
	id := e.N(in.IDs("id"))
	return e.N(graph.Lookup(w, id)), e.Err
}

// mean returns the mean over layers of a side's vectors, [U,d] or [C,d].
func (m *lightgcn) mean(in *Inputs, side int) (*gorgonia.Node, error) {
	if m.layers == 0 {
		return in.Table(m.side[side]), nil
	}
	type key struct {
		*lightgcn
		side int
	}
	return in.Once(key{m, side}, func() (*gorgonia.Node, error) {
		var e graph.Expr
		sum := in.Table(m.side[side])
		for k := 1; k <= m.layers; k++ {
			sum = e.N(graph.Add(sum, e.N(m.layer(in, side, k))))
		}
		return e.N(graph.Scale(sum, 1/float64(m.layers+1))), e.Err
	})
}

// layer returns a side's vectors after k layers: one node a graph.
func (m *lightgcn) layer(in *Inputs, side, k int) (*gorgonia.Node, error) {
	if k == 0 {
		return in.Table(m.side[side]), nil
	}
	type key struct {
		*lightgcn
		side, k int
	}
	return in.Once(key{m, side, k}, func() (*gorgonia.Node, error) {
		a, err := m.pairs()
		if err != nil {
			return nil, err
		}
		if side == classSide {
			a = a.T()
		}
		x, err := m.layer(in, 1-side, k-1)
		if err != nil {
			return nil, err
		}
		return graph.SpMM(a, x)
	})
}

// normalisedPairs returns A [U,C] of pairs.
func normalisedPairs(x *data.Interactions) (*graph.Sparse, error) {
	classes := x.ItemCounts()
	ptr, ids, values := make([]int32, 1, x.Users()+1), make([]int32, 0, x.Len()), make([]float32, 0, x.Len())
	for u := range x.Users() {
		items := x.ItemsOf(u)
		for _, i := range items {
			ids = append(ids, i)
			values = append(values, float32(1/math.Sqrt(float64(len(items))*float64(classes[i]))))
		}
		ptr = append(ptr, int32(len(ids)))
	}
	return graph.NewSparse(x.Users(), x.Items(), ptr, ids, values)
}
