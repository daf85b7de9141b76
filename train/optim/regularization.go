package optim

import (
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Regularization is what draws the weights of one table to 0. The zero value draws
// nothing.
type Regularization struct {
	// L2 is λ ≥ 0 of a term ½λ‖w‖² of the objective, over all rows of the table: the
	// gradient g of every row becomes g + λw in every step, which then passes through the
	// moments. All rows have a gradient then, so mode=lazy moves all of them, as
	// mode=dense does, at a cost proportional to the table.
	L2 float64

	// Decay is λ' ≥ 0 of decoupled decay (Loshchilov, Hutter 2019, algorithm 2): a row is
	// first scaled, w ← (1 − ηλ')w, and the moments do not see it. Every row is in every
	// step; with DecayRead those are that the gradient of the step has.
	Decay     float64
	DecayRead bool
}

// Regularize has u draw its table's weights to 0 from the next step on. The number of a
// [graph.Scalar], such as a learned temperature, is not drawn: 0 is no natural value of it.
func (u *Updater) Regularize(r Regularization) {
	if u.table.Scalar != nil {
		r = Regularization{}
	}
	u.regular = r
}

// rowsAlone reports whether a step leaves rows without a gradient as they are.
func (u *Updater) rowsAlone() bool {
	r := u.regular
	return !u.dense && r.L2 == 0 && (r.Decay == 0 || r.DecayRead)
}

// plain reports whether rows move along their gradient alone.
func (m *mover) plain() bool { return m.l2 == 0 && m.keep == 1 && m.scale == 1 }

// regularize scales w by decay, and returns the gradient with its factor and that of l2,
// stored in work; grad is left as it is.
func (m *mover) regularize(work, w, grad []float32) []float32 {
	if m.l2 != 0 || m.scale != 1 {
		for k, gk := range grad {
			work[k] = float32(m.scale*gk) + float32(m.l2*w[k])
		}
		grad = work
	}
	if m.keep != 1 {
		kernel.Scale(m.keep, w)
	}
	return grad
}

// rest returns what moves the rows from r to next, which have no gradient.
func (m *mover) rest() func(r, next int, work []float32) {
	still := *m
	if m.regular.DecayRead {
		still.keep = 1
	}
	d := m.table.Dim
	if !m.dense && m.l2 == 0 { // the rule is lazy, and decay passes it by
		return func(r, next int, _ []float32) { kernel.Scale(still.keep, m.table.Data[r*d:next*d]) }
	}
	if m.zero == nil {
		m.zero = make([]float32, blockRows(d)*d)
	}
	return func(r, next int, work []float32) { still.move(r, m.zero[:(next-r)*d], work) }
}
