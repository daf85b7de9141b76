package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
histories or features alone, or all. --by prints the metrics of four parts of the examples too: by
how many items are known of the user, or by how many users have the relevant item in
training, in which case a user counts with those of the relevant items that are in the
part.

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
			return runEval(cmd.Context(), s, args[0], c, how, splits, ms, asJSON, form)
		},
	}
	c.addFlags(cmd)
	how.addFlags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&splits, "split", nil, "splits to measure: train, valid, test (default valid and test, where they have interactions)")
	f.StringSliceVar(&metrics, "metrics", nil, "metrics, such as recall@20,ndcg@20 (default those of the run)")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	form.add(cmd)
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
		fmt.Fprintf(s.err, "%v: reading what the run kept of its data\n", err)
		set = kept
	}
	if set, err = p.SetOf(set); err != nil {
		return nil, nil, err
	}
	trained, err := train.Open(folder, set)
	return trained, set, err
}

// measured says how eval measures a run, where not as the run was.
type measured struct {
	items           rankedItems
	protocol, mask  string
	users, division string
}

func (m *measured) addFlags(cmd *cobra.Command) {
	m.items.addFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&m.protocol, "protocol", "", "protocol to measure by: "+strings.Join(protocolNames(), ", ")+" (default as the run was measured)")
	f.StringVar(&m.mask, maskFlag, "", maskUsage+" (default as the run was measured)")
	f.StringVar(&m.users, "users", "", "whose rankings are measured: "+strings.Join(train.UsersChoices(), ", ")+" (default "+train.TrainedUsers+")")
	f.StringVar(&m.division, "by", "", "measure parts of the examples too, by "+strings.Join(train.ByChoices(), " or by "))
	must(cmd.RegisterFlagCompletionFunc("users", complete(train.UsersChoices)))
	must(cmd.RegisterFlagCompletionFunc("by", complete(train.ByChoices)))
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
	if m.division != "" {
		if err := train.CheckBy(m.division); err != nil {
			return usagef("--by: %w", err)
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

func runEval(ctx context.Context, s streams, folder string, c runSource, how measured, splits []string, ms []metric.At, asJSON bool, form formFlag) error {
	trained, set, err := c.open(s, folder)
	if err != nil {
		return err
	}
	if err := how.of(trained, set); err != nil {
		return err
	}
	if ms == nil {
		ms = trained.Plan.Metrics
	}
	if len(splits) == 0 {
		for _, part := range set.Parts() {
			if part.Name != "train" && part.Len() > 0 {
				splits = append(splits, part.Name)
			}
		}
		if len(splits) == 0 {
			return fmt.Errorf("%s has neither valid nor test interactions; measure the train split with --split train", set.Name)
		}
	}
	var all []splitScores
	for _, split := range splits {
		e, err := trained.Evaluation(set, split, ms)
		if err != nil {
			return err
		}
		e.By = how.division
		scores, err := train.Evaluate(ctx, trained, e)
		if err != nil {
			return err
		}
		found, err := scoresOf(ctx, trained, set, scores, ms)
		if err != nil {
			return err
		}
		all = append(all, found)
	}
	if asJSON {
		return printJSON(s.out, all)
	}
	printScores(form.sheet(s), all)
	return nil
}
