package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/gradcheck"
	"github.com/fenchel-ml/fenchel/models"
)

func init() { commands = append(commands, newCheck) }

func newCheck(s streams) *cobra.Command {
	c := checkConfig{seed: 1, ks: []int{1, 2, 1000}, scales: []float64{1, 10}}
	var model *modelCheck
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the gradients of losses: symbolic, analytic and numerical",
		Long: `check states each loss in every way it is stated and compares the gradients with
that of its closed form at float64, entry by entry:

  value       the closed form's value against the textbook's (Ref)
  difference  central differences of the textbook value
  symbolic    symbolic differentiation of the loss's definition as a graph (Node)
  analytic    the closed form as a node of a graph (graph.Loss)
  fused       the closed form fused with h·Wᵀ + bias: dh, dW and dbias (graph.LinearLoss)
  float32     the worst of symbolic, analytic and fused at float32

An error is |got − want| / (1 + |want|), and for dh and dW relative to the largest
|W| and |h| where that is above 1. The check passes within ` + fmt.Sprint(gradcheck.Tolerance64) + ` at float64 and
` + fmt.Sprint(gradcheck.Tolerance32) + ` at float32. All settings of a loss stand in one graph, which runs twice; rows have
one label or several, some far behind a class that leads, one row is padding, and
upstream gradients differ by row. Differences hold constant what a loss declares that
its gradient does. Of a loss that is stated as a graph alone that graph, run by itself,
stands for the closed form and for the textbook value, and - for what nothing states.

A loss's name checks it at its default and at every setting that its declaration
probes; a spec text such as "softmax:tau=0.2" checks that setting. The exit status
is 1 if anything fails.

With --model it checks a whole model instead, under one loss over any candidates, such
as sparsemax@sampled:n=4, or under all losses. Of each table of the model and of the
candidates, on a batch of a small generated set, it compares number by number

  symbolic    symbolic differentiation of the loss's definition over the scores
  analytic    the closed form over the same scores (graph.Loss)
  fused       what training goes through, such as graph.LinearLoss
  numerical   central differences of the textbook value of the scores

at float64, and the float32 gradient of the graph that training compiles, and prints of
each table the worst number with all values. An error is relative to the largest number
of the table's gradient, at least 1e-3; at float32 to that of all tables, at least 0.1.
Draws, and what a loss declares that its gradient holds constant, are held.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch whole, err := model.given(c); {
			case err != nil:
				return err
			case whole:
				return runModelCheck(cmd.Context(), s.out, model, c)
			}
			return runCheck(cmd.Context(), c.sheet(s), c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.loss, "loss", "all", `loss to check: a name, a spec text, or "all"; with --model also a recipe, or with candidates as in bpr@sampled:n=4`)
	addWholes(f, &c.ks, "k", 1, gradcheck.MaxK, "numbers of candidates of a row")
	addReals(f, &c.scales, "scale", "standard deviations of the scores")
	addSeed(f, &c.seed, "seed", "seed of scores, targets and upstream gradients")
	f.BoolVar(&c.asJSON, "json", false, "print JSON")
	c.formFlag.add(cmd)
	must(cmd.RegisterFlagCompletionFunc("loss", func(cmd *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
		kinds := []string{"loss"}
		if cmd.Flags().Changed("model") { // recipes have candidates, which a loss alone has not
			kinds = append(kinds, "recipe")
		}
		return completeSpecs(kinds...)(cmd, args, text)
	}))
	model = addModelCheck(cmd)
	return cmd
}

type checkConfig struct {
	loss   string
	ks     []int
	scales []float64
	seed   uint64
	asJSON bool
	formFlag
}

// settings returns the losses to check, by loss.
func (c checkConfig) settings() ([][]losses.Loss, error) {
	if c.loss == "all" {
		var all [][]losses.Loss
		for _, spec := range losses.All() {
			all = append(all, spec.Probes())
		}
		return all, nil
	}
	b, err := models.ParseLoss(c.loss)
	if err != nil {
		if _, unknown := losses.Lookup(strings.SplitN(c.loss, ":", 2)[0]); unknown != nil { // the choices end the error
			return nil, usagef(`--loss: %w, or "all"`, err)
		}
		return nil, usagef("--loss: %w", err)
	}
	if strings.Contains(c.loss, ":") {
		return [][]losses.Loss{{b}}, nil
	}
	return [][]losses.Loss{b.Spec.Probes()}, nil
}

// sizes returns the sizes at which to check.
func (c checkConfig) sizes() ([]gradcheck.Config, error) {
	var configs []gradcheck.Config
	for _, k := range c.ks {
		for _, scale := range c.scales {
			config := gradcheck.Config{K: k, Scale: scale, Seed: c.seed}
			if err := config.Validate(); err != nil {
				return nil, usagef("--k, --scale: %w", err)
			}
			configs = append(configs, config)
		}
	}
	if len(configs) == 0 {
		return nil, usagef("--k and --scale need at least one value each")
	}
	return configs, nil
}

func runCheck(ctx context.Context, w *sheet, c checkConfig) error {
	settings, err := c.settings()
	if err != nil {
		return err
	}
	sizes, err := c.sizes()
	if err != nil {
		return err
	}
	results, err := checkAll(ctx, settings, sizes)
	if err != nil {
		return err
	}
	return reportCheck(w, results, c.asJSON)
}

// reportCheck prints results and returns an error if any failed.
func reportCheck(w *sheet, results []gradcheck.Result, asJSON bool) error {
	failed := 0
	for _, r := range results {
		if !r.OK() {
			failed++
		}
	}
	if asJSON {
		if err := printCheckJSON(w.out, results); err != nil {
			return err
		}
	} else {
		printCheck(w, results, failed)
	}
	if failed > 0 {
		return fmt.Errorf("the check failed: %d of %d", failed, len(results))
	}
	return nil
}

// checkAll checks every loss at every size, as many at a time as there are
// processors.
func checkAll(ctx context.Context, settings [][]losses.Loss, sizes []gradcheck.Config) ([]gradcheck.Result, error) {
	found := make([][]gradcheck.Result, len(settings)*len(sizes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range found {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			found[i], err = gradcheck.Run(settings[i/len(sizes)], sizes[i%len(sizes)])
			return err
		})
	}
	err := g.Wait()
	return slices.Concat(found...), err
}

func printCheck(w io.Writer, results []gradcheck.Result, failed int) {
	t := newTable("LOSS", "K", "SCALE", "VALUE", "DIFFERENCE", "SYMBOLIC", "ANALYTIC", "FUSED", "FLOAT32", "WORST ENTRY", "VERDICT")
	for _, r := range results {
		at := map[string]float64{}
		for _, e := range r.Entries {
			name := e.Against
			if e.Bits == 32 {
				name = "float32"
			}
			at[name] = max(at[name], e.Error)
		}
		verdict := "PASS"
		if !r.OK() {
			verdict = "FAIL"
		}
		cell := func(name string) report.Cell {
			switch e, stated := at[name]; {
			case !stated:
				return report.Absent
			case e == 0:
				return report.Whole(0)
			case !report.Number(e).Finite(): // an error that no number tells
				return report.Words(fmt.Sprint(e))
			default:
				return report.Shown(fmt.Sprintf("%.1e", e), e)
			}
		}
		t.add(r.Loss, r.Config.K, r.Config.Scale, cell("value"), cell("difference"), cell("symbolic"), cell("analytic"), cell("fused"),
			cell("float32"), entryName(r.Worst()), verdict)
	}
	t.print(w, "")
	for _, r := range results {
		if !r.OK() {
			fmt.Fprintf(w, "\n%s%v\n", r, r.Report().Err())
		}
	}
	fmt.Fprintf(w, "\n%d checks, %d passed, %d failed\n", len(results), len(results)-failed, failed)
}

func entryName(e gradcheck.Entry) string {
	if e.Where == "" {
		return "none"
	}
	name := e.Against + " " + e.Where
	if e.Bits == 32 {
		name += " float32"
	}
	return name
}

func printCheckJSON(w io.Writer, results []gradcheck.Result) error {
	type entry struct {
		Against   string        `json:"against"`
		Bits      int           `json:"bits"`
		Error     report.Number `json:"error"`
		Where     string        `json:"where"`
		Got       report.Number `json:"got"`
		Want      report.Number `json:"want"`
		Tolerance report.Number `json:"tolerance"`
		OK        bool          `json:"ok"`
	}
	type result struct {
		Loss    string        `json:"loss"`
		K       int           `json:"k"`
		Scale   report.Number `json:"scale"`
		Seed    uint64        `json:"seed"`
		OK      bool          `json:"ok"`
		Entries []entry       `json:"entries"`
	}
	out := []result{}
	for _, r := range results {
		o := result{Loss: r.Loss.String(), K: r.Config.K, Scale: report.Number(r.Config.Scale), Seed: r.Config.Seed, OK: r.OK()}
		for _, e := range r.Entries {
			o.Entries = append(o.Entries, entry{e.Against, e.Bits, report.Number(e.Error), e.Where, report.Number(e.Got), report.Number(e.Want), report.Number(e.Tolerance), e.OK()})
		}
		out = append(out, o)
	}
	return printJSON(w, out)
}
