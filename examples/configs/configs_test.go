package configs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/examples/configs"
	"github.com/fenchel-ml/fenchel/train"
)

// TestPresets: every preset is a configuration that says all but where the data are, has
// the figures of itself, and trains. It is trained for one epoch on a small generated set.
func TestPresets(t *testing.T) {
	require.GreaterOrEqual(t, len(configs.Names()), 4)
	for _, name := range configs.Names() {
		t.Run(name, func(t *testing.T) {
			text, err := configs.Text(name)
			require.NoError(t, err)
			cfg, err := train.Parse(text)
			require.NoError(t, err)
			require.NoError(t, cfg.Validate())
			require.Empty(t, cfg.Data.Source, "where the data are is --data's to say")
			require.NotEmpty(t, cfg.Loss)
			require.NotZero(t, cfg.Train.Epochs, "what is trained in full is written out")

			f, err := configs.Measured(name)
			require.NoError(t, err)
			require.NotNil(t, f, "go run ./bench/presets -write %s", name)
			require.Equal(t, cfg.String(), f.Config, "the figures are of another configuration: go run ./bench/presets -write %s", name)
			require.NotEmpty(t, f.Split)
			for _, r := range f.Runs {
				require.NotEmpty(t, r.Test)
				if len(r.Valid) > 0 { // none where a protocol trains on train and valid
					require.Len(t, r.Valid, len(r.Test))
				}
			}

			// What is given of the data, such as a given split or the split that a protocol is of,
			// need not suit another set.
			cfg.Data = train.DataConfig{Source: "demo:users=60,items=40,per-user=8"}
			cfg.Protocol = ""
			cfg.Train.Epochs, cfg.Train.Batch = 1, min(cfg.Train.Batch, 16)
			set, err := data.Load(cfg.Data.Config())
			require.NoError(t, err)
			res, err := train.Run(t.Context(), cfg, set, nil)
			require.NoError(t, err)
			require.NotNil(t, res.Test)
		})
	}
}

func TestUnknownPreset(t *testing.T) {
	for _, name := range []string{"", "ml-1m", "ml-1m/nope", "../ml-1m/softmax", "ml-1m/softmax.yaml"} {
		_, err := configs.Text(name)
		require.EqualError(t, err, `configs: no preset "`+name+`"`)
	}
	f, err := configs.Measured("ml-1m/nope")
	require.NoError(t, err)
	require.Nil(t, f)
	require.Equal(t, "ml-1m", configs.Folder("ml-1m/softmax"))
	require.Equal(t, "irb-amazon2014-health", configs.Folder("amazon-health/softmax"))
}

// TestValues: several seeds have a mean and a standard deviation.
func TestValues(t *testing.T) {
	run := func(valid, test float64) configs.Run {
		return configs.Run{Epochs: 3, Valid: []configs.Value{{Name: "recall@20", Value: valid}}, Test: []configs.Value{{Name: "recall@20", Value: test}}}
	}
	f := &configs.Figures{Runs: []configs.Run{run(.1, .2)}}
	require.Equal(t, "| preset | recall@20 valid | test | seeds | epochs |\n|---|---:|---:|---:|---:|", f.Head())
	require.Equal(t, "| a/b | 0.1000 | 0.2000 | 1 | 3 |", f.Row("a/b"))
	joined := &configs.Figures{Runs: []configs.Run{{Epochs: 3, Test: f.Runs[0].Test}}}
	require.Equal(t, "| a/b | - | 0.2000 | 1 | 3 |", joined.Row("a/b"), "trained on train and valid")
	f.Runs = append(f.Runs, run(.2, .4), run(.3, .6))
	require.Equal(t, "| a/b | 0.2000 ± 0.1000 | 0.4000 ± 0.2000 | 3 | 3 |", f.Row("a/b"))
}
