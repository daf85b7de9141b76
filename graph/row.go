package graph

import "fmt"

// Float is the element type of a graph: float32 trains, float64 checks.
type Float interface{ float32 | float64 }

// A Target is the truth of one row: a sparse distribution over the row's K
// candidates.
//
// Pos holds positions in the row, strictly increasing, each in [0,K); Weight
// holds as many positive numbers that sum to 1. One label is one position of
// weight 1. An empty Target marks a padding row: ops skip it and no RowLoss
// ever sees it.
type Target[T Float] struct {
	Pos    []int32
	Weight []T
}

// Label returns the position of a one-label target, and whether t is one.
func (t Target[T]) Label() (y int, ok bool) {
	if len(t.Pos) != 1 {
		return 0, false
	}
	return int(t.Pos[0]), true
}

// A RowLoss is the analytic form of a loss: the value ℓ(z, t) and its gradient in
// closed form.
//
// A RowLoss is immutable and safe for concurrent use.
type RowLoss[T Float] interface {
	// Eval returns ℓ(z, t), in nats where the loss has a unit, and stores ∂ℓ/∂z
	// in dz.
	//
	// dz and z have one length K ≥ 1 and do not overlap; t is not empty. z[j] is
	// finite, or -Inf for a masked candidate, which must carry no target weight:
	// masking a candidate equals deleting it, and its dz is 0. If z holds a NaN
	// or +Inf the value is NaN, and dz is undefined. Eval does not modify z or t, keeps
	// none of its arguments and does not allocate. It may scribble on work, whose
	// length is at least WorkLen(K) and whose content is arbitrary.
	Eval(dz, z []T, t Target[T], work []T) T

	// WorkLen returns the scratch length that Eval needs for K candidates.
	WorkLen(k int) int
}

// Analytic is the closed form of one loss at both precisions. Text names the loss
// and every parameter (its spec text): equal texts mean equal losses, and Text
// goes into the hash of the ops that carry the loss.
//
// The form that is fused with a linear layer, in which [LinearLoss] trains at float32,
// is found in F32: [RowOf] makes one that has it, of a [Stream], and so does
// [FromThreshold]; any other goes row by row.
//
// ShiftInvariant says that ℓ(z+c, t) = ℓ(z, t) for every c. [LinearLoss] then leaves
// out what all scores of a row have in common.
type Analytic struct {
	Text           string
	F32            RowLoss[float32] // to train
	F64            RowLoss[float64] // to check
	ShiftInvariant bool
}

// valid returns what an op of that name cannot make of l.
func (l Analytic) valid(name string) error {
	if l.F32 == nil || l.F64 == nil {
		return fmt.Errorf("graph: %s: no analytic form", name)
	}
	for _, form := range []any{unwrapped(l.F32), unwrapped(l.F64)} {
		if f, ok := form.(interface{ fault() error }); ok {
			if err := f.fault(); err != nil {
				return fmt.Errorf("graph: %s: %w", name, err)
			}
		}
	}
	return nil
}

// unwrapped returns the public form of row, without what stands in for it or hides it.
func unwrapped[T Float](row RowLoss[T]) any {
	if r, ok := any(row).(rowsOnly); ok {
		row = any(r.RowLoss).(RowLoss[T])
	}
	for {
		u, ok := row.(interface{ Unwrap() RowLoss[T] })
		if !ok {
			return row
		}
		row = u.Unwrap()
	}
}

// SharedNegatives is a loss that can set several positives against the same negatives at a
// cost of their sum, where one after the other would cost the product. A [RowLoss] or a
// [Stream] may be one.
type SharedNegatives[T Float] interface {
	// EvalShared returns Σ_i weight_i ℓ((pos_i, neg), label 0) and stores its gradient in
	// dpos and dneg, which are as long as pos and neg. neg may be empty, or masked as
	// in Eval; pos is finite. Otherwise as Eval; it needs no scratch.
	EvalShared(dpos, dneg, pos, neg, weight []T) T
}

// SharedNegativesOf returns the form of row for several positives; false if it has none.
func SharedNegativesOf[T Float](row RowLoss[T]) (SharedNegatives[T], bool) {
	var form any = row
	if u, ok := form.(interface{ Unwrap() RowLoss[T] }); ok {
		form = u.Unwrap()
	}
	if s, ok := form.(*streamRow[T]); ok {
		form = s.stream
	}
	many, ok := form.(SharedNegatives[T])
	return many, ok
}
