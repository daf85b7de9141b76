package kernel

import (
	"fmt"
	"math"
)

// A Definite is a symmetric positive definite matrix [n,n] in float64. Its upper triangle
// counts; what lies below is scratch.
type Definite struct {
	n, ld int
	a     []float64 // [wide][ld], wide being n rounded up to whole vectors
}

// DefiniteBytes returns the memory that a Definite of n rows takes, and takes beside while
// it is inverted.
func DefiniteBytes(n int) (matrix, inverting int64) {
	wide, ld := definiteSize(n)
	return 8 * int64(wide) * int64(ld), 8 * 2 * sweepRows * int64(ld)
}

// definiteSize returns the padded number of rows and the length of one. That is an odd
// number of lines of 64 bytes, so that the rows of a column fall into different sets of
// the cache.
func definiteSize(n int) (wide, ld int) {
	wide = ceil(n, 8) * 8
	if ld = wide; ld/8%2 == 0 {
		ld += 8
	}
	return wide, ld
}

// NewDefinite returns a matrix of n ≥ 1 rows of zeros, to be filled by Row.
func NewDefinite(n int) *Definite {
	wide, ld := definiteSize(n)
	return &Definite{n, ld, make([]float64, wide*ld)}
}

// Row returns row i, whose entries from the diagonal on may be written.
func (m *Definite) Row(i int) []float64 { return m.a[i*m.ld:][:m.n] }

// At returns entry (i,j), on either side of the diagonal.
func (m *Definite) At(i, j int) float64 { return m.a[min(i, j)*m.ld+max(i, j)] }

// sweepRows is the number of rows that Invert sweeps at a time.
const sweepRows = 32

// Invert replaces m by its inverse, of which it takes n³/2 multiply-adds. It calls step,
// which may be nil, before every sweepRows rows, and ends with step's error. It fails where
// m is not positive definite to working precision; NaN counts as that. After an error m is
// undefined. The bits do not depend on the processors.
//
// With the rows K of a block and all others R it sweeps
//
//	A_KK ← −A_KK⁻¹,  A_KR ← A_KK⁻¹A_KR,  A_RR ← A_RR − A_RK·A_KK⁻¹·A_KR
//
// one block after the other, which leaves −A⁻¹. The pivots A_KK are Schur complements, so
// that they are positive definite exactly if A is.
//
// Source: Goodnight 1979, The American Statistician 33(3), with blocks for numbers.
func (m *Definite) Invert(step func() error) error {
	s := &sweep{Definite: m, x: make([]float64, sweepRows*m.ld), neg: make([]float64, sweepRows*m.ld)}
	for k := 0; k < m.n; k += sweepRows {
		if step != nil {
			if err := step(); err != nil {
				return err
			}
		}
		if err := s.block(k, min(sweepRows, m.n-k)); err != nil {
			return err
		}
	}
	for i := range m.n {
		Scale(-1, m.Row(i)[i:])
	}
	return nil
}

// A sweep is the scratch of Invert: a block's rows, and those with the other sign.
type sweep struct {
	*Definite
	x, neg []float64 // [sweepRows][ld]
}

// block sweeps rows k to k+n.
func (s *sweep) block(k, n int) error {
	var l, own [sweepRows][sweepRows]float64 // Cholesky's factor of A_KK, and its inverse
	for r := range n {
		row := s.x[r*s.ld:][:s.ld]
		for j := range k {
			row[j] = s.a[j*s.ld+k+r]
		}
		clear(row[k : k+n])
		copy(row[k+n:s.n], s.Row(k + r)[k+n:])
		row[k+r] = 1
		for c := range r + 1 {
			l[r][c] = s.At(k+r, k+c) - dotGo(l[r][:c], l[c][:c])
			if c < r {
				l[r][c] /= l[c][c]
			}
		}
		if d := l[r][r]; !(d > 0 && d <= math.MaxFloat64) {
			return fmt.Errorf("kernel: the matrix is not positive definite at row %d", k+r)
		}
		l[r][r] = math.Sqrt(l[r][r])
	}
	// Columns are independent: each part of them is one processor's.
	const part = 512
	Parallel(ceil(s.ld, part), func(_, t int) {
		lo, hi := cut(t, part, s.ld)
		for r := range n {
			row := s.x[r*s.ld:][lo:hi]
			for c := range r {
				axpyGo(-l[r][c], s.x[c*s.ld:][lo:hi], row)
			}
			Scale(1/l[r][r], row)
		}
	})
	for r := range n {
		row := s.x[r*s.ld:][:s.ld]
		copy(own[r][:n], row[k:k+n])
		clear(row[k : k+n])
		for j, v := range row {
			s.neg[r*s.ld+j] = -v
		}
	}
	gramDouble(s.a, s.ld, len(s.a)/s.ld, s.neg, s.x, s.ld, n, true)
	for r := range n {
		copy(s.x[r*s.ld:][k:k+n], own[r][:n])
	}
	Parallel(ceil(s.ld, part), func(_, t int) {
		lo, hi := cut(t, part, s.ld)
		for r := n - 1; r >= 0; r-- {
			row := s.x[r*s.ld:][lo:hi]
			for c := r + 1; c < n; c++ {
				axpyGo(-l[c][r], s.x[c*s.ld:][lo:hi], row)
			}
			Scale(1/l[r][r], row)
		}
	})
	for r := range n {
		row := s.x[r*s.ld:][:s.n]
		for j := range k {
			s.a[j*s.ld+k+r] = row[j]
		}
		for j := range n {
			row[k+j] = -row[k+j]
		}
		copy(s.Row(k + r)[k:], row[k:])
	}
	return nil
}
