package losses

import (
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// targetPower returns Σ_k t_k^α [B] of targets over the candidates of z [B,K].
func targetPower(t *graph.Targets, z *gorgonia.Node, alpha float64) (*gorgonia.Node, error) {
	var e graph.Expr
	return e.N(graph.RowSum(e.N(graph.PowPositive(e.N(graph.TargetMatrix(t, z)), alpha)))), e.Err
}

// fromPeak returns scores [B,K] less the largest of their row: what a shift-invariant
// loss sees of them, without the digits that a large common offset takes from sums
// and thresholds. Masked scores stay −Inf. The maximum is a node with a gradient like
// any, times the sum of the loss's gradient, which is 0: no derivative changes.
func fromPeak(z *gorgonia.Node) (*gorgonia.Node, error) {
	var e graph.Expr
	return e.N(graph.SubRow(z, e.N(graph.RowMax(z)))), e.Err
}

// elementwise returns f of every entry of x [B,K], whose derivative is what f says it is.
func elementwise(e *graph.Expr, name string, f func(x float64) (y, dy float64), x *gorgonia.Node) *gorgonia.Node {
	return e.N(graph.MapRows(graph.RowFunction{
		Name: name,
		Eval: func(y, x []float64) error {
			for j, v := range x {
				y[j], _ = f(v)
			}
			return nil
		},
		Back: func(dx, x, _, g []float64) error {
			for j, v := range x {
				_, dy := f(v)
				dx[j] = g[j] * dy
			}
			return nil
		},
	}, x))
}
