package baseline

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/models"
)

// EASEBytes returns the memory that [NewEASE] takes over n items: n² float64 while it
// solves, and n² float32, which stay.
func EASEBytes(n int) int64 { return 12 * int64(n) * int64(n) }

// NewEASE returns the ranking by a linear model of items, the minimiser of
//
//	‖X − XB‖² + λ‖B‖²,  diag B = 0:   B_ij = −P_ij/P_jj,  P = (XᵀX + λI)⁻¹
//
// where X is 1 at what users have. P is by Cholesky's factorisation in float64; time is
// cubic in the number of items, and ctx ends it between its steps. A program asks
// [EASEBytes] first.
//
// Source: Steck 2019, WWW, arXiv:1905.03375, eq. 8.
func NewEASE(ctx context.Context, train *data.Interactions, lambda float64) (models.Scorer, error) {
	if !(lambda > 0) || math.IsInf(lambda, 1) {
		return nil, fmt.Errorf("baseline: ease with λ = %g; want a finite number above 0", lambda)
	}
	n := train.Items()
	g := make([]float64, n*n) // its upper triangle
	for u := range train.Users() {
		items := train.ItemsOf(u)
		for k, i := range items {
			row := g[int(i)*n:][:n]
			for _, j := range items[k:] {
				row[j]++
			}
		}
	}
	for i := range n {
		g[i*n+i] += lambda
	}
	triangle, ok := lapack64.Potrf(blas64.Symmetric{Uplo: blas.Upper, N: n, Stride: max(n, 1), Data: g})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if ok {
		_, ok = lapack64.Potri(triangle)
	}
	if !ok {
		return nil, fmt.Errorf("baseline: ease with λ = %g: the matrix of co-occurrences is singular to rounding; a larger λ helps", lambda)
	}
	e := ease{n: n, b: make([]float32, n*n)}
	kernel.Parallel(n, func(_, i int) {
		row := e.b[i*n:][:n]
		for j := range row {
			p := g[min(i, j)*n+max(i, j)]
			if i != j {
				row[j] = float32(-p / g[j*n+j])
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
