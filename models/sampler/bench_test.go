package sampler_test

import (
	"fmt"
	"testing"

	"github.com/fenchel-ml/fenchel/models/sampler"
)

// BenchmarkDraw times a step's draws, k = 64 for each of 64 rows of width 64, or
// 64 for the batch where the sampler is not adaptive.
func BenchmarkDraw(b *testing.B) {
	for _, spec := range sampler.All() {
		for _, c := range []int{10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/C=%d", spec.Name, c), func(b *testing.B) {
				p := newProblem(b, spec.Probes()[0], c, 64, 64, 64)
				for b.Loop() {
					p.step(b)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(p.draws.IDs)), "ns/draw")
				b.ReportMetric(float64(p.draws.Ops), "ops")
			})
		}
	}
}

// BenchmarkRefresh times rebuilding the summary of W [C,64].
func BenchmarkRefresh(b *testing.B) {
	for _, spec := range sampler.All() {
		if !spec.Props.Has(sampler.Refreshes) {
			continue
		}
		b.Run(spec.Name+"/C=10000", func(b *testing.B) {
			p := newProblem(b, spec.Probes()[0], 10_000, 64, 1, 1)
			for step := uint64(0); b.Loop(); step += 500 {
				if _, err := p.Refresh(step, p.batch.W); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
