package graph

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// BenchmarkLinearLoss is one training step, forward and backward with dH, dW and
// dBias, in the fused kernel and block by block. SetBytes is W read once.
func BenchmarkLinearLoss(b *testing.B) {
	for _, s := range []struct{ rows, c, d int }{{128, 10000, 32}, {256, 10000, 64}} {
		for _, form := range []string{"fused", "linear"} {
			b.Run(fmt.Sprintf("%s/B=%d,C=%d,d=%d", form, s.rows, s.c, s.d), func(b *testing.B) {
				lc := newLinear[float32](b, form, s.rows, s.c, s.d, true)
				b.SetBytes(int64(4 * s.c * s.d))
				b.ReportAllocs()
				for b.Loop() {
					require.NoError(b, lc.prog.Run())
				}
			})
		}
	}
}

// BenchmarkStep is the overhead of a Program: a small model, a small loss.
func BenchmarkStep(b *testing.B) {
	m := newLogistic[float32](b, testAnalytic(0.3), 4, 4, 8)
	m.fill(b, rand.New(rand.NewPCG(1, 1)), 4)
	b.ReportAllocs()
	for b.Loop() {
		require.NoError(b, m.prog.Run())
	}
}

// BenchmarkBuild is the time of a node in graphs of several sizes, on top of which
// comes what Gorgonia takes to find a node by its ID.
func BenchmarkBuild(b *testing.B) {
	for _, n := range []int{1000, 4000, 16000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			for b.Loop() {
				y := gorgonia.NewVector(gorgonia.NewGraph(), tensor.Float64, gorgonia.WithShape(3), gorgonia.WithName("x"))
				for range n {
					y = gorgonia.Must(Square(y))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/node")
		})
	}
}
