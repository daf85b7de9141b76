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
