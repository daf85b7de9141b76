package cli

import (
	"context"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// attainable returns what ms measure, where t measures a split of a generated set, of
// the ranking by the set's truth: the best that a model can expect to reach. Metrics
// beyond hits have no such value: they are not among those returned.
func attainable(ctx context.Context, t *train.Recommender, set *data.Dataset, split string, ms []metric.At) (*train.Scores, error) {
	ms = slices.DeleteFunc(slices.Clone(ms), func(at metric.At) bool { return at.Beyond || at.LogProbs })
	if len(ms) == 0 {
		return &train.Scores{Split: split}, nil
	}
	e, err := t.Evaluation(set, split, ms)
	if err != nil {
		return nil, err
	}
	return train.Evaluate(ctx, byTruth{set.Truth}, e)
}

// byTruth ranks the items of a generated set by the distribution they were drawn from.
type byTruth struct{ *data.Truth }

// Rankings implements [models.Scorer], for contexts that are users.
func (t byTruth) Rankings(ctx context.Context, q models.Query, each func(i int, top models.Top)) error {
	scores := make([]float32, q.Classes)
	user, err := q.Contexts.Field("user")
	if err != nil {
		return err
	}
	return q.Each(ctx, func(start int, rows []int32, masks [][]int32) error {
		for i, row := range rows {
			t.Scores(scores, int(user.One(int(row))))
			top, err := models.SelectTop(scores, masks[i], q.K)
			if err != nil {
				return err
			}
			each(start+i, top)
		}
		return nil
	})
}
