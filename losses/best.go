package losses

import (
	"math"

	"github.com/fenchel-ml/fenchel/graph"
)

// best is the part of a stream that looks for the best class which is no target: its sums
// are the score, −Inf of none, and the first place; its parameters are the class that has
// a gradient and the gradient.
type best[T Float] struct{}

func (best[T]) Layout() graph.Layout { return graph.Layout{Sums: 2, Params: 2} }

func (best[T]) Start([]float64, *graph.RowTarget[T]) {}

func (best[T]) Init(sums, _ []float64) { sums[0], sums[1] = math.Inf(-1), -1 }

func (best[T]) Fold(sums, _ []float64, z []T, first int) {
	for j, s := range z {
		if float64(s) > sums[0] {
			sums[0], sums[1] = float64(s), float64(first+j)
		}
	}
}

func (best[T]) Merge(dst, src []float64) {
	if src[0] > dst[0] {
		copy(dst, src)
	}
}

func (best[T]) Map(dz, _ []T, params []float64, first int) {
	clear(dz)
	if at := int(params[0]) - first; at >= 0 && at < len(dz) {
		dz[at] = T(params[1])
	}
}
