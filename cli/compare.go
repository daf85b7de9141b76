package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/compare"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train"
)

func init() { commands = append(commands, newCompare) }

// compareServe is the hidden first argument of a run's process.
const compareServe = "serve-run"

// varied are the flags of a single run that a comparison has its own for.
var varied = map[string]string{"loss": "--losses", "candidates": "--losses LOSS@CANDIDATES", "seed": "--seeds", "model": "--models", rateFlag: "--tune lr=RATE"}

func newCompare(s streams) *cobra.Command {
	var (
		flags        *configFlags
		c            = compare.Config{Parallel: 1, Resamples: 2000}
		losses, tune []string
		texts        []string // of models
		seeds        = textValue{text: "0-2", kind: "n"}
		markdown     string
		out          outputFlags
	)
	var groups strings.Builder
	for _, g := range compare.Groups() {
		fmt.Fprintf(&groups, "  %-8s  %s\n", g[0], g[1])
	}
	cmd := &cobra.Command{
		Use:   "compare",
		Short: "Train losses side by side, and say which differences are more than chance",
		Long: `compare trains every loss of a list at every seed, on the same split and budget,
each run in a process of its own. It prints one table: metrics as mean ± standard
deviation over seeds, the difference from the baseline with a bootstrap interval
paired over users, seconds per epoch, seconds to 95 % of the best, and peak memory.
The report adds courses, quality against cost, recall by popularity, and what
theory says of each loss, beside where the experiment disagrees.

Of several --models, such as mf,pool,gru4rec,sasrec, the page says whether the ranking of
losses depends on the model: the losses under each of them with their ranks, Kendall's τ of
each two models, and the pairs of losses that are told apart under both in opposite
orders. Each model is trained as it usually is, with its own task and optimizer, unless a
flag says otherwise, and all are measured on the same examples.

--losses takes losses with commas between, each LOSS or LOSS@CANDIDATES, and may be
repeated. These names stand for several:

` + groups.String() + `
--tune NAME=V1,V2 tries values on the valid split with the first seed, and may be
repeated for a grid; one value sets it. NAME is temperature (a loss of cosines has
its own; that of softmax:tau=0.1 or the like multiplies; learned is a value of the
others), reg, a parameter of the optimizer such as lr, or a path such as model.dim.
A best value that is the smallest or the largest of its grid, or as good as that one, is
marked as an edge. What failed is named in the notes.

--tune temperature=auto searches instead: from the default up and down until the best
has a worse value on both sides, at most twelve values; of equals, which are passed on
both sides too, it takes the one nearest to the default. It finds model.spread, by
factors of 2, with the first loss whose natural temperature contains it, and all such
losses take it. Others search for themselves: those such as softmax for a multiple of
their natural temperature, by factors of √2, and those without one for the temperature
itself, by factors of 2. The grid of other settings comes after, with what was found.

Runs are kept in the folder runs of --out. Started again, the same command takes
those that have ended and goes on with the rest. Ctrl-C ends the runs after the
step under way and reports what was reached. A run whose training became NaN is
reported in its row; the others go on.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			for name, use := range varied {
				if cmd.Flags().Changed(name) {
					return usagef("--%s: a comparison varies it; use %s", name, use)
				}
			}
			var err error
			if c.Models, err = parseModels(texts); err != nil {
				return err
			}
			if len(c.Models) > 0 {
				flags.model = c.Models[0]
			}
			given, err := comparisonOf(cmd, flags, losses, seeds.text, &out)
			if err != nil {
				return err
			}
			c.Base, c.Losses, c.Seeds, c.Dir, c.Runner = given.Base, given.Losses, given.Seeds, given.Dir, given.Runner
			for _, text := range tune {
				axis, err := compare.ParseAxis(text)
				if err != nil {
					return usagef("--tune: %w", err)
				}
				c.Tune = append(c.Tune, axis)
			}
			if err := c.Validate(); err != nil {
				return usageError{studyFlags(err, "losses", "models", "seeds", "baseline", "tune", "parallel", "resamples")}
			}
			return runCompare(cmd, s, c, out, markdown)
		},
	}
	flags = addConfigFlags(cmd)
	refuseRanks(cmd)
	for name := range varied {
		must(cmd.Flags().MarkHidden(name))
	}
	f := cmd.Flags()
	f.StringArrayVar(&losses, "losses", nil, "losses with commas between, each LOSS or LOSS@CANDIDATES, or exact, sampled, all; may be repeated")
	f.Var(&seeds, "seeds", "seeds, such as 0,1,5 or 0-2")
	f.StringArrayVar(&texts, "models", nil, "models with commas between, each trained as it usually is unless a flag says otherwise; may be repeated (default mf)")
	f.StringVar(&c.Baseline, "baseline", "", "entry of --losses that the others are held against (default softmax, else the first)")
	f.StringArrayVar(&tune, "tune", nil, "setting and values to choose from on valid, such as lr=0.003,0.01, or temperature=auto, which searches from the natural one; may be repeated")
	addWhole(f, &c.Budget.Steps, "steps", 1, compare.MaxSteps, "budget of each run in steps, instead of --epochs")
	addReal(f, &c.Budget.Seconds, "seconds", positive, "budget of each run in seconds of training, instead of --epochs")
	addWhole(f, &c.Parallel, "parallel", 1, compare.MaxParallel, "runs at a time; more share the machine, and their seconds say less")
	f.BoolVar(&c.Force, "force", false, "run even where the estimated memory is not available")
	addWhole(f, &c.Resamples, "resamples", compare.MinResamples, compare.MaxResamples, "resamples of the bootstrap")
	addSeed(f, &c.BootstrapSeed, "bootstrap-seed", "seed of the bootstrap")
	f.StringVar(&markdown, "markdown", "", "file to write the table to, as Markdown")
	out.add(cmd)
	f.Lookup("out").Usage = "folder of the runs, " + report.HTMLFile + " and " + report.JSONFile + " (default one under " + runsFolder + ", by the data's name)"
	must(cmd.MarkFlagFilename("markdown", "md"))
	must(cmd.RegisterFlagCompletionFunc("losses", completeSpecs("loss", "recipe")))
	must(cmd.RegisterFlagCompletionFunc("baseline", completeSpecs("loss", "recipe")))
	must(cmd.RegisterFlagCompletionFunc("tune", complete(func() []string {
		names := []string{"temperature=", "temperature=auto", "reg=", "lr=", "l2=", "decay="}
		for _, path := range train.Paths() {
			if strings.HasPrefix(path, "model.") || strings.HasPrefix(path, "train.") && path != "train.seed" && path != "train.on" {
				names = append(names, path+"=")
			}
		}
		return names
	})))
	must(cmd.RegisterFlagCompletionFunc("models", completeSpecs("model")))
	cmd.AddCommand(&cobra.Command{
		Use: compareServe, Hidden: true, Args: arguments(0, 0),
		Short: "Execute one run of a comparison, which is read from standard input",
		RunE:  func(cmd *cobra.Command, _ []string) error { return compare.Serve(cmd.Context(), s.in, s.out) },
	})
	return cmd
}

// comparisonOf returns what the flags of a command that compares losses say: Base,
// Losses, Seeds, Dir and Runner, a process for each run. Without a folder in out it
// is one under runsFolder, named by the command and the data.
func comparisonOf(cmd *cobra.Command, flags *configFlags, losses []string, seeds string, out *outputFlags) (c compare.Config, err error) {
	if c.Base, err = flags.config(); err != nil {
		return c, err
	}
	for _, text := range losses {
		c.Losses = append(c.Losses, compare.ParseEntries(text)...)
	}
	if c.Seeds, err = parseSeeds(seeds); err != nil {
		return c, usagef("--seeds: %w", err)
	}
	if out.dir == "" {
		if cmd.Flags().Changed("out") {
			return c, usagef(`--out: "" is no folder; leave the flag out for one under %s`, runsFolder)
		}
		out.dir = filepath.Join(runsFolder, cmd.Name()+"-"+fileName(filepath.Base(c.Base.WithDefaults().Data.Source)))
	}
	c.Dir = filepath.Join(out.dir, "runs")
	self, err := os.Executable()
	if err != nil {
		return c, err
	}
	c.Runner = compare.Child(self, "compare", compareServe)
	return c, nil
}

// parseModels returns the models that lists of them name.
func parseModels(texts []string) (all []string, err error) {
	for _, text := range texts {
		for _, model := range compare.ParseEntries(text) {
			if name, _ := registry.CutSpec(model); slices.ContainsFunc(baseline.All(), func(s *baseline.Spec) bool { return s.Name == name }) {
				return nil, usagef("--models: %s has no loss to compare under: it is one of the references, which every comparison has", name)
			}
			if _, err := models.Parse(model); err != nil {
				return nil, usagef("--models: %w", err)
			}
			all = append(all, model)
		}
	}
	return all, nil
}

// parseSeeds reads "0,1,5" and "0-2".
func parseSeeds(text string) (seeds []uint64, err error) {
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			high = low
		}
		a, errA := strconv.ParseUint(low, 10, 64)
		b, errB := strconv.ParseUint(high, 10, 64)
		if errA != nil || errB != nil || b < a || b-a >= 1000 {
			return nil, fmt.Errorf("%q is neither a number nor a short range such as 0-2", part)
		}
		for n := range b - a + 1 {
			if slices.Contains(seeds, a+n) {
				return nil, fmt.Errorf("%d is given twice", a+n)
			}
			seeds = append(seeds, a+n)
		}
	}
	return seeds, nil
}

// loadPlanned loads the data of cfg: as its split has them, and as its runs learn from
// them.
func loadPlanned(cfg train.Config) (set, trained *data.Dataset, err error) {
	p, err := cfg.Plan()
	if err != nil {
		return nil, nil, usageError{nameFlags(err)}
	}
	return loadOf(p)
}

// loadOf is loadPlanned of a plan.
func loadOf(p *train.Plan) (set, trained *data.Dataset, err error) {
	if set, err = p.Data.Load(); err != nil {
		return nil, nil, dataError(p, err)
	}
	trained, err = setOf(p, set)
	return set, trained, err
}

// dataError is the error of data that p did not load: where the split is none of the
// user's it says whose.
func dataError(p *train.Plan, err error) error {
	if of := flagOf(err); of != err {
		return of
	}
	if c := p.Config; c.Protocol != "" && p.Given.Data.Split == "" && c.Data.Split != "" {
		return fmt.Errorf("--data: protocol %s has the split %s: %w", c.Protocol, c.Data.Split, err)
	}
	return fmt.Errorf("--data: %w", err)
}

// flagOf names the flag of the setting that an error of data is of; of others it is err.
func flagOf(err error) error {
	var of *data.SettingError
	if errors.As(err, &of) {
		return fmt.Errorf("--%s: %s", strings.ReplaceAll(of.Setting, "_", "-"), strings.TrimPrefix(err.Error(), "data: "))
	}
	return err
}

// setOf is [train.Plan.SetOf], whose error is of the flag --protocol.
func setOf(p *train.Plan, set *data.Dataset) (*data.Dataset, error) {
	set, err := p.SetOf(set)
	if err != nil {
		return nil, usageError{nameFlags(errors.New(strings.TrimPrefix(err.Error(), "train: ")))}
	}
	return set, nil
}

func runCompare(cmd *cobra.Command, s streams, c compare.Config, out outputFlags, markdown string) error {
	set, trained, err := loadPlanned(c.First())
	if err != nil {
		return err
	}
	if _, err := runFolder(out.dir, c.First(), set); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	watch := &compareWatch{s: s}
	res, err := compare.Run(cmd.Context(), c, set, watch.observe)
	watch.clear()
	if err != nil {
		return err
	}
	page := report.Report{
		Title: "Comparison of losses on " + set.Name,
		Facts: []report.Fact{
			{Name: "data", Value: fmt.Sprintf("%s: %s, %s, %s", set.Name, words.Count(set.Users, "user"), words.Count(set.Items, "item"), words.Count(trained.Train.Len(), "train interaction"))},
			{Name: "split", Value: fmt.Sprintf("%s, hash %.12s", set.Split, res.Split)},
			{Name: "protocol", Value: res.Protocol.String()},
			{Name: "budget", Value: res.Budget + " a run"},
			{Name: "training", Value: fmt.Sprintf("%.0f s in runs, %.0f s in tuning", res.TrainSeconds, res.TuneSeconds)},
		},
		Sections: []report.Section{res.Section()},
	}
	for _, note := range set.Notes {
		page.Facts = append(page.Facts, report.Fact{Name: "note", Value: note})
	}
	if res.Interrupted {
		page.Interrupted = "runs that had not ended are missing; the same command goes on from here"
	}
	if _, err := os.Stat(markdown); res.Interrupted && err == nil {
		fmt.Fprintf(s.err, "--markdown: %s stays as it was: the comparison was interrupted\n", data.EscapeText(markdown))
	} else if markdown != "" {
		if err := fs.WriteBytes(markdown, res.Markdown(s.program+" "+strings.Join(os.Args[1:], " "))); err != nil {
			return fmt.Errorf("--markdown: %w", err)
		}
	}
	if err := out.emit(s, page, func(w *sheet) { printCompare(w, res) }); err != nil {
		return err
	}
	failed := 0
	for i := range res.Rows {
		row := &res.Rows[i]
		if failed += len(row.Failed); row.Done == 0 && len(row.Failed) > 0 { // in tuning, for all seeds
			failed += len(res.Seeds) - len(row.Failed)
		}
	}
	switch {
	case res.Interrupted:
		return cmd.Context().Err()
	case failed > 0:
		return fmt.Errorf("%d of %d runs failed; the notes say how", failed, len(res.Rows)*len(res.Seeds))
	}
	return nil
}

// printTables prints tables of a report, with heads in capitals, each before an empty line.
func printTables(w *sheet, tables ...report.Table) {
	for _, t := range tables {
		if w.form == report.TextForm {
			t.Head = slices.Clone(t.Head)
			for i, h := range t.Head {
				t.Head[i] = strings.ToUpper(h)
			}
		}
		w.table(t, "")
		fmt.Fprintln(w)
	}
}

func printCompare(w *sheet, res *compare.Result) {
	brief := w.form == report.TextForm
	printTables(w, slices.Concat([]report.Table{res.Table(brief)}, res.ByModelTables(brief), []report.Table{res.ReferenceTable()})...)
	for _, n := range append(res.Notes(), res.ByModelNotes()...) {
		fmt.Fprintln(w, n)
	}
	if note := res.BestNote(); note != "" {
		fmt.Fprintf(w, "\n%s\n", data.EscapeText(note))
	}
}

// A compareWatch tells of a comparison on standard error: a line per run, and on a
// terminal the epoch under way below it.
type compareWatch struct {
	s       streams
	started time.Time
	width   int // of the line to be drawn over
}

func (c *compareWatch) observe(e compare.Event) {
	switch e := e.(type) {
	case *compare.Planned:
		what := "runs"
		if e.Tuning {
			what = "tuning runs"
		}
		c.started = time.Now()
		fmt.Fprintf(c.s.err, "%d %s to do, %d done before\n", e.Runs, what, e.Recalled)
	case *compare.Refused:
		c.clear()
		fmt.Fprintf(c.s.err, "%s seed %d: cannot run: %s\n", e.Name, e.Seed, data.EscapeText(e.Err.Error()))
	case *compare.Progressed:
		if !c.s.terminal {
			return
		}
		of := ""
		if e.Epochs > 0 {
			of = "/" + strconv.Itoa(e.Epochs)
		}
		c.clear()
		line := fmt.Sprintf("%s seed %d: epoch %d%s, %s %.4f, %.1f s", e.Name, e.Seed, e.Epoch, of, e.Metric, e.Value, e.Seconds)
		c.width = len(line)
		fmt.Fprint(c.s.err, line)
	case *compare.Ended:
		c.clear()
		fmt.Fprintf(c.s.err, "%*d/%d  %s seed %d: ", len(strconv.Itoa(e.Runs)), e.Done, e.Runs, e.Name, e.Seed)
		switch {
		case e.Err != nil:
			fmt.Fprint(c.s.err, "failed: ", data.EscapeText(e.Err.Error()))
		case e.Outcome.Failed != "":
			fmt.Fprint(c.s.err, "failed: ", data.EscapeText(e.Outcome.Failed))
		default:
			for _, x := range []struct {
				split  string
				values []train.Value
			}{{"valid", e.Outcome.Valid}, {"test", e.Outcome.Test}} {
				if len(x.values) > 0 {
					fmt.Fprintf(c.s.err, "%s %s %.4f, ", x.values[0].Name, x.split, x.values[0].Value)
				}
			}
			fmt.Fprintf(c.s.err, "%.1f s", e.Outcome.Seconds)
		}
		if left := e.Runs - e.Done; left > 0 {
			fmt.Fprintf(c.s.err, "; about %s left", (time.Since(c.started) / time.Duration(e.Done) * time.Duration(left)).Round(time.Second))
		}
		fmt.Fprintln(c.s.err)
	}
}

func (c *compareWatch) clear() {
	if c.width > 0 {
		fmt.Fprintf(c.s.err, "\r%s\r", strings.Repeat(" ", c.width))
		c.width = 0
	}
}
