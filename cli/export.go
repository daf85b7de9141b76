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
		only         bool
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

Users are encoded with all that the data set knows of them. Vectors that no training pair has
moved are the first weights: how many those are is said, and --trained leaves them out. Of running
text, under task skipgram, contexts are words in place of users, and items are the words around
them. Of model ease, which has no vectors of users, the score of an item is the product of its
vector and one that is 1 at each item of a history, in the order of the items. Candidates that score items by
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
			v, err := trained.Vectors(set, form)
			if err != nil {
				return err
			}
			users, items := len(v.UntrainedUsers), len(v.UntrainedItems)
			if only {
				v.Trained()
			}
			if err := export.Write(args[1], f, v); err != nil {
				return err
			}
			contexts, classes := words.Count(len(v.UserIDs), "user"), words.Count(len(v.ItemIDs), "item")
			if v.Words {
				contexts, classes = words.Count(len(v.UserIDs), "word")+" as contexts", fmt.Sprintf("%d as classes", len(v.ItemIDs))
			}
			fmt.Fprintf(s.out, "%s and %s of %s, form %s, in %s\n", contexts, classes, words.Count(v.Dim, "number"), form, args[1])
			if users+items > 0 {
				how := "have the first weights, which nothing has moved, for vectors; --trained leaves them out"
				if only {
					how = "are left out: nothing has moved their vectors"
				}
				if v.Words {
					fmt.Fprintf(s.err, "%s as contexts and %d as classes without a training pair %s\n", words.Count(users, "word"), items, how)
				} else {
					fmt.Fprintf(s.err, "%s and %s without a training pair %s\n", words.Count(users, "user"), words.Count(items, "item"), how)
				}
			}
			if !v.ByProduct && form == train.ScoreVectors {
				fmt.Fprintln(s.err, "the run's loss does not rank by the score but by a map of it: the order of products is not that of predict")
			}
			return nil
		},
	}
	c.addFlags(cmd)
	cmd.Flags().BoolVar(&only, "trained", false, "leave out the users and items without a training pair, whose vectors nothing has moved")
	cmd.Flags().StringVar(&format, "format", format, "form of the files: "+strings.Join(export.Formats(), ", "))
	cmd.Flags().StringVar(&form, "vectors", form, "which vectors: "+strings.Join(train.VectorForms(), ", "))
	must(cmd.RegisterFlagCompletionFunc("format", complete(export.Formats)))
	must(cmd.RegisterFlagCompletionFunc("vectors", complete(train.VectorForms)))
	return cmd
}
