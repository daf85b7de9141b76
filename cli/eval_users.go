package cli

import (
	"fmt"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/lists"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

const perUserHelp = `--per-user writes a line for each user of each split that is measured: the split, the
user's id, how many items are held out, and the value of each metric, whose mean over
the lines of a split is what is printed. A cell is empty where a user without held-out
items is measured by metrics of all alone, such as p. Metrics that belong to the lists of
all users together, such as coverage, gini, entropy, psp and perplexity, are no mean of
anything that a user has, and are no column. Where a task ranks several moments of a
user, each is a line.
`

// writePerUser writes what f hands to put to a file, and returns the number of lines.
func writePerUser(path string, ms []metric.At, f func(put func(row ...any) error) error) (lines int, err error) {
	columns := []lists.Column{{Name: "split", Kind: lists.Text}, {Name: "user", Kind: lists.Text}, {Name: "items", Kind: lists.Count}}
	var pooled []string
	for _, at := range ms {
		if at.Pooled {
			pooled = append(pooled, at.String())
			continue
		}
		columns = append(columns, lists.Column{Name: at.String(), Kind: lists.Number})
	}
	if len(pooled) == len(ms) {
		return 0, usagef("--per-user: no user has a value of %s, which belong to the lists of all users together; name others by --metrics", strings.Join(pooled, ", "))
	}
	err = lists.WriteTable(path, columns, func(put func(row ...any) error) error {
		return f(func(row ...any) error {
			lines++
			return put(row...)
		})
	})
	return lines, err
}

// putPerUser hands the users of an evaluation to put.
func putPerUser(put func(row ...any) error, set *data.Dataset, e train.Evaluation, scores *train.Scores) error {
	user, err := e.Examples.Context.Field("user")
	if err != nil {
		return fmt.Errorf("--per-user: what is ranked is no user: %w", err)
	}
	if user.Lo != nil || user.Size > set.Users {
		return fmt.Errorf("--per-user: what is ranked is not of the %d users of %s", set.Users, set.Name)
	}
	row := make([]any, 0, 3+len(e.Metrics))
	return scores.Each(func(r int32, relevant int, values []float64) error {
		u := int(user.One(int(r)))
		if u < 0 {
			return fmt.Errorf("--per-user: row %d of what is ranked is of no user", r)
		}
		row = append(row[:0], scores.Split, set.UserName(u), relevant)
		for m, at := range e.Metrics {
			if !at.Pooled {
				row = append(row, values[m])
			}
		}
		return put(row...)
	})
}
