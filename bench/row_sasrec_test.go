package main

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// writeHistories writes batches of histories of 1 to 7 events of 30 items.
func writeHistories(t *testing.T, batches int) (job, *histories) {
	t.Helper()
	h := &histories{bounds: []int32{0}, ptr: []int32{0}}
	rng := rand.New(rand.NewPCG(1, 2))
	for range batches {
		h.drawn(rng, 30, func() int { return 1 + rng.IntN(7) })
	}
	dir := t.TempDir()
	j, err := h.write(dir, 30, 7)
	require.NoError(t, err)
	j.Dir, j.Work = dir, "sasrec"
	return j, h
}

// TestSASRecIsTrained: the steps of the rows are those of package train, whose loss of the
// last epoch is the value that contestants share.
func TestSASRecIsTrained(t *testing.T) {
	j, h := writeHistories(t, 1)
	run, err := newWork(j)
	require.NoError(t, err)
	_, value, err := run()
	require.NoError(t, err)

	s, err := newSASRec(j, h, 0)
	require.NoError(t, err)
	for _, table := range s.tables {
		table.Data, err = readFloats(j, table.Name, table.Rows*table.Dim)
		require.NoError(t, err)
	}
	x := &data.Examples{Context: s.context, Sequence: "history", Targets: data.Targets{Class: h.next}}
	for r := range j.B {
		for place := range h.ptr[r+1] - h.ptr[r] {
			x.Row, x.Place = append(x.Row, int32(r)), append(x.Place, place)
		}
	}
	var losses []float64
	_, err = train.Fit(t.Context(), s.model, s.head, s.loss, x, s.classes, train.FitOptions{
		Epochs: checkedSteps, Batch: j.B, Optimizer: "adam:lr=0.001,mode=dense",
		Observe: func(e *train.EpochDone) { losses = append(losses, e.Loss) },
	})
	require.NoError(t, err)
	require.InEpsilon(t, losses[checkedSteps-1], value, 1e-5)
	require.Greater(t, losses[0], 1.01*value)
}

// TestSASRecSteps: steps go from batch to batch, with dropout, and learn.
func TestSASRecSteps(t *testing.T) {
	j, h := writeHistories(t, 3)
	require.Equal(t, 3, j.N)
	of := func(drop float64, steps int) (losses []float64) {
		s, err := newSASRec(j, h, drop)
		require.NoError(t, err)
		require.NoError(t, s.start(j))
		for range steps {
			loss, err := s.next()
			require.NoError(t, err)
			losses = append(losses, loss)
		}
		return losses
	}
	with, without := of(sasrecDrop, 30), of(0, 4)
	require.NotEqual(t, with[0], without[0])
	require.NotEqual(t, without[0], without[1])
	require.InEpsilon(t, with[0], without[0], 0.5)
	require.Less(t, with[27], 0.9*with[0])
}

// TestRaggedHistories: without the set of -sequences lengths are drawn, and the report says so.
func TestRaggedHistories(t *testing.T) {
	m := &measured{row: &row{name: "ragged", doc: "of histories"}, results: []*result{{absent: "not asked"}}}
	var err error
	m.job, err = raggedHistories(2)(settings{}, t.TempDir())
	require.NoError(t, err)
	require.Equal(t, []int{2 * sasrecBatch, 12_101, 2}, []int{m.job.B, m.job.C, m.job.N})
	var b strings.Builder
	m.table(&b)
	require.Contains(t, b.String(), `of histories · no data at "": lengths are drawn`)
}
