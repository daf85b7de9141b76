package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// TestLabelsAreTrained: the steps of the rows are those of package train, in either form.
func TestLabelsAreTrained(t *testing.T) {
	for _, loss := range []string{"softmax", "bce"} {
		for _, dim := range []int{0, 6} {
			dir := t.TempDir()
			j, err := labelled{points: 20, features: 30, labels: 12, has: 4, of: 2, dim: dim, batches: 1}.write(dir, loss)
			require.NoError(t, err)
			j.Dir, j.Work = dir, "labels"
			run, err := newWork(j)
			require.NoError(t, err)
			s, err := newLabels(j)
			require.NoError(t, err)
			require.NoError(t, s.start(j)) // which reads the weights
			x := &data.Examples{Context: s.context, Row: s.batches[0].Rows, Targets: s.batches[0].Targets}
			var want []float64
			_, err = train.Fit(t.Context(), s.model, s.head, s.loss, x, s.classes, train.FitOptions{
				Epochs: 4, Batch: j.B, Optimizer: "adam:lr=0.01,mode=dense",
				Observe: func(e *train.EpochDone) { want = append(want, e.Loss) },
			})
			require.NoError(t, err)
			for _, x := range want {
				_, value, err := run()
				require.NoError(t, err)
				require.InEpsilon(t, x, value, 1e-5)
			}
			require.Greater(t, want[0], want[3])
		}
	}
}
