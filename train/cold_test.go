package train

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// coldSet has 30 users, of whom the last has no pair in train, and 30 items, of which
// those above 19 have none; each user's test items are one of either kind, and cold
// ones alone are those of user 3.
func coldSet(t *testing.T) *data.Dataset {
	t.Helper()
	const users, items, warm = 30, 30, 20
	var user, item, testUser, testItem []int32
	for u := range int32(users) {
		for j := range int32(5) {
			if u < users-1 {
				user, item = append(user, u), append(item, (u*3+j*4)%warm)
			}
		}
		cold := warm + u%(items-warm)
		testUser, testItem = append(testUser, u), append(testItem, cold)
		if u != 3 {
			testUser, testItem = append(testUser, u), append(testItem, (u*3+1)%warm)
		}
	}
	set := &data.Dataset{Name: "cold", Users: users, Items: items}
	var err error
	set.Train, _, err = data.FromPairs(users, items, user, item, nil, nil)
	require.NoError(t, err)
	set.Valid, err = data.Empty(users, items)
	require.NoError(t, err)
	set.Test, _, err = data.FromPairs(users, items, testUser, testItem, nil, nil)
	require.NoError(t, err)
	return set
}

// TestColdItems: items without a training pair are in no ranking of any head, count as
// missed, and are ranked where that is asked for.
func TestColdItems(t *testing.T) {
	set := coldSet(t)
	users := make([]int, set.Users)
	for u := range users {
		users[u] = u
	}
	ms, err := metric.ParseAll([]string{"recall@10", "ndcg@10", "hitrate@3"})
	require.NoError(t, err)
	texts := []string{"{train: {solver: als}}", "{train: {solver: ials}}"}
	for _, h := range models.Heads() {
		for _, score := range models.Scores() {
			texts = append(texts, "{candidates: "+h.Name+", model: {score: "+string(score)+"}}")
		}
	}
	ranked := 0
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			c := quick(text)
			c.Eval.Metrics = []string{"recall@10", "ndcg@10", "hitrate@3"}
			res, err := Run(t.Context(), c, set, nil)
			require.NoError(t, err)
			m := res.Trained
			require.Equal(t, WarmItems, m.Items)
			require.Equal(t, 10, res.Test.LeftOut)
			require.Equal(t, set.Users, res.Test.LeftOutPairs)
			require.Equal(t, set.Users, res.Test.Examples, "the one with cold items alone counts too")

			tops, err := m.Predict(t.Context(), set, users, 50, false)
			require.NoError(t, err)
			for u, top := range tops {
				want := []int32{} // what is neither cold nor known
				for i := range int32(20) {
					if !set.Train.Has(u, i) && !set.Test.Has(u, i) {
						want = append(want, i)
					}
				}
				require.Equal(t, want, slices.Sorted(slices.Values(top.IDs)))
			}
			// The denominators hold all relevant items: one of two is out of reach.
			for i, u := range res.Test.Rows {
				most := 0.5
				if u == 3 {
					most = 0
				}
				require.LessOrEqual(t, res.Test.PerExample[0][i], most)
			}

			m.Items = AllItems
			all, err := m.Evaluate(t.Context(), set, "test", ms)
			require.NoError(t, err)
			require.Zero(t, all.LeftOut)
			require.Zero(t, all.LeftOutPairs)
			require.Equal(t, res.Test.Rows, all.Rows)
			every, err := m.Predict(t.Context(), set, users, 50, true)
			require.NoError(t, err)
			for u, top := range every {
				require.Len(t, top.IDs, set.Items)
				// The order of the others is the same.
				warm := slices.DeleteFunc(slices.Clone(top.IDs), func(i int32) bool {
					return i >= 20 || set.Train.Has(u, i) || set.Test.Has(u, i)
				})
				require.Equal(t, tops[u].IDs, warm)
				if top.IDs[0] >= 20 {
					ranked++
				}
			}
			m.Items = "lukewarm"
			_, err = m.Evaluate(t.Context(), set, "test", ms)
			require.ErrorContains(t, err, `eval.items: unknown items "lukewarm"; the choices are warm, cold, all`)
		})
	}
	require.Positive(t, ranked, "cold items never come first: the test shows nothing")
}

// TestWarmSet: where no item is cold both choices are one.
func TestWarmSet(t *testing.T) {
	set := load(t, "demo:users=150,items=40,per-user=12")
	require.Empty(t, set.ColdItems())
	res, err := Run(t.Context(), quick("{train: {epochs: 2}}"), set, nil)
	require.NoError(t, err)
	all, err := Run(t.Context(), quick("{train: {epochs: 2}, eval: {items: all}}"), set, nil)
	require.NoError(t, err)
	require.Equal(t, res.Test, all.Test)
	require.Zero(t, res.Test.LeftOut)
}

// TestItemsAreRecorded: a run says which items it ranked.
func TestItemsAreRecorded(t *testing.T) {
	set := small(t)
	for text, want := range map[string]string{"": WarmItems, "{eval: {items: all}}": AllItems} {
		c := quick(text)
		c.Train.Epochs = 1
		dir := filepath.Join(t.TempDir(), "run")
		_, err := RunDir(t.Context(), dir, c, set, nil)
		require.NoError(t, err)
		got, err := LoadConfig(dir)
		require.NoError(t, err)
		require.Equal(t, want, got.Eval.Items)
		back, err := Open(dir, set)
		require.NoError(t, err)
		require.Equal(t, want, back.Items)
	}
	require.ErrorContains(t, Config{Eval: EvalConfig{Items: "lukewarm"}}.Validate(), `eval.items: unknown items "lukewarm"; the choices are warm, cold, all`)
}

// TestNothingToMeasure: what a split has nothing of is an error before training, and no end of
// training that speaks of the learning rate.
func TestNothingToMeasure(t *testing.T) {
	ofWarm := *coldSet(t)
	var err error
	ofWarm.Valid, _, err = data.FromPairs(ofWarm.Users, ofWarm.Items, []int32{0}, []int32{1}, nil, nil)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "tiny.txt")
	require.NoError(t, os.WriteFile(path, []byte("a b c\n"), 0o600)) // of four words valid has one
	tiny, err := data.Load(data.Config{Source: path, Format: "text"})
	require.NoError(t, err)
	for _, c := range []struct {
		set        *data.Dataset
		text, want string
	}{
		{&ofWarm, "{model: {name: tower}, eval: {items: cold}}", "train: the valid split of cold has no interactions with items that train has nothing of"},
		{tiny, "{model: {name: mf}, train: {task: skipgram}, eval: {metrics: [nll]}}", "data: task skipgram: no document of valid has two words, one of which follows the other"},
		{tiny, "{model: {name: ngram}}", "data: task window: no document of valid has two words, one of which follows the other"},
	} {
		steps := 0
		config, err := Parse([]byte(c.text))
		require.NoError(t, err)
		_, err = Run(t.Context(), config, c.set, func(e Event) {
			if _, ok := e.(*Stepped); ok {
				steps++
			}
		})
		require.EqualError(t, err, c.want)
		require.Zero(t, steps)
	}
}
