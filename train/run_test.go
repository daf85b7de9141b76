package train

import (
	"cmp"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	gonum "gonum.org/v1/gonum/floats"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
	"github.com/fenchel-ml/fenchel/train/weights"
)

func load(t *testing.T, source string) *data.Dataset {
	set, err := data.Load(data.Config{Source: source})
	require.NoError(t, err)
	return set
}

func small(t *testing.T) *data.Dataset { return load(t, "demo:users=150,items=120,per-user=12") }

// quick is a run of a few seconds at most.
func quick(text string) Config {
	c, err := Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	set(&c.Model.Dim, 8)
	set(&c.Train.Epochs, 4)
	if c.Train.Solver == "" {
		set(&c.Train.Batch, 32)
	}
	return c
}

// solverConfigs are runs with state of every kind: moments, momentum, a
// schedule, pairs, biases, factors in float64.
var solverConfigs = map[string]string{
	"adam dense":    "",
	"adam lazy":     "{train: {optimizer: 'adam:lr=0.05', schedule: 'cosine:warmup=1'}, loss: 'sparsemax'}",
	"pairs bias":    "{train: {task: pair, batch: 100, optimizer: 'sgd:momentum=0.5'}, model: {score: dot, bias: true}}",
	"weighted":      "{train: {weight: sqrt, optimizer: sgd}}",
	"adagrad stops": "{train: {optimizer: adagrad, patience: 2}}",
	"adagrad rows":  "{train: {optimizer: 'adagrad:state=row', task: pair, batch: 100}, candidates: 'sampled:n=4'}",
	"learned":       "{model: {temperature: 'learned:start=1'}, train: {optimizer: 'adam:lr=0.05', decay: 0.1}, loss: entmax}",
	"learned alpha": "{loss: 'entmax:alpha=learned', model: {temperature: learned}, train: {optimizer: 'adam:lr=0.05,mode=dense'}}",
	"regular":       "{train: {optimizer: 'adam:lr=0.05', l2: 'user=1e-3', decay: '0.1,on=batch', dropout: 0.2}, loss: bpr}",
	"regular batch": "{train: {task: pair, batch: 100, optimizer: 'adam:lr=0.05', l2: '1e-2,on=batch', decay: 'class=0.1'}, loss: bpr}",
	"clipped":       "{train: {optimizer: 'sgd:lr=5', clip: 0.05, l2: 1e-4, dropout: 0.1}, loss: sparsemax}",
	"clipped rows":  "{train: {task: pair, batch: 100, optimizer: 'adam:lr=0.05', clip: 0.1}, candidates: 'sampled:n=4'}",
	"pool":          "{model: {name: 'pool:own=0.3,map=relu'}, train: {dropout: 0.1}}",
	"als":           "{train: {solver: 'als:reg=0.1'}, loss: 'rgx:beta=0.5'}",
	"ials":          "{train: {solver: 'ials:reg=0.1'}}",
}

// planOf returns the plan of a valid configuration.
func planOf(t *testing.T, c Config) *Plan {
	t.Helper()
	p, err := c.Plan()
	require.NoError(t, err)
	return p
}

func tables(tr *Recommender) (all [][]float32) {
	for _, t := range tr.Tables() {
		all = append(all, slices.Clone(t.Data))
	}
	return all
}

// TestDeterminism: the same seed gives the same bits at GOMAXPROCS 1, 2 and 4,
// weights, losses and metrics; another seed gives others.
func TestDeterminism(t *testing.T) {
	set := small(t)
	for name, text := range solverConfigs {
		t.Run(name, func(t *testing.T) {
			run := func(procs int, seed uint64) ([][]float32, []EpochDone) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				c := quick(text)
				c.Train.Seed = seed
				res, err := Run(t.Context(), c, set, nil)
				require.NoError(t, err)
				var history []EpochDone
				for _, e := range res.History {
					h := *e
					h.Seconds = 0
					history = append(history, h)
				}
				return tables(res.Trained), history
			}
			weights, history := run(1, 3)
			for _, procs := range []int{2, 4} {
				w, h := run(procs, 3)
				require.Equal(t, weights, w, "GOMAXPROCS %d", procs)
				require.Equal(t, history, h)
			}
			other, _ := run(2, 4)
			require.NotEqual(t, weights, other)
			require.Less(t, history[len(history)-1].Loss, history[0].Loss, "it learns")
		})
	}
}

// TestEvaluate holds Evaluate and Predict against a slow reference: all scores
// in float64, places counted one by one, the metrics' own references.
func TestEvaluate(t *testing.T) {
	set := small(t)
	for k, part := range []**data.Interactions{&set.Train, &set.Valid, &set.Test} { // ratings of 0 to 4.5
		values := make([]float32, (*part).Len())
		for p := range values {
			values[p] = float32((7*p+k)%10) / 2
		}
		x, err := data.FromCSR(set.Users, set.Items, (*part).Ptr(), (*part).Item(), values, nil)
		require.NoError(t, err)
		*part = x
	}
	res, err := Run(t.Context(), quick("{model: {bias: true}}"), set, nil)
	require.NoError(t, err)
	tr := res.Trained
	var texts []string
	for _, m := range metric.All() {
		if m.NoCutoff {
			texts = append(texts, m.Name)
		} else {
			settings, err := m.Settings()
			require.NoError(t, err)
			for _, m := range settings {
				texts = append(texts, m.Name+"@1", m.Name+"@10", m.Name+"@500")
			}
		}
	}
	ms, err := metric.ParseAll(texts)
	require.NoError(t, err)
	user, class, bias := tr.Tables()[0], tr.Tables()[1], tr.Tables()[2]
	unit := func(x []float32) []float64 {
		n := 0.0
		for _, v := range x {
			n += float64(v) * float64(v)
		}
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = float64(v) / math.Sqrt(n)
		}
		return y
	}
	score := func(u, i int) float64 {
		z := 0.0
		p, q := unit(user.Row(int32(u))), unit(class.Row(int32(i)))
		for k := range p {
			z += p[k] * q[k]
		}
		return z/tr.Plan.Temperature.Value + float64(bias.Data[i])
	}
	for split, masks := range map[string][]*data.Interactions{
		"train": {}, "valid": {set.Train}, "test": {set.Train, set.Valid},
	} {
		relevant := map[string]*data.Interactions{"train": set.Train, "valid": set.Valid, "test": set.Test}[split]
		masked := func(u, i int) bool {
			return slices.ContainsFunc(masks, func(m *data.Interactions) bool { return m.Has(u, int32(i)) })
		}
		got, err := tr.Evaluate(t.Context(), set, split, ms)
		require.NoError(t, err)
		var whole []metric.Whole
		known := metric.Set{Classes: set.Items, Count: make([]int32, set.Items)}
		for u := range set.Users {
			if len(set.Train.ItemsOf(u)) > 0 {
				known.Trained++
			}
			for _, i := range set.Train.ItemsOf(u) {
				known.Count[i]++
			}
		}
		for u := range set.Users {
			if len(relevant.ItemsOf(u)) == 0 {
				continue
			}
			z := make([]float64, set.Items)
			for i := range z {
				z[i] = score(u, i)
			}
			var places []int
			var logP []float64
			lse := gonum.LogSumExp(z)
			for _, i := range relevant.ItemsOf(u) {
				logP = append(logP, z[i]-lse)
				place := 1
				for j := range z {
					if !masked(u, j) && (z[j] > z[i] || z[j] == z[i] && j < int(i)) {
						place++
					}
				}
				places = append(places, place)
			}
			slices.Sort(places)
			var order []int32
			for i := range z {
				if !masked(u, i) {
					order = append(order, int32(i))
				}
			}
			slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(z[b], z[a]) })
			whole = append(whole, metric.Whole{IDs: order, Places: places, LogP: logP, Relevant: relevant.ItemsOf(u), Grade: relevant.Value()[relevant.Ptr()[u]:relevant.Ptr()[u+1]]})
		}
		n := len(whole)
		require.Equal(t, n, got.Examples)
		require.Equal(t, set.Users-n, got.Excluded)
		for m, at := range ms {
			v, ok := got.Get(at.String())
			require.True(t, ok)
			want, tolerance := at.Ref(whole, at.K, known), 1e-9
			if at.LogProbs { // of scores in float32
				tolerance = 1e-5 * want
			}
			require.InDelta(t, want, v, tolerance, "%s %s", split, at)
			if at.Pooled {
				require.Nil(t, got.PerExample[m])
			} else {
				require.Len(t, got.PerExample[m], n)
			}
		}
	}

	tops, err := tr.Predict(t.Context(), set, []int{7, 3, 7}, 9, false)
	require.NoError(t, err)
	require.Equal(t, tops[0], tops[2])
	var order []int32
	for i := range set.Items {
		if !set.Train.Has(7, int32(i)) && !set.Valid.Has(7, int32(i)) && !set.Test.Has(7, int32(i)) {
			order = append(order, int32(i))
		}
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(score(7, int(b)), score(7, int(a))) })
	require.Equal(t, order[:9], tops[0].IDs)
	all, err := tr.Predict(t.Context(), set, []int{7}, 1000, true)
	require.NoError(t, err)
	require.Len(t, all[0].IDs, set.Items)

	_, err = tr.Predict(t.Context(), set, []int{150}, 9, false)
	require.ErrorContains(t, err, "user 150 is outside [0,150)")
	_, err = tr.Predict(t.Context(), set, []int{1}, 0, false)
	require.ErrorContains(t, err, "below 1")
	_, err = tr.Evaluate(t.Context(), set, "dev", ms)
	require.ErrorContains(t, err, "train, valid, test")
	_, err = tr.Evaluate(t.Context(), load(t, "demo:users=20,items=120,per-user=5"), "valid", ms)
	require.ErrorContains(t, err, "150 users")
}

// TestEvents: the events come in order and say what the result says.
func TestEvents(t *testing.T) {
	set := small(t)
	var events []Event
	res, err := Run(t.Context(), quick("{train: {weight: user}, eval: {every: 3}}"), set, func(e Event) { events = append(events, e) })
	require.NoError(t, err)
	start := events[0].(*Started)
	require.Equal(t, 5, start.Steps)
	require.Equal(t, (150+120)*8, start.Parameters)
	require.Equal(t, set.Train.Len(), start.Pairs)
	require.Len(t, events, 1+4*(5+1)+1)
	for e := range 4 {
		rows, sum, norms := 0, 0.0, 0.0
		for i := range 5 {
			s := events[1+e*6+i].(*Stepped)
			require.Equal(t, Stepped{e, i, s.Loss, s.GradNorm}, *s)
			norms += s.GradNorm
			require.Positive(t, s.GradNorm)
			n := []int{32, 32, 32, 32, 22}[i]
			rows += n
			sum += float64(n) * s.Loss
		}
		done := events[1+e*6+5].(*EpochDone)
		require.Equal(t, e+1, done.Epoch)
		require.InDelta(t, sum/float64(rows), done.Loss, 1e-12)
		require.InDelta(t, norms/5, done.GradNorm, 1e-12)
		require.Equal(t, e == 2 || e == 3, done.Valid != nil, "each third epoch, and the last")
	}
	require.Same(t, res, events[len(events)-1].(*Finished).Result)
	require.Equal(t, 4, res.Epochs)
	require.False(t, res.Interrupted)
	require.Same(t, res.History[3].Valid, res.Valid)
	require.NotNil(t, res.Test)
	require.Contains(t, res.Valid.String(), "valid: recall@20 0.")
}

// TestLearns: the default job comes close to the best that demo allows.
func TestLearns(t *testing.T) {
	if testing.Short() {
		t.Skip("trains for some seconds")
	}
	set := load(t, "demo:users=1000,items=500,per-user=40")
	c := Config{Train: TrainConfig{Epochs: 15}}
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	got, _ := res.Valid.Get("recall@20")
	fresh, err := New(c, set)
	require.NoError(t, err)
	ms, err := metric.ParseAll([]string{"recall@20"})
	require.NoError(t, err)
	before, err := fresh.Evaluate(t.Context(), set, "valid", ms)
	require.NoError(t, err)
	t.Logf("recall@20 %.4f before, %.4f after", before.Values[0].Value, got)
	require.Greater(t, got, 3*before.Values[0].Value)
}

// TestEarlyStopping: the run ends after Patience evaluations that are not
// better, with the weights of the best.
func TestEarlyStopping(t *testing.T) {
	set := small(t)
	res, err := Run(t.Context(), quick("{train: {epochs: 200, patience: 2, monitor: ndcg@20, optimizer: 'adam:lr=0.1'}}"), set, nil)
	require.NoError(t, err)
	require.True(t, res.Stopped)
	require.Less(t, res.Epochs, 200)
	require.Equal(t, res.BestEpoch+2, res.Epochs)
	best := res.History[res.BestEpoch-1]
	require.True(t, best.Best)
	require.Same(t, best.Valid, res.Valid)
	for _, e := range res.History {
		value, _ := e.Valid.Get("ndcg@20")
		top, _ := best.Valid.Get("ndcg@20")
		require.LessOrEqual(t, value, top)
	}
	ms, err := metric.ParseAll([]string{"recall@20", "ndcg@20"})
	require.NoError(t, err)
	again, err := res.Trained.Evaluate(t.Context(), set, "valid", ms)
	require.NoError(t, err)
	require.Equal(t, res.Valid.Values, again.Values, "the weights are those of the best epoch")
}

// TestDivergence: a loss that is not a number stops the run with an error that
// says where and what to do, and the last good weights stay.
func TestDivergence(t *testing.T) {
	set := small(t)
	c := quick("{model: {score: dot}, train: {optimizer: 'sgd:lr=1e30'}}")
	fresh, err := New(c, set)
	require.NoError(t, err)
	res, err := Run(t.Context(), c, set, nil)
	require.ErrorContains(t, err, "epoch 1, step ")
	require.ErrorContains(t, err, "lower the learning rate")
	require.ErrorContains(t, err, "the first weights are kept")
	require.Equal(t, tables(fresh), tables(res.Trained))

	// At the first step no rate has done anything yet.
	_, err = Run(t.Context(), quick("{model: {temperature: 1e-38}}"), set, nil)
	require.ErrorContains(t, err, "epoch 1, step 1 of ")
	require.ErrorContains(t, err, "no weight has moved yet, so that the loss (softmax), the data or model.temperature (1e-38) makes it")
	require.NotContains(t, err.Error(), "learning rate")

	// From the third epoch on the rate explodes: the second's weights stay.
	c = quick("{model: {score: dot}, train: {optimizer: 'sgd:lr=1e30', schedule: 'step:every=2,gamma=0'}}")
	dir := filepath.Join(t.TempDir(), "run")
	res, err = RunDir(t.Context(), dir, c, set, nil)
	require.ErrorContains(t, err, "step ")
	back, err := Open(dir, set)
	require.NoError(t, err)
	require.Equal(t, tables(res.Trained), tables(back))
	require.NoError(t, back.finite())
}

func lines(t *testing.T, x any) string {
	b, err := json.Marshal(x)
	require.NoError(t, err)
	return string(b)
}

// TestFolder: config.yaml reproduces the run, metrics.jsonl has a line an epoch,
// Open gives the weights back; and each wrong use of a folder is an error.
func TestFolder(t *testing.T) {
	set := small(t)
	dir := filepath.Join(t.TempDir(), "a", "run")
	res, err := RunDir(t.Context(), dir, quick(""), set, nil)
	require.NoError(t, err)
	c, err := LoadConfig(dir)
	require.NoError(t, err)
	want := quick("").WithDefaults()
	want.Data.Source = set.Name // of the set that it was given
	want.Model.Spread = float64(set.Train.Len()) / float64(len(set.Train.Active()))
	want.Model.Temperature = models.Temperature{Value: 1 / math.Log(float64(set.Items))}.String()
	require.Equal(t, want, c)
	again, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Equal(t, tables(res.Trained), tables(again.Trained))
	b, err := os.ReadFile(filepath.Join(dir, MetricsFile))
	require.NoError(t, err)
	var last EpochDone
	rows := strings.Split(strings.TrimSpace(string(b)), "\n")
	require.Len(t, rows, 4)
	require.NoError(t, json.Unmarshal([]byte(rows[3]), &last))
	require.Equal(t, res.Valid.Values, last.Valid.Values)
	tr, err := Open(dir, set)
	require.NoError(t, err)
	require.Equal(t, tables(res.Trained), tables(tr))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{ConfigFile, MetricsFile, SetFile, StateFile, WeightsFile}, names, "no litter")
	f, err := weights.Open(filepath.Join(dir, WeightsFile))
	require.NoError(t, err)
	defer f.Close()
	cut := t.TempDir() // a run that was killed before it had written any
	require.NoError(t, os.CopyFS(cut, os.DirFS(dir)))
	require.NoError(t, os.Remove(filepath.Join(cut, WeightsFile)))
	_, err = Open(cut, set)
	require.ErrorContains(t, err, "holds a run that has written no weights yet")
	var made weightsMeta
	require.NoError(t, f.Meta(&made))
	require.Equal(t, c.String(), made.Config)
	require.Equal(t, kernel.Path(), made.Kernel)
	require.NotEmpty(t, made.Program)

	_, err = RunDir(t.Context(), dir, quick(""), set, nil)
	require.ErrorContains(t, err, "holds a run that has ended")
	_, err = RunDir(t.Context(), dir, quick("{train: {epochs: 5}}"), set, nil)
	require.ErrorContains(t, err, `train.epochs is "4" there, "5" here`)
	_, err = RunDir(t.Context(), "", quick(""), set, nil)
	require.ErrorContains(t, err, "no name")
	other := load(t, "demo:users=150,items=120,per-user=12,seed=5")
	_, err = Open(dir, other)
	require.ErrorContains(t, err, "another split")
	_, err = Open(t.TempDir(), set)
	require.ErrorContains(t, err, "no run folder")
	strange := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(strange, "x"), nil, 0o600))
	_, err = RunDir(t.Context(), strange, quick(""), set, nil)
	require.ErrorContains(t, err, "not empty")

	// An interrupted run on other data is not taken up.
	dir = filepath.Join(t.TempDir(), "run")
	named := quick("{data: {source: somewhere}}") // the file may have changed
	ctx, obs := stopAt(t, 1, 1)
	_, err = RunDir(ctx, dir, named, set, obs)
	require.NoError(t, err)
	_, err = RunDir(t.Context(), dir, named, other, nil)
	require.ErrorContains(t, err, "other data")
	// A damaged checkpoint is noticed.
	path := filepath.Join(dir, CheckpointFile)
	b, err = os.ReadFile(path)
	require.NoError(t, err)
	b[len(b)/2] ^= 1
	require.NoError(t, os.WriteFile(path, b, 0o600))
	_, err = RunDir(t.Context(), dir, named, set, nil)
	require.ErrorContains(t, err, "corrupt")
}

func TestRunErrors(t *testing.T) {
	set := small(t)
	_, err := Run(t.Context(), Config{Loss: "softmx"}, set, nil)
	require.ErrorContains(t, err, "loss: ")
	none, err := data.Empty(150, 120)
	require.NoError(t, err)
	empty := *set
	empty.Valid = none
	_, err = Run(t.Context(), quick("{train: {patience: 2}}"), &empty, nil)
	require.ErrorContains(t, err, "train.patience needs a valid split")
	res, err := Run(t.Context(), quick(""), &empty, nil)
	require.NoError(t, err)
	require.Nil(t, res.Valid)
	empty.Train = none
	_, err = Run(t.Context(), quick(""), &empty, nil)
	require.ErrorContains(t, err, "no interactions")
}

// TestALS: the run's tables are the solver's factors, and the objective falls.
func TestALS(t *testing.T) {
	set := small(t)
	for _, solver := range Solvers() {
		if solver.Name == "gradient" || solver.Name == "fit" {
			continue
		}
		res, err := Run(t.Context(), quick("{train: {solver: "+solver.Name+", epochs: 6}}"), set, nil)
		require.NoError(t, err)
		for i, e := range res.History[1:] {
			require.LessOrEqual(t, e.Loss, res.History[i].Loss)
		}
		require.Equal(t, models.Dot, models.Score(res.Trained.Plan.Config.Model.Score))
	}
}
