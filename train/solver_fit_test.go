package train

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/models/baseline"
)

// TestSolverFit: what is fitted without vectors is a run as any other: it is interrupted and gone on
// with, measures what the ranking of package baseline does, and answers from its folder as in
// memory, for users and for histories.
func TestSolverFit(t *testing.T) {
	set := walks(t, 60)
	for _, s := range baseline.All() {
		for _, task := range []string{"user", "next:len=6"} {
			t.Run(s.Name+"/"+task, func(t *testing.T) {
				c := Config{Model: ModelConfig{Name: s.Name}, Train: TrainConfig{Task: task}}
				whole, dir := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "run")
				want, err := RunDir(t.Context(), whole, c, set, nil)
				require.NoError(t, err)

				begun, cancel := context.WithCancel(t.Context())
				res, err := RunDir(begun, dir, c, set, func(e Event) { cancel() }) // at Started
				require.NoError(t, err)
				require.True(t, res.Interrupted)
				_, err = Open(dir, set)
				require.ErrorContains(t, err, "interrupted before model "+s.Name+" was fitted")
				ctx, obs := stopAt(t, 0, 0) // before its evaluation
				res, err = RunDir(ctx, dir, c, set, obs)
				require.NoError(t, err)
				require.True(t, res.Interrupted)
				res, err = RunDir(t.Context(), dir, c, set, nil)
				require.NoError(t, err)
				require.Equal(t, want.Test.Values, res.Test.Values)
				x, err := os.ReadFile(filepath.Join(whole, WeightsFile))
				require.NoError(t, err)
				y, err := os.ReadFile(filepath.Join(dir, WeightsFile))
				require.NoError(t, err)
				require.Equal(t, x, y)

				require.NoFileExists(t, filepath.Join(dir, StateFile), "there are no more epochs")
				p := res.Trained.Plan
				fitted, err := p.Baseline.Fit(t.Context(), set.Train)
				require.NoError(t, err)
				e, err := p.Evaluation(set, "test", p.Metrics)
				require.NoError(t, err)
				alone, err := Evaluate(t.Context(), fitted, e)
				require.NoError(t, err)
				require.Equal(t, alone.Values, res.Test.Values)
				_, err = p.Estimate(set)
				require.NoError(t, err)

				server, err := OpenRecommender(dir)
				require.NoError(t, err)
				tops, err := res.Trained.Predict(t.Context(), set, []int{0, 7}, 9, false)
				require.NoError(t, err)
				for i, u := range []int{0, 7} {
					got, err := server.Recommend(t.Context(), Ask{User: set.UserName(u)}, 9, Filter{})
					require.NoError(t, err)
					sameAnswer(t, set, tops[i].IDs, tops[i].Scores, got)
				}
				folded, err := res.Trained.PredictHistories(t.Context(), set, [][]int32{{3, 5, 5, 9}, {}}, 9, false)
				require.NoError(t, err)
				for i, history := range [][]string{{set.ItemName(3), set.ItemName(5), set.ItemName(5), set.ItemName(9)}, {}} {
					got, err := server.Recommend(t.Context(), Ask{Someone: true, History: history}, 9, Filter{})
					require.NoError(t, err)
					sameAnswer(t, set, folded[i].IDs, folded[i].Scores, got)
				}
				own, err := server.Recommend(t.Context(), Ask{User: set.UserName(7)}, 9, Filter{WithSeen: true, Only: []string{set.ItemName(1), set.ItemName(2)}})
				require.NoError(t, err)
				require.Len(t, own, 2)

				_, err = server.SimilarUsers(t.Context(), set.UserName(7), 3)
				require.ErrorContains(t, err, "no vectors of users")
				near, err := server.SimilarItems(t.Context(), set.ItemName(7), 3)
				if s.Name != "ease" {
					require.ErrorContains(t, err, "no vectors of items")
					_, err = server.Vectors(ScoreVectors)
					require.ErrorContains(t, err, "no vectors of items")
					return
				}
				require.NoError(t, err)
				require.Len(t, near, 3)
				all, err := res.Trained.Similar(set, []int{7}, 3)
				require.NoError(t, err)
				require.Equal(t, all[0], near)
				_, err = server.Vectors(UnitVectors)
				require.ErrorContains(t, err, "in the form scores")

				// What another program ranks by gives the same scores.
				v, err := server.Vectors(ScoreVectors)
				require.NoError(t, err)
				require.True(t, v.ByHistory)
				for _, item := range folded0(t, server, set.ItemName(3), set.ItemName(9)) {
					score := v.Items[item.Index*v.Dim+3] + v.Items[item.Index*v.Dim+9]
					require.InDelta(t, score, item.Score, 1e-6)
				}
			})
		}
	}
}

// folded0 returns the answer for a history.
func folded0(t *testing.T, s *Server, history ...string) []Item {
	items, err := s.Recommend(t.Context(), Ask{Someone: true, History: history}, 5, Filter{})
	require.NoError(t, err)
	require.Len(t, items, 5)
	return items
}

// TestSolverFitRefuses: a setting that the solver would ignore is a fault of its own, and no other is
// reported beside it.
func TestSolverFitRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"{model: {name: ease}, loss: softmax}":                       "config: loss: model ease is fitted in one step, and does not take it",
		"{model: {name: ease, dim: 8}}":                              "config: model.dim: model ease is fitted in one step, and does not take it",
		"{model: {name: ease}, train: {epochs: 2}}":                  "config: train.epochs: model ease is fitted in one step, and does not take it",
		"{model: {name: pop}, train: {seed: 2}}":                     "config: train.seed: model pop is fitted in one step, and does not take it",
		"{model: {name: 'ease:lambda=0'}}":                           "config: model.name: baseline: ease: lambda=0 is outside [1e-09, 1e+12]",
		"{train: {solver: fit}}":                                     "config: train.solver: solver fit takes the models without vectors (ease, itemknn, pop), and not mf",
		"{model: {name: itemknn}, train: {solver: als}}":             "config: train.solver: model itemknn has no vectors to train: it takes solver fit, which is its default",
		"{model: {name: ease}, train: {task: label}}":                "config: train.task: model ease ranks by what a user has, and the contexts of task label are others",
		"{model: {name: ease}, eval: {metrics: [nll]}}":              "config: eval.metrics: nll asks for probabilities of classes, and solver fit finds none; solver gradient does",
		"{model: {name: ease}, train: {optimizer: adam, batch: 20}}": "config: train.batch: model ease is fitted in one step, and does not take it\ntrain.optimizer: model ease is fitted in one step, and does not take it",
	} {
		c, err := Parse([]byte(text))
		require.NoError(t, err, text)
		require.EqualError(t, c.Validate(), want, text)
	}
	err := Config{Model: ModelConfig{Name: "easy"}}.Validate()
	require.ErrorContains(t, err, `models: unknown model "easy" (did you mean ease?); the choices are `)
	require.ErrorContains(t, err, "tower")
}
