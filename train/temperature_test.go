package train

import (
	"fmt"
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// temperatures returns what a learned temperature was after each epoch.
func temperatures(t *testing.T, history []*EpochDone) (all []float64) {
	for _, e := range history {
		require.Len(t, e.Scalars, 1)
		require.Equal(t, "temperature", e.Scalars[0].Name)
		all = append(all, e.Scalars[0].Value)
	}
	return all
}

// TestLearnedTemperatureHelps: from a start that is far too warm, or too cold, the
// temperature moves the way that the data ask for and lowers the loss, and over all
// classes the best epoch on valid is better than where it stays at the start. The best one: the loss that the temperature follows
// is that of training, which a model of few users lowers by overfitting.
func TestLearnedTemperatureHelps(t *testing.T) {
	set := load(t, "demo:users=1000")
	for _, candidates := range []string{"all", "sampled:n=64"} {
		if testing.Short() && candidates != "all" {
			continue
		}
		for start, want := range map[string]struct {
			up   bool
			gain float64 // least factor of the metric
		}{"3": {false, 1.2}, "0.01": {true, 1}} {
			t.Run(candidates+" from "+start, func(t *testing.T) {
				c := quick("{train: {optimizer: 'adam:lr=0.02,mode=dense', epochs: 16, batch: 128, patience: 20}, model: {dim: 32}}")
				c.Candidates, c.Model.Temperature = candidates, start
				best := func() (*Result, float64) {
					res, err := Run(t.Context(), c, set, nil)
					require.NoError(t, err)
					return res, res.Valid.Values[0].Value
				}
				fixed, fixedBest := best()
				require.Empty(t, fixed.Trained.Scalars())
				c.Model.Temperature = "learned:start=" + start
				learned, learnedBest := best()
				all := temperatures(t, learned.History)
				if last := all[len(all)-1]; want.up {
					require.Greater(t, last, 2*0.01)
				} else {
					require.Less(t, last, 3.0/2)
				}
				t.Logf("best recall@20 on valid %.4f, fixed %.4f; temperature %.4f at the best epoch", learnedBest, fixedBest, all[learned.BestEpoch-1])
				if candidates == "all" { // of draws the loss is another, and so is the temperature that lowers it
					require.Greater(t, learnedBest, want.gain*fixedBest)
				}
				n := min(len(fixed.History), len(learned.History)) - 1
				require.Less(t, learned.History[n].Loss, fixed.History[n].Loss)
				require.Equal(t, all[learned.BestEpoch-1], learned.Trained.Scalars()[0].Value)
				require.Equal(t, fixed.Trained.Parameters()+1, learned.Trained.Parameters())
			})
		}
	}
}

// TestLearnedTemperatureKept: a run folder holds the temperature, and what is opened
// ranks by it.
func TestLearnedTemperatureKept(t *testing.T) {
	set, dir := small(t), t.TempDir()
	c := quick("{model: {temperature: learned, bias: true}, train: {optimizer: 'adam:lr=0.1'}}")
	res, err := RunDir(t.Context(), dir, c, set, nil)
	require.NoError(t, err)
	all := temperatures(t, res.History)
	require.Equal(t, all[len(all)-1], res.Trained.Scalars()[0].Value)
	natural := 1 / math.Log(float64(set.Items))
	require.Greater(t, math.Abs(all[len(all)-1]-natural), 0.01, "it has moved from the default")
	kept, err := LoadConfig(dir)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("learned:start=%v", natural), kept.Model.Temperature)
	opened, err := Open(dir, set)
	require.NoError(t, err)
	require.Equal(t, res.Trained.Scalars(), opened.Scalars())
	class, err := opened.ClassScores()
	require.NoError(t, err)
	require.Equal(t, opened.Scalars()[0].Value, class.Temperature)
	h, err := opened.Encode([]int32{3})
	require.NoError(t, err)
	top, err := opened.Rank(t.Context(), []int32{3}, 1, nil)
	require.NoError(t, err)
	dot, norm := 0.0, 0.0
	w := class.W[int(top[0].IDs[0])*class.Dim:]
	for k, x := range h {
		dot += float64(x) * float64(w[k])
		norm += float64(x) * float64(x)
	}
	require.InDelta(t, dot/math.Sqrt(norm)/class.Temperature+float64(class.Bias[top[0].IDs[0]]), top[0].Scores[0], 1e-5)
}

// TestLearnedTemperatureBounds: however far a step goes, the temperature stays within its
// bounds, and decay and L2 do not pull it: at a rate of learning of 0 weights shrink and
// it stays.
func TestLearnedTemperatureBounds(t *testing.T) {
	set := small(t)
	c := quick("{model: {temperature: 'learned:start=0.5,min=0.3,max=0.7'}, train: {optimizer: 'adam:lr=3'}}")
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	for _, x := range temperatures(t, res.History) {
		require.True(t, 0.3 <= x && x <= 0.7, "%v", x)
		require.NotEqual(t, 0.5, x)
	}
	table := func(l2, decay string) (logit float32, norm float64) {
		c.Model.Temperature, c.Train.Optimizer, c.Loss = "learned:start=0.5", "sgd:lr=1e-9", "softmax"
		c.Train.L2, c.Train.Decay = l2, decay
		r, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		for _, table := range r.Trained.Tables() {
			for _, x := range table.Data {
				if table.Scalar != nil {
					logit = x
				} else {
					norm += float64(x) * float64(x)
				}
			}
		}
		return logit, norm
	}
	// The gradient at weights of norm 1 does not see their length: what is left of decay
	// is what the temperature would lose to its own.
	start := float32(math.Log(2))
	_, free := table("", "")
	for _, texts := range [][2]string{{"1e8", ""}, {"", "1e8"}} {
		logit, norm := table(texts[0], texts[1])
		require.InDelta(t, start, logit, 1e-6, texts)
		require.Less(t, norm, 0.5*free, texts)
	}
}

// TestFitLearnedTemperature: objects learn a temperature to the bits of the run that
// names it, at any GOMAXPROCS and with every kind of candidates, and tell of it.
func TestFitLearnedTemperature(t *testing.T) {
	set := small(t)
	for _, candidates := range []string{"all", "sampled:n=16", "tree", "classes", "adaptive"} {
		c := quick("{train: {optimizer: 'adam:lr=0.05,mode=dense', epochs: 2}}")
		c.Candidates, c.Model.Temperature = candidates, "learned:start=0.3,max=2"
		want, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		for _, procs := range []int{1, 4} {
			func() {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				s := models.Setting{Set: set, Dim: 8, Init: 0.1}
				kind, err := models.Parse("mf")
				require.NoError(t, err)
				m, err := kind.New(s)
				require.NoError(t, err)
				l, err := losses.Parse("softmax")
				require.NoError(t, err)
				head, err := models.NewHead(candidates, models.HeadSetting{Setting: s, Score: models.Cosine, Temperature: 0.3, Learned: &models.TemperatureBounds{Max: 2}, Loss: l})
				require.NoError(t, err)
				examples, err := set.Examples("user")
				require.NoError(t, err)
				var history []*EpochDone
				rec, err := Fit(t.Context(), m, head, l, examples, set.Classes(), FitOptions{
					Epochs: 2, Batch: 32, Optimizer: "adam:lr=0.05,mode=dense", Observe: func(e *EpochDone) { history = append(history, e) }})
				require.NoError(t, err)
				require.Equal(t, tables(want.Trained), tables(rec), fmt.Sprint(candidates, procs))
				require.Equal(t, temperatures(t, want.History), temperatures(t, history))
			}()
		}
	}
}
