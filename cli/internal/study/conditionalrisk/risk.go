package conditionalrisk

import (
	"math"

	"github.com/fenchel-ml/fenchel/losses"
)

// A Risk is R for one loss and one t. It owns scratch memory: one goroutine
// at a time.
type Risk struct {
	Theory losses.Theory
	Lo, Hi float64 // domain of the scores

	row        losses.RowLoss[float64]
	t          []float64
	pos        []int32
	one        []float64
	dz, work   []float64
	simplified bool
	rows       *definitionRows // of the labels, nil where the loss has a closed form
}

// New returns the risk of b under t [K], whose entries are positive and sum to 1.
//
// A Fenchel–Young loss has ∂ℓ/∂z = c(p − t) for hard and soft targets alike, so
// its risk is, up to a constant, the loss at the soft target: one row instead of
// K. The constant makes Value's level arbitrary; differences are exact.
//
// What the loss's gradient holds constant (losses.Spec.Hold) is that of equal scores.
func New(b losses.Loss, t []float64) *Risk {
	r := newRisk(b, t)
	if byDefinition(b) {
		r.rows = newDefinitionRows(b.Held(make([]float64, len(t))), [][]float64{t})
	}
	return r
}

// newRisk is New by rows alone.
func newRisk(b losses.Loss, t []float64) *Risk {
	k := len(t)
	b = b.Held(make([]float64, k))
	r := &Risk{
		Theory: b.Theory(), row: b.Analytic.F64, t: t,
		pos: make([]int32, k), one: []float64{1}, dz: make([]float64, k), work: make([]float64, b.Analytic.F64.WorkLen(k)),
	}
	r.Lo, r.Hi = b.Spec.Domain.Bounds()
	for i := range r.pos {
		r.pos[i] = int32(i)
	}
	r.simplified = r.Theory.Props.Has(losses.FenchelYoungForm)
	return r
}

// Len returns K.
func (r *Risk) Len() int { return len(r.t) }

// Bounded reports whether the scores have a bounded domain.
func (r *Risk) Bounded() bool { return !math.IsInf(r.Hi, 1) }

// Value returns R(z) and, where g is not nil, stores ∂R/∂z in g.
func (r *Risk) Value(g, z []float64) float64 {
	switch {
	case r.rows != nil:
		return r.rows.value(g, z)
	case r.simplified:
		dz := g
		if dz == nil {
			dz = r.dz
		}
		return r.row.Eval(dz, z, losses.Target[float64]{Pos: r.pos, Weight: r.t}, r.work)
	}
	clear(g)
	var sum float64
	for y, ty := range r.t {
		sum += ty * r.row.Eval(r.dz, z, losses.Target[float64]{Pos: r.pos[y : y+1], Weight: r.one}, r.work)
		for j := range g {
			g[j] += ty * r.dz[j]
		}
	}
	return sum
}
