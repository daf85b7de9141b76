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

// A rotated side is one in the basis of the eigenvectors of its gram.
type rotated struct {
	*side
	s       *Solver
	values  []float64 // [d], of gram
	vectors *mat.Dense
	sum     []float64 // [d], in the basis
	table   []float32 // [n,ld], f in the basis
	back    []float32 // [ld,d], out of the basis
}

// rotate puts a side into its basis; size is the trace of its gram before anything
// was subtracted. It is good until the next call.
func (s *Solver) rotate(x *side, size float64) (*rotated, error) {
	d, ld := s.cfg.Dim, kernel.Stride(s.cfg.Dim)
	values, vectors, err := eigen(x.gram, d, size)
	if err != nil {
		return nil, err
	}
	n := len(x.f) / d
	if len(s.table) < n*ld {
		s.table = kernel.Make[float32](n * ld)
	}
	r := &rotated{side: x, s: s, values: values, vectors: vectors, table: s.table[:n*ld], back: make([]float32, ld*d)}
	r.sum = r.into(x.sum)
	into := make([]float32, d*ld) // columns beyond d are 0, as rows of back are
	for a := range d {
		for k := range d {
			q := float32(vectors.At(a, k))
			into[a*ld+k], r.back[k*d+a] = q, q
		}
	}
	_ = eachPart(n, partRows, s.newRotatedWork, func(_, lo, hi int, w *rotatedWork) error {
		for i, v := range x.f[lo*d : hi*d] {
			w.y[i] = float32(v)
		}
		kernel.GemmNN(r.table[lo*ld:hi*ld], w.y, into, hi-lo, ld, d, false)
		return nil
	})
	return r, nil
}

// into returns a vector [d] in the basis.
func (r *rotated) into(x []float64) []float64 {
	var y mat.VecDense
	y.MulVec(r.vectors.T(), mat.NewVecDense(len(x), x))
	return y.RawVector().Data
}

// solve solves for every row, with shift [d], if any, added to its right side.
func (r *rotated) solve(shift []float64) error {
	d, ld, o := r.s.cfg.Dim, kernel.Stride(r.s.cfg.Dim), r.s.cfg.Objective
	if shift != nil {
		shift = r.into(shift)
	}
	return eachPart(len(r.lambda), partRows, r.s.newRotatedWork, func(_, lo, hi int, w *rotatedWork) error {
		b := w.b
		if o.linear == 0 && shift == nil {
			b = nil
		}
		for i := lo; i < hi; i++ {
			dst := w.x[(i-lo)*ld:][:ld]
			if r.zero(i, o) {
				clear(dst)
				continue
			}
			weight, lambda := r.w(i), r.lambda[i]
			for k, v := range r.values {
				w.v[k] = float32(weight*v + lambda)
			}
			if b != nil {
				for k, v := range r.sum {
					v *= -o.linear * weight
					if shift != nil {
						v += shift[k]
					}
					b[k] = float32(v)
				}
			}
			if err := w.ridge.Solve(dst, w.v, b, float32(o.positive), float32(o.reward), r.table, r.rows.of(i), r.rows.weights(i)); err != nil {
				return fmt.Errorf("%s %d: %w", r.name, i, errDefinite)
			}
		}
		kernel.GemmNN(w.y, w.x, r.back, hi-lo, d, ld, false)
		for i := range r.x[lo*d : hi*d] {
			r.x[lo*d+i] = float64(w.y[i])
		}
		return nil
	})
}
