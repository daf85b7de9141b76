package cli

import (
	"context"
	"fmt"

	"github.com/schollz/progressbar/v3"

	"github.com/fenchel-ml/fenchel/cli/internal/lists"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/words"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// usersAtOnce is how many users are ranked before their lists are written.
const usersAtOnce = 4096

// predictTo writes the rankings of users to a file, some at a time: memory does not grow with
// the number of users. Nobody is in the lists of who has no item left.
func predictTo(ctx context.Context, s streams, path string, ranker *userRanker, rows []int, k int, withSeen bool) (err error) {
	t, set := ranker.of, ranker.set
	var bar *progressbar.ProgressBar
	if s.terminal {
		bar = newBar(s, len(rows))
	}
	leftOut, err := t.LeftOut(set)
	if err != nil {
		return err
	}
	places, unknown, empty := 0, 0, 0
	err = lists.Write(path, func(put func([]lists.Row) error) error {
		room := make([]lists.Row, 0, usersAtOnce)
		for lo := 0; lo < len(rows); lo += usersAtOnce {
			users := rows[lo:min(lo+usersAtOnce, len(rows))]
			tops, err := ranker.rank(ctx, users, k, withSeen)
			if err != nil {
				return err
			}
			for i, u := range users {
				if len(set.Train.ItemsOf(u)) == 0 && !ranker.isBlank(u) {
					unknown++
				}
				if room = appendRows(room[:0], set, set.UserName(u), tops[i]); len(room) == 0 {
					empty++
					continue
				}
				if err := put(room); err != nil {
					return err
				}
				places += len(room)
			}
			if bar != nil {
				_ = bar.Add(len(users)) // the bar is no reason to stop
			}
		}
		return nil
	})
	if bar != nil {
		_ = bar.Finish()
	}
	if err != nil {
		return err
	}
	if len(leftOut) > 0 {
		fmt.Fprintln(s.err, leftOutNote(t.Items, len(leftOut)))
	}
	if note := ranker.note(); note != "" {
		fmt.Fprintln(s.err, note)
	}
	if unknown > 0 {
		fmt.Fprintf(s.err, "%d of the users have no training pair\n", unknown)
	}
	if empty > 0 {
		fmt.Fprintf(s.err, "%d of the users have no item left to rank, and no line\n", empty)
	}
	fmt.Fprintf(s.out, "%s of %s in %s\n", words.Count(places, "item"), words.Count(len(rows), "user"), path)
	return nil
}

// appendRows appends the places of a ranking.
func appendRows(rows []lists.Row, set *data.Dataset, user string, top models.Top) []lists.Row {
	for r, id := range top.IDs {
		rows = append(rows, lists.Row{User: user, Rank: int32(r + 1), Item: set.ItemName(int(id)), Score: top.Scores[r]})
	}
	return rows
}

// folded ranks for people whom neither the data set nor the model knows, by their histories
// alone: each is given the row that training would have given.
func folded(ctx context.Context, t *train.Recommender, set *data.Dataset, queries []data.Query, k int, withSeen bool) ([]models.Top, error) {
	server, err := t.Serve(set)
	if err != nil {
		return nil, err
	}
	tops := make([]models.Top, len(queries))
	for i, q := range queries {
		ask := train.Ask{Someone: true}
		for _, item := range q.History {
			ask.History = append(ask.History, set.ItemName(int(item)))
		}
		items, err := server.Recommend(ctx, ask, k, train.Filter{WithSeen: withSeen})
		if err != nil {
			return nil, fmt.Errorf("history:%d: %w", i+1, err)
		}
		for _, item := range items {
			tops[i].IDs, tops[i].Scores = append(tops[i].IDs, int32(item.Index)), append(tops[i].Scores, item.Score)
		}
	}
	return tops, nil
}
