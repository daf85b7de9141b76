package cli

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train/metric"
)

func init() { commands = append(commands, newSimilar) }

func newSimilar(s streams) *cobra.Command {
	var (
		c      runSource
		lists  []string
		single []string
		k      = 10
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "similar RUN --items ID,ID,…",
		Short: "Print the items, or the words, whose vectors are nearest to those of others",
		Long: `similar loads the model of a run folder and prints, for each item, those whose class
vectors have the largest cosine with its own: items that training found to follow on the
same contexts. Of running text items are words. Items without a training pair, whose
vectors nothing has moved, are left out, and none of them can be asked for, unless the model
makes vectors of items by their features. It takes
candidates whose classes have vectors of their own: all and sampled.

--items cuts its text at commas, and leaves out blanks around an id; --item takes an id as
it is. The output has one line per item and neighbour: item, rank, neighbour and cosine
between tabs, ids escaped as those of predict. JSON has ids as they are.`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var ids []string
			for _, list := range lists {
				for id := range strings.SplitSeq(list, ",") {
					if id = strings.TrimSpace(id); id != "" {
						ids = append(ids, id)
					}
				}
			}
			cut := len(ids)
			if ids = append(ids, single...); len(ids) == 0 {
				return usagef("--items: name at least one item, as in --items 1,2,3, or by --item ID")
			}
			return runSimilar(s, args[0], c, ids, cut, k, asJSON)
		},
	}
	c.addFlags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&lists, "items", nil, "ids of items with commas between; may be repeated")
	f.StringArrayVar(&single, "item", nil, "id of one item, whatever it holds; may be repeated")
	addWhole(f, &k, "k", 1, metric.MaxCutoff, "neighbours of an item")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// A neighbourhood is what is nearest to an item.
type neighbourhood struct {
	Item  string      `json:"item"`
	Items []neighbour `json:"items"`
}

type neighbour struct {
	Item   string  `json:"item"`
	Cosine float32 `json:"cosine"`
}

// runSimilar prints what is alike to ids, the first cut of which were between commas.
func runSimilar(s streams, folder string, c runSource, ids []string, cut, k int, asJSON bool) error {
	trained, set, err := c.open(s, folder)
	if err != nil {
		return err
	}
	items := make([]int, len(ids))
	for n, id := range ids {
		if items[n], err = set.ItemIndex(id); err == nil {
			continue
		}
		switch {
		case n >= cut:
			return fmt.Errorf("--item: %w", err)
		case cut > 1 || strings.Contains(id, `"`):
			err = fmt.Errorf("%w; --items cuts at commas; name an id that holds one by --item ID", err)
		}
		return fmt.Errorf("--items: %w", err)
	}
	near, err := trained.Similar(set, items, k)
	if err != nil {
		return err
	}
	all := make([]neighbourhood, len(items))
	for n, items := range near {
		all[n] = neighbourhood{Item: ids[n], Items: []neighbour{}}
		for _, x := range items {
			all[n].Items = append(all[n].Items, neighbour{x.ID, x.Score})
		}
	}
	if asJSON {
		for _, x := range all {
			for _, near := range append(x.Items, neighbour{Item: x.Item}) {
				if !utf8.ValidString(near.Item) {
					return fmt.Errorf("no JSON text can hold the id %q, which is not UTF-8; leave out --json", near.Item)
				}
			}
		}
		return printJSON(s.out, all)
	}
	for _, x := range all {
		for r, near := range x.Items {
			fmt.Fprintf(s.out, "%s\t%d\t%s\t%s\n", data.EscapeID(x.Item), r+1, data.EscapeID(near.Item), strconv.FormatFloat(float64(near.Cosine), 'f', 4, 32))
		}
	}
	return nil
}
