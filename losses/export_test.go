package losses

import "github.com/fenchel-ml/fenchel/graph"

// WithoutKernel returns a with the fused form that its public form makes, and whether it
// has one beside a kernel.
func WithoutKernel(a graph.Analytic) (graph.Analytic, bool) {
	_, ok := a.F32.(kernelRow)
	for {
		u, more := a.F32.(interface{ Unwrap() RowLoss[float32] })
		if !more {
			return a, ok && a.Fused()
		}
		a.F32 = u.Unwrap()
	}
}
