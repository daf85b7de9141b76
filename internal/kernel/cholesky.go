package kernel

import (
	"fmt"
	"math"
)

// A SPD solves systems of one size with a symmetric positive definite matrix,
// one after the other: the step of alternating least squares. It is used by one
// goroutine at a time.
type SPD struct {
	n, ld int
	a     []float32 // [n][ld]: the matrix, its right side in column n, zeros
	neg   []float32
	inv   []float32
}

// cholBlock is the number of rows that one panel eliminates.
const cholBlock = 16

// NewSPD returns a solver for n ≥ 1 unknowns.
func NewSPD(n int) *SPD {
	ld := ceil(n+1, cholBlock) * cholBlock
	return &SPD{n: n, ld: ld, a: make([]float32, n*ld), neg: make([]float32, cholBlock*ld), inv: make([]float32, n)}
}

// Solve stores in x [n] the solution of A·x = b, A [n,n] symmetric, of which the
// upper triangle is read. It does not modify A and b; x may be b. It fails where
// A is not positive definite to working precision.
//
// A = UᵀU by panels of rows. The right side is one more column, so eliminating
// it solves with Uᵀ; rows of U then solve backwards.
func (s *SPD) Solve(x, a, b []float32) error {
	n, ld := s.n, s.ld
	if len(a) != n*n || len(b) != n || len(x) != n {
		panic("kernel: Solve: lengths differ from the size of the system")
	}
	for i := range n {
		row := s.a[i*ld:][:ld]
		copy(row, a[i*n:][:n])
		clear(row[n:])
		row[n] = b[i]
	}
	for k0 := 0; k0 < n; k0 += cholBlock {
		k1 := min(k0+cholBlock, n)
		cholPanel(s.a[k0*ld+k0:], ld, k1-k0, ld-k0, s.inv[k0:k1])
		if k1 == n {
			break
		}
		// Below the panel A −= PᵀP, with P its part right of k1; k1 is a multiple of
		// the block here.
		w := ld - k1
		for k := range cholBlock {
			for j, v := range s.a[(k0+k)*ld+k1:][:w] {
				s.neg[k*w+j] = -v
			}
		}
		gemmBlock(s.neg, 1, w, n-k1, cholBlock, s.a[k0*ld+k1:], ld, s.a[k1*ld+k1:], ld, w, true)
	}
	for i := n - 1; i >= 0; i-- {
		row := s.a[i*ld:][:n]
		x[i] = (s.a[i*ld+n] - dot(row[i+1:], x[i+1:])) * s.inv[i]
		if !(s.inv[i] <= math.MaxFloat32) {
			return fmt.Errorf("kernel: the matrix is not positive definite at row %d", i)
		}
	}
	return nil
}

func cholPanelGo(a []float32, ld, rows, width int, inv []float32) {
	for k := range rows {
		rk := a[k*ld:][:width]
		inv[k] = 1 / sqrt(rk[k])
		Scale(inv[k], rk)
		for i := k + 1; i < rows; i++ {
			axpyGo(-rk[i], rk, a[i*ld:][:width])
		}
	}
}
