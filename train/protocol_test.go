package train

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/needs"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// byID ranks classes by their number, the smallest first.
type byID struct{}

func (byID) Rankings(ctx context.Context, q models.Query, each func(i int, top models.Top)) error {
	scores := make([]float32, q.Classes)
	for c := range scores {
		scores[c] = float32(-c)
	}
	return q.Each(ctx, func(start int, rows []int32, masks [][]int32) error {
		for i := range rows {
			top, err := models.SelectTop(scores, masks[i], q.K)
			if err != nil {
				return err
			}
			each(start+i, top)
		}
		return nil
	})
}

// worked is a set whose rankings by number are counted by hand: of items 0 to 5, 0 is in
// valid alone, 3 nowhere.
func worked(t *testing.T, split string) *data.Dataset {
	of := func(pairs map[int32][]int32) *data.Interactions {
		var user, item []int32
		for u, items := range pairs {
			for _, i := range items {
				user, item = append(user, u), append(item, i)
			}
		}
		x, _, err := data.FromPairs(2, 6, user, item, nil, nil)
		require.NoError(t, err)
		return x
	}
	return &data.Dataset{
		Name: "worked", Users: 2, Items: 6, Split: split,
		Train: of(map[int32][]int32{0: {1}, 1: {2, 4, 5}}),
		Valid: of(map[int32][]int32{0: {2}, 1: {0}}),
		Test:  of(map[int32][]int32{0: {4}, 1: {1}}),
	}
}

// TestProtocolsByHand: what a ranking leaves out is what each protocol, and each part by
// itself, says. The numbers are reciprocal ranks of item 4 for the first user and of item
// 1 for the second.
func TestProtocolsByHand(t *testing.T) {
	ms, err := metric.ParseAll([]string{"mrr@10"})
	require.NoError(t, err)
	for _, c := range []struct {
		text, split string
		want        float64 // mean of the two
	}{
		{"", "given", (1. + 1) / 2},                                                         // 4 5 | 1
		{"{protocol: recbole}", "given", (1./3 + 1) / 2},                                    // 0 3 4 5 | 1 3
		{"{protocol: leave-one-out}", "leave-one-out:seed=1,ties=lot", (1./3 + 1) / 2},      // the same masks
		{"{protocol: bars}", "given", (1./4 + 1./2) / 2},                                    // 0 2 3 4 5 | 0 1 3
		{"{protocol: irb-hold}", "given:hold=0.1,seed=3", (1./4 + 1./2) / 2},                // the held items, 2 and 0, are ranked
		{"{protocol: lightgcn}", "given", (1./3 + 1) / 2},                                   // trained on 2 and 0 too: 0 3 4 5 | 1 3
		{"{eval: {mask: train}}", "", (1./2 + 1) / 2},                                       // without the cold 0 and 3: 2 4 5 | 1
		{"{eval: {mask: none}}", "", (1./3 + 1) / 2},                                        // 1 2 4 5 | 1 2 4 5
		{"{eval: {mask: none, items: all}}", "", (1./5 + 1./2) / 2},                         // 0 1 2 3 4 5 | 0 1
		{"{train: {on: train+valid}}", "", (1./2 + 1) / 2},                                  // 0 is cold no longer: 0 4 5 | 1
		{"{train: {on: train+valid}, eval: {mask: train, items: all}}", "", (1./3 + 1) / 2}, // lightgcn, part by part
		{"{train: {on: train+valid}, eval: {mask: none, items: all}}", "", (1./5 + 1./2) / 2},
	} {
		p, err := quick(c.text).Plan()
		require.NoError(t, err, c.text)
		set := worked(t, c.split)
		e, err := p.Evaluation(set, "test", ms)
		require.NoError(t, err, c.text)
		got, err := Evaluate(t.Context(), byID{}, e)
		require.NoError(t, err)
		require.InDelta(t, c.want, got.Values[0].Value, 1e-12, c.text)

		// A model's own evaluation has the same examples, masks and classes left out.
		m, err := p.New(set)
		require.NoError(t, err)
		its, err := m.Evaluation(set, "test", ms)
		require.NoError(t, err)
		require.Equal(t, e.Examples, its.Examples, c.text)
		require.Equal(t, e.LeftOut, its.LeftOut, c.text)
		require.Equal(t, p.ProtocolOn(set), m.ProtocolOn(set))
		require.Equal(t, c.split, m.ProtocolOn(set).Split)
		require.Equal(t, p.Config.Protocol, m.ProtocolOn(set).Name)

		// Valid is ranked without train under any of them, and is none where it was
		// trained on.
		e, err = p.Evaluation(set, "valid", ms)
		if p.Config.Train.On == BothSets {
			require.ErrorContains(t, err, "the valid split of worked has no interactions: train.on=train+valid has them in train")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "history", e.Examples.Seen)
		got, err = Evaluate(t.Context(), byID{}, e)
		require.NoError(t, err)
		want := (1. + 0) / 2 // 2 4 5, and 0 is left out: a miss
		if p.Config.Eval.Items == AllItems {
			want = (1./2 + 1) / 2 // 0 2 | 0
		}
		require.InDelta(t, want, got.Values[0].Value, 1e-12, c.text)
	}
}

// TestProtocolContradictions: a part that is given and says otherwise than the protocol is
// an error that names both, and one that agrees is none.
func TestProtocolContradictions(t *testing.T) {
	for text, want := range map[string]string{
		"{protocol: lightgnc}":                                         `unknown protocol "lightgnc" (did you mean lightgcn?)`,
		"{protocol: lightgcn, train: {on: train}}":                     "protocol: lightgcn has train.on=train+valid, and train.on=train contradicts it",
		"{protocol: recbole, eval: {mask: train}}":                     "protocol: recbole has eval.mask=train+valid, and eval.mask=train contradicts it",
		"{protocol: recbole, eval: {items: warm}}":                     "protocol: recbole has eval.items=all, and eval.items=warm contradicts it",
		"{protocol: irb-hold, data: {split: given}}":                   "protocol: irb-hold is of the split given:hold=0.1 with any seed, and data.split=given contradicts it",
		"{protocol: irb-hold, data: {split: 'given:hold=0.2'}}":        "data.split=given:hold=0.2,seed=1 contradicts it",
		"{protocol: bars, data: {split: 'given:valid=0.1'}}":           "protocol: bars is of the split given, and",
		"{protocol: recbole, data: {split: 'ratio:0.7,0.1,0.2'}}":      "protocol: recbole is of the split ratio:0.8,0.1,0.1 with any seed, or given",
		"{protocol: leave-one-out, data: {split: 'time:0.8,0.1,0.1'}}": "protocol: leave-one-out is of the split leave-one-out with any seed",
		"{train: {on: valid}}":                                         `train.on: unknown training set "valid"; the choices are train, train+valid`,
		"{eval: {mask: all}}":                                          `eval.mask: unknown mask "all"; the choices are train+valid, train, none`,
		"{train: {on: train+valid, patience: 3}}":                      "train.patience: train.on=train+valid leaves no valid set",
		"{train: {on: train+valid, monitor: ndcg@20}}":                 "train.monitor: train.on=train+valid leaves no valid set",
		"{protocol: lightgcn, eval: {every: 2}}":                       "eval.every: train.on=train+valid leaves no valid set",
	} {
		_, err := quick(text).Plan()
		require.ErrorContains(t, err, want, text)
	}
	for _, s := range Protocols() {
		c := quick("{protocol: " + s.Name + ", data: {source: x}, train: {on: " + s.On + "}, eval: {mask: " + s.Mask + ", items: " + s.Items + "}}")
		p, err := c.Plan()
		require.NoError(t, err)
		if s.Split != "" {
			require.Equal(t, s.Split, p.Config.Data.Split)
			require.True(t, s.of(s.Split))
		}
		require.NotEmpty(t, s.Doc)
		require.NotEmpty(t, s.Source)
		// What is recorded is a configuration of the same plan.
		again, err := Parse([]byte(p.Config.String()))
		require.NoError(t, err)
		require.Equal(t, p.Config, again)
		require.Equal(t, p.Config, again.WithDefaults())
		require.NoError(t, again.Validate())
	}
	whole, err := data.Load(data.Config{Source: "demo:users=20,items=30,per-user=10"})
	require.NoError(t, err)
	as := func(split string) *data.Dataset {
		set := *whole
		set.Split = split
		return &set
	}
	require.Equal(t, []string{"bars", "lightgcn", "recbole"}, ProtocolsOf(as("given")))
	require.Equal(t, []string{"irb-hold", "lightgcn"}, ProtocolsOf(as("given:hold=0.1,seed=1")))
	require.Empty(t, ProtocolsOf(as("time:0.8,0.1,0.1")))

	// One that has a valid part is not of a set without.
	twoParts, err := as("given").JoinValid()
	require.NoError(t, err)
	require.Equal(t, []string{"bars", "lightgcn"}, ProtocolsOf(twoParts))
	recbole, err := quick("{protocol: recbole, data: {split: given}}").Plan()
	require.NoError(t, err)
	_, err = recbole.SetOf(twoParts)
	require.ErrorContains(t, err, "train: protocol: recbole has a valid part, and demo:users=20,items=30,per-user=10 has none by the split given; choose another protocol")

	// What the source turned out to be is held against the name too.
	p, err := quick("{protocol: bars}").Plan()
	require.NoError(t, err)
	for _, split := range []string{"ratio:0.8,0.1,0.1,seed=1", ""} {
		_, err = p.New(worked(t, split))
		require.ErrorContains(t, err, "bars is of the split given", split)
		_, err = p.Estimate(worked(t, split))
		require.ErrorContains(t, err, "bars is of the split given")
		_, err = p.Run(t.Context(), worked(t, split), nil)
		require.ErrorContains(t, err, "bars is of the split given")
	}
	_, err = (*Plan)(nil).SetOf(worked(t, ""))
	require.ErrorContains(t, err, "a plan that Config.Plan did not make")
}

// TestTrainOnBoth: with train.on=train+valid a run, by any solver, has the bits of one on
// the joined set, measures test alone, goes on after an interruption, and is opened on the
// set as it was loaded.
func TestTrainOnBoth(t *testing.T) {
	set := small(t)
	joined, err := set.JoinValid()
	require.NoError(t, err)
	for name, text := range map[string]string{
		"gradient": "", "sampled": "{candidates: 'sampled:n=8,sampler=popularity', train: {task: pair}}", "als": "{train: {solver: als}}",
	} {
		t.Run(name, func(t *testing.T) {
			want, err := Run(t.Context(), quick(text), joined, nil)
			require.NoError(t, err)
			c := quick(text)
			c.Train.On = BothSets
			dir := filepath.Join(t.TempDir(), "run")
			ctx, obs := stopAt(t, 1, 0)
			res, err := RunDir(ctx, dir, c, set, obs)
			require.NoError(t, err)
			require.True(t, res.Interrupted)
			_, err = RunDir(t.Context(), dir, quick(text), set, nil)
			require.ErrorContains(t, err, `train.on is "train+valid" there, "train" here`)
			got, err := RunDir(t.Context(), dir, c, set, nil)
			require.NoError(t, err)
			require.Equal(t, tables(want.Trained), tables(got.Trained))
			require.Nil(t, got.Valid)
			require.Zero(t, got.BestEpoch)
			require.Equal(t, want.Test.Values, got.Test.Values)
			for _, e := range got.History {
				require.Nil(t, e.Valid)
			}
			kept, err := OpenSet(dir)
			require.NoError(t, err)
			for _, d := range []*data.Dataset{set, joined, kept} {
				m, err := Open(dir, d)
				require.NoError(t, err)
				scores, err := m.Evaluate(t.Context(), d, "test", m.Plan.Metrics)
				require.NoError(t, err)
				require.Equal(t, want.Test.Values, scores.Values)
				_, err = m.Predict(t.Context(), d, []int{0}, 3, false)
				require.NoError(t, err)
			}
			memory, err := Estimate(c, set)
			require.NoError(t, err)
			its, err := Estimate(c, joined)
			require.NoError(t, err)
			require.Equal(t, its.Total(), memory.Total())
		})
	}
}

// TestMeasureByAnotherProtocol: a finished model is measured by another protocol as far as
// that is one of the same training and split.
func TestMeasureByAnotherProtocol(t *testing.T) {
	set := worked(t, "given")
	res, err := Run(t.Context(), quick("{protocol: recbole}"), set, nil)
	require.NoError(t, err)
	m := res.Trained
	require.Equal(t, "recbole (split given, train.on=train, eval.mask=train+valid, eval.items=all)", m.ProtocolOn(set).String())
	require.NoError(t, m.Measure("bars", set))
	require.Equal(t, "bars (split given, train.on=train, eval.mask=train, eval.items=all)", m.ProtocolOn(set).String())
	got, err := m.Evaluate(t.Context(), set, "test", m.Plan.Metrics)
	require.NoError(t, err)
	p, err := quick("{protocol: bars}").Plan()
	require.NoError(t, err)
	e, err := p.Evaluation(set, "test", m.Plan.Metrics)
	require.NoError(t, err)
	want, err := Evaluate(t.Context(), m, e)
	require.NoError(t, err)
	require.Equal(t, want.PerExample, got.PerExample)

	m.Mask = NoMask
	require.Equal(t, "split given, train.on=train, eval.mask=none, eval.items=all", m.ProtocolOn(set).String(), "the name is of other parts")
	require.ErrorContains(t, m.Measure("lightgcn", set), "protocol lightgcn has train.on=train+valid, and the model was trained with train.on=train")
	require.ErrorContains(t, m.Measure("irb-hold", set), "irb-hold is of the split given:hold=0.1")
	require.ErrorContains(t, m.Measure("bras", set), "did you mean bars?")
	m.Mask = "some"
	_, err = m.Evaluate(t.Context(), set, "test", m.Plan.Metrics)
	require.ErrorContains(t, err, `eval.mask: unknown mask "some"`)
	require.ErrorContains(t, (&Recommender{}).Measure("bars", set), "what Fit made")
}

// TestMasksOfMovieLens: the same weights give the two values that publications with the
// two masks have.
func TestMasksOfMovieLens(t *testing.T) {
	const source = "../../shared/data/ml-1m"
	needs.Data(t, source)
	if testing.Short() {
		t.Skip("trains for many seconds")
	}
	c := Config{Protocol: "recbole"}
	c.Data.Source, c.Train.Epochs, c.Train.Weight, c.Eval.Every, c.Model.Temperature = source, 12, "user", 12, "0.2"
	set, err := data.Load(c.Data.Config())
	require.NoError(t, err)
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	for _, want := range []struct {
		protocol     string
		recall, ndcg float64
	}{{"recbole", .2865, .2945}, {"bars", .2633, .2472}} {
		require.NoError(t, res.Trained.Measure(want.protocol, set))
		s, err := res.Trained.Evaluate(t.Context(), set, "test", res.Trained.Plan.Metrics)
		require.NoError(t, err)
		t.Logf("%s: %v", res.Trained.ProtocolOn(set), s)
		require.InDelta(t, want.recall, s.Values[0].Value, .001)
		require.InDelta(t, want.ndcg, s.Values[1].Value, .001)
	}
}

// needData is needs.Data, for the sets that several files name.
func needData(t *testing.T, path string) {
	t.Helper()
	needs.Data(t, path)
}
