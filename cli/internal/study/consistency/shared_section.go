package consistency

import (
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// regret returns 1 − NDCG of a row over a set, and how much of it is above the least found;
// NaN where the loss does not take such scores.
func (s *Shared) regret(row, set int) (bayes, best float64) {
	value := float64(s.Rows[row].Sets[set].NDCG)
	return 1 - value, float64(s.Best[set].NDCG) - value
}

// Table is the regrets of all losses, a row each.
func (s *Shared) Table() report.Table {
	t := report.Table{
		Title: "Regret of the minimisers over scores that share vectors",
		Head:  []string{"loss", "free", "dot", "above best", "own T", "cosine at own T", "above best", fmt.Sprintf("cosine at %g", fixedT), "above best", "stopped"},
		Note:  fmt.Sprintf("1 − NDCG of ranking by the scores, 0 for ranking by the true probabilities: mean over %d sets of %d contexts and %d classes, of the first set alone over free scores. Above best: what lies above the least regret found in the same set of scores, which is %.4f for dot, %.4f for cosines. Ties count as the mean of their orders. Losses without a natural temperature, and losses of cosines, have no scores in some of the sets. Stopped: of the descents, those that had not ended after %d evaluations; the ranking is that of the least risk that the descents of a set reached.", s.Problems, s.Contexts, s.Classes, 1-float64(s.Best[1].NDCG), 1-float64(s.Best[2].NDCG), s.Limit),
	}
	for i, row := range s.Rows {
		cells := []report.Cell{report.Words(row.Loss)}
		for set, name := range s.Sets {
			bayes, best := s.regret(i, set)
			if name == "own" {
				cells = append(cells, report.Digits(row.Temperature, 4))
			}
			cells = append(cells, regretCell(bayes))
			if name != "free" {
				cells = append(cells, regretCell(best))
			}
		}
		stopped := 0
		for _, n := range row.Stopped {
			stopped += n
		}
		t.Rows = append(t.Rows, append(cells, report.Shown(fmt.Sprintf("%d of %d", stopped, row.Descents), float64(stopped))))
	}
	return t
}

// regretCell shows four decimals, or nothing where there is no regret.
func regretCell(x float64) report.Cell { return report.Fixed(math.Max(x, 0), 4) } // less is rounding

// blocks show s in a page.
func (s *Shared) blocks() []report.Block {
	chart := plot.Scatter{
		Title: "Regret of cosines by their temperature",
		X:     plot.Axis{Label: fmt.Sprintf("1 − NDCG at T = %g", fixedT)}, Y: plot.Axis{Label: "1 − NDCG at the loss's own T"},
	}
	for i, row := range s.Rows {
		own, _ := s.regret(i, 2)
		fixed, _ := s.regret(i, 3)
		if !math.IsNaN(own) && !math.IsNaN(fixed) {
			chart.Points = append(chart.Points, plot.Point{Label: row.Loss, X: fixed, Y: own})
		}
	}
	blocks := []report.Block{
		report.Text(fmt.Sprintf("Trained scores are not free: contexts share the vectors of classes, in few dimensions. Here the mean risk of %d contexts over %d classes is minimised over scores that are products of vectors in %d dimensions, and over cosines of such vectors by a temperature: the loss's natural one, and %g. A loss that keeps the order strictly over free scores need not rank best here, because what it cannot fit it spends where its own risk is large.", s.Contexts, s.Classes, s.Rank, fixedT)),
		s.Table(),
	}
	if len(chart.Points) > 0 {
		blocks = append(blocks, report.Figure{Figure: chart, Caption: "Down and left is better. Below the diagonal a loss ranks better at its own temperature."})
	}
	return blocks
}
