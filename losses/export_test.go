package losses

import "github.com/fenchel-ml/fenchel/graph"

// WithoutKernel returns a with the fused form that its public form makes, and whether it
// has one beside a kernel.
func WithoutKernel(a graph.Analytic) (graph.Analytic, bool) {
	k, ok := a.F32.(kernelRow)
	if ok {
		a.F32 = k.RowLoss
	}
	return a, ok && a.Fused()
}
