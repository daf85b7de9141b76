package main

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// BenchmarkRow is one row of every registered loss by its analytic form, value
// and gradient, over numbers of candidates. Bytes are those of scores and
// gradient.
func BenchmarkRow(b *testing.B) {
	for _, spec := range losses.All() {
		loss, err := losses.Parse(spec.Name)
		require.NoError(b, err)
		for _, k := range []int{16, 256, 4096, 65536} {
			b.Run(fmt.Sprintf("%s/k=%d", spec.Name, k), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, uint64(k)))
				z, dz := scoresOf(rng, spec, k), make([]float32, k)
				t := graph.Target[float32]{Pos: []int32{int32(k / 2)}, Weight: []float32{1}}
				work := make([]float32, loss.Analytic.F32.WorkLen(k))
				b.SetBytes(int64(8 * k))
				for b.Loop() {
					loss.Analytic.F32.Eval(dz, z, t, work)
				}
			})
		}
	}
}

// scoresOf returns k scores of the loss's domain.
func scoresOf(rng *rand.Rand, spec *losses.Spec, k int) []float32 {
	lo, hi := spec.Domain.Bounds()
	z := make([]float32, k)
	for i := range z {
		z[i] = float32(max(lo, min(hi, 2*rng.NormFloat64())))
	}
	return z
}

// BenchmarkLinear is a training step of every registered loss over all classes:
// forward, and the gradients by H and W. Bytes are those of W and its gradient,
// the least that a step reads and writes.
func BenchmarkLinear(b *testing.B) {
	for _, spec := range losses.All() {
		for _, size := range []struct {
			name    string
			b, c, d int
		}{{"small", 32, 1_000, 16}, {"medium", 128, 10_000, 32}} {
			b.Run(spec.Name+"/"+size.name, func(b *testing.B) {
				s := settings{threads: 1}
				dir := b.TempDir()
				j, err := withLoss(spec.Name, linearInputs(size.b, size.c, size.d, 1, 0.1))(s, dir)
				require.NoError(b, err)
				j.Dir = dir
				step, err := linearWork(j)
				require.NoError(b, err)
				b.SetBytes(int64(8 * size.c * size.d))
				for b.Loop() {
					_, _, err := step()
					require.NoError(b, err)
				}
			})
		}
	}
}
