package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
)

func init() { commands = append(commands, newPredict) }

func newPredict(s streams) *cobra.Command {
	var (
		c        runSource
		users    []string
		k        int
		withSeen bool
		asJSON   bool
	)
	cmd := &cobra.Command{
		Use:   "predict RUN --users ID,ID,…",
		Short: "Print the best items of users",
		Long: `predict loads the model of a run folder and prints, for each user, the items that
it ranks highest, with their scores. Users and items are named by the ids of the
data set's files. Items that the data set knows of a user, in any split, are left
out unless --with-seen.

The output has one line per user and item: user, rank, item and score between tabs.`,
		Args: arguments(1, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(users) == 0:
				return usagef("--users: name at least one user, as in --users 1,2,3")
			case k < 1:
				return usagef("--k: %d is below 1", k)
			}
			return runPredict(cmd.Context(), s, args[0], c, users, k, withSeen, asJSON)
		},
	}
	c.addFlags(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&users, "users", nil, "ids of the users")
	f.IntVar(&k, "k", 10, "items of a user")
	f.BoolVar(&withSeen, "with-seen", false, "rank the items too that the data set knows of the user")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func runPredict(ctx context.Context, s streams, folder string, c runSource, users []string, k int, withSeen, asJSON bool) error {
	trained, set, err := c.open(folder)
	if err != nil {
		return err
	}
	rows := make([]int, len(users))
	for i, id := range users {
		if rows[i], err = set.UserIndex(strings.TrimSpace(id)); err != nil {
			return fmt.Errorf("--users: %w", err)
		}
	}
	tops, err := trained.Predict(ctx, set, rows, k, withSeen)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(s.out, predictions(set, rows, tops))
	}
	printPredictions(s.out, predictions(set, rows, tops))
	return nil
}

// A prediction is the ranking of one user.
type prediction struct {
	User  string       `json:"user"`
	Items []rankedItem `json:"items"`
}

type rankedItem struct {
	Item  string  `json:"item"`
	Score float32 `json:"score"`
}

func predictions(set *data.Dataset, users []int, tops []models.Top) []prediction {
	all := make([]prediction, len(users))
	for i, u := range users {
		all[i] = prediction{User: set.UserName(u), Items: []rankedItem{}}
		for r, id := range tops[i].IDs {
			all[i].Items = append(all[i].Items, rankedItem{set.ItemName(int(id)), tops[i].Scores[r]})
		}
	}
	return all
}

func printPredictions(w io.Writer, all []prediction) {
	for _, p := range all {
		for r, item := range p.Items {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", p.User, r+1, item.Item, strconv.FormatFloat(float64(item.Score), 'g', 6, 32))
		}
	}
}
