package als

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// A side is a half-sweep: the rows to solve for, and the fixed side as their systems
// read it. The system of row i is
//
//	[w_i·gram + c Σ_j f_jf_jᵀ + λ_iI]·x = r Σ_j f_j − s·w_i·sum,  j over its positives,
//
// each term of a sum times the weight of its positive.
type side struct {
	name   string    // of a row
	x      []float64 // [rows,d], the solutions
	rows   Positives
	lambda []float64 // [rows]
	weight []float64 // [rows], w; nil is 1

	f []float64 // [n,d]
	moments
}

func (x *side) w(i int) float64 {
	if x.weight == nil {
		return 1
	}
	return x.weight[i]
}

// zero reports whether the right side of row i is 0. Its solution is 0 then, even
// where its matrix is singular.
func (x *side) zero(i int, o Objective) bool {
	return x.rows.weight(i) == 0 && (o.linear == 0 || x.w(i) == 0)
}

// each solves in float64 for every row of x.
func (s *Solver) each(x *side, shift []float64) error {
	return eachPart(len(x.lambda), partRows, s.newWork, func(_, lo, hi int, w *work) error {
		for i := lo; i < hi; i++ {
			if err := w.solve(x, i, s.cfg.Objective, shift); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachPart calls f for every part of size rows of n, on all processors, each with a
// scratch of its own, and returns the error of the first part that has one.
func eachPart[W any](n, size int, scratch func() W, f func(part, lo, hi int, w W) error) error {
	errs := make([]error, parts(n, size))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(errs)) {
		wg.Go(func() {
			w := scratch()
			for {
				part := int(next.Add(1)) - 1
				if part >= len(errs) {
					return
				}
				lo := part * size
				errs[part] = f(part, lo, min(lo+size, n), w)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("als: %w", err)
		}
	}
	return nil
}

// work is the scratch of one goroutine for systems in float64.
type work struct {
	d    int
	a    []float64 // [d,d], upper triangle: the system, then its Cholesky factor
	rhs  []float64 // [d]
	rows []float64 // [≤ gatherRows, d], positives' factors side by side
}

// gatherRows bounds the scratch of a row with very many positives.
const gatherRows = 512

func (s *Solver) newWork() *work {
	d := s.cfg.Dim
	return &work{d: d, a: make([]float64, d*d), rhs: make([]float64, d), rows: make([]float64, gatherRows*d)}
}

func (w *work) symmetric() blas64.Symmetric {
	return blas64.Symmetric{N: w.d, Stride: w.d, Uplo: blas.Upper, Data: w.a}
}

var errDefinite = errors.New("its system is not positive definite; raise reg")

// solve solves for row i in float64, with shift added to its right side, and leaves
// the factor of its matrix in a.
func (w *work) solve(x *side, i int, o Objective, shift []float64) error {
	d := w.d
	dst := x.x[i*d : (i+1)*d]
	if x.zero(i, o) {
		clear(dst)
		return nil
	}
	for k, g := range x.gram {
		w.a[k] = x.w(i) * g
	}
	for k := range d {
		w.a[k*d+k] += x.lambda[i]
	}
	clear(w.rhs)
	weights := x.rows.weights(i)
	for block := range slices.Chunk(x.rows.of(i), gatherRows) {
		for k, j := range block {
			row := x.f[int(j)*d : int(j+1)*d]
			copy(w.rows[k*d:], row)
			weight := 1.0
			if weights != nil {
				weight = float64(weights[k])
				blas64.Implementation().Dscal(d, math.Sqrt(weight), w.rows[k*d:], 1)
			}
			for l, v := range row {
				w.rhs[l] += weight * v
			}
		}
		if weights != nil {
			weights = weights[len(block):]
		}
		if o.positive != 0 {
			blas64.Syrk(blas.Trans, o.positive,
				blas64.General{Rows: len(block), Cols: d, Stride: d, Data: w.rows}, 1, w.symmetric())
		}
	}
	for k := range d {
		w.rhs[k] = o.reward*w.rhs[k] - o.linear*x.w(i)*x.sum[k]
		if shift != nil {
			w.rhs[k] += shift[k]
		}
	}
	t, ok := lapack64.Potrf(w.symmetric())
	if !ok {
		return fmt.Errorf("%s %d: %w", x.name, i, errDefinite)
	}
	lapack64.Potrs(t, blas64.General{Rows: d, Cols: 1, Stride: 1, Data: w.rhs})
	copy(dst, w.rhs)
	return nil
}

// addInverse adds a⁻¹ to sum [d,d] after a solve, and spends the factor.
func (w *work) addInverse(sum []float64) {
	d := w.d
	// This cannot fail, for the factor's diagonal is positive after a solve.
	lapack64.Potri(blas64.Triangular{N: d, Stride: d, Uplo: blas.Upper, Diag: blas.NonUnit, Data: w.a})
	for a := range d {
		for b := range d {
			sum[a*d+b] += w.a[min(a, b)*d+max(a, b)]
		}
	}
}
