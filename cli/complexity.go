package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/complexity"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

func init() { commands = append(commands, newComplexity) }

func newComplexity(s streams) *cobra.Command {
	var (
		c   = complexity.Config{}.WithDefaults()
		out outputFlags
	)
	c.Losses = nil
	cmd := &cobra.Command{
		Use:   "complexity",
		Short: "Measure what a step costs against classes, width, batch and draws, beside the declared cost",
		Long: `complexity trains a few steps of each loss on generated data while the number of
classes C, the width d, the rows of a batch B and the draws n of a sampler vary one
at a time, and fits the exponent of each by least squares in logarithms. Beside it
stands the exponent of the declared arithmetic over the same sizes, which is an
upper bound: what every step costs makes small sizes look flat. MIB is the live heap
between two steps at the middle of the sweeps.

It measures one step at a time; run nothing beside it.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.Validate(); err != nil {
				return usageError{err}
			}
			if cmd.Flags().Changed("draws") && len(c.Losses) > 0 && !slices.ContainsFunc(c.Losses, drawsCandidates) {
				return usagef("--draws: no --loss draws candidates, whose number it would vary")
			}
			rs, err := complexity.Run(cmd.Context(), c)
			if err != nil {
				return err
			}
			cut := ""
			if rest := c.WithDefaults().Losses[len(rs):]; cmd.Context().Err() != nil && len(rest) > 0 {
				cut = "not measured in full: " + strings.Join(rest, "; ")
			}
			section := complexity.Section(c, rs)
			if err := out.emit(s, report.Report{Title: "Complexity of losses", Interrupted: cut, Sections: []report.Section{section}}, func(w *sheet) {
				printComplexity(w, rs)
				printInterrupted(w, cut)
			}); err != nil {
				return err
			}
			return cmd.Context().Err() // interrupted, with what was measured
		},
	}
	refuseRanks(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&c.Losses, "loss", nil, "loss or recipe; may be repeated; one of each kind unless given")
	addWholes(f, &c.Classes, "classes", complexity.MinSize, complexity.MaxClasses, "sizes of the sweep over C")
	addWholes(f, &c.Dims, "dims", complexity.MinSize, complexity.MaxDim, "sizes of the sweep over d")
	addWholes(f, &c.Batches, "batches", complexity.MinSize, complexity.MaxBatch, "sizes of the sweep over B")
	addWholes(f, &c.Draws, "draws", complexity.MinSize, complexity.MaxDraws, "sizes of the sweep over n")
	addWhole(f, &c.Steps, "steps", 1, complexity.MaxSteps, "timed steps of each size")
	f.DurationVar(&c.Budget, "budget", 0, "time after which no further size is begun, such as 30s; 0: none")
	out.add(cmd)
	must(cmd.RegisterFlagCompletionFunc("loss", completeSpecs("loss", "recipe")))
	return cmd
}

// drawsCandidates reports whether the loss or recipe of a text draws a number of candidates
// that can be chosen.
func drawsCandidates(text string) bool {
	choice, err := models.Resolve(text, "", 0)
	if err != nil {
		return false
	}
	how, sampled := choice.Head.Sampling()
	return sampled && !how.Sampler.Spec.Props.Has(sampler.InBatch)
}

func printComplexity(w io.Writer, rs []complexity.Result) {
	t := newTable("LOSS", "COST", "OF", "SIZES", "EXPONENT", "±", "DECLARED", "MEMORY")
	for _, r := range rs {
		for i, e := range r.Exponents {
			name, cost := "", ""
			if i == 0 {
				name, cost = r.Loss, r.Cost
			}
			round := func(x report.Number) report.Cell { return report.Fixed(x, 2) }
			t.add(name, cost, e.Of, e.Points, round(e.Measured), round(e.Error), round(e.Declared), round(e.Memory))
		}
	}
	t.print(w, "")
	for _, r := range rs {
		if r.Fault != "" {
			fmt.Fprintf(w, "\n%s: %s", r.Loss, r.Fault)
		}
		if r.Cut {
			fmt.Fprintf(w, "\n%s: the budget ended after %d sizes", r.Loss, len(r.Samples))
		}
	}
	fmt.Fprintln(w)
	for _, v := range complexity.Verdicts(rs) {
		if v.Kind == report.Disagrees {
			fmt.Fprintf(w, "DISAGREES  %s (%s)\n", v.Text, v.Detail)
		}
	}
}
