package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/all"
	"github.com/fenchel-ml/fenchel/cli/internal/study/compare"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/words"
)

func init() { commands = append(commands, newStudy) }

func newStudy(s streams) *cobra.Command {
	var (
		flags *configFlags
		c     = all.Config{}.WithDefaults()
		texts []string
		seeds = textValue{text: "0,1", kind: "n"}
		out   outputFlags
	)
	cmd := &cobra.Command{
		Use:   "study",
		Short: "Run all studies on one data set into one report, within a budget of time",
		Long: `study runs consistency, convergence, bias, complexity and compare on one data set
and writes one report. It ends by itself within --budget: each part has a share of
it, what a part leaves over goes to those after it, and a part whose share ends is
in the report as far as it came. The report begins with where theory and experiment
disagree.

The parts measure time; run nothing beside it. Settings of models and data are
those of train. --epochs are the most that any run trains; its share of the time may end
it before. Each run of the comparison is kept, and the best is named by its folder.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for name := range varied {
				if cmd.Flags().Changed(name) && name != "model" && name != rateFlag {
					return usagef("--%s: the studies vary it", name)
				}
			}
			if c.Budget == 0 { // which is the default's in a all.Config
				return usagef("--budget: 0s is no time")
			}
			given, err := comparisonOf(cmd, flags, texts, seeds.text, &out)
			if err != nil {
				return err
			}
			c.Base, c.Losses, c.Seeds, c.Dir, c.Runner = given.Base, given.Losses, given.Seeds, given.Dir, given.Runner
			if err := c.Validate(); err != nil {
				return usageError{studyFlags(err, "losses", "seeds", "budget")}
			}
			return runStudy(cmd, s, c, out)
		},
	}
	flags = addConfigFlags(cmd)
	refuseRanks(cmd)
	for name := range varied {
		if name != "model" && name != rateFlag {
			must(cmd.Flags().MarkHidden(name))
		}
	}
	f := cmd.Flags()
	f.DurationVar(&c.Budget, "budget", c.Budget, "time for all parts together, such as 5m")
	f.StringArrayVar(&texts, "losses", nil, "losses of the comparison, as for compare; may be repeated (default ten that stand for all kinds)")
	f.Var(&seeds, "seeds", "seeds of the comparison, such as 0,1,5 or 0-2")
	out.add(cmd)
	f.Lookup("out").Usage = "folder of the runs, " + report.HTMLFile + " and " + report.JSONFile + " (default one under " + runsFolder + ", by the data's name)"
	must(cmd.RegisterFlagCompletionFunc("losses", completeSpecs("loss", "recipe")))
	return cmd
}

func runStudy(cmd *cobra.Command, s streams, c all.Config, out outputFlags) error {
	_, set, err := loadPlanned(c.Base) // nothing is tuned: only what is learned from counts
	if err != nil {
		return err
	}
	if _, err := runFolder(out.dir, c.Base, set); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	fmt.Fprintf(s.err, "%s: %s, %s; at most %v\n", set.Name, words.Count(set.Users, "user"), words.Count(set.Items, "item"), c.Budget)
	started := time.Now()
	page, parts, err := all.Run(cmd.Context(), c, set, func(p all.Part) {
		note := ""
		if p.Note != "" {
			note = "; " + data.EscapeText(p.Note)
		}
		fmt.Fprintf(s.err, "%-18s %5.1f s of %.1f s%s\n", p.Name, p.Seconds, p.Allowed, note)
	})
	if err != nil {
		return err
	}
	if cmd.Context().Err() != nil {
		page.Interrupted = "no part was begun"
		if n := len(parts); n > 0 {
			page.Interrupted = fmt.Sprintf("in %s; what comes after it is missing", parts[n-1].Name)
		}
	}
	if err := out.emit(s, page, func(w *sheet) {
		printStudy(w, page)
		printInterrupted(w, page.Interrupted)
	}); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "%d parts in %.1f s\n", len(parts), time.Since(started).Seconds())
	return cmd.Context().Err()
}

// printStudy prints the overview: the counts, then the disagreements, then the best run.
func printStudy(w *sheet, page report.Report) {
	if len(page.Sections) == 0 {
		return
	}
	for _, b := range page.Sections[0].Blocks {
		switch b := b.(type) {
		case report.Table:
			w.table(b, "")
		case report.Text:
			fmt.Fprintf(w, "\n%s\n", b)
		case report.Verdicts:
			for _, v := range b {
				fmt.Fprintf(w, "  %s\n", v.Text)
			}
		}
	}
	for _, section := range page.Sections {
		if res, ok := section.Data.(*compare.Result); ok && res.Best != nil {
			fmt.Fprintf(w, "\n%s\n", data.EscapeText(res.BestNote()))
		}
	}
}
