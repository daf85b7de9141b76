package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/plot"
	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/bias"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/train"
)

func init() { commands = append(commands, newBias) }

func newBias(s streams) *cobra.Command {
	var (
		c          runSource
		estimators []string
		draws      = []int{64}
		queries    = 40
		o          = bias.Options{Repeats: 1000}
		figure     string
		fresh      bool
		asJSON     bool
		form       formFlag
	)
	cmd := &cobra.Command{
		Use:   "bias RUN",
		Short: "Measure the bias and variance of sampled gradients on a trained model",
		Long: `bias loads the model of a run folder and measures how far the gradients of sampled
losses are from that of the full one: for users of the train set with one of their
items as positive, the squared bias ‖E ĝ − g‖² and the variance E‖ĝ − E ĝ‖² of the
gradient by the encoding, over ‖g‖², medians over the users.

g is the gradient of --reference over all classes. An estimator is the text of a
loss or recipe, or LOSS@CANDIDATES, such as
"sparsemax@sampled:n=16,correction=none". Without --estimator the table has
sampled softmax with each correction over static and adaptive samplers, and the
losses that stand in for softmax.

The scores of nce are shifted until log Σ e^s = log Z₀, as those of a normalised
model; --raw leaves them.

± is one standard error of Monte Carlo, exact where all draws were enumerated or
there are none. Where theory has a formula, to the leading order in the draws or
exact, PREDICTED has its value and RATIO the median of measured over predicted.

With --fresh the model is that of the run before its first step.`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if ext := strings.ToLower(filepath.Ext(figure)); figure != "" && ext != ".svg" && ext != ".png" {
				return usagef("--plot: %q ends neither in .svg nor in .png", figure)
			}
			if len(estimators) == 0 {
				estimators = bias.Table()
			}
			trained, set, err := c.open(s, args[0])
			if err != nil {
				return err
			}
			if fresh {
				if trained, err = train.New(trained.Plan.Config, set); err != nil {
					return err
				}
			}
			return runBias(cmd.Context(), s, trained, set, estimators, draws, cmd.Flags().Changed("draws"), queries, o, figure, asJSON, form)
		},
	}
	c.addFlags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&estimators, "estimator", nil, "loss or recipe to measure; may be repeated (default a table of the usual ones)")
	addWholes(f, &draws, "draws", 1, bias.MaxDraws, "draws of a sampled estimator whose text does not say n, with commas")
	addWhole(f, &queries, "queries", 1, maxCount, "users to take the median over")
	addWhole(f, &o.Repeats, "repeats", 1, bias.MaxRepeats, "Monte Carlo repetitions for each user, a multiple of 10")
	addSeed(f, &o.Seed, "seed", "seed of the users and of the draws")
	f.StringVar(&o.Reference, "reference", "softmax", "loss over all classes whose gradient is the truth")
	f.BoolVar(&o.Raw, "raw", false, "leave the scores of nce as they are")
	f.StringVar(&figure, "plot", "", "file .svg or .png for a figure of bias against variance, or of bias against draws if there are several")
	f.BoolVar(&fresh, "fresh", false, "measure on the first weights of the run instead of the trained ones")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	form.add(cmd)
	must(cmd.MarkFlagFilename("plot", "svg", "png"))
	must(cmd.RegisterFlagCompletionFunc("estimator", completeSpecs("loss", "recipe")))
	must(cmd.RegisterFlagCompletionFunc("reference", completeSpecs("loss")))
	return cmd
}

// runBias measures the estimators that texts denote; sweep says that draws were asked for,
// which else are those of a text that says none.
func runBias(ctx context.Context, s streams, trained *train.Recommender, set *data.Dataset, texts []string, draws []int, sweep bool, queries int, o bias.Options, figure string, asJSON bool, form formFlag) error {
	// What does not parse is said before anything is measured.
	var estimators []*bias.Estimator
	for _, text := range texts {
		e, err := bias.Parse(text, set.Items)
		if err != nil {
			return usagef("--estimator: %w", err)
		}
		if sweep && e.SaysDraws() {
			return usagef("--draws: --estimator %s says its draws itself: say them once", text)
		}
		estimators = append(estimators, e)
	}
	if sweep && !slices.ContainsFunc(estimators, (*bias.Estimator).Sampled) {
		return usagef("--draws: no --estimator draws candidates")
	}
	if o.Raw && !slices.ContainsFunc(estimators, func(e *bias.Estimator) bool { return e.Loss.Spec.Name == "nce" && e.Sampled() }) {
		return usagef("--raw is of nce over sampled candidates, which no --estimator is")
	}
	p, err := bias.FromTrained(trained, set, queries, o.Seed)
	if err != nil {
		return err
	}
	results := []*bias.Result{}
	for _, e := range estimators {
		ks := draws
		if !e.Sampled() || e.SaysDraws() {
			ks = []int{0} // none, or its own
		}
		for _, k := range ks {
			o.Draws = k
			r, err := bias.Measure(ctx, p, e, o)
			if err != nil {
				return err
			}
			results = append(results, r)
		}
	}
	if figure != "" {
		if err := plot.Save(figure, biasFigure(set.Name, results, len(draws) > 1)); err != nil {
			return err
		}
	}
	if asJSON {
		return printJSON(s.out, results)
	}
	w := form.sheet(s)
	fmt.Fprintf(w, "%s, %s, d = %d; medians of %s; gradients over that of %s\n\n", set.Name, words.Count(p.C, "class"), p.D, words.Count(queries, "user"), o.Reference)
	t := newTable("ESTIMATOR", "DRAWS", "BIAS²", "±", "PREDICTED", "RATIO", "VARIANCE", "±", "PREDICTED", "RATIO", "COSINE")
	for _, r := range results {
		k := any(none)
		if r.Draws > 0 {
			k = r.Draws
		}
		short := func(x float64) report.Cell { return report.Digits(x, 3) }
		t.add(r.Estimator, k, short(r.Bias), short(r.BiasErr), short(r.Theory), short(r.BiasRatio),
			short(r.Var), short(r.VarErr), short(r.TheoryVar), short(r.VarRatio), short(r.Cos))
	}
	t.print(w, "")
	if figure != "" {
		fmt.Fprintf(w, "\nfigure %s\n", data.EscapeText(figure))
	}
	return nil
}

// biasFigure draws bias² against variance, or, of several numbers of draws,
// against the draws, with what theory predicts beside it.
func biasFigure(name string, results []*bias.Result, lines bool) plot.Figure {
	if !lines {
		f := plot.Scatter{
			Title: "Bias and variance of gradients on " + name,
			X:     plot.Axis{Label: "variance over the squared norm of the full gradient", Log: true},
			Y:     plot.Axis{Label: "squared bias, relative", Log: true}, Width: 720, Height: 480,
		}
		for _, r := range results {
			f.Points = append(f.Points, plot.Point{Label: r.Estimator, X: r.Var, Y: r.Bias, XErr: r.VarErr, YErr: r.BiasErr})
		}
		return f
	}
	f := plot.Lines{
		Title: "Bias of gradients on " + name,
		X:     plot.Axis{Label: "draws", Log: true}, Y: plot.Axis{Label: "squared bias over the squared norm of the full gradient", Log: true}, Width: 720, Height: 480,
	}
	var measured, predicted *plot.Series
	var all []*plot.Series
	for _, r := range results {
		if r.Draws == 0 {
			continue // a line has draws
		}
		if measured == nil || measured.Name != r.Estimator {
			measured, predicted = &plot.Series{Name: r.Estimator}, &plot.Series{Name: r.Estimator + ", predicted"}
			all = append(all, measured, predicted)
		}
		k := float64(r.Draws)
		measured.X, measured.Y, measured.Err = append(measured.X, k), append(measured.Y, r.Bias), append(measured.Err, r.BiasErr)
		predicted.X, predicted.Y = append(predicted.X, k), append(predicted.Y, r.Theory)
	}
	for _, s := range all {
		f.Series = append(f.Series, *s)
	}
	return f
}
