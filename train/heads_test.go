package train

import (
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// TestEveryLossTrainsWithEveryScheme runs two epochs of each registered loss and
// recipe over each kind of candidates.
func TestEveryLossTrainsWithEveryScheme(t *testing.T) {
	set := load(t, "demo:users=60,items=70,per-user=8")
	for _, name := range models.LossNames() {
		r, err := models.Resolve(name, "", set.Items)
		require.NoError(t, err)
		schemes := []string{"all", "sampled:n=8", "sampled:n=8,sampler=in-batch", "tree", "classes", "adaptive", ""}
		if testing.Short() {
			schemes = schemes[6:]
		}
		for _, candidates := range schemes {
			t.Run(name+"/"+candidates, func(t *testing.T) {
				c := quick("{train: {epochs: 2, optimizer: 'adam:lr=0.003'}}")
				c.Loss, c.Candidates = name, candidates
				if r.Loss.Spec.Domain == losses.Cosines && len(candidates) > 7 && candidates[:7] == "sampled" {
					c.Candidates += ",correction=none"
				}
				got, err := Run(t.Context(), c, set, nil)
				require.NoError(t, err)
				require.NoError(t, got.Trained.finite())
				require.Len(t, got.History, 2)
				for _, e := range got.History {
					require.False(t, math.IsNaN(e.Loss) || math.IsInf(e.Loss, 0))
				}
				v, ok := got.Valid.Get("recall@20")
				require.True(t, ok)
				require.Greater(t, v, 0.0)
			})
		}
	}
}

// TestRecipesLearn: on the demo set every recipe ends well above chance,
// which ranks 20 of 120 items, a sixth. The width is such that the narrowest cluster of
// adaptive-softmax has four numbers a class: of one a cosine is a sign, whose gradient is
// rounding, and Adam's first step makes of that another run on each kind of kernel.
func TestRecipesLearn(t *testing.T) {
	if testing.Short() {
		t.Skip("trains eight epochs of each recipe")
	}
	set := load(t, "demo:users=200,items=120,per-user=24")
	for _, recipe := range models.Recipes() {
		c := quick("{model: {dim: 64}, train: {epochs: 8, task: pair, batch: 64, optimizer: 'adam:lr=0.02'}}")
		c.Loss = recipe.Name
		got, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err, recipe.Name)
		v, _ := got.Valid.Get("recall@20")
		first, last := got.History[0].Loss, got.History[len(got.History)-1].Loss
		t.Logf("%-18s recall@20 %.3f loss %.4f → %.4f", recipe.Name, v, first, last)
		require.Greater(t, v, 0.25, recipe.Name)
	}
}

// TestSampledRunSameBits: a sampled run has the same bits at any GOMAXPROCS, and
// again.
func TestSampledRunSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	set := small(t)
	for _, candidates := range []string{"sampled:n=16,per=row", "sampled:n=16", "sampled:n=6,sampler=midx,codewords=4", "sampled:sampler=mixed,n=20", "tree", "classes", "adaptive"} {
		var want [][]float32
		for _, procs := range []int{1, 2, 5} {
			runtime.GOMAXPROCS(procs)
			c := quick("{train: {epochs: 2}}")
			c.Candidates = candidates
			got, err := Run(t.Context(), c, set, nil)
			require.NoError(t, err)
			if want == nil {
				want = tables(got.Trained)
			}
			require.Equal(t, want, tables(got.Trained), "%s at GOMAXPROCS=%d", candidates, procs)
		}
	}
}

// TestRankingFollowsTheLoss: what a trained model predicts, and what is measured of it,
// ranks by the probabilities of the loss that its configuration names.
func TestRankingFollowsTheLoss(t *testing.T) {
	set := small(t)
	for _, candidates := range []string{"all", "sampled:n=4"} {
		for loss, first := range map[string]int32{"softmax": 5, "spherical": 7, "taylor": 7} {
			trained, err := New(Config{Loss: loss, Candidates: candidates, Model: ModelConfig{Dim: 2, Score: "dot"}}, set)
			require.NoError(t, err)
			for _, table := range trained.Tables() {
				clear(table.Data)
			}
			users, items := trained.Tables()[0], trained.Tables()[1]
			for u := range set.Users {
				users.Data[2*u] = 1
			}
			items.Data[2*5], items.Data[2*7] = 3, -9
			tops, err := trained.Predict(t.Context(), set, []int{0}, 1, true)
			require.NoError(t, err)
			require.Equal(t, []int32{first}, tops[0].IDs, "%s over %s", loss, candidates)
			at, err := metric.ParseAll([]string{"recall@1"})
			require.NoError(t, err)
			got, err := trained.Evaluate(t.Context(), set, "train", at)
			require.NoError(t, err)
			for i, u := range got.Rows {
				require.Equal(t, slices.Contains(set.Train.ItemsOf(int(u)), first), got.PerExample[0][i] > 0, "%s over %s, user %d", loss, candidates, u)
			}
		}
	}
}

// TestOneTemperature: a loss that is given a temperature is trained at that one; the
// model's, where it is given, divides scores too.
func TestOneTemperature(t *testing.T) {
	for loss, want := range map[string]string{
		"softmax": "", "softmax:tau=1": "", "softmax:smoothing=0.1": "", "infonce": "", "bpr": "", // the natural one, which the data decide
		"sl": "0.2", "bsl:tau1=0.3": "0.2", "hinge": "0.2", "taylor": "0.2", "hsm": "0.2", "perceptron": "0.2",
		"softmax:tau=0.1": "1", "sl:tau=.2": "1", "bsl:tau2=0.2": "1", "infonce:tau=0.07": "1", "sampled-softmax:n=64,tau=0.5": "1", "hsm:tau=0.2": "1",
		"cosine": "1", "sl-at-k": "1", "psl": "1",
	} {
		c := Config{Loss: loss}
		require.Equal(t, want, c.WithDefaults().Model.Temperature, loss)
		require.Equal(t, c.WithDefaults(), c.WithDefaults().WithDefaults(), loss)
		c.Model.Score = "dot"
		require.Equal(t, "1", c.WithDefaults().Model.Temperature, loss)
		c.Model.Score, c.Model.Temperature = "cosine", "0.5"
		require.Equal(t, "0.5", c.WithDefaults().Model.Temperature, loss)
	}
	// The recorded configuration says it.
	require.Contains(t, Config{Loss: "sl:tau=.2"}.WithDefaults().String(), "temperature: 1")
	// softmax at a temperature of its own trains as softmax at the model's.
	set := small(t)
	var want [][]float32
	for _, text := range []string{"{loss: 'softmax:tau=0.25', candidates: all}", "{loss: softmax, model: {temperature: 0.25}}"} {
		got, err := Run(t.Context(), quick(text), set, nil)
		require.NoError(t, err)
		if want == nil {
			want = tables(got.Trained)
			continue
		}
		for i, table := range tables(got.Trained) {
			require.InDeltaSlice(t, want[i], table, 1e-3)
		}
	}
}

// TestRecipeConfig: a recipe brings its candidates, which an explicit
// setting replaces, and its optimizer touches no row that was not drawn.
func TestRecipeConfig(t *testing.T) {
	c := Config{Loss: "sampled-softmax:n=9,sampler=popularity"}
	require.NoError(t, c.Validate())
	f := c.WithDefaults()
	require.Equal(t, "sampled:n=9,sampler=popularity", f.Candidates)
	require.Equal(t, "adam:lr=0.01", f.Train.Optimizer)
	require.Equal(t, f, f.WithDefaults())
	c.Candidates = "all"
	require.ErrorContains(t, c.Validate(), "n is a parameter of its candidates sampled, which are replaced by all")
	c.Loss = "sampled-softmax"
	require.NoError(t, c.Validate())
	require.Equal(t, "all", c.WithDefaults().Candidates)
	require.Equal(t, "adam:lr=0.01,mode=dense", c.WithDefaults().Train.Optimizer)
	require.Equal(t, "1", Config{Loss: "ccl"}.WithDefaults().Model.Temperature)
	require.ErrorContains(t, Config{Loss: "sampled-softmax:m=9"}.Validate(), `no parameter "m"`)
	require.ErrorContains(t, Config{Loss: "soft"}.Validate(), "sampled-softmax")
	require.ErrorContains(t, Config{Loss: "nce", Train: TrainConfig{Solver: "als"}}.Validate(), "als")
}
