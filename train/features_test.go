package train

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/quality"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// clubs are users of four towns, who like films of their town's genre and of about the length
// that their age says. A split by items leaves films that training never saw.
func clubs(t *testing.T, users, films int, split string) *data.Dataset {
	t.Helper()
	rng := rand.New(rand.NewPCG(3, 4))
	e := data.Events{Name: "clubs"}
	text := func(name string) *data.Feature {
		return &data.Feature{Name: name, Of: map[string]map[string]float32{}}
	}
	town, genre := text("town"), text("genre")
	age := &data.Feature{Name: "age", Number: map[string]float32{}}
	length := &data.Feature{Name: "length", Number: map[string]float32{}}
	film := func(i int) string { return fmt.Sprintf("f%03d", i) }
	for i := range films {
		genre.Of[film(i)] = map[string]float32{fmt.Sprintf("g%d", i%4): 1}
		if i%3 == 0 {
			genre.Of[film(i)]["new"] = 1
		}
		length.Number[film(i)] = float32(80 + i/4%2*60)
	}
	for u := range users {
		user := fmt.Sprintf("u%03d", u)
		town.Of[user] = map[string]float32{fmt.Sprintf("t%d", u%4): 1}
		age.Number[user] = float32(20 + u/4%2*40)
		for range 12 {
			i := rng.IntN(films)
			if rng.IntN(6) > 0 {
				i = 8*rng.IntN(films/8) + u/4%2*4 + u%4 // its genre and its length
			}
			e.Train = append(e.Train, data.Event{User: user, Item: film(i)})
		}
	}
	e.UserFeatures, e.ItemFeatures = []data.Feature{*town, *age}, []data.Feature{*genre, *length}
	set, err := data.FromEvents(e, split)
	require.NoError(t, err)
	return set
}

const coldSplit = "cold-items:0.8,0.1,0.1,seed=2"

// towerConfigs are runs of tower over each kind of candidates.
var towerConfigs = []string{
	"{model: {name: tower}}",
	"{model: {name: 'tower:id=none,user-layers=1,item-layers=1,width=12', bias: true}, loss: entmax}",
	"{model: {name: 'tower:id=user'}, candidates: 'sampled:n=16', loss: bpr}",
	"{model: {name: 'tower:item-layers=1,power=1', score: dot}, candidates: 'sampled:n=8,sampler=dns', train: {task: pair}}",
	"{model: {name: 'tower:id=item'}, candidates: tree}",
}

// TestTower: a run that is cut short resumes to its bits, they are the same at any
// GOMAXPROCS, the memory is as estimated, and what was kept of the set ranks alike.
func TestTower(t *testing.T) {
	set := clubs(t, 150, 80, coldSplit)
	for i, text := range towerConfigs {
		if testing.Short() && i%2 == 1 {
			continue
		}
		t.Run(text, func(t *testing.T) {
			cfg := quick(text)
			resumes(t, cfg, set)
			c := cfg
			c.Train.Epochs = 2
			want, test := runAt(t, 1, c, set)
			for _, procs := range []int{2, 4} {
				got, scores := runAt(t, procs, c, set)
				require.Equal(t, want, got)
				require.Equal(t, test.PerExample, scores.PerExample)
			}
			dir := filepath.Join(t.TempDir(), "run")
			res, err := RunDir(t.Context(), dir, cfg, set, nil)
			require.NoError(t, err)
			if !strings.Contains(text, "dns") { // whose draws become harder
				require.Less(t, res.History[len(res.History)-1].Loss, res.History[0].Loss, "it learns")
			}
			kept, err := OpenSet(dir)
			require.NoError(t, err)
			opened, err := Open(dir, kept)
			require.NoError(t, err)
			queries := []data.Query{{Features: map[string]string{"town": "t1", "age": "20"}}, {Features: map[string]string{"age": "33.5"}}}
			a, err := res.Trained.PredictQueries(t.Context(), set, queries, 7, false)
			require.NoError(t, err)
			b, err := opened.PredictQueries(t.Context(), kept, queries, 7, false)
			require.NoError(t, err)
			require.Equal(t, a, b)
		})
	}
}

// TestEstimateOfTower: what a run of features will hold is said within the bounds of
// TestEstimate.
func TestEstimateOfTower(t *testing.T) {
	if testing.Short() {
		t.Skip("tables are small beside what does not grow with them")
	}
	set := clubs(t, 3000, 4000, "ratio:0.8,0.1,0.1")
	for _, text := range towerConfigs {
		t.Run(text, func(t *testing.T) {
			cfg := quick(text)
			cfg.Model.Dim, cfg.Train.Epochs, cfg.Eval.Every = 64, 2, 2
			m, err := Estimate(cfg, set)
			require.NoError(t, err)
			want := m.Total() - m.of(t, m[len(m)-2].Name) - m.of(t, "program") - m.of(t, "garbage") - m.of(t, "measures") - m.of(t, "data")
			live() // what runs before have left to finalizers
			before, got := live(), int64(0)
			_, err = Run(t.Context(), cfg, set, func(e Event) {
				if s, ok := e.(*Stepped); ok && s.Epoch == 1 && got == 0 {
					got = live() - before
				}
			})
			require.NoError(t, err)
			t.Logf("estimated %.2f MB, measured %.2f MB, ratio %.3f; %v", float64(want)/1e6, float64(got)/1e6, float64(got)/float64(want), m)
			const fixed = 512 << 10
			require.GreaterOrEqual(t, float64(got+fixed), 0.7*float64(want))
			require.LessOrEqual(t, float64(got-fixed), 1.05*float64(want))
		})
	}
}

// ranked trains a model and returns its first metric on test, and that of the order by
// popularity beside it.
func ranked(t *testing.T, set *data.Dataset, model, text string) (own, pop float64) {
	t.Helper()
	cfg, err := Parse([]byte(text))
	require.NoError(t, err)
	cfg.Model.Name = model
	res, err := Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	e, err := res.Trained.Evaluation(set, "test", res.Trained.Plan.Metrics)
	require.NoError(t, err)
	beside, err := Evaluate(t.Context(), baseline.NewPop(set.Train), e)
	require.NoError(t, err)
	t.Logf("%s: %v; pop %.4f", model, res.Test, beside.Values[0].Value)
	return res.Test.Values[0].Value, beside.Values[0].Value
}

// TestTowerRanksColdItems: items that training never saw are ranked by their features, far
// better than by mf, whose vectors of them are none, than by popularity, and than without the
// features of either side.
func TestTowerRanksColdItems(t *testing.T) {
	set := clubs(t, 400, 80, coldSplit)
	const text = "{model: {dim: 16}, train: {epochs: 12, batch: 32}, eval: {items: cold, every: 12, metrics: ['ndcg@3']}}"
	own, pop := ranked(t, set, "tower:id=none", text)
	require.Greater(t, own, 1.5*pop)
	for _, model := range []string{"mf", "tower:item=none", "tower:id=none,item=genre", "tower:id=none,user=town", "tower:id=none,item=length"} {
		less, _ := ranked(t, set, model, text)
		require.Greater(t, own, 1.1*less, model)
	}
}

// TestTowerOfRealFeatures is TestTowerRanksColdItems of MovieLens-100k: a tenth of the films,
// by lot, are in no training pair. Run it by
//
//	go test -v -run TestTowerOfRealFeatures ./train -quality
//
// with the data in ../shared/data/ml-100k beside the repository.
func TestTowerOfRealFeatures(t *testing.T) {
	const source = "../../shared/data/ml-100k"
	quality.Need(t, "half a minute", source)
	set, err := data.Load(data.Config{Source: source, Split: "cold-items:0.8,0.1,0.1"})
	require.NoError(t, err)
	const text = "{train: {epochs: 20}, eval: {items: cold, every: 20}}"
	const users = "user=age+gender+occupation"
	own, pop := ranked(t, set, "tower:"+users+",item=class+release_year", text)
	require.Greater(t, own, 2*pop)
	require.Greater(t, own, 0.21)
	mf, _ := ranked(t, set, "mf", text)
	require.Greater(t, own, 2*mf)
	for _, without := range []string{"tower:user=none,item=class+release_year", "tower:" + users + ",item=none"} {
		less, _ := ranked(t, set, without, text)
		require.Greater(t, own, 1.08*less, without)
	}
	alone, _ := ranked(t, set, "tower:id=user,"+users+",item=class+release_year", text)
	require.Greater(t, alone, 0.31, "items by their features alone")
}

// TestColdItemsAlone: rankings of cold items hold no other, and who has no cold item among
// the relevant ones is no example.
func TestColdItemsAlone(t *testing.T) {
	set := coldSet(t)
	c := quick("{eval: {items: cold, metrics: ['recall@10']}}")
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, 20, res.Test.LeftOut)
	require.Zero(t, res.Test.LeftOutPairs)
	require.Equal(t, set.Users, res.Test.Examples)
	require.InDelta(t, 1, res.Test.Values[0].Value, 1e-12, "there are ten of them, and ten places")
	tops, err := res.Trained.Predict(t.Context(), set, []int{0, 3}, 50, false)
	require.NoError(t, err)
	for _, top := range tops {
		require.Len(t, top.IDs, 9, "all that are cold and not known of the user")
		require.GreaterOrEqual(t, slices.Min(top.IDs), int32(20))
	}
	// Targets are cold ones alone.
	e, err := res.Trained.Evaluation(set, "test", res.Trained.Plan.Metrics)
	require.NoError(t, err)
	for _, i := range e.Examples.Targets.Class {
		require.GreaterOrEqual(t, i, int32(20))
	}
	require.Equal(t, "split of no name, train.on=train, eval.mask=train+valid, eval.items=cold", res.Trained.ProtocolOn(set).String())

	_, err = Run(t.Context(), c, load(t, "demo:users=150,items=40,per-user=12"), nil)
	require.ErrorContains(t, err, "every item of demo:users=150,items=40,per-user=12 has a pair in train; the splits cold-items and time leave some without")
}

// TestPredictQueries: who has the features of a user gets the user's ranking, where nothing
// else is known of either, and what a model does not read is refused.
func TestPredictQueries(t *testing.T) {
	set := clubs(t, 100, 40, "ratio:0.8,0.1,0.1")
	train := func(model string) *Recommender {
		c := quick("{train: {epochs: 2}}")
		c.Model.Name = model
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		return res.Trained
	}
	r := train("tower:id=item")
	want, err := r.Predict(t.Context(), set, []int{6, 9}, 5, true)
	require.NoError(t, err)
	of := func(features ...string) data.Query {
		q := data.Query{Features: map[string]string{}}
		for _, f := range features {
			name, value, _ := strings.Cut(f, "=")
			q.Features[name] = value
		}
		return q
	}
	got, err := r.PredictQueries(t.Context(), set, []data.Query{of("town=t2", "age=60"), of("town=t1", "age=20")}, 5, true)
	require.NoError(t, err)
	require.Equal(t, want, got)
	server, err := r.Serve(set)
	require.NoError(t, err)
	for i, features := range []map[string]string{{"town": "t2", "age": "60"}, {"town": "t1", "age": "20"}, {"town": "t1", "age": "20"}} {
		items, err := server.Recommend(t.Context(), Ask{Someone: true, Features: features}, 5, Filter{})
		require.NoError(t, err)
		for k, item := range items {
			require.Equal(t, int(want[min(i, 1)].IDs[k]), item.Index)
			require.InDelta(t, want[min(i, 1)].Scores[k], item.Score, 1e-5)
		}
	}
	for want, ask := range map[string]Ask{
		`nothing in training has "t9"; the choices are t0`: {Someone: true, Features: map[string]string{"town": "t9"}},
		`did you mean town?`:               {Someone: true, Features: map[string]string{"twon": "t1"}},
		"reads no histories":               {Someone: true, Features: map[string]string{"age": "20"}, History: []string{"f001"}},
		"a query with a user and features": {User: "1", Features: map[string]string{"age": "20"}},
	} {
		_, err := server.Recommend(t.Context(), ask, 5, Filter{})
		require.ErrorContains(t, err, want)
	}
	reads, err := train("tower:user=-town").Reads()
	require.NoError(t, err)
	require.Equal(t, []string{"user", "age"}, reads)
	for _, c := range []struct {
		model string
		query data.Query
		want  string
	}{
		{"tower:id=item", of("town=t9"), `query 0: feature "town": nothing in training has "t9"; the choices are t0, t1, t2, t3`},
		{"tower:id=item", of("twon=t1"), `query 0: users have no feature "twon" (did you mean town?); the choices are town, age`},
		{"tower:id=item", of("age=old"), `feature "age": "old" is no number`},
		{"tower:id=item", of("age=NaN"), `feature "age": "NaN" is not finite`},
		{"tower:id=item", of("age=1e99"), `"1e99" is too large`},
		{"tower:id=item", data.Query{}, "query 0: it says nothing that model tower:id=item reads, which is town, age"},
		{"tower:id=item", data.Query{History: []int32{1}}, "model tower:id=item reads no histories"},
		{"tower:id=item", data.Query{History: []int32{40}}, "item 40 is outside [0,40)"},
		{"tower:id=item,user=age", of("town=t1"), `does not read the feature "town" of users; it reads age`},
		{"mf", of("town=t1"), `does not read the feature "town" of users; it reads nothing but who the user is`},
	} {
		if c.model != r.Plan.Config.Model.Name {
			r = train(c.model)
		}
		_, err := r.PredictQueries(t.Context(), set, []data.Query{c.query}, 5, false)
		require.ErrorContains(t, err, c.want)
	}
	for model, want := range map[string]string{
		"tower:user=towm":          `models: tower: user=towm: no feature "towm" of users (did you mean town?); the choices are all, none, town, age`,
		"tower:item=genre+genre":   `"genre" is there twice`,
		"tower:item=-genre+genre":  `"genre" is there twice`,
		"tower:item=-genre+length": "some names have - before them and some have not",
		"tower:item=-genres":       `no feature "genres" of items (did you mean genre?)`,
		"tower:id=item,user=none":  "nothing is left to know users by: no vectors of their own (id=item) and no features; the features of users are town, age",
	} {
		c := quick("")
		c.Model.Name = model
		_, err := New(c, set)
		require.ErrorContains(t, err, want)
	}
	c := quick("")
	c.Model.Name = "tower:item=genre"
	_, err = New(c, small(t))
	require.ErrorContains(t, err, "the set has no features of items; --item-features names a file that has")
}

// TestHeldUsersByFeatures: users whom training never saw are ranked by their features.
func TestHeldUsersByFeatures(t *testing.T) {
	whole := clubs(t, 400, 80, "ratio:0.8,0.1,0.1")
	held, err := data.Held{Share: 0.2, Seed: 1}.Apply(whole)
	require.NoError(t, err)
	ms, err := metric.ParseAll([]string{"ndcg@10"})
	require.NoError(t, err)
	c := quick("{model: {name: 'tower:id=item', dim: 16}, train: {epochs: 12}}")
	res, err := Run(t.Context(), c, held, nil)
	require.NoError(t, err)
	res.Trained.Users = HeldUsers
	scores, err := res.Trained.Evaluate(t.Context(), held, "test", ms)
	require.NoError(t, err)
	e, err := res.Trained.Evaluation(held, "test", ms)
	require.NoError(t, err)
	pop, err := Evaluate(t.Context(), baseline.NewPop(held.Train), e)
	require.NoError(t, err)
	t.Logf("%v; pop %v", scores, pop)
	require.Greater(t, scores.Values[0].Value, 2*pop.Values[0].Value)
}
