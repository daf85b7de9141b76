package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/negatives"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/words"
)

func init() { commands = append(commands, newNegatives) }

func newNegatives(s streams) *cobra.Command {
	var (
		c     = negatives.Config{Omegas: negatives.Omegas()}
		out   outputFlags
		flags *configFlags
	)
	cmd := &cobra.Command{
		Use:   "negatives",
		Short: "Train with several weights of the negatives, beside the weight that sl-at-k gives them",
		Long: `negatives trains --loss, sl unless given (bsl, softmax, entmax and normmax have the
parameter negatives too), with each weight ω of --omegas, and sl-at-k, over all classes
and at one seed. SL@K's gradient gives the
negatives of a positive y the weight

  ω_y = 1/(1 − τ (1−w) L/τ_w)

with its softmax loss L and its weight w of the positive's place. ω_y is measured after
every epoch over positives of the train set, and stands beside the constants; the
metrics on valid stand beside each other by epoch, and those on test are by --protocol.
Where that trains on train+valid, the courses are of runs on train alone, and test is
measured after a second run.

The settings of train apply to every run. --temperature does not divide what sl-at-k
takes: --at-k has it at the product of temperatures of --loss unless given.`,
		Args: arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if c.Base, err = flags.config(); err != nil {
				return err
			}
			if err := c.Validate(); err != nil {
				return usageError{studyFlags(err, "omegas", "at-k")}
			}
			c := c.WithDefaults()
			set, trained, err := loadPlanned(c.Base)
			if err != nil {
				return err
			}
			res, err := negatives.Train(cmd.Context(), c, set, func(r *negatives.Run) {
				what := "done"
				if r.Fault != "" {
					what = "ended early"
				} else if r.Interrupted {
					what = fmt.Sprintf("interrupted after %d of %s", len(r.Epochs), words.Count(r.Planned, "epoch"))
				} else if len(r.Valid) > 0 {
					what = fmt.Sprintf("%s valid %.4f", r.Valid[0].Name, r.Valid[0].Value)
				}
				fmt.Fprintf(s.err, "%s: %s\n", r.Loss, what)
			})
			if err != nil {
				return err
			}
			page := report.Report{
				Title:       "The weight of the negatives on " + set.Name,
				Interrupted: res.Interrupted(),
				Facts: []report.Fact{
					{Name: "data", Value: fmt.Sprintf("%s: %s, %s, %s", set.Name, words.Count(set.Users, "user"), words.Count(set.Items, "item"), words.Count(trained.Train.Len(), "train interaction"))},
					{Name: "split", Value: fmt.Sprintf("%s, hash %.12s", set.Split, set.Hash())},
					{Name: "protocol", Value: res.Protocol.String()},
				},
				Sections: []report.Section{res.Section()},
			}
			if err := out.emit(s, page, func(w *sheet) {
				printNegatives(w, res)
				printInterrupted(w, res.Interrupted())
			}); err != nil {
				return err
			}
			return cmd.Context().Err() // interrupted, with what was recorded
		},
	}
	flags = addConfigFlags(cmd)
	refuseRanks(cmd)
	f := cmd.Flags()
	f.Lookup("loss").Usage = "loss over all classes whose parameter negatives the weights are of, one of " + strings.Join(negatives.Losses(), ", ") + ", without it, as in sl:tau=0.1 (default " + negatives.DefaultLoss + ")"
	must(f.MarkHidden("candidates")) // all classes are
	addReals(f, &c.Omegas, "omegas", "weights ω of the negatives, with commas between; 1 is the loss as it is")
	f.StringVar(&c.AtK, "at-k", "", "the sl-at-k beside them, such as sl-at-k:tau=0.2,tau-w=2.5 (default sl-at-k at the temperature of --loss)")
	out.add(cmd)
	must(cmd.RegisterFlagCompletionFunc("at-k", complete(func() []string { return []string{"sl-at-k", "sl-at-k:"} })))
	return cmd
}

// studyFlags is nameFlags, which also names the flags of the study's own settings.
func studyFlags(err error, flags ...string) error {
	lines := strings.Split(nameFlags(err).Error(), "\n")
	for i, line := range lines {
		for _, name := range flags {
			if rest, ok := strings.CutPrefix(line, name+": "); ok {
				lines[i] = "--" + name + ": " + rest
			}
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

func printNegatives(w *sheet, res *negatives.Result) {
	for _, shown := range []report.Table{res.Table(), res.WeightTable()} {
		if len(shown.Rows) > 0 {
			printTables(w, shown)
		}
	}
	for _, r := range res.Runs {
		if r.Fault != "" {
			fmt.Fprintf(w, "%s ended early: %s\n", r.Loss, data.EscapeText(r.Fault))
		}
	}
	for _, v := range res.Verdicts() {
		fmt.Fprintf(w, "%s  %s\n", strings.ToUpper(string(v.Kind)), v.Text)
	}
	if slices.ContainsFunc(res.Runs, func(r *negatives.Run) bool { return len(r.Test) > 0 }) {
		fmt.Fprintf(w, "test is measured by %s\n", data.EscapeText(res.Protocol.String()))
	}
}
