package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
)

func init() { dataCommands = append(dataCommands, newSplit) }

func newSplit(s streams) *cobra.Command {
	var c data.Config
	var layout layoutFlags
	var format string
	var compress bool
	cmd := &cobra.Command{
		Use:   "split SRC DIR --split TEXT",
		Short: "Divide a data set into train, valid and test files",
		Long: `split loads SRC as a training run would, filters and split included, and writes the
parts to the new directory DIR, which other programs read and which a run takes as
given. DIR appears whole or not at all; one that exists is an error.

Splits:
` + splitDocs(),
		Args:              arguments(2, 2),
		ValidArgsFunction: completeSourceThenPath,
		RunE: func(cmd *cobra.Command, args []string) error {
			c.Source = args[0]
			return runSplit(cmd.Context(), s, c, layout, args[1], format, compress)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Split, "split", "", "how to split (required)")
	f.StringVar(&c.Format, "from", "", "format of SRC; default: recognised by content")
	layout.add(cmd)
	f.StringVar(&format, "format", "csv", "format to write")
	f.BoolVar(&compress, "gzip", false, "compress the files")
	addOptionalReal(f, &c.MinRating, "min-rating", minRatingUsage)
	addWhole(f, &c.Core, "core", 0, data.MaxCore, "keep the users and items with at least this many interactions; 0 keeps all")
	must(cmd.RegisterFlagCompletionFunc("split", complete(splitExamples)))
	must(cmd.RegisterFlagCompletionFunc("from", completeSpecs("format")))
	must(cmd.RegisterFlagCompletionFunc("format", complete(writable)))
	return cmd
}

func runSplit(ctx context.Context, s streams, c data.Config, layout layoutFlags, dir, format string, compress bool) error {
	if c.Split == "" {
		return usagef("--split: say how to split, such as %s", data.DefaultSplit)
	}
	if err := wantWritable("--format", format); err != nil {
		return err
	}
	if err := layout.check(&c); err != nil {
		return err
	}
	if err := absent(dir); err != nil {
		return err
	}
	d, err := reading(ctx, c)
	if err != nil {
		return flagOf(err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := data.SaveDir(dir, format, compress, d); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "split %s, hash %.12s\n", d.Split, d.Hash())
	return reportWritten(s, d, dir, format)
}
