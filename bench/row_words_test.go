package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// TestWordsAreTrained: the steps of the row are those of package train, whose loss of the last
// epoch is the value that contestants share.
func TestWordsAreTrained(t *testing.T) {
	dir := t.TempDir()
	j, err := writeWords(dir, job{B: 20, C: 30, D: 8, K: 3, N: 1})
	require.NoError(t, err)
	j.Dir, j.Work = dir, "words"
	run, err := newWork(j)
	require.NoError(t, err)
	_, value, err := run()
	require.NoError(t, err)

	s, err := newWords(j, 0)
	require.NoError(t, err)
	for _, table := range s.tables {
		table.Data, err = readFloats(j, table.Name, table.Rows*table.Dim)
		require.NoError(t, err)
	}
	next, err := readInts(j, "next", j.B)
	require.NoError(t, err)
	x := &data.Examples{Context: s.context, Targets: data.Targets{Class: next}}
	for i := range j.B {
		x.Row = append(x.Row, int32(i))
	}
	var losses []float64
	_, err = train.Fit(t.Context(), s.model, s.head, s.loss, x, s.classes, train.FitOptions{
		Epochs: checkedSteps, Batch: j.B, Optimizer: "adam:lr=0.001,mode=dense",
		Observe: func(e *train.EpochDone) { losses = append(losses, e.Loss) },
	})
	require.NoError(t, err)
	require.InEpsilon(t, losses[checkedSteps-1], value, 1e-5)
	require.Greater(t, losses[0], 1.001*value)
}
