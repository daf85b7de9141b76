package models

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/losses/param"
)

// mf is matrix factorisation: the encoding of user u is row u of a table P
// [U,d]. With the head over all classes the score of class j is ⟨p_u, q_j⟩, or
// the cosine of the two.
func init() {
	Register(Spec{
		Name:   "mf",
		Doc:    "matrix factorisation: h is the user's own vector",
		Source: "Koren, Bell, Volinsky: Matrix factorization techniques for recommender systems (2009)",
		New: func(_ param.Values, s Setting) (Model, error) {
			return mf{s.NewTable("user", s.Set.Users, s.Dim)}, nil
		},
	})
}

type mf struct{ p *Table }

func (m mf) Dim() int { return m.p.Dim }

func (m mf) Inputs() []Input {
	return []Input{{Table: m.p, PerUser: 1, Rows: func(dst, users []int32) []int32 { return append(dst, users...) }}}
}

func (m mf) Encode(leaves []*gorgonia.Node) (*gorgonia.Node, error) { return leaves[0], nil }
