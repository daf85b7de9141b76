package conditionalrisk

import (
	"math"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// Sampled is the population risk of a loss over sampled candidates: label y from
// t, n independent draws from q, the loss of the row (y, draws) with y the
// label,
//
//	R(s) = E_{y~t} E_{J~qⁿ} ℓ((o_y, o_J), 0),
//
// exact by enumeration of the draws. Corrections and hits are those of
// [graph.SampledLoss], which states them. It owns scratch memory: one goroutine
// at a time.
type Sampled struct {
	Lo, Hi float64 // domain of the scores

	row        losses.RowLoss[float64]
	unit       float64
	t, q       []float64
	correction graph.Correction
	drop       bool
	draws      [][]int   // multisets of n classes
	chance     []float64 // of each
	z, dz      []float64
	class      []int // of each place of z
	work       []float64
	label      losses.Target[float64]
}

// NewSampled returns that risk. The entries of t and q [K] are positive and sum to
// 1. It enumerates binomial(K+n−1, n) multisets. What the loss's gradient holds constant is
// that of equal scores.
func NewSampled(b losses.Loss, t, q []float64, n int, correction graph.Correction, drop bool) *Sampled {
	b = b.Held(make([]float64, n+1))
	s := &Sampled{
		row: b.Analytic.F64, unit: b.Unit(), t: t, q: q, correction: correction,
		drop: drop || correction == graph.CorrectImportance,
		z:    make([]float64, n+1), dz: make([]float64, n+1), class: make([]int, n+1), work: make([]float64, b.Analytic.F64.WorkLen(n+1)),
		label: losses.Target[float64]{Pos: []int32{0}, Weight: []float64{1}},
	}
	s.Lo, s.Hi = b.Spec.Domain.Bounds()
	// chance is the multinomial probability, built up draw by draw: the r-th equal
	// draw in a row has multiplicity (place)/r.
	var extend func(set []int, p float64, run int)
	extend = func(set []int, p float64, run int) {
		if len(set) == n {
			s.draws = append(s.draws, append([]int(nil), set...))
			s.chance = append(s.chance, p)
			return
		}
		least := 0
		if len(set) > 0 {
			least = set[len(set)-1]
		}
		for j := least; j < len(q); j++ {
			r := 1
			if len(set) > 0 && j == least {
				r = run + 1
			}
			extend(append(set, j), p*q[j]*float64(len(set)+1)/float64(r), r)
		}
	}
	extend(make([]int, 0, n), 1, 0)
	return s
}

// Len returns K.
func (s *Sampled) Len() int { return len(s.t) }

// Value returns R(z) and, where g is not nil, stores ∂R/∂z in g.
func (s *Sampled) Value(g, z []float64) float64 {
	clear(g)
	var sum float64
	for y, ty := range s.t {
		for i, set := range s.draws {
			kept := 0
			for _, j := range set {
				if j == y && s.drop {
					continue
				}
				kept++
				s.z[kept], s.class[kept] = z[j], j
			}
			s.z[0], s.class[0] = z[y], y
			s.correct(y, kept)
			w := ty * s.chance[i]
			sum += w * s.row.Eval(s.dz[:kept+1], s.z[:kept+1], s.label, s.work)
			if g != nil {
				for c, d := range s.dz[:kept+1] {
					g[s.class[c]] += w * d
				}
			}
		}
	}
	return sum
}

// correct subtracts what is known of the draws from the row's scores.
func (s *Sampled) correct(y, kept int) {
	k := float64(kept)
	switch s.correction {
	case graph.CorrectLogQ:
		for c := range kept + 1 {
			s.z[c] -= s.unit * math.Log(max(k, 1)*s.q[s.class[c]])
		}
	case graph.CorrectImportance:
		for c := 1; c <= kept; c++ {
			s.z[c] -= s.unit * math.Log(k*s.q[s.class[c]]/(1-s.q[y]))
		}
	}
}
