package losses

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// A contrast sets one positive y against the other candidates of its row, the
// negatives; the loss of a target is the mean over its positives by their
// weights, in which each has the others among its negatives.
//
// It returns ℓ(z,y) and adds weight·∂ℓ/∂z to dz; z holds no NaN and no +Inf. Of
// a positive without negatives ℓ is 0.
type contrast[T Float] func(dz, z []T, y int, weight float64, work []T) float64

func (contrast[T]) WorkLen(k int) int { return k }

func (l contrast[T]) Eval(dz, z []T, t Target[T], work []T) T {
	if m, _ := Peak(z); m != m {
		return nan[T]()
	}
	clear(dz)
	var loss float64
	for i, y := range t.Pos {
		w := float64(t.Weight[i])
		loss += w * l(dz, z, int(y), w, work)
	}
	return T(loss)
}

// add adds g to an entry of a gradient.
func add[T Float](x *T, g float64) { *x = T(float64(*x) + g) }

// contrastNode is the graph of a contrast from that of one positive: scores z
// [N,K] and labels y; x is z with the label masked, s [N] the label's score, and
// some [N] is 1 where there are negatives, else 0.
func contrastNode(z *gorgonia.Node, t *graph.Targets, f func(e *graph.Expr, z, x, s, some *gorgonia.Node) *gorgonia.Node) (*gorgonia.Node, error) {
	return graph.EachPositive(z, t, func(z *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) {
		var e graph.Expr
		other := e.N(graph.AddScalar(e.N(graph.Neg(e.N(graph.TargetMatrix(y, z)))), 1))
		x := e.N(graph.Add(z, e.N(graph.Log(other))))
		some := e.N(graph.PowPositive(e.N(graph.RowCount(x)), 0))
		loss := f(&e, z, x, e.N(graph.TargetDot(z, y)), some)
		return loss, e.Err
	})
}

// contrastRef is the mean over positives of f, which gets the positive's score
// and its negatives, at least one.
func contrastRef(z []float64, t Target[float64], f func(s float64, negatives []float64) float64) float64 {
	var loss float64
	for i, y := range t.Pos {
		negatives := append(append([]float64{}, z[:y]...), z[y+1:]...)
		if len(negatives) > 0 {
			loss += t.Weight[i] * f(z[y], negatives)
		}
	}
	return loss
}
