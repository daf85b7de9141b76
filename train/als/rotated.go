package als

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Systems in float32. In the basis of the eigenvectors of gram, what all rows share
// is a diagonal for every weight and every λ: a system is that and the row's
// positives, the ridge regression that package kernel solves. The eigenvectors are
// found in float64; the fixed side goes into the basis once, solutions come out of
// it part by part.

// trace is that of a matrix [d,d].
func trace(a []float64, d int) (sum float64) {
	for k := range d {
		sum += a[k*d+k]
	}
	return sum
}

// eigen returns gram's eigenvalues, with 0 in place of what is rounding beside size,
// and its eigenvectors as the columns of a matrix.
func eigen(gram []float64, d int, size float64) (values []float64, vectors *mat.Dense, err error) {
	if !(size <= math.MaxFloat64) { // no entry is larger
		return nil, nil, errors.New("als: the factors are not finite, so their systems are not positive definite")
	}
	var e mat.EigenSym
	if !e.Factorize(mat.NewSymDense(d, gram), true) {
		return nil, nil, errors.New("als: the eigenvectors of the factors' products were not found; raise reg")
	}
	values, vectors = e.Values(nil), new(mat.Dense)
	e.VectorsTo(vectors)
	for k, v := range values {
		if math.Abs(v) <= 1e-13*size {
			values[k] = 0
		}
	}
	return values, vectors, nil
}

// rotatedWork is the scratch of one goroutine for systems in float32.
type rotatedWork struct {
	ridge *kernel.Ridge
	v, b  []float32 // [ld], a system
	x     []float32 // [partRows,ld], solutions
	y     []float32 // [partRows,d], rows on their way into the basis or out of it
}

func (s *Solver) newRotatedWork() *rotatedWork {
	d, ld := s.cfg.Dim, kernel.Stride(s.cfg.Dim)
	return &rotatedWork{
		ridge: kernel.NewRidge(d), v: make([]float32, ld), b: make([]float32, ld),
		x: make([]float32, partRows*ld), y: make([]float32, partRows*d),
	}
}

// solveRotated solves for every row of x. size is the trace of its gram before
// anything was subtracted.
func (s *Solver) solveRotated(x *side, size float64) error {
	d, ld, o := s.cfg.Dim, kernel.Stride(s.cfg.Dim), s.cfg.Objective
	values, vectors, err := eigen(x.gram, d, size)
	if err != nil {
		return err
	}
	into, back := make([]float32, d*ld), make([]float32, ld*d) // padded with zeros
	sum := make([]float64, d)
	for a := range d {
		for k := range d {
			q := vectors.At(a, k)
			into[a*ld+k], back[k*d+a] = float32(q), float32(q)
			sum[k] += q * x.sum[a]
		}
	}
	n := len(x.f) / d
	if len(s.table) < n*ld {
		s.table = make([]float32, n*ld)
	}
	table := s.table[:n*ld]
	_ = eachPart(n, partRows, s.newRotatedWork, func(_, lo, hi int, w *rotatedWork) error {
		for i, v := range x.f[lo*d : hi*d] {
			w.y[i] = float32(v)
		}
		kernel.GemmNN(table[lo*ld:hi*ld], w.y, into, hi-lo, ld, d, false)
		return nil
	})
	return eachPart(len(x.lambda), partRows, s.newRotatedWork, func(_, lo, hi int, w *rotatedWork) error {
		b := w.b
		if o.linear == 0 {
			b = nil
		}
		for i := lo; i < hi; i++ {
			dst := w.x[(i-lo)*ld:][:ld]
			if x.zero(i, o) {
				clear(dst)
				continue
			}
			weight, lambda := x.w(i), x.lambda[i]
			for k, v := range values {
				w.v[k] = float32(weight*v + lambda)
			}
			if b != nil {
				for k, v := range sum {
					b[k] = float32(-o.linear * weight * v)
				}
			}
			if err := w.ridge.Solve(dst, w.v, b, float32(o.positive), float32(o.reward), table, x.rows.of(i)); err != nil {
				return fmt.Errorf("%s %d: %w", x.name, i, errDefinite)
			}
		}
		kernel.GemmNN(w.y, w.x, back, hi-lo, d, ld, false)
		for i := range x.x[lo*d : hi*d] {
			x.x[lo*d+i] = float64(w.y[i])
		}
		return nil
	})
}
