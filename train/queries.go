package train

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models"
)

// PredictHistories is PredictQueries of people of whom nothing is known but a history
// each: items of set, the oldest first, with repeats; an empty one is somebody new. A model
// that reads no histories is an error.
func (t *Recommender) PredictHistories(ctx context.Context, set *data.Dataset, histories [][]int32, k int, withSeen bool) ([]models.Top, error) {
	reads, err := t.ReadsHistories()
	if err != nil {
		return nil, err
	}
	if !reads {
		return nil, t.noHistories()
	}
	queries := make([]data.Query, len(histories))
	for i, h := range histories {
		queries[i].History = h
	}
	return t.PredictQueries(ctx, set, queries, k, withSeen)
}

func (t *Recommender) noHistories() error {
	return fmt.Errorf("train: %s reads no histories: it knows nobody but the users whom it was trained on; train one that does, such as pool", t.named())
}

// PredictQueries returns the k best items for people who are in no file, by the history and
// the features that are known of each. Unless withSeen, the items of a history are left out
// of its ranking, and so are the items that Items does not say. A history, or a feature,
// that the model does not read is an error, and so is a query of which it reads nothing:
// a *data.QueryError where it is one of them.
func (t *Recommender) PredictQueries(ctx context.Context, set *data.Dataset, queries []data.Query, k int, withSeen bool) ([]models.Top, error) {
	set, err := t.on(set)
	if err != nil {
		return nil, err
	}
	left, err := leftOut(set, t.items())
	if err != nil {
		return nil, err
	}
	contexts, err := t.Plan.task().OfQueries(set, queries)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	reads, err := t.Reads()
	if err != nil {
		return nil, err
	}
	if err := t.answers(queries, reads); err != nil {
		return nil, err
	}
	rows := make([]int32, len(queries))
	for i := range rows {
		rows[i] = int32(i)
	}
	return t.predict(ctx, contexts, rows, k, seenIn(t, set, withSeen), left)
}

// answers returns an error of a query that says what the model does not read, or nothing
// that it does; reads are the fields that it reads.
func (t *Recommender) answers(queries []data.Query, reads []string) error {
	known := known(reads)
	histories := slices.Contains(reads, "history")
	for i, q := range queries {
		if len(q.History) > 0 && !histories {
			return t.noHistories()
		}
		for _, name := range slices.Sorted(maps.Keys(q.Features)) {
			if !slices.Contains(known, name) {
				return &data.QueryError{Query: i, Err: fmt.Errorf("%s does not read the feature %q of users; it reads %s", t.named(), name, orNothing(known))}
			}
		}
		if !histories && len(q.Features) == 0 {
			return &data.QueryError{Query: i, Err: fmt.Errorf("it says nothing that %s reads, which is %s", t.named(), orNothing(known))}
		}
	}
	return nil
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "nothing but who the user is"
	}
	return strings.Join(names, ", ")
}

// known returns the fields, of those that a model reads, that say more of a context than who
// the user is.
func known(reads []string) []string {
	return slices.DeleteFunc(slices.Clone(reads), func(field string) bool { return field == "user" })
}

// Reads returns the names of the fields of contexts that the model encodes them by.
func (t *Recommender) Reads() ([]string, error) {
	if err := t.isMade(); err != nil {
		return nil, err
	}
	if t.Plan.fits() { // the history of who has no training pair
		return []string{"user", "history"}, nil
	}
	g := models.NewGraph(graph.NewPlan[float32](), t.contexts, 1, nil)
	if _, err := models.Encode(g, t.Model); err != nil {
		return nil, err
	}
	return g.Contexts.Fields(), nil
}

// ReadsHistories reports whether the model encodes a context by its history, so that it
// ranks for who was not in training.
func (t *Recommender) ReadsHistories() (bool, error) {
	reads, err := t.Reads()
	return slices.Contains(reads, "history"), err
}
