package graph

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestTargetsOfManyRows fills and runs batches of 100,000 rows. Rows that a batch
// does not give are padding, whatever the batch before held there.
func TestTargetsOfManyRows(t *testing.T) {
	const rows = 100_000
	b := NewBuilder[float32]()
	x, data := b.Input("x", rows)
	tg, td := b.Targets("y", rows, 2*rows)
	mean, err := MeanRows(x, tg)
	require.NoError(t, err)
	p, err := b.Eval(mean)
	require.NoError(t, err)
	defer p.Close()
	fill := func(n int) {
		td.Reset()
		for i := range n {
			pos := []int32{0, 1}
			if i%4 == 3 {
				pos = nil
			}
			require.NoError(t, td.Append(pos, nil))
		}
	}
	// The mean over rows i < n with i%4 ≠ 3 of the value 1, with a value elsewhere
	// that would show.
	for _, n := range []int{rows, 5, 0, rows - 1, 6} {
		for i := range data {
			data[i] = 1e9
			if i < n && i%4 != 3 {
				data[i] = 1
			}
		}
		start := time.Now()
		fill(n)
		// Milliseconds; several seconds if an Append touched all rows.
		require.Less(t, time.Since(start), time.Second)
		require.NoError(t, p.Run())
		want := float32(1)
		if n == 0 {
			want = 0
		}
		require.Equal(t, want, p.Value(mean)[0], "%d rows", n)
		require.Equal(t, n-n/4, td.Valid(), "%d rows", n)
	}
	fill(rows)
	require.EqualError(t, td.Append([]int32{0}, nil), `graph: targets "y": more than 100000 rows`)

	// What a failed Append was given does not enter.
	td.Reset()
	require.NoError(t, td.Append([]int32{0}, nil))
	require.ErrorContains(t, td.Append(make([]int32, 2*rows), nil), "row 1: 200000 positions after 1 exceed the capacity 200000")
	data[0] = 3
	require.NoError(t, p.Run())
	require.Equal(t, float32(3), p.Value(mean)[0])
}

// TestTargetsOfTwoPrograms runs both Programs of one graph on each batch.
func TestTargetsOfTwoPrograms(t *testing.T) {
	b := NewBuilder[float64]()
	x := b.Param("x", []float64{1, 2, 4}, 3)
	tg, td := b.Targets("y", 3, 3)
	mean, err := MeanRows(x, tg)
	require.NoError(t, err)
	train, err := b.Train(mean)
	require.NoError(t, err)
	defer train.Close()
	eval, err := b.Eval(mean)
	require.NoError(t, err)
	defer eval.Close()
	for _, c := range []struct {
		labels []int32
		want   float64
		grad   []float64
	}{
		{[]int32{0, 0, 0}, 7.0 / 3, []float64{1.0 / 3, 1.0 / 3, 1.0 / 3}},
		{[]int32{0}, 1, []float64{1, 0, 0}},
		{[]int32{-1, 0}, 2, []float64{0, 1, 0}},
		{nil, 0, []float64{0, 0, 0}},
	} {
		require.NoError(t, td.SetLabels(c.labels))
		require.NoError(t, train.Run())
		require.Equal(t, c.want, train.Cost())
		require.Equal(t, c.grad, train.Grad(x).Data)
		require.NoError(t, eval.Run())
		require.Equal(t, c.want, eval.Value(mean)[0])
	}
}
