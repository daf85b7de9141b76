package graph

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// recorder is an Updater that keeps what it got.
type recorder struct {
	rows []int32
	data []float32
}

func (r *recorder) Update(_ *Table[float32], g Gradient[float32]) error {
	r.rows, r.data = append(r.rows[:0], g.Rows...), append(r.data[:0], g.Data...)
	return nil
}

func TestTable(t *testing.T) {
	tb := NewTable[float32]("items", 4, 2)
	for i := range tb.Data {
		tb.Data[i] = float32(i)
	}
	dst := []float32{9, 9, 9, 9, 9, 9, 9, 9}
	require.NoError(t, tb.Gather(dst, []int32{3, -1, 0, 3}))
	require.Equal(t, []float32{6, 7, 0, 0, 0, 1, 6, 7}, dst)
	require.ErrorContains(t, tb.Gather(dst, []int32{0, 4}), "table items: id 4 (number 1 of the batch) outside [0,4)")

	var r recorder
	require.NoError(t, tb.Apply(&r, []int32{3, -1, 0, 3}, []float32{1, 2, 100, 100, 3, 4, 5, 6}))
	require.Equal(t, []int32{0, 3}, r.rows)
	require.Equal(t, []float32{3, 4, 6, 8}, r.data)
	require.NoError(t, tb.Apply(&r, []int32{-1}, []float32{1, 1}))
	require.Empty(t, r.rows)
	require.ErrorContains(t, tb.Apply(&r, []int32{7}, []float32{1, 1}), "id 7")
	require.Panics(t, func() { _ = tb.Gather(dst[:1], []int32{0}) })
	require.Panics(t, func() { _ = tb.Apply(&r, []int32{0}, nil) })
}

// TestTableAgainstDense sums many duplicates and compares with a dense sum.
func TestTableAgainstDense(t *testing.T) {
	const rows, dim, n = 50, 3, 4000
	rng := rand.New(rand.NewPCG(1, 2))
	tb := NewTable[float32]("t", rows, dim)
	ids, grads := make([]int32, n), make([]float32, n*dim)
	dense, seen := make([]float32, rows*dim), make([]bool, rows)
	for i := range ids {
		ids[i] = int32(rng.IntN(rows/2) * 2)
		seen[ids[i]] = true
		for j := range dim {
			grads[i*dim+j] = float32(rng.NormFloat64())
			dense[int(ids[i])*dim+j] += grads[i*dim+j]
		}
	}
	var r recorder
	require.NoError(t, tb.Apply(&r, ids, grads))
	require.Len(t, r.rows, rows/2)
	for i, id := range r.rows {
		require.True(t, seen[id])
		require.Equal(t, dense[int(id)*dim:(int(id)+1)*dim], r.data[i*dim:(i+1)*dim])
	}
	// a few for the goroutines, none per row
	require.LessOrEqual(t, testing.AllocsPerRun(5, func() { _ = tb.Apply(&r, ids, grads) }), 20.0)
}
