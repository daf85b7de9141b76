package baseline

import (
	"context"
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/models"
)

// EASEBytes returns the memory that [NewEASE] takes over n items: some n² float64 while it
// solves, and n² float32, which stay.
func EASEBytes(n int) int64 {
	matrix, inverting := kernel.DefiniteBytes(n)
	return matrix + max(inverting, 4*int64(n)*int64(n))
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
