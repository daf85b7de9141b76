package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/export"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/train"
)

func init() { commands = append(commands, newExport) }

func newExport(s streams) *cobra.Command {
	var (
		c            runSource
		format, form = "safetensors", train.ScoreVectors
	)
	var list strings.Builder
	for _, name := range export.Formats() {
		f, err := export.Lookup(name)
		must(err)
		fmt.Fprintf(&list, "  %-12s %s\n", name, f.Doc)
	}
	cmd := &cobra.Command{
		Use:   "export RUN DIR",
		Short: "Write the vectors of users and items for other programs",
		Long: `export writes the vectors of a run's model, of all users and all items, with their ids,
into a new directory, and what they are into its file about.json. The formats are:

` + list.String() + `
--vectors says in which form:

  scores       the score of a user and an item is the product of their vectors, plus the
               item's bias where the model has one: under cosine of norm 1, and users
               divided by the temperature; what predict ranks by
  raw          as the model makes them
  unit         of norm 1, for a search by cosine

Users are encoded with all that the data set knows of them. Candidates that score items by
several decisions (tree, classes, adaptive) have no vectors of items to export.`,
		Args: arguments(2, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := export.Lookup(format)
			if err != nil {
				return usagef("--format: %v", err)
			}
			if !slices.Contains(train.VectorForms(), form) {
				return usagef("--vectors: unknown form %q%s", form, registry.Offer(form, train.VectorForms()))
			}
			trained, set, err := c.open(s, args[0])
			if err != nil {
				return err
			}
			server, err := trained.Serve(set)
			if err != nil {
				return err
			}
			v, err := server.Vectors(form)
			if err != nil {
				return err
			}
			if err := export.Write(args[1], f, v); err != nil {
				return err
			}
			fmt.Fprintf(s.out, "%s and %s of %s, form %s, in %s\n", words.Count(len(v.UserIDs), "user"), words.Count(len(v.ItemIDs), "item"), words.Count(v.Dim, "number"), form, args[1])
			if !v.ByProduct && form == train.ScoreVectors {
				fmt.Fprintln(s.err, "the run's loss does not rank by the score but by a map of it: the order of products is not that of predict")
			}
			return nil
		},
	}
	c.addFlags(cmd)
	cmd.Flags().StringVar(&format, "format", format, "form of the files: "+strings.Join(export.Formats(), ", "))
	cmd.Flags().StringVar(&form, "vectors", form, "which vectors: "+strings.Join(train.VectorForms(), ", "))
	must(cmd.RegisterFlagCompletionFunc("format", complete(export.Formats)))
	must(cmd.RegisterFlagCompletionFunc("vectors", complete(train.VectorForms)))
	return cmd
}
