package train

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// walks returns histories of users who go through 60 items by few steps, with repeats: what comes
// next follows from what was, and from nothing else.
func walks(t *testing.T, users int) *data.Dataset {
	rng := rand.New(rand.NewPCG(5, 5))
	e := data.Events{Name: "walks"}
	for u := range users {
		at := rng.IntN(60)
		for k := range 5 + rng.IntN(14) {
			e.Train = append(e.Train, data.Event{User: fmt.Sprintf("u%03d", u), Item: fmt.Sprintf("i%02d", at), Time: time.Unix(int64(1e6+k), 0)})
			switch rng.IntN(8) {
			case 0:
				at = rng.IntN(60)
			case 1, 2:
				at = (at + 59) % 60
			default:
				at = (at + 1 + rng.IntN(2)) % 60
			}
		}
	}
	set, err := data.FromEvents(e, "leave-one-out:seed=1")
	require.NoError(t, err)
	return set
}

// orderConfigs are runs of the tasks that have order, with dropout and in batches of
// either kind.
var orderConfigs = map[string]string{
	"next":           "{model: {name: 'pool:drop=0.2'}, train: {task: 'next:len=6', batch: 20, dropout: 0.1}}",
	"next by stride": "{model: {name: 'pool:table=tied,drop=0.3'}, train: {task: 'next:len=5,stride=3', batch: 40}, candidates: 'sampled:n=6,correction=none,hits=seen'}",
	"last":           "{model: {name: 'pool:own=0.4'}, train: {task: 'last:len=6', batch: 200, schedule: 'cosine:warmup=1'}}",
	"last packed":    "{train: {task: 'last:len=6', positions: 700, l2: '1e-3,on=batch'}, model: {name: 'pool:map=linear'}}",
	"next of users":  "{train: {task: next, positions: 300}}",
	"attention":      "{model: {name: 'sasrec:heads=2,len=6', dim: 8}, train: {task: 'next:len=6', batch: 20}}",
	"units":          "{model: {name: 'gru4rec:layers=2,hidden=12'}, train: {task: 'last:len=6', batch: 200}}",
	"attention tree": "{model: {name: 'sasrec:blocks=1,len=6', dim: 8}, train: {task: 'next:len=6', positions: 150}, loss: hsm}",
	"units adaptive": "{model: {name: 'gru4rec:hidden=12'}, train: {task: 'next:len=6', batch: 20}, loss: 'entmax@adaptive'}",
	"graph":          "{model: {name: 'lightgcn:layers=3'}, train: {task: last, batch: 200, dropout: 0.1}}",
	"graph drawn":    "{model: {name: lightgcn}, train: {task: next, batch: 20}, candidates: 'sampled:n=6,sampler=dns'}",
	"units drawn":    "{model: {name: 'gru4rec:hidden=12,table=own'}, train: {task: 'next:len=6', batch: 20}, loss: 'bpr@sampled:n=6,sampler=dns'}",
}

// TestResumeInOrder: runs of histories go on with the bits of one that was not
// interrupted: which rows a batch has, and what is dropped, follow from the step.
func TestResumeInOrder(t *testing.T) {
	set := walks(t, 150)
	for name, text := range orderConfigs {
		t.Run(name, func(t *testing.T) { resumes(t, quick(text), set) })
	}
}

// TestSameBitsInOrder: they have the same bits at any GOMAXPROCS, and other ones by
// another seed.
func TestSameBitsInOrder(t *testing.T) {
	set := walks(t, 150)
	for name, text := range orderConfigs {
		t.Run(name, func(t *testing.T) {
			run := func(procs int, seed uint64) ([][]float32, *Scores) {
				c := quick(text)
				c.Train.Epochs, c.Train.Seed = 2, seed
				return runAt(t, procs, c, set)
			}
			want, test := run(1, 3)
			for _, procs := range []int{2, 4} {
				got, scores := run(procs, 3)
				require.Equal(t, want, got)
				require.Equal(t, test.PerExample, scores.PerExample)
			}
			other, _ := run(2, 4)
			require.NotEqual(t, want, other)
		})
	}
}

// runAt runs c at a GOMAXPROCS.
func runAt(t *testing.T, procs int, c Config, set *data.Dataset) ([][]float32, *Scores) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	return tables(res.Trained), res.Test
}

// TestSameBitsOfEveryLossInOrder: so have they under every loss; models and heads go round.
func TestSameBitsOfEveryLossInOrder(t *testing.T) {
	set := walks(t, 60)
	kinds := []string{"sasrec:blocks=1,len=6", "gru4rec:hidden=10", "pool:drop=0.2"}
	heads := []string{"all", "sampled:n=6,correction=none", "sampled:n=6,sampler=dns,correction=none", "tree", "classes", "adaptive"}
	for i, spec := range losses.All() {
		if testing.Short() && i%8 != 0 {
			continue
		}
		for j, kind := range kinds {
			head := heads[(i+j*2+i/len(heads))%len(heads)]
			t.Run(spec.Name+"/"+head+"/"+kind, func(t *testing.T) {
				c := quick("{train: {task: 'next:len=6', batch: 10, epochs: 1, dropout: 0.1}, eval: {every: 1}}")
				c.Loss, c.Candidates, c.Model.Name = spec.Name+"@"+head, "", kind
				if spec.Domain == losses.Cosines {
					c.Model.Score = string(models.Cosine)
				}
				want, test := runAt(t, 1, c, set)
				for _, procs := range []int{2, 4} {
					got, scores := runAt(t, procs, c, set)
					require.Equal(t, want, got)
					require.Equal(t, test.PerExample, scores.PerExample)
				}
			})
		}
	}
}

// TestEstimateInOrder: what a run of histories will hold is said within the bounds of
// TestEstimate, views of histories among it.
func TestEstimateInOrder(t *testing.T) {
	before := live()
	set := walks(t, 3000)
	sets := live() - before
	require.InDelta(t, 1, float64(sets)/float64(set.Bytes()), 0.25, "%d bytes held, %d said", sets, set.Bytes())
	for name, text := range orderConfigs {
		t.Run(name, func(t *testing.T) {
			cfg := quick(strings.Replace(strings.Replace(text, "batch: ", "batch: 9", 1), "positions: ", "positions: 9", 1))
			cfg.Model.Dim = 64
			estimates(t, cfg, set)
		})
	}
}

// estimates holds what a run of two epochs will hold beside the data against the heap in the
// middle of it.
func estimates(t *testing.T, cfg Config, set *data.Dataset) {
	cfg.Train.Epochs, cfg.Eval.Every = 2, 2
	m, err := Estimate(cfg, set)
	require.NoError(t, err)
	want := m.Total() - m.of(t, m[len(m)-2].Name) - m.of(t, "program") - m.of(t, "garbage") - m.of(t, "measures") - m.of(t, "data")
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
}

// exchanged returns contexts whose histories are other users': a model that has learned from
// them cannot know whom it ranks for.
func exchanged(f *data.Frame) *data.Frame {
	out := *f
	out.Fields = slices.Clone(f.Fields)
	for i := range out.Fields {
		x := &out.Fields[i]
		if x.Name != "history" {
			continue
		}
		x.Lo, x.Hi = slices.Clone(x.Lo), slices.Clone(x.Hi)
		half := len(x.Lo) / 2
		x.Lo = append(x.Lo[half:len(x.Lo):len(x.Lo)], f.Fields[i].Lo[:half]...)
		x.Hi = append(x.Hi[half:len(x.Hi):len(x.Hi)], f.Fields[i].Hi[:half]...)
	}
	return &out
}

// TestPoolLearns: by every task a pool ranks better than popularity, and than itself with
// the histories of others.
func TestPoolLearns(t *testing.T) {
	for name, c := range map[string]struct {
		set  *data.Dataset
		text string
	}{
		"user": {load(t, "demo:users=600,items=300,per-user=30"), "{train: {epochs: 8}}"},
		"pair": {load(t, "demo:users=600,items=300,per-user=30"), "{train: {task: pair, batch: 500, epochs: 4}}"},
		"next": {walks(t, 400), "{train: {task: next, batch: 40, epochs: 12}, model: {name: 'pool:drop=0.1'}, eval: {mask: none}}"},
		"last": {walks(t, 400), "{train: {task: last, epochs: 6}, model: {name: 'pool:drop=0.1'}, eval: {mask: none}}"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := quick(c.text)
			set(&cfg.Model.Name, "pool")
			cfg.Model.Dim, cfg.Eval.Metrics = 16, []string{"recall@10", "ndcg@10"}
			res, err := Run(t.Context(), cfg, c.set, nil)
			require.NoError(t, err)
			own, pop, others := besideItself(t, res, c.set, exchanged)
			require.Greater(t, own, 1.1*pop)
			require.Greater(t, own, 1.3*others)
		})
	}
}

// besideItself returns the first metric on test of what a run has trained, of popularity,
// and of the same model where what it is shown is changed.
func besideItself(t *testing.T, res *Result, set *data.Dataset, change func(*data.Frame) *data.Frame) (own, pop, changed float64) {
	e, err := res.Trained.Evaluation(set, "test", res.Trained.Plan.Metrics)
	require.NoError(t, err)
	value := func(s models.Scorer, e Evaluation) float64 {
		scores, err := Evaluate(t.Context(), s, e)
		require.NoError(t, err)
		return scores.Values[0].Value
	}
	blind, examples := e, *e.Examples
	examples.Context = change(e.Examples.Context)
	blind.Examples = &examples
	own, pop, changed = value(res.Trained, e), value(baseline.NewPop(set.Train), e), value(res.Trained, blind)
	t.Logf("%s %.4f; popularity %.4f; with other histories %.4f", e.Metrics[0], own, pop, changed)
	return own, pop, changed
}

// TestHeldUsers: users whom training never saw are ranked by their histories, within
// 5 % of what they get where they were trained on; a model without histories has nothing
// for them.
func TestHeldUsers(t *testing.T) {
	source := "demo:users=2000,items=300,per-user=40"
	if testing.Short() {
		source = "demo:users=1000,items=200,per-user=30"
	}
	held, err := data.Load(data.Config{Source: source, Held: "0.2"})
	require.NoError(t, err)
	cfg := quick("{model: {name: pool, dim: 16}, train: {epochs: 10}}")
	heldUsers(t, cfg, load(t, source), held)
	cfg.Model.Name = "mf"
	mf, err := New(cfg, held)
	require.NoError(t, err)
	for _, users := range UsersChoices() {
		mf.Users = users
		_, err = mf.Evaluation(held, "test", mf.Plan.Metrics)
		if users == TrainedUsers {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, "users="+users+": model mf reads no histories, and knows nothing else of the users who are held out")
	}
}

// heldUsers holds what the users held out of training get against what they get where they
// were trained on.
func heldUsers(t *testing.T, cfg Config, whole, held *data.Dataset) {
	seen, unseen := recallOfHeld(t, cfg, TrainedUsers, whole, held), recallOfHeld(t, cfg, HeldUsers, held, held)
	t.Logf("recall@20 of the held users: %.4f where they were trained on, %.4f where not", seen, unseen)
	require.InDelta(t, 1, unseen/seen, 0.05)
}

// recallOfHeld trains on set and returns the mean recall of those of the users whom held
// holds out.
func recallOfHeld(t *testing.T, cfg Config, users string, set, held *data.Dataset) float64 {
	at, err := metric.Parse("recall@20")
	require.NoError(t, err)
	res, err := Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	res.Trained.Users = users
	scores, err := res.Trained.Evaluate(t.Context(), set, "test", []metric.At{at})
	require.NoError(t, err)
	sum, n := 0.0, 0.0
	for i, u := range scores.Rows {
		require.Equal(t, users == HeldUsers, set.IsHeld(int(u)))
		if held.IsHeld(int(u)) {
			sum, n = sum+scores.PerExample[0][i], n+1
		}
	}
	return sum / n
}

// TestUsersOfAnEvaluation: those who are held out are measured where they are asked for,
// and what is measured says whose rankings those are.
func TestUsersOfAnEvaluation(t *testing.T) {
	set, err := data.Held{Share: 0.3, Seed: 1}.Apply(walks(t, 60))
	require.NoError(t, err)
	r, err := New(quick("{model: {name: pool}, train: {task: next}}"), set)
	require.NoError(t, err)
	held := 0
	for u := range set.Users {
		if set.IsHeld(u) {
			held++
		}
	}
	for users, want := range map[string]int{"": set.Users - held, TrainedUsers: set.Users - held, HeldUsers: held, AllUsers: set.Users} {
		r.Users = users
		scores, err := r.Evaluate(t.Context(), set, "test", r.Plan.Metrics)
		require.NoError(t, err)
		require.Equal(t, want, scores.Examples, users)
		require.Equal(t, set.Users-want, scores.Excluded)
		for _, row := range scores.Rows {
			require.True(t, users == AllUsers || set.IsHeld(int(row)) == (users == HeldUsers))
		}
	}
	r.Users = HeldUsers
	require.Contains(t, r.ProtocolOn(set).String(), ", users=held")
	require.NotContains(t, r.ProtocolOn(walks(t, 60)).String(), "users")
	_, err = r.Evaluation(walks(t, 60), "test", r.Plan.Metrics)
	require.ErrorContains(t, err, "no user of walks is held out of training")
	r.Users = "some"
	_, err = r.Evaluation(set, "test", r.Plan.Metrics)
	require.ErrorContains(t, err, `unknown users "some"`)
}

// TestPredictHistories: who has the history of a user gets the user's ranking, and a
// model that reads none refuses.
func TestPredictHistories(t *testing.T) {
	set := walks(t, 60)
	for _, text := range []string{"{model: {name: pool}}", "{model: {name: pool}, train: {task: 'last:len=4'}}"} {
		r, err := New(quick(text), set)
		require.NoError(t, err)
		reads, err := r.ReadsHistories()
		require.NoError(t, err)
		require.True(t, reads)
		for _, withSeen := range []bool{false, true} {
			want, err := r.Predict(t.Context(), set, []int{7, 3}, 5, withSeen)
			require.NoError(t, err)
			got, err := r.PredictHistories(t.Context(), set, [][]int32{set.Histories.Of(7), set.Histories.Of(3), {}}, 5, withSeen)
			require.NoError(t, err)
			require.Len(t, got, 3)
			for i := range want {
				require.Equal(t, want[i].IDs, got[i].IDs)
				require.InDeltaSlice(t, floats(want[i].Scores), floats(got[i].Scores), 1e-5)
				if !withSeen {
					for _, id := range got[i].IDs {
						require.NotContains(t, set.Histories.Of([]int{7, 3}[i]), id)
					}
				}
			}
			_, err = r.PredictHistories(t.Context(), set, [][]int32{{int32(set.Items)}}, 5, withSeen)
			require.ErrorContains(t, err, "outside [0,60)")
		}
	}
	r, err := New(quick(""), set)
	require.NoError(t, err)
	_, err = r.PredictHistories(t.Context(), set, [][]int32{{1}}, 5, false)
	require.ErrorContains(t, err, "model mf reads no histories")
}

func floats(x []float32) (y []float64) {
	for _, v := range x {
		y = append(y, float64(v))
	}
	return y
}

// TestTasksOfModels: what a model reads and what a task has are held against each other.
func TestTasksOfModels(t *testing.T) {
	_, err := quick("{train: {positions: 500}}").Plan()
	require.ErrorContains(t, err, "train.positions: a step of task user has no positions")
	_, err = quick("{train: {task: 'next:len=0'}}").Plan()
	require.ErrorContains(t, err, "train.task")
	_, err = quick("{train: {solver: als, positions: 500}}").Plan()
	require.ErrorContains(t, err, "train.positions: solver als does not take it")
	_, err = Run(t.Context(), quick("{train: {task: next}}"), small(t), nil)
	require.ErrorContains(t, err, "has no times")
	_, err = Run(t.Context(), quick("{train: {task: next, positions: 3}}"), walks(t, 60), nil)
	require.ErrorContains(t, err, "train.positions: data: batches of 3 positions, want at least the")
	models.Register(models.Spec{Name: "test-ordered", Doc: "knows order", Source: "this test", Ordered: true,
		New: func(v models.Values, s models.Setting) (models.Model, error) { return nil, nil }})
	_, err = quick("{model: {name: test-ordered}, train: {task: user}}").Plan()
	require.ErrorContains(t, err, "model test-ordered reads histories in the order of time, and those of task user are sets; the tasks in that order are last, next")
	p, err := quick("{model: {name: test-ordered}}").Plan()
	require.NoError(t, err)
	require.Equal(t, "next", p.Config.Train.Task)
}
