package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// BenchmarkPoly is a training step over all classes, forward and backward, of poly and of
// softmax, the library's own loss of the family, in turns: 256 rows, 20,000 classes, width
// 64. Its metric is the time of poly over that of softmax.
func BenchmarkPoly(b *testing.B) {
	poly, softmax := newStep(b, "poly"), newStep(b, "softmax")
	defer poly.Close()
	defer softmax.Close()
	run := func(p *graph.Program[float32]) time.Duration {
		start := time.Now()
		require.NoError(b, p.Run())
		return time.Since(start)
	}
	run(poly)
	run(softmax)
	var own, other time.Duration
	for b.Loop() {
		own += run(poly)
		other += run(softmax)
	}
	b.ReportMetric(float64(own)/float64(other), "x-softmax")
}

// newStep compiles the step of a loss over random vectors.
func newStep(b *testing.B, name string) *graph.Program[float32] {
	const rows, classes, dim = 256, 20_000, 64
	loss, err := losses.Parse(name)
	require.NoError(b, err)
	rng := rand.New(rand.NewPCG(1, 2))
	bd := graph.NewBuilder[float32]()
	normal := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = 0.3 * float32(rng.NormFloat64())
		}
		return x
	}
	h, w := bd.Param("h", normal(rows*dim), rows, dim), bd.Param("w", normal(classes*dim), classes, dim)
	targets, data := bd.Targets("t", rows, rows)
	labels := make([]int32, rows)
	for i := range labels {
		labels[i] = int32(rng.IntN(classes))
	}
	require.NoError(b, data.SetLabels(labels))
	values, err := graph.LinearLoss(loss.Analytic, graph.Linear{H: h, W: w}, targets)
	require.NoError(b, err)
	cost, err := graph.MeanRows(values, targets)
	require.NoError(b, err)
	p, err := bd.Train(cost)
	require.NoError(b, err)
	return p
}
