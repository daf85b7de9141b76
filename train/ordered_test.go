package train

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
)

// shuffled returns contexts whose histories are in an order by lot.
func shuffled(f *data.Frame) *data.Frame {
	out := *f
	out.Fields = slices.Clone(f.Fields)
	rng := rand.New(rand.NewPCG(6, 6))
	for i := range out.Fields {
		x := &out.Fields[i]
		if x.Name != "history" {
			continue
		}
		of := x.ID
		x.ID, x.Lo, x.Hi = nil, slices.Clone(x.Lo), slices.Clone(x.Hi)
		for r, lo := range f.Fields[i].Lo {
			own := slices.Clone(of[lo:f.Fields[i].Hi[r]])
			rng.Shuffle(len(own), func(a, b int) { own[a], own[b] = own[b], own[a] })
			x.Lo[r] = len(x.ID)
			x.ID = append(x.ID, own...)
			x.Hi[r] = len(x.ID)
		}
	}
	return &out
}

// TestOrderedModelsLearn: models that know the order of histories rank better than
// popularity, and than themselves where histories are in another order.
func TestOrderedModelsLearn(t *testing.T) {
	walked := walks(t, 400)
	for _, model := range []string{"sasrec", "sasrec:table=own,blocks=1", "gru4rec"} {
		t.Run(model, func(t *testing.T) {
			cfg := quick("{train: {batch: 40, epochs: 20, optimizer: 'adam:lr=0.003,mode=dense'}, eval: {mask: none}}")
			cfg.Model.Name, cfg.Model.Dim, cfg.Eval.Metrics = model, 16, []string{"recall@10", "ndcg@10"}
			res, err := Run(t.Context(), cfg, walked, nil)
			require.NoError(t, err)
			require.Equal(t, "next", res.Trained.Plan.Task.Spec.Name)
			require.Equal(t, "dot", res.Trained.Plan.Config.Model.Score)
			require.Equal(t, 0.02, res.Trained.Plan.Config.Model.Init)
			own, pop, other := besideItself(t, res, walked, shuffled)
			require.Greater(t, own, 1.1*pop)
			require.Greater(t, own, 1.2*other)
		})
	}
}

// TestOrderedModelsAreTrainedAsUsual: their own rate and scores, unless others are given.
func TestOrderedModelsAreTrainedAsUsual(t *testing.T) {
	set := walks(t, 30)
	for text, want := range map[string]string{
		"{model: {name: sasrec}}":                             "adam:mode=dense dot 0.02 1",
		"{model: {name: gru4rec}, candidates: 'sampled:n=6'}": "adam dot 0.02 1",
		"{model: {name: mf}}":                                 "adam:lr=0.01,mode=dense cosine 0.1",
		"{model: {name: sasrec, score: cosine, init: 0.5}, train: {optimizer: 'sgd:lr=1'}}": "sgd:lr=1 cosine 0.5",
	} {
		c, err := Parse([]byte(text))
		require.NoError(t, err)
		r, err := New(c, set)
		require.NoError(t, err)
		c = r.Plan.Config
		got := fmt.Sprint(c.Train.Optimizer, " ", c.Model.Score, " ", c.Model.Init)
		require.True(t, strings.HasPrefix(want, got), "%s: %s; want %s", text, got, want)
		if c.Model.Score == "dot" {
			require.Equal(t, "1", c.Model.Temperature)
		}
	}
	for text, want := range map[string]string{
		"{model: {name: sasrec}}":                                   "5 [ndcg@10 hr@10] ndcg@10",
		"{model: {name: gru4rec}, train: {patience: 2}}":            "2 [ndcg@10 hr@10] ndcg@10",
		"{model: {name: sasrec}, train: {patience: 0}}":             "0 [ndcg@10 hr@10] ndcg@10",
		"{model: {name: sasrec}, eval: {metrics: [mrr@5]}}":         "5 [mrr@5] mrr@5",
		"{model: {name: sasrec}, train: {on: train+valid}}":         "- [ndcg@10 hr@10] ",
		"{model: {name: pool}, train: {patience: 0, task: next}}":   "- [recall@20 ndcg@20] recall@20",
		"{model: {name: mf}, train: {patience: 3, solver: als}}":    "3 [recall@20 ndcg@20] recall@20",
		"{model: {name: 'sasrec:blocks=1'}, train: {task: 'last'}}": "5 [ndcg@10 hr@10] ndcg@10",
	} {
		for range 2 { // what is recorded is read again
			c, err := Parse([]byte(text))
			require.NoError(t, err)
			p, err := c.Plan()
			require.NoError(t, err, text)
			patience := "-"
			if n := p.Config.Train.Patience; n != nil {
				patience = fmt.Sprint(*n)
			}
			require.Equal(t, want, fmt.Sprint(patience, " ", p.Config.Eval.Metrics, " ", p.Config.Train.Monitor), text)
			text = p.Config.String()
		}
	}
	_, err := New(quick("{model: {name: 'sasrec:len=3'}, train: {task: 'next:len=9'}}"), set)
	require.ErrorContains(t, err, "a history has 9 events, and len=3 places have vectors; give it sasrec:len=9, or train by a task of fewer, as next:len=3")
	_, err = New(quick("{model: {name: 'sasrec:heads=3', dim: 8}}"), set)
	require.ErrorContains(t, err, "3 heads do not divide d = 8")
}

// TestUsualPatience: a patience that is only usual ends a run where there is something to
// watch, and keeps the best weights; one that is given must have something to watch.
func TestUsualPatience(t *testing.T) {
	set := walks(t, 40)
	text := "{model: {name: gru4rec}, train: {optimizer: 'adam:lr=0.1', epochs: 60}}"
	res, err := Run(t.Context(), quick(text), set, nil)
	require.NoError(t, err)
	require.True(t, res.Stopped)
	require.Equal(t, res.BestEpoch+5, res.Epochs)
	require.Equal(t, res.History[res.BestEpoch-1].Valid, res.Valid)

	none := *set
	none.Split = ""
	if none.Valid, err = data.Empty(set.Users, set.Items); err != nil {
		t.Fatal(err)
	}
	c := quick(text)
	c.Train.Epochs = 2
	res, err = Run(t.Context(), c, &none, nil)
	require.NoError(t, err)
	require.Equal(t, 2, res.Epochs)
	require.Nil(t, res.Trained.Plan.Config.Train.Patience)
	c.Train.Patience = new(5)
	_, err = Run(t.Context(), c, &none, nil)
	require.ErrorContains(t, err, "train.patience needs a valid split")
}

// TestUsualScoreOfALossOfCosines: a loss that takes nothing but cosines has them under a model
// whose usual score is another, and one that is given stays.
func TestUsualScoreOfALossOfCosines(t *testing.T) {
	for text, want := range map[string]string{
		"{model: {name: sasrec}}":                         "dot",
		"{model: {name: sasrec}, loss: arcface}":          "cosine",
		"{model: {name: gru4rec}, loss: 'ccl@all'}":       "cosine",
		"{model: {name: gru4rec}, loss: 'softmax:tau=2'}": "dot",
	} {
		c, err := Parse([]byte(text))
		require.NoError(t, err)
		p, err := c.Plan()
		require.NoError(t, err, text)
		require.Equal(t, want, p.Config.Model.Score, text)
	}
	for _, s := range losses.All() { // by name alone
		c := Config{Model: ModelConfig{Name: "sasrec"}, Loss: s.Name, Candidates: "all"}
		require.NoError(t, c.Validate(), s.Name)
	}
	c := Config{Model: ModelConfig{Name: "sasrec", Score: "dot"}, Loss: "arcface"}
	require.ErrorContains(t, c.Validate(), "set model.score to cosine")
}
