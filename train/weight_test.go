package train

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// weighed trains one batch of all rows a step, so that tasks user and pair take the same
// steps where they are one objective.
func weighed(task, weight string) Config {
	c := quick("{train: {epochs: 3, batch: 100000, optimizer: 'sgd:lr=1'}}")
	c.Train.Task, c.Train.Weight = task, weight
	return c
}

// TestWeight: a user counts the same whether its row is one or one for each interaction,
// by each weight; the weights differ from each other, and interaction is the default.
func TestWeight(t *testing.T) {
	set := small(t)
	of := func(c Config) ([]float32, float64) {
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		var all []float32
		for _, table := range res.Trained.Tables() {
			all = append(all, table.Data...)
		}
		return all, res.History[len(res.History)-1].Loss
	}
	apart := func(a, b []float32) (d float64) {
		for i := range a {
			d = max(d, math.Abs(float64(a[i]-b[i])))
		}
		return d
	}
	ended := map[string][]float32{}
	for _, w := range data.RowWeights() {
		user, loss := of(weighed("user", w))
		pair, same := of(weighed("pair", w))
		require.LessOrEqual(t, apart(user, pair), 1e-6, w)
		require.InDelta(t, loss, same, 1e-5, "softmax of a row is the mean over its labels")
		for other, weights := range ended {
			require.Greater(t, apart(user, weights), 1e-4, "%s and %s", w, other)
		}
		ended[w] = user
	}
	usual, _ := of(weighed("user", ""))
	require.Equal(t, ended["interaction"], usual)
	require.Equal(t, "interaction", Config{}.WithDefaults().Train.Weight)
}

// TestWeightOfTheLoss: the loss of an epoch is the mean by the rows' weights.
func TestWeightOfTheLoss(t *testing.T) {
	set := small(t)
	cfg := quick("{train: {epochs: 1, weight: sqrt}}")
	var sum, total float64
	p := planOf(t, cfg)
	x, err := p.ExamplesOf(set)
	require.NoError(t, err)
	batches, err := data.NewBatches(x, p.Config.Train.Batch, p.Config.Train.Seed)
	require.NoError(t, err)
	var weights []float64
	for b := range batches.Epoch(0) {
		w := 0.0
		for _, v := range b.Weight {
			w += float64(v)
		}
		weights = append(weights, w)
	}
	res, err := p.Run(t.Context(), set, func(e Event) {
		if s, ok := e.(*Stepped); ok {
			sum, total = sum+weights[s.Step]*s.Loss, total+weights[s.Step]
		}
	})
	require.NoError(t, err)
	require.InDelta(t, sum/total, res.History[0].Loss, 1e-12)
}

// TestFitWeighs: Fit weighs as a run does, beside what the examples weigh themselves.
func TestFitWeighs(t *testing.T) {
	of := func(own []float32, w data.RowWeight) []float32 {
		set, m, head, l, x := fitted(t, FitOptions{})
		x.Weight = own
		rec, err := Fit(t.Context(), m, head, l, x, set.Classes(), FitOptions{Epochs: 1, Weight: w})
		require.NoError(t, err)
		return rec.Tables()[0].Data
	}
	_, _, _, _, x := fitted(t, FitOptions{})
	m, root := make([]float32, x.Len()), make([]float32, x.Len())
	for i := range m {
		m[i] = float32(len(x.Targets.Row(i)))
		root[i] = float32(math.Sqrt(float64(m[i])))
	}
	require.Equal(t, of(nil, ""), of(nil, data.ByInteraction))
	require.Equal(t, of(nil, data.ByInteraction), of(m, data.ByUser), "what an example weighs is multiplied")
	require.InDeltaSlice(t, of(nil, data.ByInteraction), of(root, data.BySqrt), 1e-5)
	require.NotEqual(t, of(nil, data.ByInteraction), of(nil, data.ByUser))

	set, model, head, l, x := fitted(t, FitOptions{})
	_, err := Fit(t.Context(), model, head, l, x, set.Classes(), FitOptions{Weight: "root"})
	require.ErrorContains(t, err, `unknown row weight "root"; the choices are interaction, user, sqrt`)
}

// TestWeightIsRefused: solvers without rows do not take it, and their plans have no
// examples.
func TestWeightIsRefused(t *testing.T) {
	for _, solver := range []string{"als", "ials"} {
		c := Config{Train: TrainConfig{Solver: solver, Weight: "interaction"}}
		require.ErrorContains(t, c.Validate(), "train.weight: solver "+solver+" does not take it")
		c.Train.Weight = ""
		require.Empty(t, c.WithDefaults().Train.Weight)
		_, err := planOf(t, c).ExamplesOf(small(t))
		require.ErrorContains(t, err, "solver "+solver+" has no training rows")
	}
}

// TestWeightUnderEveryHead: a step under each head is that of the weighted mean: doubling a
// user's weight is doubling its row.
func TestWeightUnderEveryHead(t *testing.T) {
	set := small(t)
	l, err := losses.Parse("softmax")
	require.NoError(t, err)
	kind, err := models.Parse("mf")
	require.NoError(t, err)
	for _, spec := range models.Heads() {
		text := spec.Name
		if text == "sampled" {
			text = "sampled:n=4,sampler=popularity"
		}
		of := func(row []int32, classes []int32, weight []float32) [][]float32 {
			s := models.Setting{Set: set, Dim: 8, Init: 0.3, Seed: 3}
			m, err := kind.New(s)
			require.NoError(t, err)
			head, err := models.NewHead(text, models.HeadSetting{Setting: s, Score: models.Dot, Temperature: 1, Loss: l, Bias: true})
			require.NoError(t, err)
			x := &data.Examples{Context: set.Contexts(), Row: row, Targets: data.Targets{Class: classes}, Weight: weight}
			rec, err := Fit(t.Context(), m, head, l, x, set.Classes(), FitOptions{Epochs: 1, Optimizer: "sgd:lr=1"})
			require.NoError(t, err)
			var all [][]float32
			for _, table := range rec.Tables() {
				all = append(all, table.Data)
			}
			return all
		}
		twice := of([]int32{4, 9, 9}, []int32{7, 30, 30}, nil)
		heavy := of([]int32{4, 9}, []int32{7, 30}, []float32{1, 2})
		light := of([]int32{4, 9}, []int32{7, 30}, nil)
		for i := range twice {
			if text == spec.Name { // draws of one set a batch depend on its rows
				require.InDeltaSlice(t, twice[i], heavy[i], 1e-6, spec.Name)
			}
		}
		require.NotEqual(t, light, heavy, spec.Name)
	}
}

// TestHotLabelsDefaults: over all classes a loss of hot labels counts each pair of a user
// and a class once, and its biases start at the prior; what is given stands, and so do the
// defaults of any other loss, or over drawn candidates.
func TestHotLabelsDefaults(t *testing.T) {
	for text, want := range map[string][2]string{
		"{loss: bce}":      {"user", "prior"},
		"{loss: gbce@all}": {"user", "prior"},
		"{loss: bce, train: {weight: interaction}}":  {"interaction", "prior"},
		"{loss: bce, model: {bias: false}}":          {"user", "false"},
		"{loss: bce, model: {bias: 1}}":              {"user", "true"},
		"{loss: 'bce:labels=mean'}":                  {"interaction", "false"},
		"{loss: 'squared:labels=hot'}":               {"user", "prior"},
		"{loss: squared}":                            {"interaction", "false"},
		"{loss: softmax}":                            {"interaction", "false"},
		"{loss: softmax, model: {bias: prior}}":      {"interaction", "prior"},
		"{loss: gbce}":                               {"interaction", "false"}, // a recipe of draws
		"{loss: 'bce@sampled:n=4'}":                  {"interaction", "false"},
		"{loss: bce@tree}":                           {"interaction", "false"},
		"{loss: ccl@all, model: {temperature: '1'}}": {"interaction", "false"},
		"{train: {solver: als}}":                     {"", ""},
	} {
		c, err := Parse([]byte(text))
		require.NoError(t, err)
		require.NoError(t, c.Validate(), text)
		full := c.WithDefaults()
		require.Equal(t, want, [2]string{full.Train.Weight, full.Model.Bias}, text)
		again, err := Parse([]byte(full.String()))
		require.NoError(t, err)
		require.Equal(t, full, again)
		require.NoError(t, again.Validate(), "what a run records is a configuration")
	}
	for text, want := range map[string]string{
		"{loss: softmax@tree, model: {bias: prior}}":    "model.bias: candidates tree have no bias of each class that could start at its prior; take candidates all, sampled, or bias true",
		"{loss: ccl@all, model: {bias: prior}}":         "model.bias to false",
		"{train: {solver: als}, model: {bias: prior}}":  "model.bias: solver als does not take it",
		"{train: {solver: ials}, model: {bias: 'yes'}}": `model.bias: unknown bias "yes"; the choices are false, true, prior`,
	} {
		c, err := Parse([]byte(text))
		require.NoError(t, err)
		require.ErrorContains(t, c.Validate(), want, text)
	}
}

// TestPriorBias: a run begins with biases at the log-odds of the share of users that have an
// item, and moves them; so does a run that is resumed.
func TestPriorBias(t *testing.T) {
	set := small(t)
	cfg := quick("{loss: bce}")
	rec, err := New(cfg, set)
	require.NoError(t, err)
	bias := rec.Head.(models.ClassBiased).ClassBias()
	first := append([]float32(nil), bias.Data...)
	users := float64(len(set.Train.Active()))
	for j, n := range set.Train.ItemCounts() {
		p := min(max(float64(n), 0.5), users-0.5) / users
		require.InDelta(t, math.Log(p/(1-p)), first[j], 1e-5)
	}
	res, err := Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	require.NotEqual(t, first, res.Trained.Head.(models.ClassBiased).ClassBias().Data)
	resumes(t, cfg, set)
	// Fit goes on from biases that a program has made start there.
	x, err := planOf(t, cfg).ExamplesOf(set)
	require.NoError(t, err)
	l := planOf(t, cfg).Choice.Loss
	require.NoError(t, models.StartAtPrior(rec.Head, l, x))
	require.Equal(t, first, rec.Head.(models.ClassBiased).ClassBias().Data)
}
