package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/consistency"
)

func init() { commands = append(commands, newConsistency) }

func newConsistency(s streams) *cobra.Command {
	var (
		c   = consistency.Config{}.WithDefaults()
		out outputFlags
	)
	c.Losses, c.Recipes = nil, nil
	cmd := &cobra.Command{
		Use:   "consistency",
		Short: "Hold the order of each loss's minimiser against the truth and the theory",
		Long: `consistency draws conditional class distributions t, minimises each loss's
conditional risk E ℓ(z, y) over free scores z, and looks at the order of the
minimisers, by scores and by the probabilities that the loss's map makes of them:

  top-1        the leading class is the likeliest
  top-half     the leading ⌈K/2⌉ classes are the likeliest
  whole order  all classes are in the order of t, without new ties

The distributions are of three families: dirichlet, zipf, and adversarial, which
holds the counter-examples of the literature and variations of them. What is seen
stands beside what the loss declares: "agrees", "disagrees", or "not shown" where
more is declared to fail than these draws show.

Recipes are measured over ` + fmt.Sprint(consistency.SampledDraws) + ` draws of a sampler, by exact enumeration: once with a
proposal q drawn beside each distribution ("any q"), once with q uniform.

Trained scores are not free: contexts share the vectors of classes, in few dimensions.
The second table has, for losses over all classes, the regret 1 − NDCG of ranking by the
minimiser of the risk of several contexts together, over scores that are products of
vectors (dot), cosines at the loss's natural temperature (own T) and cosines at
0.2, beside the least regret that was found among such scores.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.Validate(); err != nil {
				return usageError{err}
			}
			if len(c.Losses) == 0 && len(c.Recipes) > 0 {
				for _, name := range []string{"contexts", "rank"} {
					if cmd.Flags().Changed(name) {
						return usagef("--%s is of losses over all classes, and --recipe alone measures none", name)
					}
				}
			}
			rs, err := consistency.Run(cmd.Context(), c)
			if err != nil {
				return err
			}
			shared, err := consistency.RunShared(cmd.Context(), c)
			if err != nil {
				return err
			}
			section := consistency.Section(c, rs, shared)
			return out.emit(s, report.Report{Title: "Consistency of losses", Sections: []report.Section{section}}, func(w *sheet) {
				printConsistency(w, rs)
				if len(shared.Rows) > 0 {
					fmt.Fprintln(w)
					w.table(shared.Table(), "")
				}
			})
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.Losses, "loss", nil, "loss over all classes; may be repeated")
	f.StringArrayVar(&c.Recipes, "recipe", nil, "loss over sampled candidates; may be repeated; without --loss and --recipe all of both")
	addWhole(f, &c.Classes, "classes", consistency.MinClasses, consistency.MaxClasses, "classes of the dirichlet and zipf distributions")
	addWhole(f, &c.Draws, "draws", 1, consistency.MaxDraws, "distributions of each family")
	addWhole(f, &c.Contexts, "contexts", consistency.MinContexts, consistency.MaxContexts, "contexts that share the vectors of classes")
	addWhole(f, &c.Rank, "rank", consistency.MinRank, consistency.MaxRank, "dimensions of shared vectors")
	addSeed(f, &c.Seed, "seed", "seed of the distributions and of the starts of searches")
	out.add(cmd)
	must(cmd.RegisterFlagCompletionFunc("loss", completeSpecs("loss")))
	must(cmd.RegisterFlagCompletionFunc("recipe", complete(consistency.Sampled)))
	return cmd
}

func printConsistency(w io.Writer, rs []consistency.Result) {
	t := newTable("LOSS", "DRAWS", "TOP-1", "TOP-HALF", "WHOLE ORDER", "BY MAP", "DECLARED", "OBSERVED", "VERDICT")
	var notes []string
	for _, r := range rs {
		byMap := report.Absent
		if r.Map != nil {
			byMap = report.Whole(r.Map.Full)
		}
		declared, seen, verdict := none, none, none
		switch {
		case r.Scores.Draws == 0:
			verdict = "undecided"
		case len(r.Claims) == 0:
			verdict = undeclared
		}
		for _, c := range r.Claims {
			if c.What == consistency.OrderOfScores {
				declared, seen = c.Declared, c.Observed
				verdict = string(c.Outcome)
			}
		}
		for _, c := range r.Claims {
			if c.Outcome == consistency.Disagrees {
				verdict = strings.ToUpper(string(c.Outcome))
				notes = append(notes, fmt.Sprintf("%s: %s: declared %s, observed %s: %s", r.Loss, c.What, c.Declared, c.Observed, c.Example))
			}
		}
		if r.Undecided > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d draws undecided: no search reached a stationary point", r.Loss, r.Undecided))
		}
		if r.Far > 0 {
			notes = append(notes, fmt.Sprintf("%s: the risk of %d draws falls towards infinity; their order is that within ±50", r.Loss, r.Far))
		}
		t.add(r.Loss, r.Scores.Draws, r.Scores.Top1, r.Scores.TopH, r.Scores.Full, byMap, declared, seen, verdict)
	}
	t.print(w, "")
	if len(notes) > 0 {
		fmt.Fprintf(w, "\n%s\n", strings.Join(notes, "\n"))
	}
}
