package baseline

import (
	"context"
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
)

// EASEBytes returns the memory that [NewEASE] takes over n items: some n² float64 while it
// solves, and n² float32, which stay.
func EASEBytes(n int) int64 {
	matrix, inverting := kernel.DefiniteBytes(n)
	return matrix + max(inverting, 4*int64(n)*int64(n))
}

// easeItems is more than any machine holds a matrix of: 2⁴⁵ bytes of float64.
const easeItems = 1 << 21

func init() {
	register(Spec{
		Name:   "ease",
		Doc:    "a linear model of items in closed form: scores x·B of what somebody has; time grows with the cube of the items, memory with the square",
		Source: "Steck: Embarrassingly shallow autoencoders for sparse data (2019), arXiv:1905.03375",
		// 300: with it valid of MovieLens-1M has Recall@20 .2734 and NDCG@20 .2624.
		Params: []registry.Param{{Name: "lambda", Doc: "λ: a factor of ‖B‖² beside the squared errors", Default: 300, Min: 1e-9, Max: 1e12, Probe: []float64{0.5}}},
		fit: func(ctx context.Context, v registry.Values, train *data.Interactions) (models.Scorer, error) {
			return NewEASE(ctx, train, v.Num("lambda"))
		},
		bytes: func(_ registry.Values, train *data.Interactions) (kept, fitting int64) {
			n := int64(train.Items())
			return 4 * n * n, EASEBytes(train.Items())
		},
		restore: func(items int, arrays map[string]graph.Array) (history, error) {
			b, err := arrayOf[float32](arrays, "B", items*items)
			return ease{n: items, b: b}, err
		},
	})
}

// NewEASE returns the ranking by a linear model of items, the minimiser of
//
//	‖X − XB‖² + λ‖B‖²,  diag B = 0:   B_ij = −P_ij/P_jj,  P = (XᵀX + λI)⁻¹
//
// where X is 1 at what users have. P is computed in float64, by n³/2 multiply-adds for n
// items (3 s for 3,000 of them on one core with AVX2), and ctx ends it between its steps. A
// program asks [EASEBytes] first.
//
// Source: Steck 2019, WWW, arXiv:1905.03375, eq. 8.
func NewEASE(ctx context.Context, train *data.Interactions, lambda float64) (models.Scorer, error) {
	if !(lambda > 0) || math.IsInf(lambda, 1) {
		return nil, fmt.Errorf("baseline: ease with λ = %g; want a finite number above 0", lambda)
	}
	n := train.Items()
	if n > easeItems {
		return nil, fmt.Errorf("baseline: ease over %d items: its matrix of as many squared can be held of %d at the most", n, easeItems)
	}
	p := kernel.NewDefinite(n)
	for u := range train.Users() {
		items := train.ItemsOf(u)
		for k, i := range items {
			row := p.Row(int(i))
			for _, j := range items[k:] {
				row[j]++
			}
		}
	}
	for i := range n {
		p.Row(i)[i] += lambda
	}
	if err := p.Invert(ctx.Err); err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, fmt.Errorf("baseline: ease with λ = %g: the co-occurrences are singular to rounding (%w); a larger λ helps", lambda, err)
	}
	e := ease{n: n, b: make([]float32, n*n)}
	kernel.Parallel(n, func(_, i int) {
		row := e.b[i*n:][:n]
		for j := range row {
			if i != j {
				row[j] = float32(-p.At(i, j) / p.At(j, j))
			}
		}
	})
	return byHistory{e, train}, ctx.Err()
}

type ease struct {
	n int
	b []float32 // [n,n]
}

func (e ease) scores(z []float32, items []int32) {
	clear(z)
	for _, i := range items {
		kernel.Axpy(1, e.b[int(i)*e.n:][:e.n], z)
	}
}

func (e ease) arrays() []graph.Array {
	return []graph.Array{{Name: "B", Shape: []int{e.n, e.n}, Data: e.b}}
}
