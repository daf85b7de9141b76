package cli

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/study/tune"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

func init() { commands = append(commands, newTune) }

func newTune(s streams) *cobra.Command {
	var (
		flags  *configFlags
		c      = tune.Config{Search: "tpe", Prune: tune.NoPruning}
		over   []string
		force  bool
		asJSON bool
	)
	var kinds strings.Builder
	var names []string
	for _, x := range tune.Searches() {
		names = append(names, x[0])
		fmt.Fprintf(&kinds, "  %-6s  %s\n", x[0], x[1])
	}
	cmd := &cobra.Command{
		Use:   "tune",
		Short: "Search for the settings whose run is best on valid",
		Long: `tune trains one run after the other, each with other values of some settings, and keeps
the one whose metric on valid is best: the one that --monitor names, else the first of
--metrics. What is searched over is said by --over, once for each setting:

  --over lr=log:1e-3..1e-1          a number, evenly in its logarithm
  --over loss.alpha=1.1..1.9        a number, evenly
  --over dim=int:16..128            a whole number
  --over batch=int:log:32..1024     a whole number, evenly in its logarithm
  --over temperature=log:0.1..1/5   five numbers at equal distances, both ends among them
  --over 'loss=softmax|sparsemax'   one of these texts, with quotes for the shell

A name is a path of --set, such as model.dim, or a flag of train, such as dim, or either with
a point and a parameter of the text there, such as optimizer.beta1, candidates.n or
loss.alpha. A parameter that only some of the losses of a list have is tried with those. What
decides how a run is measured (data, protocol, task, eval) and the seed cannot be searched.
Without --over the search is around what the configuration says: over the learning rate,
from a fifth to five times, and the temperature, from a third to three times; of dot scores
over l2 in place of it, and of als and ials over reg and the weight of what is missing.

--search is one of

` + kinds.String() + `
What it draws follows from --seed, and from the trials before. The first trial of tpe is the
middle of every range and the first text of every list.

The search ends after --trials, or when its trials have taken --budget, whichever is first;
without both, grid ends when all is tried, and others after ` + strconv.Itoa(tune.DefaultTrials) + ` trials. With --trials the
same command tries the same, to the same bits; how far it comes within a --budget depends on
the machine. A trial whose training becomes NaN counts as failed, and the search goes on.
--prune median ends a trial whose best value is worse than the median of those that others
had after as many epochs, from the sixth trial on.

The folder of --out holds ` + tune.JournalFile + `, a trial a line, ` + tune.BestFile + `, which ` + s.program + ` train --config takes
and comes to the same value on valid with, and the run of the best. Started again, the same
command takes the trials that have ended and goes on, also with more --trials or another
--budget, and also after it was killed; another search in the folder is refused. Ctrl-C ends
the trial under way after its step and prints what was found. Test is measured once, at
the end, of the best alone.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := flags.plan()
			if err != nil {
				return err
			}
			c.Base = p.Given
			for _, text := range over {
				axis, err := tune.ParseAxis(text, overNames())
				if err != nil {
					return usagef("--over: %w", err)
				}
				c.Axes = append(c.Axes, axis)
			}
			switch {
			case c.Dir == "" && cmd.Flags().Changed("out"):
				return usagef(`--out: "" is no folder; leave the flag out for one under %s`, runsFolder)
			case c.Dir == "":
				c.Dir = filepath.Join(runsFolder, cmd.Name()+"-"+fileName(filepath.Base(p.Config.Data.Source)))
			}
			if err := c.Validate(); err != nil {
				return usageError{studyFlags(err, "over", "search", "prune", "trials", "budget", "out")}
			}
			return runTune(cmd, s, p, c, force, asJSON)
		},
	}
	flags = addConfigFlags(cmd)
	refuseRanks(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&over, "over", nil, "setting to search over, and its values: NAME=LOW..HIGH, log:LOW..HIGH, int:LOW..HIGH or A|B|C; may be repeated")
	f.StringVar(&c.Search, "search", c.Search, "how the next trial is found: "+strings.Join(names, ", "))
	addWhole(f, &c.Trials, "trials", 1, tune.MaxTrials, "trials that there are to be, those of earlier calls included")
	f.Lookup("trials").DefValue = "" // 0 is none
	f.DurationVar(&c.Budget, "budget", 0, "time that trials may take together, such as 90s, 10m or 1h30m, those of earlier calls included; 0: any")
	f.StringVar(&c.Prune, "prune", c.Prune, "which trials end early: "+strings.Join(tune.Prunings(), ", "))
	f.BoolVar(&force, "force", false, "run trials even where their estimated memory is not available")
	f.StringVar(&c.Dir, "out", "", "folder of the search: new, or that of one to go on with (default one under "+runsFolder+", by the data's name)")
	f.BoolVar(&asJSON, "json", false, "print the result as JSON")
	must(cmd.MarkFlagDirname("out"))
	must(cmd.RegisterFlagCompletionFunc("search", complete(func() []string { return names })))
	must(cmd.RegisterFlagCompletionFunc("prune", complete(tune.Prunings)))
	must(cmd.RegisterFlagCompletionFunc("over", func(cmd *cobra.Command, args []string, text string) ([]string, cobra.ShellCompDirective) {
		match, how := complete(func() []string {
			var all []string
			for _, path := range tune.Names(overNames()) {
				all = append(all, path+"=")
			}
			return all
		})(cmd, args, text)
		return match, how | cobra.ShellCompDirectiveNoSpace
	}))
	return cmd
}

// overNames are the names that flags have for settings.
func overNames() map[string]string {
	const rate = "train.optimizer.lr"
	names := map[string]string{rateFlag: rate, ratePath: rate}
	for _, s := range settings {
		names[s.flag] = s.path
	}
	return names
}

func runTune(cmd *cobra.Command, s streams, p *train.Plan, c tune.Config, force, asJSON bool) error {
	collector := newCollector()
	defer collector.free()
	set, err := loadWithin(p.Data, collector, force)
	if err != nil {
		return dataError(p, err)
	}
	if set, err = setOf(p, set); err != nil {
		return err
	}
	if _, err := runFolder(c.Dir, p.Config, set); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	c.Fits = func(p *train.Plan) error {
		b, err := budgetOf(p, set, roomNow())
		if err != nil {
			return err
		}
		if !force && !b.fits(b.parts) {
			return errors.New(b.short("the run", b.parts.Total()))
		}
		collector.limit(b.parts.Limit())
		return nil
	}
	watch := &tuneWatch{compareWatch: compareWatch{s: s}}
	res, err := tune.Run(cmd.Context(), c, set, watch.observe)
	watch.clear()
	if err != nil {
		return studyFlags(err, "over")
	}
	if asJSON {
		err = printJSON(s.out, tuneReport(res))
	} else {
		printTune(s, res)
	}
	switch {
	case err != nil:
		return err
	case res.Interrupted:
		return cmd.Context().Err()
	case res.Best < 0:
		return fmt.Errorf("no trial has come to a value: %s", res.Why())
	}
	return nil
}

// A tuneWatch tells of a search on standard error.
type tuneWatch struct {
	compareWatch
	trials int
}

func (w *tuneWatch) observe(e any) {
	switch e := e.(type) {
	case *tune.Began:
		w.trials = e.Trials
		var texts []string
		for _, a := range e.Axes {
			texts = append(texts, a.String())
		}
		fmt.Fprintf(w.s.err, "over %s; %d trials done before\n", data.EscapeText(strings.Join(texts, " ")), e.Recalled)
	case *tune.Trained:
		if w.s.terminal {
			w.clear()
			line := fmt.Sprintf("trial %d: epoch %d/%d, %.4f", e.Trial, e.Epoch, e.Epochs, float64(e.Value))
			w.width = len(line)
			fmt.Fprint(w.s.err, line)
		}
	case *tune.Ended:
		w.clear()
		of := ""
		if w.trials > 0 {
			of = fmt.Sprintf(" (%d of %d)", e.Number+1, w.trials)
		}
		fmt.Fprintf(w.s.err, "trial %d%s  %s: ", e.Number, of, data.EscapeText(tune.Text(e.Settings)))
		switch {
		case e.State == tune.Failed:
			fmt.Fprintf(w.s.err, "failed: %s\n", data.EscapeText(e.Reason))
		default:
			fmt.Fprintf(w.s.err, "%.4f, %.1f s", float64(e.Value), e.Seconds)
			if e.State == tune.Pruned {
				fmt.Fprintf(w.s.err, ", ended after epoch %d", e.Epochs)
			}
			if e.Best {
				fmt.Fprint(w.s.err, "  best")
			}
			fmt.Fprintln(w.s.err)
		}
	}
}

func printTune(s streams, res *tune.Result) {
	head := []string{"TRIAL"}
	for _, a := range res.Axes {
		head = append(head, strings.ToUpper(a.Name()))
	}
	t := newTable(append(head, strings.ToUpper(res.Metric)+" VALID", "EPOCHS", "SECONDS", "STATE")...)
	for _, x := range res.Trials {
		cells := []any{x.Number}
		for _, a := range res.Axes {
			cell := none
			if i := slices.IndexFunc(x.Settings, func(s tune.Setting) bool { return s.Name == a.Name() }); i >= 0 {
				cell = data.EscapeText(x.Settings[i].Value)
			}
			cells = append(cells, cell)
		}
		value, state := none, x.State
		if x.Value.Finite() {
			value = strconv.FormatFloat(float64(x.Value), 'f', 4, 64)
		}
		if x.Number == res.Best {
			state += ", best"
		}
		t.add(append(cells, value, x.Epochs, strconv.FormatFloat(x.Seconds, 'f', 1, 64), state)...)
	}
	t.print(s.out, "")
	fmt.Fprintf(s.out, "\n%d trials in %.1f s: %s\n", len(res.Trials), res.Seconds, res.Stopped)
	if res.Best < 0 {
		return
	}
	best := res.Trials[res.Best]
	fmt.Fprintf(s.out, "best  %s: %s %.4f on valid\n", data.EscapeText(tune.Text(best.Settings)), res.Metric, float64(best.Value))
	if len(res.Test) > 0 {
		var texts []string
		for _, x := range res.Test {
			texts = append(texts, fmt.Sprintf("%s %.4f", x.Name, x.Value))
		}
		fmt.Fprintf(s.out, "test  %s\n", strings.Join(texts, ", "))
	}
	fmt.Fprintf(s.out, "train it again by %s train --config %s\n", s.program, data.EscapeText(res.File))
	printRun(s.out, res.Run)
}

func printRun(w io.Writer, folder string) {
	fmt.Fprintf(w, "run folder %s\n", data.EscapeText(folder))
}

// tuneReport is what --json prints.
func tuneReport(res *tune.Result) any {
	var over []string
	for _, a := range res.Axes {
		over = append(over, a.String())
	}
	type best struct {
		tune.Trial
		Config string        `json:"config"`
		Run    string        `json:"run"`
		Test   []train.Value `json:"test,omitempty"`
	}
	report := struct {
		Metric  string       `json:"metric"`
		Over    []string     `json:"over"`
		Trials  []tune.Trial `json:"trials"`
		Best    *best        `json:"best,omitempty"`
		Stopped string       `json:"stopped"`
		Seconds float64      `json:"seconds"`
	}{Metric: res.Metric, Over: over, Trials: res.Trials, Stopped: res.Stopped, Seconds: res.Seconds}
	if res.Best >= 0 {
		report.Best = &best{res.Trials[res.Best], res.File, res.Run, res.Test}
	}
	return report
}
