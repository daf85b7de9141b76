package cli

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/convergence"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

func init() { commands = append(commands, newConvergence) }

func newConvergence(s streams) *cobra.Command {
	var (
		c     = convergence.TabularConfig{}.WithDefaults()
		out   outputFlags
		flags *configFlags
		real  bool
	)
	c.Losses = nil
	var texts []string
	cmd := &cobra.Command{
		Use:   "convergence",
		Short: "Measure how fast gradient descent is under each loss, beside its declared conditioning",
		Long: `convergence runs gradient descent on a table of free scores: the truth is Zipf(1)
over C classes, scores start at 0, the step is 1/β with the loss's declared
smoothness β, and descent ends when the conditional risk is within --excess of its
minimum. Beside the iterations stand the condition number κ that the loss declares,
the one measured at the minimiser, and the iterations that β over the least
curvature predicts. A second table shows how the gradient dies on one label.

With --train it also trains a model on a data set with each loss of --train-loss
and records loss, gradient norm, and how many classes have a gradient, by epoch.
The settings of train apply.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("loss") {
				return usagef("--loss: it is what is varied; use --train-loss, or --tabular-loss")
			}
			if !real {
				if name := flags.given(cmd, "train-loss"); name != "" {
					return usagef("--%s is of training, which --train adds", name)
				}
			}
			if err := c.Validate(); err != nil {
				return usageError{err}
			}
			for _, text := range texts {
				if _, err := models.ParseLoss(text); err != nil {
					return usagef("--train-loss: %w", err)
				}
			}
			cfg, err := flags.config()
			if err != nil {
				return err
			}
			for _, name := range []string{"metrics", "monitor", "every", maskFlag, itemsFlag} {
				if cmd.Flags().Changed(name) && !cfg.WithDefaults().Train.StopsEarly() {
					return usagef("--%s: nothing is measured on valid without --patience", name)
				}
			}
			ctx := cmd.Context()
			var set *data.Dataset
			if real { // before the tables, which take minutes
				if _, set, err = loadPlanned(cfg); err != nil {
					return err
				}
			}
			ds, err := convergence.Tabular(ctx, c)
			if err != nil {
				return err
			}
			hs, err := convergence.HardLabel(ctx, c)
			if err != nil {
				return err
			}
			var traces []convergence.Trace
			if real {
				if traces, err = convergence.Train(ctx, cfg, set, texts); err != nil {
					return err
				}
			}
			cut := ""
			if ctx.Err() != nil && real {
				cut = interruptedTraining(traces, texts, cfg.WithDefaults().Train.Epochs)
			}
			section := convergence.Section(c, ds, hs, traces)
			if err := out.emit(s, report.Report{Title: "Convergence of losses", Interrupted: cut, Sections: []report.Section{section}}, func(w *sheet) {
				printConvergence(w, ds, hs, traces)
				printInterrupted(w, cut)
			}); err != nil {
				return err
			}
			return ctx.Err() // interrupted, with what was recorded
		},
	}
	flags = addConfigFlags(cmd)
	refuseRanks(cmd)
	f := cmd.Flags()
	must(f.MarkHidden("loss"))
	f.StringArrayVar(&c.Losses, "tabular-loss", nil, "loss of the table; may be repeated; all losses unless given")
	addWholes(f, &c.Classes, "classes", convergence.MinClasses, convergence.MaxClasses, "sizes of the table")
	addReal(f, &c.Excess, "excess", positive, "excess risk at which descent is done")
	addWhole(f, &c.Iterations, "iterations", 1, convergence.MaxIterations, "the most to spend on one descent")
	f.BoolVar(&real, "train", false, "train with each --train-loss too")
	f.StringArrayVar(&texts, "train-loss", []string{"softmax", "entmax", "sparsemax", "rg2", "bce"}, "loss to train with; may be repeated")
	out.add(cmd)
	must(cmd.RegisterFlagCompletionFunc("tabular-loss", complete(losses.Names)))
	must(cmd.RegisterFlagCompletionFunc("train-loss", complete(losses.Names)))
	return cmd
}

// interruptedTraining says what of training with each of texts an interruption cut off; ""
// where all of it was done.
func interruptedTraining(traces []convergence.Trace, texts []string, epochs int) string {
	var parts []string
	if n := len(traces); n > 0 && traces[n-1].Fault == "" && len(traces[n-1].Points) < epochs {
		parts = append(parts, fmt.Sprintf("%s was cut off after %d of %s", traces[n-1].Loss, len(traces[n-1].Points), words.Count(epochs, "epoch")))
	}
	if rest := texts[len(traces):]; len(rest) > 0 {
		parts = append(parts, "not begun: "+strings.Join(rest, "; "))
	}
	return strings.Join(parts, "; ")
}

func printConvergence(w io.Writer, ds []convergence.Descent, hs []convergence.Hard, traces []convergence.Trace) {
	t := newTable("LOSS", "C", "BETA", "KAPPA DECLARED", "KAPPA MEASURED", "ITERATIONS", "PREDICTED", "NOTE")
	for _, d := range ds {
		if d.Skipped != "" {
			t.add(d.Loss, d.Classes, d.Beta, none, none, none, none, d.Skipped)
			continue
		}
		note := ""
		if !d.Reached {
			note = fmt.Sprintf("excess %.3g", float64(d.Excess))
		}
		t.add(d.Loss, d.Classes, d.Beta, d.Declared, d.Measured,
			d.Iterations, math.Ceil(float64(d.Predicted)), note)
	}
	t.print(w, "")
	fmt.Fprintln(w)
	t = newTable("ONE LABEL", "MARGIN", "GRADIENT 0 AFTER", "EXPONENT IN T")
	for _, h := range hs {
		zero := report.Absent
		if h.Zero >= 0 {
			zero = report.Whole(h.Zero)
		}
		t.add(h.Loss, h.Margin, zero, h.Slope)
	}
	t.print(w, "")
	for _, tr := range traces {
		fmt.Fprintf(w, "\n%s\n", tr.Loss)
		t := newTable("EPOCH", "LOSS", "GRADIENT", "SUPPORT", "SECONDS")
		for _, p := range tr.Points {
			t.add(p.Epoch, p.Loss, p.GradNorm, p.Support, p.Seconds)
		}
		t.print(w, "  ")
		if tr.Fault != "" {
			fmt.Fprintf(w, "  ended early: %s\n", tr.Fault)
		}
	}
	disagree := 0
	for _, v := range convergence.Verdicts(ds) {
		if v.Kind == report.Disagrees {
			disagree++
			fmt.Fprintf(w, "\nDISAGREES  %s", v.Text)
		}
	}
	if disagree == 0 {
		fmt.Fprintln(w, "\nno declared conditioning is contradicted")
	} else {
		fmt.Fprintln(w)
	}
}
