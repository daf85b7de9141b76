package graph

import (
	"math"
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

// TestBadTargets: a target that is none is an error of the call that gives it or of
// the run, which names the row, in every op that reads targets.
func TestBadTargets(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		give func(d *TargetData[float64]) error
		says string
	}{
		"label below -1":   {func(d *TargetData[float64]) error { return d.SetLabels([]int32{0, -4}) }, "row 1: label -4"},
		"label too large":  {func(d *TargetData[float64]) error { return d.SetLabels([]int32{0, 3}) }, "row 1: position 3 outside [0,3)"},
		"too many labels":  {func(d *TargetData[float64]) error { return d.SetLabels(make([]int32, 4)) }, "more than 3 rows"},
		"negative":         {func(d *TargetData[float64]) error { return d.Set([]Target[float64]{{Pos: []int32{-1}}}) }, "row 0: position -1 outside"},
		"not increasing":   {func(d *TargetData[float64]) error { return d.Set([]Target[float64]{{Pos: []int32{1, 0}}}) }, "row 0: position 0 after 1"},
		"twice":            {func(d *TargetData[float64]) error { return d.Set([]Target[float64]{{Pos: []int32{1, 1}}}) }, "row 0: position 1 after 1"},
		"too many":         {func(d *TargetData[float64]) error { return d.Set([]Target[float64]{{Pos: make([]int32, 7)}}) }, "exceed the capacity 6"},
		"fewer weights":    {func(d *TargetData[float64]) error { return d.Append([]int32{0, 1}, []float64{1}) }, "2 positions with 1 weights"},
		"weights alone":    {func(d *TargetData[float64]) error { return d.Append(nil, []float64{1}) }, "0 positions with 1 weights"},
		"NaN":              {func(d *TargetData[float64]) error { return d.Append([]int32{0, 1}, []float64{nan, 1}) }, "row 0: position 0 has weight NaN"},
		"infinite":         {func(d *TargetData[float64]) error { return d.Append([]int32{0}, []float64{inf}) }, "row 0: position 0 has weight +Inf"},
		"negative weight":  {func(d *TargetData[float64]) error { return d.Append([]int32{0, 1}, []float64{2, -1}) }, "row 0: position 1 has weight -1"},
		"weight of 0":      {func(d *TargetData[float64]) error { return d.Append([]int32{0, 1}, []float64{1, 0}) }, "row 0: position 1 has weight 0"},
		"no distribution":  {func(d *TargetData[float64]) error { return d.Append([]int32{0, 1}, []float64{1, 1}) }, "row 0: the weights sum to 2"},
		"of no Builder":    {func(*TargetData[float64]) error { return new(TargetData[float64]).SetLabels([]int32{0}) }, "more than 0 rows"},
		"of no Builder, 0": {func(*TargetData[float64]) error { return new(TargetData[float64]).Append([]int32{0}, nil) }, "more than 0 rows"},
	} {
		for op, build := range map[string]func(z, h, w node, t *Targets) (node, error){
			"Loss": func(z, _, _ node, t *Targets) (node, error) { return Loss(testAnalytic(1), z, t) },
			"LinearLoss": func(_, h, w node, t *Targets) (node, error) {
				return LinearLoss(testAnalytic(1), Linear{H: h, W: w}, t)
			},
			"SampledLinearLoss": func(_, h, w node, t *Targets) (node, error) {
				return SampledLinearLoss(testAnalytic(1), Classes{H: h, W: w}, Sampled{IDs: zeroIDs(h)}, t)
			},
			"TargetDot":    func(z, _, _ node, t *Targets) (node, error) { return TargetDot(z, t) },
			"TargetMatrix": func(z, _, _ node, t *Targets) (node, error) { return TargetMatrix(t, z) },
			"EachPositive": func(z, _, _ node, t *Targets) (node, error) {
				return EachPositive(z, t, func(z node, t *Targets) (node, error) { return TargetDot(z, t) })
			},
		} {
			t.Run(name+"/"+op, func(t *testing.T) {
				b := NewBuilder[float64]()
				z, _ := b.Input("z", 3, 3)
				h, _ := b.Input("h", 3, 2)
				w, _ := b.Input("w", 3, 2)
				tg, td := b.Targets("y", 3, 6)
				out, err := build(z, h, w, tg)
				require.NoError(t, err)
				p, err := b.Eval(out)
				require.NoError(t, err)
				defer p.Close()
				if err = c.give(td); err == nil {
					err = p.Run()
				}
				require.ErrorContains(t, err, c.says)
				require.NoError(t, td.SetLabels([]int32{2, -1, 0})) // and it goes on
				require.NoError(t, p.Run())
			})
		}
	}
}

// zeroIDs are draws of class 0 for each row of h.
func zeroIDs(h node) node {
	e := Expr{}
	return e.N(HostIntsOf(h, func(dst []int32, _ []float64) error { clear(dst); return nil }, h.Shape()[0], 2))
}
