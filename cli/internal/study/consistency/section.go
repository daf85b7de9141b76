package consistency

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

// Section shows results of Run(c), and what RunShared(c) found; nil where it did not run.
func Section(c Config, rs []Result, shared *Shared) report.Section {
	c = c.WithDefaults()
	table := report.Table{
		Title: "Share of distributions whose minimisers are in order",
		Head:  []string{"loss", "declared", "verdict", "top-1", "top-half", "whole order", "by map", "undecided", "no minimum"},
		Note:  "Top-half: the leading ⌈K/2⌉ classes are the likeliest ones. Ties count as wrong, and where several minimisers were found all must be in order. By map: the order of the probabilities p(z*). Undecided: distributions at which no search reached a stationary point. No minimum: distributions at which the risk falls towards infinity, and the order is that of the least risk within ±50.",
	}
	// Two charts: losses over all classes, and recipes.
	charts := [2]plot.Bars{}
	for i, title := range []string{"Losses that do not always keep the order", "Recipes that do not always keep it"} {
		charts[i] = plot.Bars{
			Title: title, Value: plot.Axis{Label: "share of distributions, by scores", Min: 0, Max: 1},
			Series: []plot.Bar{{Name: "top-1"}, {Name: "whole order"}},
		}
	}
	var verdicts report.Verdicts
	for i, r := range rs {
		share := func(n, of int) report.Cell {
			x := float64(n) / float64(of) // NaN of none
			return report.Shown(fmt.Sprintf("%.0f%%", 100*x), x)
		}
		byMap := report.Absent
		if r.Map != nil {
			byMap = share(r.Map.Full, r.Map.Draws)
		}
		declared, verdict := "-", "not declared"
		if len(r.Claims) > 0 {
			verdict = "agrees"
		}
		for _, cl := range r.Claims {
			if cl.What == OrderOfScores {
				declared = cl.Declared
			}
			if cl.Outcome == Disagrees && verdict == "agrees" {
				verdict = "disagrees: " + cl.What
				table.Mark = append(table.Mark, i)
			}
			verdicts = append(verdicts, report.Verdict{
				Kind: kindOf(cl.Outcome), Detail: cl.Example,
				Text: fmt.Sprintf("%s: %s: declared %s, observed %s", r.Loss, cl.What, cl.Declared, cl.Observed),
			})
		}
		if r.Scores.Draws == 0 {
			verdict = "undecided"
		}
		table.Rows = append(table.Rows, []report.Cell{
			report.Words(r.Loss), report.Words(declared), report.Words(verdict), share(r.Scores.Top1, r.Scores.Draws), share(r.Scores.TopH, r.Scores.Draws),
			share(r.Scores.Full, r.Scores.Draws), byMap, report.Whole(r.Undecided), report.Whole(r.Far),
		})
		if r.Scores.Full == r.Scores.Draws {
			continue // nothing to see, or nothing decided
		}
		bars := &charts[0]
		if r.Recipe {
			bars = &charts[1]
		}
		bars.Groups = append(bars.Groups, r.Loss)
		for j, n := range []int{r.Scores.Top1, r.Scores.Full} {
			bars.Series[j].Values = append(bars.Series[j].Values, float64(n)/float64(r.Scores.Draws))
		}
	}
	blocks := []report.Block{
		report.Text(fmt.Sprintf("Does minimising the loss rank the classes by their true probability? Of each family of distributions (Dirichlet and Zipf over %d classes; adversarial: counter-examples of the literature and variations, over 3 or 4) there are %d draws; the conditional risk E ℓ(z, y) is minimised over free scores z, and the order of the minimisers is held against the distribution and against what the loss declares. What a loss's gradient holds constant is that of equal scores. Recipes are measured over %d draws of a sampler, by exact enumeration of the draws: once with a proposal q drawn beside each distribution, once with q uniform.", c.Classes, c.Draws, SampledDraws)),
		verdicts,
		table,
	}
	for i, caption := range []string{
		"Such a loss cannot rank by its scores, however much data and capacity there is.",
		"Without a correction draws count against the classes that are drawn often: what is learned is t/q.",
	} {
		if len(charts[i].Groups) > 0 {
			blocks = append(blocks, report.Figure{Figure: charts[i], Caption: caption})
		}
	}
	if shared != nil && len(shared.Rows) > 0 {
		blocks = append(blocks, shared.blocks()...)
	}
	return report.Section{Title: "Consistency", Blocks: blocks, Data: map[string]any{"config": c, "families": families(), "results": rs, "shared": shared}}
}

func kindOf(o Outcome) report.Kind {
	switch o {
	case Agrees:
		return report.Agrees
	case Disagrees:
		return report.Disagrees
	}
	return report.Open
}
