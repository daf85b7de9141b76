package kernel

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRows: products by rows are those of GemmNT and GemmNN, and their blocks
// are called once each, on rows that are there, or are made by the call.
func TestRows(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(35)
		for _, s := range [][3]int{{1, 1, 1}, {5, 3, 70}, {200, 64, 64}, {400, 130, 70}, {1000, 64, 300}} {
			m, n, k := s[0], s[1], s[2]
			a, b := normal(r, m*k, 1), normal(r, n*k, 1)
			var mu sync.Mutex
			seen := make([]int, m)
			see := func(lo, hi int) {
				mu.Lock()
				defer mu.Unlock()
				for i := lo; i < hi; i++ {
					seen[i]++
				}
			}
			want, twice := make([]float32, m*n), make([]float32, m*n)
			GemmNT(want, a, b, m, n, k, false)
			c := guard(normal(r, m*n, 1), 3)
			RowsNT(c.x, a, b, m, n, k, func(lo, hi int) {
				see(lo, hi)
				for i, v := range c.x[lo*n : hi*n] {
					twice[lo*n+i] = 2 * v
				}
			})
			c.requireIntact(t, "c")
			requireRMS(t, widen(want), c.x, 1e-6, 0, "NT")
			for i, v := range c.x {
				require.Equal(t, 2*v, twice[i])
			}
			made := make([]float32, m*k)
			RowsNN(c.x, made, transpose(b, n, k), m, n, k, func(lo, hi int) {
				see(lo, hi)
				copy(made[lo*k:hi*k], a[lo*k:hi*k])
			})
			requireRMS(t, widen(want), c.x, 1e-6, 0, "NN")
			for i := range seen {
				require.Equal(t, 2, seen[i], "row %d of %v", i, s)
			}
		}
	})
	require.PanicsWithValue(t, "kernel: RowsNT: a slice is shorter than its dimensions", func() { RowsNT([]float32{1}, nil, nil, 1, 1, 1, nil) })
}
