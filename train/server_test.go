package train

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// served trains c in a folder, moves that elsewhere, and opens it there.
func served(t *testing.T, text string, set *data.Dataset) (*Server, *Recommender, string) {
	t.Helper()
	at := filepath.Join(t.TempDir(), "run")
	c := quick(text)
	res, err := RunDir(t.Context(), at, c, set, nil)
	require.NoError(t, err)
	moved := filepath.Join(t.TempDir(), "moved")
	require.NoError(t, os.Rename(at, moved))
	s, err := OpenRecommender(moved)
	require.NoError(t, err)
	return s, res.Trained, moved
}

func ids(items []Item) (all []string) {
	for _, i := range items {
		all = append(all, i.ID)
	}
	return all
}

// sameAnswer checks answers against a ranking by numbers: the same items, and scores but for
// rounding.
func sameAnswer(t *testing.T, set *data.Dataset, want []int32, scores []float32, got []Item) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, id := range want {
		require.InDelta(t, scores[i], got[i].Score, 1e-4*(1+math.Abs(float64(scores[i]))))
		if got[i].Index != int(id) { // scores within rounding may change places
			require.InDelta(t, scores[slices.Index(want, int32(got[i].Index))], scores[i], 1e-4)
		}
		require.Equal(t, set.ItemName(got[i].Index), got[i].ID)
	}
}

// TestServerAnswersAsPredict: a folder that was moved answers as the run in memory does, for
// users, whatever the model and the head, and for histories where the model reads them.
func TestServerAnswersAsPredict(t *testing.T) {
	set := walks(t, 80)
	for name, text := range map[string]string{
		"mf":           "{}",
		"mf cold":      "{eval: {items: all}}",
		"tree":         "{loss: hsm}",
		"adaptive":     "{candidates: adaptive}",
		"two levels":   "{candidates: classes}",
		"sampled dot":  "{model: {score: dot}, candidates: 'sampled:n=6'}",
		"spherical":    "{loss: spherical}",
		"als":          "{train: {solver: als}}",
		"graph":        "{model: {name: lightgcn}}",
		"pool":         "{model: {name: 'pool:own=0.3'}}",
		"attention":    "{model: {name: 'sasrec:len=6,blocks=1', dim: 8}, train: {task: 'next:len=6', batch: 20}}",
		"units, drawn": "{model: {name: 'gru4rec:hidden=8'}, train: {task: 'next:len=6', batch: 20}, candidates: 'sampled:n=6'}",
	} {
		t.Run(name, func(t *testing.T) {
			s, trained, dir := served(t, text, set)
			require.Equal(t, trained.Plan.Config.Model.Name, s.Plan().Config.Model.Name)
			require.Equal(t, set.Hash(), s.Data().Hash())
			users := []int{0, 7, 33, 79}
			tops, err := trained.Predict(t.Context(), set, users, 9, false)
			require.NoError(t, err)
			all, err := trained.Predict(t.Context(), set, users, set.Items+5, true)
			require.NoError(t, err)
			for i, u := range users {
				got, err := s.Recommend(t.Context(), Ask{User: set.UserName(u)}, 9, Filter{})
				require.NoError(t, err)
				sameAnswer(t, set, tops[i].IDs, tops[i].Scores, got)
				got, err = s.Recommend(t.Context(), Ask{User: set.UserName(u)}, set.Items+5, Filter{WithSeen: true})
				require.NoError(t, err)
				sameAnswer(t, set, all[i].IDs, all[i].Scores, got)
			}
			reads, err := trained.ReadsHistories()
			require.NoError(t, err)
			history := []int32{3, 5, 9, 9, 2, 40, 7, 8}
			var names []string
			for _, i := range history {
				names = append(names, set.ItemName(int(i)))
			}
			if reads {
				want, err := trained.PredictHistories(t.Context(), set, [][]int32{history, {}}, 9, false)
				require.NoError(t, err)
				got, err := s.Recommend(t.Context(), Ask{Someone: true, History: names}, 9, Filter{})
				require.NoError(t, err)
				sameAnswer(t, set, want[0].IDs, want[0].Scores, got)
				got, err = s.Recommend(t.Context(), Ask{Someone: true}, 9, Filter{})
				require.NoError(t, err)
				sameAnswer(t, set, want[1].IDs, want[1].Scores, got)
				return
			}
			got, err := s.Recommend(t.Context(), Ask{Someone: true, History: names}, 9, Filter{})
			require.NoError(t, err)
			require.Len(t, got, 9)
			for _, i := range got {
				require.NotContains(t, names, i.ID)
			}
			again, err := OpenRecommender(dir)
			require.NoError(t, err)
			same, err := again.Recommend(t.Context(), Ask{Someone: true, History: names}, 9, Filter{})
			require.NoError(t, err)
			require.Equal(t, got, same, "the same bits in another process")
			_, err = s.Recommend(t.Context(), Ask{Someone: true}, 9, Filter{})
			require.ErrorContains(t, err, "reads no histories")
		})
	}
}

// TestServerFilters: what a filter says holds, and what it cannot is an error.
func TestServerFilters(t *testing.T) {
	set := walks(t, 60)
	s, _, _ := served(t, "{}", set)
	whole, err := s.Recommend(t.Context(), Ask{User: "u001"}, 60, Filter{})
	require.NoError(t, err)
	got, err := s.Recommend(t.Context(), Ask{User: "u001"}, 3, Filter{Without: ids(whole[:2])})
	require.NoError(t, err)
	require.Equal(t, whole[2:5], got)
	got, err = s.Recommend(t.Context(), Ask{User: "u001"}, 9, Filter{Only: ids(whole[3:7])})
	require.NoError(t, err)
	require.Equal(t, whole[3:7], got)
	got, err = s.Recommend(t.Context(), Ask{User: "u001"}, 9, Filter{Only: []string{}})
	require.NoError(t, err)
	require.Empty(t, got)
	for _, c := range []struct {
		q    Ask
		k    int
		f    Filter
		want string
	}{
		{Ask{User: "nobody"}, 3, Filter{}, `no user "nobody"`},
		{Ask{}, 3, Filter{}, `no user ""`},
		{Ask{User: "u001"}, 0, Filter{}, "k=0 is below 1"},
		{Ask{User: "u001", History: []string{"i01"}}, 3, Filter{}, "a user and a history"},
		{Ask{User: "u001", Someone: true}, 3, Filter{}, "and for Someone"},
		{Ask{Someone: true, History: []string{"i01", "none"}}, 3, Filter{}, `history: data: no item "none"`},
		{Ask{User: "u001"}, 3, Filter{Without: []string{"none"}}, `without: data: no item "none"`},
		{Ask{User: "u001"}, 3, Filter{Only: []string{"none"}}, `only: data: no item "none"`},
	} {
		_, err := s.Recommend(t.Context(), c.q, c.k, c.f)
		require.ErrorContains(t, err, c.want)
	}
	_, err = OpenRecommender(t.TempDir())
	require.Error(t, err)
}

// TestServerIsShared: goroutines that ask at once have one answer, and while a Live exchanges
// servers each query has that of one of them.
func TestServerIsShared(t *testing.T) {
	set := walks(t, 60)
	for _, text := range []string{"{}", "{model: {name: pool}}", "{loss: hsm}"} {
		s, _, dir := served(t, text, set)
		other := s
		if text == "{}" {
			other, _, _ = served(t, "{train: {seed: 5}}", set)
		}
		var live Live
		require.Nil(t, live.Server())
		require.Nil(t, live.Swap(s))
		ask := func(s *Server, i int) (all []Item) {
			q := Ask{User: set.UserName(i % 60)}
			if i%5 == 4 {
				q = Ask{Someone: true, History: []string{"i01", "i02", fmt.Sprintf("i%02d", 3+i%50)}}
			}
			got, err := s.Recommend(t.Context(), q, 5, Filter{})
			require.NoError(t, err)
			near, err := s.SimilarUsers(t.Context(), set.UserName(i%60), 3)
			require.NoError(t, err)
			return append(got, near...)
		}
		var want [2][][]Item
		const n = 20
		for i := range n {
			want[0], want[1] = append(want[0], ask(s, i)), append(want[1], ask(other, i))
		}
		var all sync.WaitGroup
		for g := range 8 {
			all.Go(func() {
				for i := range n {
					i = (i + 3*g) % n
					got := ask(live.Server(), i)
					if !slices.Equal(got, want[0][i]) && !slices.Equal(got, want[1][i]) {
						t.Errorf("goroutine %d, query %d: %v", g, i, got)
					}
				}
			})
		}
		live.Swap(other)
		all.Wait()
		require.Error(t, live.Reload(t.TempDir()))
		require.Same(t, other, live.Server(), "it stays where another cannot be opened")
		require.NoError(t, live.Reload(dir))
		require.NotSame(t, other, live.Server())
	}
}

// TestSimilar holds neighbours to cosines of all pairs.
func TestSimilar(t *testing.T) {
	set := walks(t, 60)
	for _, text := range []string{"{}", "{model: {score: dot, name: lightgcn}}"} {
		s, trained, _ := served(t, text, set)
		w, err := trained.ClassScores()
		require.NoError(t, err)
		cosine := func(x []float32, d, i, j int) float64 {
			ij, ii, jj := 0.0, 0.0, 0.0
			for k := range d {
				a, b := float64(x[i*d+k]), float64(x[j*d+k])
				ij, ii, jj = ij+a*b, ii+a*a, jj+b*b
			}
			return ij / math.Sqrt(ii*jj)
		}
		check := func(got []Item, x []float32, d, i int) {
			last := math.Inf(1)
			for _, near := range got {
				require.NotEqual(t, i, near.Index)
				require.InDelta(t, cosine(x, d, i, near.Index), near.Score, 1e-5)
				require.LessOrEqual(t, float64(near.Score), last)
				last = float64(near.Score)
			}
			for j := range len(x) / d {
				if j != i && !slices.ContainsFunc(got, func(n Item) bool { return n.Index == j }) {
					require.LessOrEqual(t, cosine(x, d, i, j), last+1e-6)
				}
			}
		}
		got, err := s.SimilarItems(t.Context(), "i07", 5)
		require.NoError(t, err)
		require.Len(t, got, 5)
		i, err := set.ItemIndex("i07")
		require.NoError(t, err)
		check(got, w.W, w.Dim, i)
		users, err := s.SimilarUsers(t.Context(), "u007", 5)
		require.NoError(t, err)
		require.Len(t, users, 5)
		require.Equal(t, set.UserName(users[0].Index), users[0].ID)
		check(users, s.h, trained.Model.Dim(), 7)
	}
	s, _, _ := served(t, "{loss: hsm}", set)
	_, err := s.SimilarItems(t.Context(), "i07", 5)
	require.ErrorContains(t, err, "no class is scored by a vector of its own")
	_, err = s.SimilarItems(t.Context(), "none", 5)
	require.ErrorContains(t, err, `no item "none"`)
	_, err = s.SimilarUsers(t.Context(), "u007", 0)
	require.ErrorContains(t, err, "below 1")
}

// TestRecommendAllocates: an answer for a user of a model without histories is its slice, and
// the region of the processors that find it.
func TestRecommendAllocates(t *testing.T) {
	if underRace {
		t.Skip("the race detector drops what pools keep")
	}
	s, _, _ := served(t, "{}", walks(t, 60))
	q, f := Ask{User: "u007"}, Filter{}
	ask := func() {
		if _, err := s.Recommend(t.Context(), q, 10, f); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	n := testing.AllocsPerRun(100, ask)
	require.LessOrEqual(t, n, 3.0)
}

// TestServerFoldsBySamplers: whatever draws the candidates of a step, somebody is folded in, and
// who was folded in before changes no bit of it.
func TestServerFoldsBySamplers(t *testing.T) {
	set := walks(t, 60)
	draws := sampler.Names()
	draws = append(draws, "in-batch,freq=stream", "mixed,freq=stream", "in-batch,hits=seen")
	for _, name := range draws {
		for _, more := range []string{"train: {task: pair}", "model: {score: dot}"} {
			t.Run(name+" "+more, func(t *testing.T) {
				s, _, _ := served(t, fmt.Sprintf("{candidates: 'sampled:n=4,sampler=%s', %s}", name, more), set)
				ask := func(items ...string) []Item {
					got, err := s.Recommend(t.Context(), Ask{Someone: true, History: items}, 5, Filter{})
					require.NoError(t, err)
					require.Len(t, got, 5)
					return got
				}
				first := ask("i03", "i05")
				ask("i40", "i41", "i42", "i40", "i43")
				require.Equal(t, first, ask("i03", "i05"))
			})
		}
	}
}

// TestServerKnowsWhoWasHeldOut: a user whom training never saw is folded in by what the data set
// knows, in place of a ranking by first weights, and is alike to nobody.
func TestServerKnowsWhoWasHeldOut(t *testing.T) {
	set, err := data.Held{Share: 0.2, Seed: 1}.Apply(walks(t, 60))
	require.NoError(t, err)
	for _, text := range []string{"{data: {held: 0.2}}", "{data: {held: 0.2}, train: {solver: als}}", "{data: {held: 0.2}, loss: hsm}"} {
		s, _, _ := served(t, text, set)
		require.NotEmpty(t, s.blank)
		for _, u := range s.blank[:3] {
			require.True(t, set.IsHeld(int(u)))
			var history []string
			for _, i := range s.seen(u) {
				history = append(history, set.ItemName(int(i)))
			}
			want, err := s.Recommend(t.Context(), Ask{Someone: true, History: history}, 7, Filter{})
			require.NoError(t, err)
			got, err := s.Recommend(t.Context(), Ask{User: set.UserName(int(u))}, 7, Filter{})
			require.NoError(t, err)
			require.Equal(t, want, got)
			_, err = s.SimilarUsers(t.Context(), set.UserName(int(u)), 3)
			require.ErrorContains(t, err, "has no training pair")
		}
		trained := 0
		for set.IsHeld(trained) {
			trained++
		}
		near, err := s.SimilarUsers(t.Context(), set.UserName(trained), set.Users)
		require.NoError(t, err)
		require.Len(t, near, set.Users-1-len(s.blank))
	}
	s, _, _ := served(t, "{data: {held: 0.2}, model: {name: pool}}", set)
	require.Empty(t, s.blank, "their histories say who they are")
}

// TestSimilarColdItems: an item without a training pair has neighbours where features say what
// it is, whichever items the run ranks; else it is an error, and nobody's neighbour.
func TestSimilarColdItems(t *testing.T) {
	set := clubs(t, 80, 60, "cold-items:0.7,0.15,0.15")
	cold, warm := set.ColdItems(), set.WarmItems()
	require.NotEmpty(t, cold)
	for _, items := range []string{WarmItems, AllItems, ColdItems} {
		for model, others := range map[string]int{"tower": set.Items - 1, "mf": len(warm) - 1} {
			s, trained, _ := served(t, fmt.Sprintf("{model: {name: %s}, eval: {items: %s}}", model, items), set)
			near, err := s.SimilarItems(t.Context(), set.ItemName(int(warm[0])), set.Items)
			require.NoError(t, err)
			require.Len(t, near, others)
			_, err = s.SimilarItems(t.Context(), set.ItemName(int(cold[0])), 3)
			_, same := trained.Similar(set, []int{int(cold[0])}, 3)
			if model == "tower" {
				require.NoError(t, errors.Join(err, same))
				continue
			}
			require.ErrorContains(t, err, "has no training pair")
			require.EqualError(t, same, err.Error())
		}
	}
}
