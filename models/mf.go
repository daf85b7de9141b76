package models

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// mf is matrix factorisation: the encoding of user u is row u of a table P
// [U,d]. With the head over all classes the score of class j is ⟨p_u, q_j⟩, or
// the cosine of the two.
func init() {
	Register(Spec{
		Name:     "mf",
		Doc:      "matrix factorisation: h is the user's own vector",
		Source:   "Koren, Bell, Volinsky: Matrix factorization techniques for recommender systems (2009)",
		Factored: true,
		New: func(_ Values, s Setting) (Model, error) {
			return mf{s.NewTable("user", s.Users(), s.Dim), NewFreeClasses(s)}, nil
		},
	})
}

type mf struct {
	user *Table // [U,d]
	FreeClasses
}

func (m mf) Dim() int { return m.user.Dim }

func (m mf) Contexts(in *Inputs) (*gorgonia.Node, error) {
	ids, err := in.IDs("user")
	if err != nil {
		return nil, err
	}
	return graph.Lookup(in.Table(m.user), ids)
}

func (m mf) Factors() (users, classes *Table) { return m.user, m.W }
