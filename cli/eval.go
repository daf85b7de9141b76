package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/lists"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

func init() { commands = append(commands, newEval) }

func newEval(s streams) *cobra.Command {
	var (
		c       runSource
		how     measured
		by      segmented
		perUser string
		splits  []string
		metrics []string
		asJSON  bool
		form    formFlag
	)
	cmd := &cobra.Command{
		Use:   "eval RUN",
		Short: "Measure a trained model",
		Long: `eval loads the model of a run folder and its data, and prints metrics of a ranking
of all items by the run's loss, as the run was measured: by its protocol, or by its
--mask and --items. A ranking of test leaves out the user's items of train and of valid
unless --mask train, with which items of valid are wrong candidates, or --mask none; one
of valid leaves out those of train, one of train none. The means are over the users that
have relevant items. Items without a training pair, of which the model learned nothing,
are left out unless --items all; where a user has such an item in the split, it counts as
missed.

--users says whose rankings are measured, where the run held users out of training:
those who were trained on, as the run was measured, those who are held, by their
histories or features alone, or all.

` + segmentsHelp + `
` + perUserHelp + `
--protocol measures by another protocol than the run's. One that trains on something
else than the run did, or that is of another split, is refused: its numbers are those of
another model.

Metrics:
` + metricDocs(),
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, split := range splits {
				if !slices.Contains(splitNames, split) {
					return usagef("--split: unknown split %q%s", split, registry.Offer(split, splitNames))
				}
			}
			if cmd.Flags().Changed("split") && len(splits) == 0 {
				return usagef("--split: want at least one of %s", strings.Join(splitNames, ", "))
			}
			var ms []metric.At
			if cmd.Flags().Changed("metrics") {
				var err error
				if ms, err = metric.ParseAll(metrics); err != nil {
					return usagef("--metrics: %w", err)
				}
				if len(ms) == 0 {
					return usagef("--metrics: want at least one")
				}
			}
			if err := how.validate(); err != nil {
				return err
			}
			if err := by.validate(cmd); err != nil {
				return err
			}
			if cmd.Flags().Changed("per-user") {
				if err := lists.Check(perUser); err != nil {
					return usagef("--per-user: %w", err)
				}
			}
			return runEval(cmd.Context(), s, args[0], c, evaluation{how, by, splits, ms, perUser}, asJSON, form)
		},
	}
	c.addFlags(cmd)
	how.addFlags(cmd)
	by.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&perUser, "per-user", "", "file to write the values of each user into: "+strings.Join(lists.Endings(), ", "))
	f.StringSliceVar(&splits, "split", nil, "splits to measure: train, valid, test (default valid and test, where they have interactions)")
	f.StringSliceVar(&metrics, "metrics", nil, "metrics, such as recall@20,ndcg@20 (default those of the run)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	form.add(cmd)
	must(cmd.RegisterFlagCompletionFunc("per-user", completeFile))
	must(cmd.RegisterFlagCompletionFunc("split", complete(func() []string { return splitNames })))
	must(cmd.RegisterFlagCompletionFunc("metrics", completeMetrics))
	return cmd
}

var splitNames = []string{"train", "valid", "test"}

func metricDocs() string {
	var b strings.Builder
	for _, m := range metric.All() {
		cut := "@K"
		if m.NoCutoff {
			cut = ""
		}
		fmt.Fprintf(&b, "  %s%s\n      %s\n", m.Name, cut, m.Doc)
		for _, p := range newEntry(m.Name, m.Doc, m.Source, m.Params).Params {
			fmt.Fprintf(&b, "      %s:%s=%v%s is the default; %s: %s\n", m.Name, p.Name, p.Default, cut, cmp.Or(p.Range, strings.Join(p.Choices, ", ")), p.Doc)
		}
	}
	return b.String()
}

// A runSource says where to find the data of a run folder.
type runSource struct{ data string }

func (c *runSource) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.data, "data", "", "where the run's data are now (default where they were, else as the run kept them)")
	must(cmd.RegisterFlagCompletionFunc("data", completeSource))
	cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
}

// open loads what the run in a folder reached, and its data: where the files are gone,
// as the run kept them.
func (c *runSource) open(s streams, folder string) (*train.Recommender, *data.Dataset, error) {
	cfg, err := train.LoadConfig(folder)
	if err != nil {
		return nil, nil, err
	}
	if c.data != "" {
		cfg.Data.Source = c.data
	}
	p, err := cfg.Plan()
	if err != nil {
		return nil, nil, err
	}
	set, err := p.Data.Load()
	switch {
	case err != nil && c.data != "":
		return nil, nil, fmt.Errorf("--data: %w", err)
	case err != nil: // the files may be gone; the run has kept what it was trained on
		kept, keptErr := train.OpenSet(folder)
		if keptErr != nil {
			return nil, nil, fmt.Errorf("%w; say with --data where the run's data are now (and the run kept none: %w)", err, keptErr)
		}
		fmt.Fprintf(s.err, "what the run kept of its data is used: %v\n", err)
		set = kept
	}
	if set, err = p.SetOf(set); err != nil {
		return nil, nil, err
	}
	trained, err := train.Open(folder, set)
	if c.data == "" && errors.Is(err, train.ErrOtherData) { // the files have changed since
		if kept, keptErr := keptSet(folder, p); keptErr == nil {
			fmt.Fprintf(s.err, "%s is not what the run was trained on any more: what the run kept of it is used\n", data.EscapeText(cfg.Data.Source))
			set = kept
			trained, err = train.Open(folder, set)
		}
	}
	return trained, set, err
}

// keptSet returns what a run has kept of its data, as p learns from them.
func keptSet(folder string, p *train.Plan) (*data.Dataset, error) {
	set, err := train.OpenSet(folder)
	if err != nil {
		return nil, err
	}
	return p.SetOf(set)
}

// measured says how eval measures a run, where not as the run was.
type measured struct {
	items          rankedItems
	protocol, mask string
	users          string
}

func (m *measured) addFlags(cmd *cobra.Command) {
	m.items.addFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&m.protocol, "protocol", "", "protocol to measure by: "+strings.Join(protocolNames(), ", ")+" (default as the run was measured)")
	f.StringVar(&m.mask, maskFlag, "", maskUsage+" (default as the run was measured)")
	f.StringVar(&m.users, "users", "", "whose rankings are measured: "+strings.Join(train.UsersChoices(), ", ")+" (default "+train.TrainedUsers+")")
	must(cmd.RegisterFlagCompletionFunc("users", complete(train.UsersChoices)))
	must(cmd.RegisterFlagCompletionFunc("protocol", completeSpecs("protocol")))
	must(cmd.RegisterFlagCompletionFunc(maskFlag, complete(train.MaskChoices)))
}

func (m measured) validate() error {
	if err := m.items.validate(); err != nil {
		return err
	}
	if m.mask != "" {
		if err := train.CheckMask(m.mask); err != nil {
			return usagef("--%s: %w", maskFlag, err)
		}
	}
	if m.users != "" {
		if err := train.CheckUsers(m.users); err != nil {
			return usagef("--users: %w", err)
		}
	}
	if m.protocol == "" {
		return nil
	}
	// Parts beside a name are held against it as those of a run's configuration are.
	_, err := train.Config{Protocol: m.protocol, Eval: train.EvalConfig{Mask: m.mask, Items: string(m.items)}}.Plan()
	if err != nil {
		return usageError{nameFlags(err)}
	}
	return nil
}

// of has a model measured so on set.
func (m measured) of(t *train.Recommender, set *data.Dataset) error {
	if m.protocol != "" {
		if err := t.Measure(m.protocol, set); err != nil {
			return usagef("--protocol: %s", strings.TrimPrefix(strings.TrimPrefix(err.Error(), "train: "), "protocol: "))
		}
	}
	if m.mask != "" {
		t.Mask = m.mask
	}
	t.Users = m.users
	m.items.of(t)
	return nil
}

// rankedItems says which items a command ranks, "" as the run's settings do.
type rankedItems string

func (r *rankedItems) addFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar((*string)(r), itemsFlag, "", itemsUsage+" (default as the run was measured)")
	must(cmd.RegisterFlagCompletionFunc(itemsFlag, complete(train.ItemsChoices)))
}

func (r rankedItems) validate() error {
	if r == "" {
		return nil
	}
	if err := train.CheckItems(string(r)); err != nil {
		return usagef("--%s: %w", itemsFlag, err)
	}
	return nil
}

// of has a model rank them.
func (r rankedItems) of(t *train.Recommender) {
	if r != "" {
		t.Items = string(r)
	}
}

// An evaluation is what eval is asked for.
type evaluation struct {
	how     measured
	by      segmented
	splits  []string
	metrics []metric.At // nil: those of the run
	perUser string      // file of the values of each user, "" for none
}

func runEval(ctx context.Context, s streams, folder string, c runSource, v evaluation, asJSON bool, form formFlag) error {
	trained, set, err := c.open(s, folder)
	if err != nil {
		return err
	}
	if err := v.how.of(trained, set); err != nil {
		return err
	}
	if v.metrics == nil {
		v.metrics = trained.Plan.Metrics
	}
	if len(v.splits) == 0 {
		for _, part := range set.Parts() {
			if part.Name != "train" && part.Len() > 0 {
				v.splits = append(v.splits, part.Name)
			}
		}
		if len(v.splits) == 0 {
			return fmt.Errorf("%s has neither valid nor test interactions; measure the train split with --split train", set.Name)
		}
	}
	if err := v.by.read(s, set); err != nil {
		return err
	}
	var all []splitScores
	lines := 0
	if v.perUser == "" {
		all, err = v.measure(ctx, trained, set, nil)
	} else {
		lines, err = writePerUser(v.perUser, v.metrics, func(put func(row ...any) error) error {
			all, err = v.measure(ctx, trained, set, put)
			return err
		})
	}
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(s.out, all)
	}
	printScores(form.sheet(s), all)
	if v.perUser != "" {
		fmt.Fprintf(s.out, "%d lines in %s\n", lines, data.EscapeText(v.perUser))
	}
	return nil
}

// measure measures every split, and hands the values of each user to put unless it is nil.
func (v evaluation) measure(ctx context.Context, t *train.Recommender, set *data.Dataset, put func(row ...any) error) (all []splitScores, err error) {
	for _, split := range v.splits {
		e, err := t.Evaluation(set, split, v.metrics)
		if err != nil {
			return nil, err
		}
		if e.Segments, err = v.by.of(t, set, e); err != nil {
			return nil, err
		}
		scores, err := train.Evaluate(ctx, t, e)
		if err != nil {
			return nil, err
		}
		if put != nil {
			if err := putPerUser(put, set, e, scores); err != nil {
				return nil, err
			}
		}
		found, err := scoresOf(ctx, t, set, scores, v.metrics)
		if err != nil {
			return nil, err
		}
		all = append(all, found)
	}
	return all, nil
}
