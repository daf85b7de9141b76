package bias

import (
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// Predictions are to the leading order in the draws: a ratio of measured over
// predicted within near counts as agreement and one beyond far as disagreement.
const near, far = 1.5, 3

// verdicts holds measured moments against predicted ones.
func verdicts(rs []*Result) report.Verdicts {
	var vs report.Verdicts
	one := func(r *Result, what string, measured, err, predicted, ratio float64) {
		if math.IsNaN(predicted) || math.IsNaN(ratio) {
			return
		}
		v := report.Verdict{Kind: report.Open, Text: fmt.Sprintf("%s, %d draws: %s %.3g, %.3g predicted: ratio %.2f", r.Estimator, r.Draws, what, measured, predicted, ratio)}
		off := max(ratio, 1/ratio)
		switch {
		case !(ratio >= 0) || math.IsInf(off, 1) || measured < 2*err:
			v.Detail = fmt.Sprintf("lost in the error of Monte Carlo, %.2g", err)
		case off <= near:
			v.Kind = report.Agrees
		case off > far:
			v.Kind = report.Disagrees
		default:
			v.Detail = "the prediction is to the leading order in the draws"
		}
		vs = append(vs, v)
	}
	for _, r := range rs {
		one(r, "bias²", r.Bias, r.BiasErr, r.Theory, r.BiasRatio)
		one(r, "variance", r.Var, r.VarErr, r.TheoryVar, r.VarRatio)
	}
	return vs
}

// Section shows the moments of estimators on a trained model.
func Section(data string, p *Problem, queries int, reference string, rs []*Result) report.Section {
	t := report.Table{
		Title: "Bias² and variance of gradients, over the squared norm of the full gradient",
		Head:  []string{"estimator", "draws", "bias²", "±", "predicted", "variance", "±", "predicted", "cosine"},
		Note:  "±: one standard error of Monte Carlo; 0 where exact. Cosine: of the mean gradient and the full one.",
	}
	scatter := plot.Scatter{
		Title: "Bias and variance of gradients", X: plot.Axis{Label: "variance, relative", Log: true}, Y: plot.Axis{Label: "bias², relative", Log: true},
	}
	num := func(x float64) report.Cell { return report.Digits(x, 3) }
	drawn := false
	for _, r := range rs {
		draws := report.Absent
		if r.Draws > 0 {
			draws = report.Whole(r.Draws)
		}
		t.Rows = append(t.Rows, []report.Cell{report.Words(r.Estimator), draws, num(r.Bias), num(r.BiasErr), num(r.Theory), num(r.Var), num(r.VarErr), num(r.TheoryVar), num(r.Cos)})
		scatter.Points = append(scatter.Points, plot.Point{Label: r.Estimator, X: r.Var, Y: r.Bias, XErr: r.VarErr, YErr: r.BiasErr})
		drawn = drawn || r.Var > 0 && r.Bias > 0
	}
	blocks := []report.Block{
		report.Text(fmt.Sprintf("What sampling does to the gradient: on a model trained on %s (%d classes, d = %d), for %d users with one of their items as positive, the squared bias ‖E ĝ − g‖² and the variance E‖ĝ − E ĝ‖² of the gradient by the encoding against the gradient g of %s over all classes; medians over the users.", data, p.C, p.D, queries, reference)),
		verdicts(rs), t,
	}
	if drawn {
		blocks = append(blocks, report.Figure{Figure: scatter, Caption: "Left and down is better. Losses without draws have no variance and are not drawn."})
	}
	return report.Section{Title: "Bias and variance", Blocks: blocks, Data: map[string]any{"classes": p.C, "dim": p.D, "queries": queries, "reference": reference, "results": rs}}
}
