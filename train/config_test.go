package train

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
)

const everything = `data:
  source: demo:users=60
  min_rating: 3.5
  core: 2
  split: ratio:0.8,0.1,0.1,seed=1
  held: 0.2,seed=1
model:
  name: mf
  dim: 16
  score: cosine
  temperature: 0.5
  spread: 20.5
  bias: true
  init: 0.05
loss: sparsemax
candidates: all
protocol: recbole
train:
  solver: gradient
  on: train
  epochs: 3
  task: last:len=20
  weight: sqrt
  batch: 64
  positions: 4096
  optimizer: adam:lr=0.05,mode=dense
  schedule: cosine:warmup=1
  l2: 0.0001,on=batch
  decay: class=0.1,user=0
  dropout: 0.1
  clip: 2
  precision: high
  patience: 2
  monitor: ndcg@5
  seed: 12
eval:
  metrics: [ndcg@5, recall@10]
  every: 2
  mask: train+valid
  items: all
`

func TestConfigRoundTrip(t *testing.T) {
	var zero Config
	require.NoError(t, zero.Validate(), "the zero value is a run")
	require.Equal(t, "", zero.String())
	c, err := Parse([]byte(everything))
	require.NoError(t, err)
	require.NoError(t, c.Validate())
	require.Equal(t, c, c.WithDefaults(), "everything is set")
	require.Equal(t, "cosine:warmup=1", c.Train.Schedule)
	for _, c := range []Config{zero, c, zero.WithDefaults()} {
		again, err := Parse([]byte(c.String()))
		require.NoError(t, err)
		require.Equal(t, c, again)
		require.Equal(t, c.WithDefaults(), c.WithDefaults().WithDefaults())
	}
	for _, text := range []string{"", "# nothing\n", "train:\n", "train: {}\n"} {
		c, err := Parse([]byte(text))
		require.NoError(t, err, "%q", text)
		require.Equal(t, zero, c)
	}
}

// TestTextsRoundTrip: a configuration that is read back has every text that it was
// written with, whatever is in it.
func TestTextsRoundTrip(t *testing.T) {
	for _, text := range []string{
		"a\tb", "a\t", "\ta", "a\r", "\r\n", "a\nb\n", "\x1b[31m", "a\x00", "a\u00a0", "\ufeffa", "? a", "---", "--- a", "...", "...a",
		"- a", "a: b", "a #b", "'a'", "\"a\"", "null", "true", "010", "&a", "*a", "!a", "{a}", "[a", "| a", "> a", "%a", "@a", "\\x41", "日 本", " a ", "é",
	} {
		c := Config{Data: DataConfig{Source: text}, Candidates: text}
		again, err := Parse([]byte(c.String()))
		require.NoError(t, err, "%q", text)
		require.Equal(t, c, again, "%q", text)
	}
	// No YAML holds what is not UTF-8, which its reader would replace.
	require.ErrorContains(t, Config{Data: DataConfig{Source: "caf\xe9.csv"}}.Validate(), `data.source: "caf\xe9.csv" is not UTF-8`)
	_, err := Parse([]byte("loss: softmax\ndata: {source: caf\xe9.csv}\n"))
	require.ErrorContains(t, err, "config: line 2: ")
	require.ErrorContains(t, err, "is not UTF-8")
}

func TestConfigParseErrors(t *testing.T) {
	for text, parts := range map[string][]string{
		"train:\n  epochs: 3\n  epoch: 4\n": {"line 3", `unknown key "epoch" in train`, "epochs, task"},
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
		Model: ModelConfig{Name: "mlp", Dim: -1, Score: "cos", Temperature: "-1", Init: -2},
		Loss:  "softmx", Candidates: "some",
		Train: TrainConfig{Epochs: -1, Task: "users", Weight: "root", Batch: -5, Optimizer: "adm", Schedule: "cos", L2: "-1", Decay: "x", Dropout: 1, Clip: -1, Precision: "low", Patience: new(-1), Monitor: "recall@7"},
		Eval:  EvalConfig{Metrics: []string{"recall@20"}, Every: -1, Items: "lukewarm"},
	}
	err := c.Validate()
	for _, path := range []string{
		"data: ", "model.name: ", "model.dim: ", "model.score: ", "model.temperature: ", "model.init: ", "loss: ", "candidates: ", "train.epochs: ",
		"train.task: ", "train.weight: ", "train.batch: ", "train.optimizer: ", "train.schedule: ", "train.l2: ", "train.decay: ", "train.dropout: ", "train.clip: ", "train.precision: ", "train.patience: ", "train.monitor: ", "eval.every: ", "eval.items: ",
	} {
		require.ErrorContains(t, err, path)
	}
	require.Len(t, strings.Split(err.Error(), "\n"), 23)

	require.ErrorContains(t, Config{Eval: EvalConfig{Metrics: []string{"recall"}}}.Validate(), "eval.metrics: ")
	require.ErrorContains(t, Config{Train: TrainConfig{Solver: "newton"}}.Validate(), "als, gradient, ials")
	als := Config{
		Model: ModelConfig{Score: "cosine", Bias: "true"}, Loss: "softmax",
		Train: TrainConfig{Solver: "als", Batch: 3, Task: "user", Weight: "user", Optimizer: "sgd", Schedule: "linear", L2: "1", Decay: "1", Dropout: 0.1, Clip: 1, Precision: "high"},
	}
	err = als.Validate()
	for _, path := range []string{"loss: ", "model.score: ", "model.temperature: ", "model.bias: ", "train.batch: ", "train.task: ", "train.weight: ", "train.optimizer: ", "train.schedule: ",
		"train.l2: solver als does not take it: what draws factors to 0 is its reg, as in als:reg=0.1", "train.decay: ", "train.dropout: ", "train.clip: ", "train.precision: "} {
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
	again, err := Parse([]byte(zero.WithDefaults().String()))
	require.NoError(t, err)
	require.Equal(t, zero.WithDefaults(), again)
	var set Config
	require.NoError(t, set.Set("data.min_rating", "0"))
	require.Equal(t, zero.Data.MinRating, set.Data.MinRating)
	require.ErrorContains(t, set.Set("data.min_rating", "some"), `data.min_rating="some" is not a float64`)
	require.Equal(t, `data.min_rating is "0" there, "" here`, difference(zero, none, "there", "here"))
	require.Empty(t, difference(zero.WithDefaults(), again, "there", "here"))
	require.ErrorContains(t, Config{Data: DataConfig{MinRating: new(math.Inf(1))}}.Validate(), "minimum rating +Inf is not finite")
}

// TestSet sets every path from text, and the result is what the YAML says.
func TestSet(t *testing.T) {
	want, err := Parse([]byte(everything))
	require.NoError(t, err)
	want.Data.Columns, want.Data.Sep, want.Data.Quote, want.Data.Header, want.Data.Format, want.Data.UserFeatures, want.Data.ItemFeatures = "user=1,item=2", "tab", "none", "no", "csv", "users.tsv", "items.csv"
	values := map[string]string{
		"data.source": "demo:users=60", "data.format": "csv", "data.columns": "user=1,item=2", "data.sep": "tab", "data.quote": "none", "data.header": "no", "data.min_rating": "3.5", "data.core": "2", "data.split": "ratio:0.8,0.1,0.1,seed=1", "data.held": "0.2,seed=1", "data.user_features": "users.tsv", "data.item_features": "items.csv",
		"model.name": "mf", "model.dim": "16", "model.score": "cosine", "model.temperature": "0.5", "model.spread": "20.5", "model.bias": "true", "model.init": "0.05",
		"loss": "sparsemax", "candidates": "all", "protocol": "recbole", "train.on": "train", "eval.mask": "train+valid",
		"train.solver": "gradient", "train.epochs": "3", "train.task": "last:len=20", "train.weight": "sqrt", "train.batch": "64", "train.positions": "4096", "train.optimizer": "adam:lr=0.05,mode=dense", "train.schedule": "cosine:warmup=1", "train.l2": "0.0001,on=batch", "train.decay": "class=0.1,user=0", "train.dropout": "0.1", "train.clip": "2", "train.precision": "high", "train.patience": "2", "train.monitor": "ndcg@5", "train.seed": "12",
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
	require.ErrorContains(t, c.Set("train.epoch", "1"), `unknown setting "train.epoch" (did you mean train.epochs?); the choices are data.source, `)
	_, err = Parse([]byte("trian:\n  epochs: 1\n"))
	require.ErrorContains(t, err, `line 1: unknown key "trian" (did you mean train?); the choices are data, model, `)
	_, err = Parse([]byte("train:\n  epoch: 1\n"))
	require.ErrorContains(t, err, `line 2: unknown key "epoch" in train (did you mean epochs?); the choices are solver, `)
	require.ErrorContains(t, c.Set("train", "1"), "unknown setting")
	require.ErrorContains(t, c.Set("train.epochs", "x"), `train.epochs="x" is not a int`)
	require.NoError(t, c.Set("model.bias", "maybe"))
	require.ErrorContains(t, c.Validate(), `model.bias: unknown bias "maybe"; the choices are false, true, prior`)
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
		require.Equal(t, c.WithDefaults(), again.WithDefaults())
	})
}

// TestCanonical: all spellings of a setting are one text in a completed configuration.
func TestCanonical(t *testing.T) {
	for _, c := range []struct{ path, given, want string }{
		{"data.source", "demo:users=3000,seed=1", "demo"},
		{"data.source", "demo: items = 300 , users=0200", "demo:users=200,items=300"},
		{"data.source", "./demo:users=3000", "./demo:users=3000"},
		{"data.split", " ratio: 0.80, .1,0.1", "ratio:0.8,0.1,0.1,seed=1"},
		{"data.split", "leave-one-out", "leave-one-out:seed=1"},
		{"model.name", " mf:", "mf"},
		{"loss", "softmax:tau=1.0", "softmax"},
		{"loss", " softmax: smoothing=0.10 , tau=2e-1", "softmax:tau=0.2,smoothing=0.1"},
		{"loss", "sampled-softmax:n=1e3", "sampled-softmax:n=1000"},
		{"loss", "sampled-softmax: sampler=popularity, n = 1000,tau=1", "sampled-softmax:n=1000,sampler=popularity"},
		{"loss", "sampled-softmax:sampler=popularity, beta=0.250", "sampled-softmax:sampler=popularity,beta=0.25"},
		{"loss", "gbce:n=256,t=.75", "gbce"},
		{"loss", "gbce:beta=0.25", "gbce:beta=0.25"}, // else it would follow from t and the draws
		{"loss", "hsm:", "hsm"},
		{"candidates", "all ", "all"},
		{"candidates", "sampled: n=0512,sampler = uniform", "sampled"},
		{"model.temperature", "02e-1", "0.2"},
		{"model.temperature", " learned:", "learned"}, // from the natural one, which the data decide,
		{"model.temperature", "learned: max=1e2, start=0.50 ,min=.05", "learned:start=0.5,min=0.05"},
		{"model.temperature", "learned:min=0.4", "learned:min=0.4"},
		{"train.solver", "gradient:", "gradient"},
		{"train.optimizer", "adam: mode=dense, lr=1e-2", "adam:lr=0.01,mode=dense"},
		{"train.schedule", "cosine:warmup=1.0", "cosine:warmup=1"},
		{"train.monitor", " recall@020", "recall@20"},
		{"eval.metrics", "ndcg@+20,recall@020", "[ndcg@20 recall@20]"},
	} {
		var given Config
		require.NoError(t, given.Set(c.path, c.given))
		full := given.WithDefaults()
		require.Equal(t, c.want, full.get(c.path), "%s=%q", c.path, c.given)
		require.Equal(t, full, full.WithDefaults(), "it is canonical already")
		if c.path != "train.monitor" {
			require.NoError(t, given.Validate(), "%s=%q", c.path, c.given)
		}
		var want Config
		require.NoError(t, want.Set(c.path, strings.ReplaceAll(strings.Trim(c.want, "[]"), " ", ",")))
		require.Equal(t, want.WithDefaults(), full, "the defaults are those of the canonical text")
	}
	// Texts that denote nothing stay for Validate to name.
	c := Config{Loss: "softmx: tau=1", Candidates: "sampled:m=1", Eval: EvalConfig{Metrics: []string{"recal@020"}}}
	require.Equal(t, "softmx: tau=1", c.WithDefaults().Loss)
	require.Equal(t, "sampled:m=1", c.WithDefaults().Candidates)
	require.Equal(t, []string{"recal@020"}, c.WithDefaults().Eval.Metrics)
	// What is completed shares nothing with what was given.
	metrics := []string{"recall@020"}
	Config{Eval: EvalConfig{Metrics: metrics}}.WithDefaults()
	require.Equal(t, "recall@020", metrics[0])
}

// TestCanonicalLosses: the canonical text of every loss and recipe, at each setting
// that tests probe, means what the text meant, and is its own.
func TestCanonicalLosses(t *testing.T) {
	n := 0
	for _, name := range models.LossNames() {
		r, err := models.Resolve(name, "", 0)
		require.NoError(t, err)
		params := r.Loss.Spec.Params
		if r.Recipe != nil {
			params = slices.Concat(r.Recipe.Params, params, r.Head.Params)
		}
		for i, p := range params {
			if p.AnyString || slices.ContainsFunc(params[:i], func(q registry.Param) bool { return q.Name == p.Name }) {
				continue
			}
			texts := []string{strconv.FormatFloat(p.Default, 'f', -1, 64)}
			if p.IsString() {
				texts = p.Choices()
			}
			for _, x := range p.Probe {
				texts = append(texts, strconv.FormatFloat(x, 'f', -1, 64))
			}
			for _, value := range texts {
				want, err := models.Resolve(name+":"+p.Name+"="+value, "", 100)
				if err != nil {
					continue // a string may call for other settings
				}
				if x, err := strconv.ParseFloat(value, 64); err == nil && !p.IsString() {
					value = strconv.FormatFloat(x, 'e', -1, 64)
				}
				text := name + ": " + p.Name + " = " + value
				given, err := models.Resolve(text, "", 0)
				require.NoError(t, err)
				canonical := given.Canonical()
				got, err := models.Resolve(canonical, "", 100)
				require.NoError(t, err, "%s: %s", text, canonical)
				require.Equal(t, want.Loss.String(), got.Loss.String(), "%s: %s", text, canonical)
				require.Equal(t, want.Head.String(), got.Head.String(), "%s: %s", text, canonical)
				require.Equal(t, want.Values, got.Values)
				require.Equal(t, canonical, got.Canonical(), text)
				require.NotContains(t, canonical, " ")
				n++
			}
		}
	}
	require.Greater(t, n, 100)
}

// TestOneReader: a value means the same in a file, quoted or not, and given to Set.
func TestOneReader(t *testing.T) {
	for _, c := range []struct {
		path, text string
		want       any    // nil: an error
		part       string // of the error
	}{
		{"train.epochs", "010", 10, ""},
		{"train.epochs", "+7", 7, ""},
		{"train.epochs", "0", nil, `train.epochs="0" is no choice`},
		{"train.epochs", "00", nil, "is no choice"},
		{"train.epochs", "2.7", nil, "2.7"},
		{"train.epochs", "3.0", nil, "3.0"},
		{"train.epochs", "1e1", nil, "1e1"},
		{"train.epochs", "0x10", nil, "0x10"},
		{"train.epochs", "0o10", nil, "0o10"},
		{"train.epochs", "0b11", nil, "0b11"},
		{"train.epochs", "1_000", nil, "1_000"},
		{"train.epochs", "true", nil, "true"},
		{"train.epochs", ".nan", nil, ".nan"},
		{"train.epochs", "99999999999999999999", nil, "1 to 2147483647"},
		{"train.patience", "0", 0, ""},
		{"train.seed", "010", uint64(10), ""},
		{"train.seed", "0", uint64(0), ""},
		{"train.seed", "18446744073709551615", uint64(math.MaxUint64), ""},
		{"train.seed", "18446744073709551616", nil, "0 to 18446744073709551615"},
		{"train.seed", "-1", nil, "-1"},
		{"train.seed", "0x10", nil, "0x10"},
		{"model.init", "0", nil, `model.init="0" is no choice`},
		{"model.init", "0.0", nil, "is no choice"},
		{"model.init", "1e-400", nil, "is no choice"},
		{"model.init", "1e400", nil, "above 0"},
		{"model.init", "01e-1", 0.1, ""},
		{"model.init", "NaN", nil, "NaN"},
		{"model.init", ".nan", nil, ".nan"},
		{"model.init", "Inf", nil, "Inf"},
		{"model.init", ".inf", nil, ".inf"},
		{"model.init", "0x1p-2", nil, "0x1p-2"},
		{"model.init", "1_0.5", nil, "1_0.5"},
		{"model.temperature", "01e-1", "01e-1", ""}, // a text, which the plan reads
		{"model.temperature", "", nil, `model.temperature="" is no choice`},
		{"data.min_rating", "-0.5", -0.5, ""},
		{"data.core", "0", 0, ""},
		{"model.bias", "false", "false", ""},
		{"model.bias", "1", "1", ""}, // a text, which the plan reads as true
		{"data.source", "010", "010", ""},
		{"data.source", "1_000", "1_000", ""},
		{"data.source", "1e3", "1e3", ""},
		{"data.source", "true", "true", ""},
		{"data.format", "", nil, `data.format="" is no choice`},
		{"loss", "", nil, "is no choice"},
		{"eval.metrics", "recall@5, ndcg@10", []string{"recall@5", "ndcg@10"}, ""},
		{"eval.metrics", "recall@5,", nil, "empty entry"},
	} {
		group, key, grouped := strings.Cut(c.path, ".")
		file := func(value string) (Config, error) {
			if !grouped {
				return Parse([]byte(group + ": " + value))
			}
			return Parse([]byte("# two lines\n" + group + ":\n  " + key + ": " + value + "\n"))
		}
		readers := map[string]func() (Config, error){
			"set":    func() (x Config, err error) { err = x.Set(c.path, c.text); return x, err },
			"single": func() (Config, error) { return file("'" + c.text + "'") },
			"double": func() (Config, error) { return file(`"` + c.text + `"`) },
			"anchor": func() (Config, error) { return file("&x '" + c.text + "'") },
		}
		if c.text != "" && !strings.HasSuffix(c.text, ",") {
			readers["plain"] = func() (Config, error) { return file(c.text) }
		}
		for name, read := range readers {
			got, err := read()
			if c.want == nil {
				require.Error(t, err, "%s: %s=%s", name, c.path, c.text)
				require.ErrorContains(t, err, c.part, name)
				require.ErrorContains(t, err, c.path, name)
				if grouped && name != "set" {
					require.ErrorContains(t, err, "line 3", name)
				}
				continue
			}
			require.NoError(t, err, "%s: %s=%s", name, c.path, c.text)
			require.Equal(t, c.want, reflect.Indirect(got.field(c.path)).Interface(), "%s: %s=%s", name, c.path, c.text)
		}
	}
	for text, want := range map[string]string{
		"train:\n  epochs:\n":                       "line 2: train.epochs: it has no value; leave the key out",
		"train: {epochs: null}":                     "line 1: train.epochs: it has no value",
		"loss: ~":                                   "line 1: loss: it has no value",
		"train: {epochs: [3]}":                      "train.epochs wants int, not a list",
		"train: {epochs: {a: 3}}":                   "train.epochs: a mapping",
		"loss: !!str softmax":                       "loss: a tag is no value",
		"eval: {metrics: []}":                       "eval.metrics=[] is no choice",
		"eval: {metrics: [recall@5, [ndcg@5]]}":     "a list in a list",
		"eval: {metrics: [recall@5, ]}\nloss: \"\"": "line 2: loss=\"\" is no choice",
		"loss: *nowhere":                            "nowhere",
	} {
		_, err := Parse([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
	c, err := Parse([]byte("eval: {metrics: [&a recall@020, ndcg@5]}\ntrain:\n  monitor: *a\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"recall@020", "ndcg@5"}, c.Eval.Metrics)
	require.Equal(t, "recall@020", c.Train.Monitor)
	c, err = Parse([]byte("\ufeff" + everything))
	require.NoError(t, err, "a byte order mark is no part of a key")
	want, err := Parse([]byte(everything))
	require.NoError(t, err)
	require.Equal(t, want, c)

	// An optional number: a given zero is not none.
	var optional struct{ x *float64 }
	v := reflect.ValueOf(&optional).Elem().Field(0)
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
	require.NoError(t, readInto(v, "0"))
	require.NotNil(t, optional.x)
	require.Zero(t, *optional.x)
	require.Equal(t, "float64", kindOf(v))
	require.ErrorIs(t, readInto(v, "many"), registry.ErrNumber)
}

// TestBounds: each setting that is a number has a bound on both sides, and Validate
// names it for a Config that no reader has seen.
func TestBounds(t *testing.T) {
	numbers := 0
	for _, path := range Paths() {
		var c Config
		v := c.field(path)
		if v.Kind() == reflect.Pointer { // optional
			v.Set(reflect.New(v.Type().Elem()))
			v = v.Elem()
		}
		if path == "train.positions" { // of other tasks it is refused
			c.Train.Task = "next"
		}
		b, ok := bounds[path]
		if v.Kind() == reflect.Pointer { // optional
			v.Set(reflect.New(v.Type().Elem()))
			v = v.Elem()
		}
		switch v.Kind() {
		case reflect.Int:
			numbers++
			require.True(t, ok && b.least >= 0 && b.most <= math.MaxInt32, "%s: %v", path, b)
			for _, x := range []int64{int64(b.most) + 1, math.MaxInt64} {
				v.SetInt(x)
				require.ErrorContains(t, c.Validate(), strings.TrimPrefix(path, "data."), "%d", x)
				require.ErrorContains(t, c.Validate(), fmt.Sprint(int64(b.most)), "%d", x)
				var again Config
				if err := again.Set(path, fmt.Sprint(x)); err == nil {
					require.Error(t, again.Validate())
				}
			}
			v.SetInt(int64(b.most))
			require.NoError(t, c.Validate(), "%s: the bound itself", path)
		case reflect.Float64:
			numbers++
			require.True(t, ok, path)
			for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				v.SetFloat(x)
				require.Error(t, c.Validate(), "%s=%g", path, x)
			}
		case reflect.Uint64:
			numbers++
			require.True(t, ok, path)
			v.SetUint(math.MaxUint64)
			require.NoError(t, c.Validate())
		default:
			require.False(t, ok, "%s is no number", path)
		}
	}
	require.Len(t, bounds, numbers, "no bound is of a setting that there is not")
	for _, x := range []float64{-1, math.NaN()} {
		require.ErrorContains(t, Config{Model: ModelConfig{Init: x}}.Validate(), "is not a finite number above 0")
	}
	require.ErrorContains(t, Config{Train: TrainConfig{Batch: math.MaxInt}}.Validate(), "train.batch: 9223372036854775807 is above 2147483647; want 1 to 2147483647")
}
