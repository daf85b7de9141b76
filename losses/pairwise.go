package losses

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// Pairwise is the family of mean losses of the lead of every other class over the label:
// the mean over the targets y, by their weights, of
//
//	ℓ = (1/n) Σ_{j≠y} φ(z_j − z_y),   ∂ℓ/∂z_j = φ′(z_j − z_y)/n
//
// over the n other candidates, and the entry of y makes the sum 0. Without another class
// ℓ is 0.
type Pairwise struct {
	Phi  func(x float64) (v, dv float64)                      // φ and φ′ of a finite lead
	Node func(e *graph.Expr, x *gorgonia.Node) *gorgonia.Node // φ of leads [N,K], 0 at −Inf; nil is Phi with its φ′

	// Apart leaves the other targets of a row out: the n candidates are no targets.
	Apart bool
}

// Form returns the loss. It panics if a function is nil or a number out of its range. It has no prediction map, unless the caller sets one.
func (l Pairwise) Form() Form {
	want(l.Phi != nil, "Pairwise", "Phi")
	phi := l.Node
	if phi == nil {
		phi = func(e *graph.Expr, x *gorgonia.Node) *gorgonia.Node {
			return elementwise(e, "pairwise", func(x float64) (v, dv float64) {
				if Masked(x) {
					return 0, 0
				}
				return l.Phi(x)
			}, x)
		}
	}
	return Form{
		Analytic: graph.FromStream(pairwise[float32]{phi: l.Phi, apart: l.Apart}, pairwise[float64]{phi: l.Phi, apart: l.Apart}),
		Node: func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return contrastNode(z, t, l.Apart, func(e *graph.Expr, _, x, s, _ *gorgonia.Node) *gorgonia.Node {
				x = e.N(graph.SubRow(x, s))
				n := e.N(graph.Clamp(e.N(graph.RowCount(x)), 1, math.MaxFloat32))
				if e.Err != nil {
					return nil
				}
				return e.N(graph.Div(e.N(graph.RowSum(phi(e, x))), n))
			})
		},
		Ref: func(z []float64, t Target[float64]) float64 {
			return contrastRef(z, t, l.Apart, func(s float64, negatives []float64) float64 {
				var sum float64
				for i := len(negatives) - 1; i >= 0; i-- {
					v, _ := l.Phi(negatives[i] - s)
					sum += v
				}
				return sum / float64(len(negatives))
			})
		},
	}
}

// pairwise sums φ; its parameters are the label's score and 1/n.
type pairwise[T Float] struct {
	graph.Additive[T]
	phi   func(x float64) (v, dv float64)
	apart bool
}

func (l pairwise[T]) Layout() graph.Layout {
	return graph.Layout{Sums: 1, Params: 2, Each: true, Balanced: true, Apart: l.apart}
}

func (pairwise[T]) Start(params []float64, t *graph.RowTarget[T]) {
	params[0], params[1] = float64(t.Z[0]), 1/float64(max(t.Classes-1, 1))
}

func (l pairwise[T]) Fold(sums, params []float64, z []T, _ int) {
	var sum float64
	for j, s := range z {
		if !Masked(s) {
			v, dv := l.phi(float64(s) - params[0])
			sum += v
			z[j] = T(dv)
		}
	}
	sums[0] += sum
}

func (pairwise[T]) Recall(dz, dv []T, _, params []float64) {
	for j, v := range dv {
		dz[j] = T(float64(v) * params[1])
	}
}

func (pairwise[T]) Solve(sums, params []float64, _ *graph.RowTarget[T]) float64 {
	return sums[0] * params[1]
}

func (l pairwise[T]) Map(dz, z []T, params []float64, _ int) {
	for j, s := range z {
		if !Masked(s) {
			_, dv := l.phi(float64(s) - params[0])
			dz[j] = T(dv * params[1])
		}
	}
}
