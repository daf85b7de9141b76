package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

func init() { commands = append(commands, newData) }

// dataCommands are the subcommands of data; each file's init appends its own.
var dataCommands = []func(streams) *cobra.Command{newDescribe}

func newData(s streams) *cobra.Command {
	cmd := group("data", "Get, look into, convert and split data sets")
	for _, newCommand := range dataCommands {
		cmd.AddCommand(newCommand(s))
	}
	return cmd
}

func newDescribe(s streams) *cobra.Command {
	var (
		c      data.Config
		held   = textValue{kind: "number"}
		layout layoutFlags
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "describe [SOURCE]",
		Short: "Print the sizes, splits and skew of a data set",
		Long: `describe loads a source as a training run would and prints what it holds.

SOURCE is a file or a directory of train, valid and test files (plain, or compressed with
gzip, zstd or bzip2), or a generated set such as "demo" (the default) or "demo:users=500". The hash
names the split: runs of one hash trained and were measured on the same pairs. The
protocols are those that the split is of; see the command list protocol.
The Gini coefficient of item popularity is 0 where all items are equally popular
and nears 1 where one item has all interactions.

Formats:
` + formatDocs() + `
Splits:
` + splitDocs() + `
Features of users and items are fields that the model tower reads. A folder of RecBole or
MovieLens has files of them beside the interactions; others are named by --user-features
and --item-features. The lines of fields and the notes say what was read. Ids that nobody
with a training pair has are left out, and numbers are scaled to mean 0 and deviation 1.

Formats of features:
` + featureDocs(),
		Args: arguments(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				c.Source = args[0]
			}
			c.Held = held.text
			if err := layout.check(&c); err != nil {
				return err
			}
			d, err := reading(cmd.Context(), c)
			if err != nil {
				return flagOf(err)
			}
			names := train.ProtocolsOf(d)
			if asJSON {
				return printJSON(s.out, struct {
					data.Stats
					Protocols []string `json:"protocols"` // that are of this split
				}{d.Describe(), append([]string{}, names...)})
			}
			fmt.Fprint(s.out, d.Describe())
			if len(names) > 0 {
				fmt.Fprintf(s.out, "%-13s %s\n", "protocols", strings.Join(names, ", "))
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Format, "format", "", "format of the files; default: recognised by content")
	layout.add(cmd)
	f.StringVar(&c.UserFeatures, "user-features", "", userFeaturesUsage)
	f.StringVar(&c.ItemFeatures, "item-features", "", itemFeaturesUsage)
	f.StringVar(&c.Split, "split", "", "how to split; default: "+usualSplits)
	f.Var(&held, "held", "share of the users who are held out of training, such as 0.1 or 0.1,seed=2; default: none")
	addOptionalReal(f, &c.MinRating, "min-rating", minRatingUsage)
	addWhole(f, &c.Core, "core", 0, data.MaxCore, "keep the users and items with at least this many interactions; 0 keeps all")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	must(cmd.RegisterFlagCompletionFunc("format", completeSpecs("format")))
	must(cmd.RegisterFlagCompletionFunc("user-features", completeFile))
	must(cmd.RegisterFlagCompletionFunc("item-features", completeFile))
	must(cmd.RegisterFlagCompletionFunc("split", complete(splitExamples)))
	return cmd
}

const minRatingUsage = "keep the interactions of at least this rating, which may be 0; all unless given"

// splitExamples are texts of splits, for completion.
func splitExamples() []string {
	var texts []string
	for _, k := range data.SplitKinds() {
		texts = append(texts, k.Examples...)
	}
	return texts
}

// must panics on an error that only a mistake of this package can cause.
func must(err error) {
	if err != nil {
		panic("fenchel: " + err.Error())
	}
}

func formatDocs() string {
	var b strings.Builder
	for _, f := range data.Formats() {
		fmt.Fprintf(&b, "  %s\n      %s\n", f.Name, f.Doc)
	}
	return b.String()
}

func featureDocs() string {
	var b strings.Builder
	for _, f := range data.FeatureFormats() {
		fmt.Fprintf(&b, "  %s\n      %s\n", f.Name, f.Doc)
	}
	return b.String()
}

func splitDocs() string {
	var b strings.Builder
	for _, k := range data.SplitKinds() {
		fmt.Fprintf(&b, "  %s\n      %s\n", k.Usage, k.Doc)
	}
	return b.String()
}

// reading loads a set, and ends as soon as ctx does: a pipe may have nothing to read for ever. What
// reads then is not waited for.
func reading(ctx context.Context, c data.Config) (*data.Dataset, error) {
	type loaded struct {
		set *data.Dataset
		err error
	}
	done := make(chan loaded, 1)
	go func() {
		set, err := data.Load(c)
		done <- loaded{set, err}
	}()
	select {
	case l := <-done:
		return l.set, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
