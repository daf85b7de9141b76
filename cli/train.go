package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/tensorboard"
)

func init() { commands = append(commands, newTrain) }

func newTrain(s streams) *cobra.Command {
	var (
		flags *configFlags
		out   string
		c     trainFlags
	)
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train a model and measure it",
		Long: `train trains a model on a data set, prints its metrics, and keeps the run in a
folder: its settings, the metrics of each epoch, the weights. Without flags it
trains matrix factorisation with full softmax on the generated set "demo".

Settings come from --config or --preset, then --set, then the flags below; the later
wins, and the run's folder records what was trained. A preset is a configuration that
comes with the program, by data set and loss, with the figures that it gave: --preset
list shows them. Its data are named by --data.

On a generated set, whose truth is known, the best attainable value of each metric
stands beside the reached one: what ranking by the truth would get.

Before the data are loaded, and again before the run starts, the memory that this takes
is estimated; where that is more than the system or the process's control group leaves,
it is refused, and changes that would fit are named. --force runs it all the same. Where a
system does not say what is available, nothing is refused. The run keeps to the
estimate: garbage is collected as hard as that asks for, unless GOMEMLIMIT or GOGC say
otherwise.

Ctrl-C ends the run after the step under way and keeps what was reached; the same
command with the run's folder as --out goes on from there to the same bits, from the
last evaluation too. A second Ctrl-C ends it at once: what stays is the last
checkpoint, which is written every minute between epochs. A folder in which another
process is at work is refused; the lock of one that was killed is none.

--from goes on with a run that has ended, with the state of its optimizer, in a folder of its own;
the run that it goes on from stays as it is. --epochs says +20 more, or 60 in all. Beside them
--patience may change, which a run that ended for its patience needs longer or 0, and --data,
where the same data are now; all else is kept. The bits are those of a run of so many epochs from
the start where the schedule does not depend on their number, as cosine and linear do: the rates of
the first epochs were then those of the shorter run, which is said. An epoch that --every left to
be measured for its being the last stays measured. A run that goes on is interrupted, killed and
taken up again as any other.

Values mean the same in a file, in --set and in flags: whole numbers are decimal, and
a value that is given is never taken for the default.

Paths of --set, beside ` + ratePath + `, which is the lr of train.optimizer:
` + pathDocs(),
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.preset == presetList {
				return listPresets(s, c.asJSON)
			}
			p, err := flags.plan()
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("out") && out == "" {
				return usagef(`--out: "" is no folder; leave the flag out for a new one under %s`, runsFolder)
			}
			c.config = flags
			return runTrain(cmd.Context(), s, p, out, c)
		},
	}
	flags = addConfigFlags(cmd)
	flags.addPreset(cmd)
	flags.addFrom(cmd)
	refuseRanks(cmd)
	cmd.Flags().StringVar(&out, "out", "", "run folder: new, empty, or that of an interrupted run (default a new one under "+runsFolder+")")
	cmd.Flags().StringVar(&c.board, "tensorboard", "", "folder to write TensorBoard event files into, in a folder named as the run's")
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "print what the run would hold in memory, and do not run")
	cmd.Flags().BoolVar(&c.force, "force", false, "run even where the estimated memory is not available")
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print the result as JSON")
	must(cmd.MarkFlagDirname("out"))
	must(cmd.MarkFlagDirname("tensorboard"))
	return cmd
}

// pathDocs lists the paths of a configuration, a group on each line.
func pathDocs() string {
	var b strings.Builder
	last := "-"
	for _, path := range train.Paths() {
		group, _, grouped := strings.Cut(path, ".")
		switch {
		case !grouped:
			group = ""
			fallthrough
		case group != last:
			b.WriteString("\n ")
		}
		last = group
		b.WriteString(" " + path)
	}
	return strings.TrimPrefix(b.String(), "\n")
}

// trainFlags are what train takes beside a configuration and a folder.
type trainFlags struct {
	board                 string
	dryRun, force, asJSON bool

	config *configFlags // that the plan was made of
}

func runTrain(ctx context.Context, s streams, p *train.Plan, out string, c trainFlags) error {
	collector := newCollector()
	defer collector.free()
	before := roomNow()
	set, err := loadWithin(p.Data, collector, c.force)
	if err != nil {
		if set = c.config.kept(s, err); set == nil {
			return dataError(p, err)
		}
	}
	if set, err = setOf(p, set); err != nil {
		return err
	}
	b, err := budgetOf(p, set, before)
	if err != nil {
		return err
	}
	refusal := b.refuse(p, set)
	if c.dryRun {
		if err := b.print(s, c.asJSON); err != nil {
			return err
		}
		return refusal // with --force too: it is what was asked about
	}
	if refusal != nil && !c.force {
		return refusal
	}
	collector.limit(b.parts.Limit())
	out, err = runFolder(out, p.Config, set)
	if err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := c.config.extend(out, p, set); err != nil {
		os.Remove(out) // succeeds on an empty folder alone
		return err
	}
	r := &reporter{s: s, set: set, memory: b, quiet: c.asJSON || s.isQuiet()}
	observe := train.Observer(r.observe)
	var events *tensorboard.Writer
	if c.board != "" {
		if events, err = tensorboard.Create(filepath.Join(c.board, filepath.Base(filepath.Clean(out)))); err != nil {
			os.Remove(out) // succeeds on an empty folder alone
			return fmt.Errorf("--tensorboard: %w", err)
		}
		observe = func(e train.Event) {
			r.observe(e)
			events.Observe(e)
		}
	}
	res, err := p.RunDir(ctx, out, set, observe)
	r.clear()
	if events != nil {
		// What it could not write fails the run at its end, not in its middle.
		err = errors.Join(err, events.Close())
		if res == nil {
			os.Remove(events.Name()) // of a run that did not start; what matters is the error before
		}
	}
	if res == nil { // nothing was reached
		os.Remove(out) // succeeds on an empty folder alone
		return err
	}
	// A run that failed on the way has a result too: what it kept.
	rep, repErr := newRunReport(context.WithoutCancel(ctx), out, set, res)
	if err = errors.Join(err, repErr); repErr == nil {
		if c.asJSON {
			err = errors.Join(err, printJSON(s.out, rep))
		} else {
			rep.print(s)
		}
	}
	if err == nil && res.Interrupted {
		return ctx.Err()
	}
	return err
}

// runsFolder holds the runs that were given no folder of their own.
const runsFolder = "runs"

// runFolder returns the folder to run in, which exists and can be written to.
// Without out it makes a new one under runsFolder, named after cfg, whose defaults are
// written out.
func runFolder(out string, cfg train.Config, set *data.Dataset) (string, error) {
	if out == "" {
		parts := []string{set.Name, cfg.Model.Name, cfg.Loss}
		if cfg.Loss == "" { // the solver's own
			parts[2] = cfg.Train.Solver
		}
		stem := filepath.Join(runsFolder, fileName(strings.Join(parts, "-")))
		if err := os.MkdirAll(runsFolder, 0o755); err != nil {
			return "", fmt.Errorf("%w; name a run folder that can be made", err)
		}
		for n := 1; ; n++ {
			// Mkdir tells who comes first where several runs start together.
			dir := fmt.Sprintf("%s-%d", stem, n)
			if err := os.Mkdir(dir, 0o755); err == nil {
				return dir, nil
			} else if !errors.Is(err, os.ErrExist) {
				return "", fmt.Errorf("%w; name a run folder that can be made", err)
			}
		}
	}
	if info, err := os.Stat(out); err == nil && !info.IsDir() {
		return "", fmt.Errorf("%s is a file; name a folder", out)
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return "", fmt.Errorf("%w; name a folder that can be made", err)
	}
	probe, err := os.CreateTemp(out, ".probe-*")
	if err != nil {
		return "", fmt.Errorf("%w; name a folder that can be written to", err)
	}
	return out, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// fileName replaces what a file name had better not hold. A plus goes without a trace: a
// dash in its place would make 1e-06 of 1e+06.
func fileName(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '+':
			return -1
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, text)
}
