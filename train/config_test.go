package train

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const everything = `data:
  source: demo:users=60
  min_rating: 3.5
  core: 2
  split: ratio:0.8,0.1,0.1,seed=1
model:
  name: mf
  dim: 16
  score: dot
  temperature: 0.5
  bias: true
  init: 0.05
loss: sparsemax
candidates: all
train:
  solver: gradient
  epochs: 3
  rows: pair
  batch: 64
  optimizer: adam:lr=0.05,mode=dense
  schedule: cosine:warmup=1
  patience: 2
  monitor: ndcg@5
  seed: 12
eval:
  metrics: [ndcg@5, recall@10]
  every: 2
  items: all
`

func TestConfigRoundTrip(t *testing.T) {
	var zero Config
	require.NoError(t, zero.Validate(), "the zero value is a run")
	require.Equal(t, "", zero.String())
	c, err := Parse([]byte(everything))
	require.NoError(t, err)
	require.NoError(t, c.Validate())
	require.Equal(t, c, c.Filled(), "everything is set")
	require.Equal(t, "cosine:warmup=1", c.Train.Schedule)
	for _, c := range []Config{zero, c, zero.Filled()} {
		again, err := Parse([]byte(c.String()))
		require.NoError(t, err)
		require.Equal(t, c, again)
		require.Equal(t, c.Filled(), c.Filled().Filled())
	}
	for _, text := range []string{"", "# nothing\n", "train:\n", "train: {}\n"} {
		c, err := Parse([]byte(text))
		require.NoError(t, err, "%q", text)
		require.Equal(t, zero, c)
	}
}

func TestConfigParseErrors(t *testing.T) {
	for text, parts := range map[string][]string{
		"train:\n  epochs: 3\n  epoch: 4\n": {"line 3", `unknown key "epoch" in train`, "epochs, rows"},
		"\nlos: softmax\n":                  {"line 2", `unknown key "los"`, "data, model, loss"},
		"train:\n  epochs: many\n":          {`line 2: train.epochs wants int, not "many"`},
		"train:\n  epochs: 3\n  epochs: 4":  {"line 3", "epochs"},
		"train: fast\n":                     {"line 1", "train holds settings"},
		"- a\n- b\n":                        {"line 1", "the file holds settings"},
		"train: [\n":                        {"line"},
		"loss: a\n---\nloss: b\n":           {"2 YAML documents"},
	} {
		_, err := Parse([]byte(text))
		require.Error(t, err, "%q", text)
		require.NotContains(t, err.Error(), "\n", "one line")
		for _, part := range parts {
			require.ErrorContains(t, err, part, "%q", text)
		}
	}
}

// TestValidateAll: every fault is reported at once, each with its path.
func TestValidateAll(t *testing.T) {
	c := Config{
		Data:  DataConfig{Split: "thirds"},
		Model: ModelConfig{Name: "mlp", Dim: -1, Score: "cos", Temperature: -1, Init: -2},
		Loss:  "softmx", Candidates: "some",
		Train: TrainConfig{Epochs: -1, Rows: "users", Batch: -5, Optimizer: "adm", Schedule: "cos", Patience: -1, Monitor: "recall@7"},
		Eval:  EvalConfig{Metrics: []string{"recall@20"}, Every: -1, Items: "cold"},
	}
	err := c.Validate()
	for _, path := range []string{
		"data: ", "model.name: ", "model.dim: ", "model.score: ", "model.temperature: ", "model.init: ", "loss: ", "candidates: ", "train.epochs: ",
		"train.rows: ", "train.batch: ", "train.optimizer: ", "train.schedule: ", "train.patience: ", "train.monitor: ", "eval.every: ", "eval.items: ",
	} {
		require.ErrorContains(t, err, path)
	}
	require.Len(t, strings.Split(err.Error(), "\n"), 17)

	require.ErrorContains(t, Config{Eval: EvalConfig{Metrics: []string{"recall"}}}.Validate(), "eval.metrics: ")
	require.ErrorContains(t, Config{Train: TrainConfig{Solver: "newton"}}.Validate(), "als, gradient, ials")
	als := Config{
		Model: ModelConfig{Score: "cosine", Bias: true}, Loss: "softmax",
		Train: TrainConfig{Solver: "als", Batch: 3, Rows: "user", Optimizer: "sgd", Schedule: "linear"},
	}
	err = als.Validate()
	for _, path := range []string{"loss: ", "model.score: ", "model.temperature: ", "model.bias: ", "train.batch: ", "train.rows: ", "train.optimizer: ", "train.schedule: "} {
		require.ErrorContains(t, err, path)
	}
	require.ErrorContains(t, Config{Loss: "rg2", Train: TrainConfig{Solver: "ials"}}.Validate(), "its own loss")
	require.NoError(t, Config{Train: TrainConfig{Solver: "ials"}}.Validate())
	require.NoError(t, Config{Loss: "rgx:beta=0.5", Train: TrainConfig{Solver: "als"}}.Validate())
}

// TestMinRatingOfZero: a minimum of 0 is another setting than none, in YAML, by Set
// and in what a run records.
func TestMinRatingOfZero(t *testing.T) {
	none, err := Parse([]byte("data: {source: demo}"))
	require.NoError(t, err)
	require.Nil(t, none.Data.Config().MinRating)
	zero, err := Parse([]byte("data: {source: demo, min_rating: 0}"))
	require.NoError(t, err)
	require.Equal(t, new(0.0), zero.Data.Config().MinRating)
	again, err := Parse([]byte(zero.Filled().String()))
	require.NoError(t, err)
	require.Equal(t, zero.Filled(), again)
	var set Config
	require.NoError(t, set.Set("data.min_rating", "0"))
	require.Equal(t, zero.Data.MinRating, set.Data.MinRating)
	require.ErrorContains(t, set.Set("data.min_rating", "some"), `data.min_rating="some" is not a float64`)
	require.Equal(t, `data.min_rating is "0" there, "" here`, difference(zero, none))
	require.Empty(t, difference(zero.Filled(), again))
	require.ErrorContains(t, Config{Data: DataConfig{MinRating: new(math.Inf(1))}}.Validate(), "minimum rating +Inf is not finite")
}

// TestSet sets every path from text, and the result is what the YAML says.
func TestSet(t *testing.T) {
	want, err := Parse([]byte(everything))
	require.NoError(t, err)
	want.Data.Format = "csv"
	values := map[string]string{
		"data.source": "demo:users=60", "data.format": "csv", "data.min_rating": "3.5", "data.core": "2", "data.split": "ratio:0.8,0.1,0.1,seed=1",
		"model.name": "mf", "model.dim": "16", "model.score": "dot", "model.temperature": "0.5", "model.bias": "true", "model.init": "0.05",
		"loss": "sparsemax", "candidates": "all",
		"train.solver": "gradient", "train.epochs": "3", "train.rows": "pair", "train.batch": "64", "train.optimizer": "adam:lr=0.05,mode=dense",
		"train.schedule": "cosine:warmup=1", "train.patience": "2", "train.monitor": "ndcg@5", "train.seed": "12",
		"eval.metrics": "ndcg@5, recall@10", "eval.every": "2", "eval.items": "all",
	}
	var c Config
	for _, path := range Paths() {
		require.Contains(t, values, path)
		require.NoError(t, c.Set(path, values[path]))
	}
	require.Len(t, values, len(Paths()))
	require.Equal(t, want, c)
	require.ErrorContains(t, c.Set("train.lr", "1"), "the choices are data.source, ")
	require.ErrorContains(t, c.Set("train", "1"), "unknown setting")
	require.ErrorContains(t, c.Set("train.epochs", "x"), `train.epochs="x" is not a int`)
	require.ErrorContains(t, c.Set("model.bias", "maybe"), "is not a bool")
}

// FuzzParse: no text makes Parse or Validate panic, and what is parsed and valid
// survives its own text.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{everything, "train: {epochs: 3}", "train:\n  epochs:\n", "a: &x b\nc: *x", "- 1", "eval: {metrics: recall@20}", "{", "? a\n: b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse([]byte(text))
		if err != nil || c.Validate() != nil {
			return
		}
		again, err := Parse([]byte(c.String()))
		require.NoError(t, err)
		require.Equal(t, c.Filled(), again.Filled())
	})
}
