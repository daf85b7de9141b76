package tune

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train"
)

var flags = map[string]string{"lr": "train.optimizer.lr", "dim": "model.dim", "batch": "train.batch", "optimizer": "train.optimizer", "model": "model.name", "data": "data.source", "seed": "train.seed"}

func parse(t *testing.T, texts ...string) (axes []Axis) {
	for _, text := range texts {
		a, err := ParseAxis(text, flags)
		require.NoError(t, err, text)
		axes = append(axes, a)
	}
	return axes
}

// TestParseAxis: each kind of range and list has its values, ends included, in the digits
// that a reader types, and every value has a place that is its own.
func TestParseAxis(t *testing.T) {
	for text, want := range map[string]struct{ low, middle, high string }{
		"train.l2=0.1..0.9":         {"0.1", "0.5", "0.9"},
		"lr=log:1e-3..1e-1":         {"0.001", "0.01", "0.1"},
		"train.l2=log:0.2..0.3":     {"0.2", "0.2449", "0.3"},
		"train.l2=1000..1000.5":     {"1000", "1000.25", "1000.5"},
		"train.l2=-1e300..1e300":    {"-1e+300", "0", "1e+300"},
		"train.l2=log:1e-300..1e10": {"1e-300", "1e-145", "1e+10"},
		"dim=int:16..128":           {"16", "72", "128"},
		"batch=int:log:32..1024":    {"32", "181", "1024"},
		"batch=log:int:1..2":        {"1", "1", "2"},
		"dim=int:10..90/5":          {"10", "50", "90"},
		"lr=log:0.01..1/3":          {"0.01", "0.1", "1"},
		"loss=softmax|rg2|entmax":   {"softmax", "rg2", "entmax"},
	} {
		a := parse(t, text)[0]
		require.Equal(t, want.low, a.at(0), text)
		require.Equal(t, want.middle, a.at(0.5), text)
		require.Equal(t, want.high, a.at(1), text)
		for i := range 101 {
			value := a.at(float64(i) / 100)
			u, ok := a.place(value)
			require.True(t, ok, "%s: %s", text, value)
			require.Equal(t, value, a.at(u), text)
			if a.whole && a.log { // where small numbers have long parts of the axis
				continue
			}
			require.InDelta(t, float64(i)/100, u, 0.51/float64(max(a.count(), 1))+0.005, text)
		}
		again := parse(t, a.String())[0]
		require.Equal(t, a.String(), again.String())
		require.Equal(t, a, again)
		_, ok := a.place("nothing")
		require.False(t, ok)
	}
	require.Equal(t, 5, parse(t, "lr=0..1")[0].cutInto(5).count())
	require.Equal(t, 3, parse(t, "dim=int:1..3")[0].cutInto(5).count())
	require.Equal(t, 2, parse(t, "loss=a|b")[0].cutInto(5).count())
	require.Equal(t, 9, parse(t, "lr=0..1/9")[0].cutInto(5).count())
}

func TestParseAxisErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "is not NAME=VALUES",
		"lr":                                    "is not NAME=VALUES",
		"lr=":                                   "is not NAME=VALUES",
		"=1..2":                                 "is not NAME=VALUES",
		"ler=0..1":                              `unknown setting "ler" (did you mean lr?); the choices are `,
		"optimzer.lr=0..1":                      `unknown setting "optimzer.lr"`,
		"dim.x=0..1":                            "model.dim has no parameters; those that have are loss, candidates",
		"data=a|b":                              "data cannot be tuned: it decides what is measured",
		"data.core=int:1..5":                    "data.core cannot be tuned: it decides",
		"eval.metrics=a|b":                      "it decides what is measured",
		"seed=int:1..5":                         "seed cannot be tuned: the best of several seeds is luck",
		"lr=0.1":                                `"0.1" is one value`,
		"lr=log:0.1":                            `"log:0.1" is no range such as log:1..100`,
		"lr=0.1..":                              `"" is not a number`,
		"lr=a..b":                               `"a" is not a number`,
		"lr=0..1e999":                           `"1e999" is too large`,
		"lr=nan..1":                             `"nan" is not a number`,
		"lr=2..1":                               "the first number is not below the second",
		"lr=1..1":                               "the first number is not below the second",
		"lr=log:0..1":                           "a logarithmic range begins above 0",
		"lr=-1.7e308..1.7e308":                  "too wide",
		"lr=0..1/1":                             "a whole number from 2 to 10000",
		"lr=0..1/x":                             "a whole number from 2 to 10000",
		"dim=int:1..3/9":                        "there are only 3 whole numbers",
		"dim=int:1.5..3":                        `"1.5" is not a whole number`,
		"dim=int:1..1e17":                       `"1e17" is not a whole number`,
		"dim=16..128":                           "model.dim is a whole number; write int:16..128",
		"loss=softmax|":                         `value "" of "softmax|" is empty or given twice`,
		"loss=softmax|softmax ":                 "given twice",
		"lr=0.1|0.10":                           "given twice",
		"loss=" + strings.Repeat("a|", 9) + "b": "given twice",
	} {
		_, err := ParseAxis(text, flags)
		require.ErrorContains(t, err, want, text)
	}
}

func FuzzParseAxis(f *testing.F) {
	for _, text := range []string{"lr=log:1e-3..1e-1/5", "dim=int:log:1..9", "loss=a|b", "train.l2=-1..1", "loss.alpha=1..2"} {
		f.Add(text, 0.3)
	}
	f.Fuzz(func(t *testing.T, text string, u float64) {
		a, err := ParseAxis(text, flags)
		if err != nil {
			return
		}
		value := a.at(u)
		if _, ok := a.place(value); !ok {
			t.Fatalf("%q: %s at %g has no place", text, value, u)
		}
		if _, err := ParseAxis(a.String(), flags); err != nil {
			t.Fatalf("%q: its text %q: %v", text, a.String(), err)
		}
	})
}

// TestSpace: values go into the configuration whatever the order of axes, a parameter
// where the chosen text has it, and a temperature on record follows from what changed.
func TestSpace(t *testing.T) {
	s := space{train.Config{Loss: "softmax@sampled:n=8"}, parse(t, "loss.alpha=1.1..1.9", "loss=entmax|softmax", "candidates.n=int:4..16", "lr=log:0.001..0.1")}
	require.ErrorContains(t, s.check(), "candidates.n: none of what is chosen from has a parameter n")
	s.axes[1] = parse(t, "loss=entmax@sampled:n=8|softmax@sampled:n=8")[0]
	require.NoError(t, s.check())
	cfg, took, err := s.config([]string{"1.3", "entmax@sampled:n=8", "4", "0.02"})
	require.NoError(t, err)
	full := cfg.WithDefaults()
	require.Equal(t, []string{"entmax:alpha=1.3", "sampled:n=4", "adam:lr=0.02"}, []string{full.Loss, full.Candidates, full.Train.Optimizer})
	require.Len(t, took, 4)
	_, took, err = s.config([]string{"1.3", "softmax@sampled:n=8", "4", "0.02"})
	require.NoError(t, err)
	require.Equal(t, "loss=softmax@sampled:n=8 candidates.n=4 lr=0.02", Text(took))

	recorded := train.Config{Loss: "softmax", Model: train.ModelConfig{Temperature: "0.2", Spread: 12}}
	cfg, _, err = space{recorded, parse(t, "loss=entmax|softmax")}.config([]string{"entmax"})
	require.NoError(t, err)
	require.Equal(t, train.ModelConfig{Spread: 12}, cfg.Model)
	cfg, _, err = space{recorded, parse(t, "model.temperature=0.1..1")}.config([]string{"0.5"})
	require.NoError(t, err)
	require.Equal(t, train.ModelConfig{Temperature: "0.5"}, cfg.Model)
}

func TestSpaceErrors(t *testing.T) {
	for _, c := range []struct {
		base train.Config
		over []string
		want string
	}{
		{train.Config{}, []string{"dim=int:0..8"}, `dim=0: `},
		{train.Config{}, []string{"loss.alpha=1..2"}, `loss.alpha=1: loss: losses: softmax: no parameter "alpha"; the choices are tau, smoothing`},
		{train.Config{Loss: "entmax"}, []string{"loss.alpha=1..2"}, "loss.alpha=1: "},
		{train.Config{}, []string{"loss=softmax|entmox"}, "loss=entmox: "},
		{train.Config{}, []string{"loss=softmax|hinge", "loss.alpha=1.1..2"}, "loss.alpha: none of what is chosen from has a parameter alpha"},
		{train.Config{}, []string{"candidates=all|sampled:n=8", "candidates.n=4..16"}, "not a whole number"},
		{train.Config{Train: train.TrainConfig{Solver: "als"}}, []string{"lr=0.1..1"}, "solver als has no optimizer"},
	} {
		err := space{c.base, parse(t, c.over...)}.check()
		require.ErrorContains(t, err, c.want, fmt.Sprint(c.over))
	}
}
