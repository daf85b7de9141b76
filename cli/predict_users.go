package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// A userRanker ranks for users of the data set: by what training made of them, and by what the
// set knows of those of whom training had nothing, who are folded in.
type userRanker struct {
	of     *train.Recommender
	set    *data.Dataset
	blank  []int32 // ascending: first weights are all that the model has of them
	server *train.Server
	folded int // users who were folded in
}

func newUserRanker(t *train.Recommender, set *data.Dataset) (*userRanker, error) {
	blank, err := t.Blank(set)
	return &userRanker{of: t, set: set, blank: blank}, err
}

// isBlank reports whether the model has nothing of a user but first weights.
func (r *userRanker) isBlank(u int) bool {
	_, blank := slices.BinarySearch(r.blank, int32(u))
	return blank
}

// knows reports whether there is something to rank a user by.
func (r *userRanker) knows(u int) bool {
	return !r.isBlank(u) || len(r.set.Valid.ItemsOf(u))+len(r.set.Test.ItemsOf(u)) > 0 || r.set.IsHeld(u)
}

// without returns the users of whom something is known, and how many are none of these.
func (r *userRanker) without(rows []int) (known []int, nothing int) {
	for _, u := range rows {
		if r.knows(u) {
			known = append(known, u)
		}
	}
	return known, len(rows) - len(known)
}

// check returns an error that names the users of whom nothing is known.
func (r *userRanker) check(rows []int) error {
	var names []string
	for _, u := range rows {
		if !r.knows(u) {
			names = append(names, fmt.Sprintf("%q", r.set.UserName(u)))
		}
	}
	if len(names) == 0 {
		return nil
	}
	return fmt.Errorf("nothing is known of %s: no training pair, no other item to be folded in by, and no feature that model %s reads; a ranking by first weights would be chance", first(names), r.of.Plan.Config.Model.Name)
}

// rank returns the k best items of users of whom something is known.
func (r *userRanker) rank(ctx context.Context, rows []int, k int, withSeen bool) ([]models.Top, error) {
	trained, err := r.of.Predict(ctx, r.set, slices.DeleteFunc(slices.Clone(rows), r.isBlank), k, withSeen)
	if err != nil {
		return nil, err
	}
	tops := make([]models.Top, len(rows))
	for i, u := range rows {
		if !r.isBlank(u) {
			tops[i], trained = trained[0], trained[1:]
			continue
		}
		if r.server == nil {
			if r.server, err = r.of.Serve(r.set); err != nil {
				return nil, err
			}
		}
		items, err := r.server.Recommend(ctx, train.Ask{User: r.set.UserName(u)}, k, train.Filter{WithSeen: withSeen})
		if err != nil {
			return nil, fmt.Errorf("user %q, of whom training had nothing: %w", r.set.UserName(u), err)
		}
		r.folded++
		for _, item := range items {
			tops[i].IDs, tops[i].Scores = append(tops[i].IDs, int32(item.Index)), append(tops[i].Scores, item.Score)
		}
	}
	return tops, nil
}

// note says how many users were folded in, "" of none.
func (r *userRanker) note() string {
	switch r.folded {
	case 0:
		return ""
	case 1:
		return "1 user has no training pair, and is folded in by the other items that the data set has of this user"
	}
	return fmt.Sprintf("%d users have no training pair, and are folded in by the other items that the data set has of them", r.folded)
}
