package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// TestTowerIsTrained: the steps of the row are those of package train, whose loss of the last
// epoch is the value that contestants share, and they learn.
func TestTowerIsTrained(t *testing.T) {
	j, err := towersOf(t.TempDir(), job{B: 30, U: 20, C: 40, D: 8, N: 1})
	require.NoError(t, err)
	j.Work = "tower"
	run, err := newWork(j)
	require.NoError(t, err)
	_, value, err := run()
	require.NoError(t, err)

	s, err := newTowers(j)
	require.NoError(t, err)
	for _, table := range s.tables {
		table.Data, err = readFloats(j, table.Name, table.Rows*table.Dim)
		require.NoError(t, err)
	}
	x := &data.Examples{Context: s.context, Row: s.batches[0].Rows, Targets: data.Targets{Class: s.batches[0].Targets.Class}}
	var losses []float64
	_, err = train.Fit(t.Context(), s.model, s.head, s.loss, x, s.classes, train.FitOptions{
		Epochs: checkedSteps, Batch: j.B, Optimizer: "adam:lr=0.001,mode=dense",
		Observe: func(e *train.EpochDone) { losses = append(losses, e.Loss) },
	})
	require.NoError(t, err)
	require.InEpsilon(t, losses[checkedSteps-1], value, 1e-5)
	require.Greater(t, losses[0], value)
}
