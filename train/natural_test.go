package train

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
)

// TestNaturalDefault: what scores are divided by unless told otherwise follows from the
// loss, the classes and the mean interactions of a user, is the same whatever rows are
// made of the interactions, and is recorded as numbers, beside a note.
func TestNaturalDefault(t *testing.T) {
	set := small(t)
	m := float64(set.Train.Len()) / float64(len(set.Train.Active()))
	c := float64(set.Items)
	among := 1 + 16*(m-1)/(c-1)
	for loss, want := range map[string]float64{
		"softmax": 1 / math.Log(c), "entmax": math.Sqrt(m) / 2, "normmax": math.Sqrt(m), "sparsemax": m, "squared": m, "rg2": m / c, "rgx": m / c,
		"sampled-softmax:n=16": 1 / math.Log(c), "sparsemax@sampled:n=16": among, "rgx@sampled:n=16,sampler=popularity": among / 17,
		"sparsemax@tree": 0.2, "hsm": 0.2, "hinge": 0.2, "perceptron": 0.2, "taylor": 0.2,
		"sl:tau=.2": 1, "softmax:tau=0.5": 1, "cosine": 1, // the only temperature is the loss's own
	} {
		for _, task := range []string{"user", "pair"} {
			p, err := quick(fmt.Sprintf("{loss: '%s', train: {task: %s}}", loss, task)).Plan()
			require.NoError(t, err, loss)
			p, err = p.On(set)
			require.NoError(t, err, loss)
			require.InEpsilon(t, want, p.Temperature.Value, 1e-9, loss)
			require.Equal(t, models.Temperature{Value: p.Temperature.Value}.String(), p.Config.Model.Temperature)
			switch natural := want != 0.2 && want != 1; {
			case natural:
				require.Equal(t, m, p.Config.Model.Spread)
				require.Len(t, p.Notes, 1)
				said := fmt.Sprintf("is %.4g, where %.4g of %d classes follow a context", want, m, set.Items)
				if p.Choice.Loss.Spec.Name == "softmax" {
					said = fmt.Sprintf("is %.4g on %d classes, however many of them follow a context", want, set.Items)
				}
				require.Contains(t, p.Notes[0], said)
			case want == 0.2:
				require.Zero(t, p.Config.Model.Spread)
				require.Len(t, p.Notes, 1, loss)
				require.Contains(t, p.Notes[0], "has no natural temperature")
			default:
				require.Empty(t, p.Notes, loss)
			}
			again, err := p.On(set)
			require.NoError(t, err)
			require.Equal(t, p.Config, again.Config)
			require.Equal(t, p.Notes, again.Notes, "said once")
			// What it records denotes the same run.
			recorded, err := p.Config.Plan()
			require.NoError(t, err)
			recorded, err = recorded.On(set)
			require.NoError(t, err)
			require.Equal(t, p.Config, recorded.Config, loss)
		}
	}
}

// TestNaturalSettings: a temperature that is given wins, a spread that is given makes
// another, a learned one starts at the natural one within its bounds; and a spread that
// decides nothing is refused.
func TestNaturalSettings(t *testing.T) {
	set := small(t)
	for text, want := range map[string]string{
		"{loss: sparsemax, model: {temperature: 7}}":                                       "7",
		"{loss: sparsemax, model: {spread: 33.5}}":                                         "33.5",
		"{loss: sparsemax, model: {temperature: learned, spread: 33.5}}":                   "learned:start=33.5",
		"{loss: sparsemax, model: {temperature: 'learned:max=20', spread: 33.5}}":          "learned:start=20,max=20",
		"{loss: sparsemax, model: {temperature: 'learned:start=3'}}":                       "learned:start=3",
		"{loss: sparsemax, model: {score: dot}}":                                           "1",
		"{loss: hinge, model: {temperature: learned}}":                                     "learned:start=0.2",
		"{loss: rg2, train: {solver: als, epochs: 1}}":                                     "1",
		"{loss: softmax, model: {spread: 2}}":                                              models.Temperature{Value: 1 / math.Log(float64(set.Items))}.String(),
		"{loss: 'sparsemax@sampled:n=16', train: {task: pair}, model: {spread: 1}}":        "1",
		"{loss: sparsemax, model: {temperature: 33.5, spread: 33.5}, train: {epochs: 1}}":  "33.5",
		"{loss: sparsemax, model: {temperature: 'learned:start=20,max=20', spread: 33.5}}": "learned:start=20,max=20",
	} {
		p, err := quick(text).Plan()
		require.NoError(t, err, text)
		require.NoError(t, p.agrees(set), text)
		p, err = p.On(set)
		require.NoError(t, err, text)
		require.Equal(t, want, p.Config.Model.Temperature, text)
	}
	for text, fault := range map[string]string{
		"{model: {spread: 5, score: dot}}":            "model.spread: it decides the natural temperature of cosine scores, which there is not with dot scores under loss softmax over candidates all",
		"{model: {spread: 5}, loss: hinge}":           "under loss hinge over candidates all; leave it out",
		"{model: {spread: 5}, loss: cosine}":          "under loss cosine",
		"{model: {spread: 5}, loss: hsm}":             "candidates tree",
		"{model: {spread: 5}, loss: 'sl:tau=.2'}":     "model.spread: ",
		"{model: {spread: 5}, train: {solver: als}}":  "model.spread: ",
		"{model: {spread: 5}, train: {solver: ials}}": "model.spread: ",
		"{model: {spread: 0.5}}":                      "model.spread: 0.5 is below 1",
	} {
		require.ErrorContains(t, quick(text).Validate(), fault, text)
	}
	for text, fault := range map[string]string{
		"{model: {spread: 121}}":                               "model.spread: 121 classes cannot follow a context where there are 120",
		"{model: {spread: 5, temperature: 0.3}}":               "model.spread 5 makes the temperature 0.2089, and model.temperature is 0.3: leave one of them out",
		"{model: {spread: 5, temperature: 'learned:start=3'}}": "leave one of them out",
	} {
		_, err := Run(t.Context(), quick(text), set, nil)
		require.ErrorContains(t, err, fault, text)
	}
}

// TestNaturalOnRecord: a run that is taken up goes on at the temperature on record, also
// where the default would now be another, as that of runs before the natural one; what
// ended opens with it.
func TestNaturalOnRecord(t *testing.T) {
	set, dir := small(t), t.TempDir()
	c := quick("{loss: sparsemax}")
	old := c
	old.Model.Temperature = "0.2"
	begun := cutShort(t, dir, old, set)
	require.Equal(t, "0.2", begun.Model.Temperature)
	var notes []string
	res, err := RunDir(t.Context(), dir, c, set, func(e Event) {
		if s, ok := e.(*Started); ok {
			notes = s.Plan.Notes
		}
	})
	require.NoError(t, err)
	require.Equal(t, "0.2", res.Trained.Plan.Config.Model.Temperature)
	require.Equal(t, []string{"the temperature 0.2 is the one on record in the run's folder"}, notes)
	opened, err := Open(dir, set)
	require.NoError(t, err)
	require.Equal(t, 0.2, opened.Plan.Temperature.Value)
	want, err := Run(t.Context(), old, set, nil)
	require.NoError(t, err)
	require.Equal(t, tables(want.Trained), tables(opened))

	// A spread of one's own is another configuration.
	other := t.TempDir()
	cutShort(t, other, c, set)
	c.Model.Spread = 20
	_, err = RunDir(t.Context(), other, c, set, nil)
	require.ErrorContains(t, err, `model.spread is "9.473333333333333" there, "20" here`)
}

// cutShort leaves in dir a run that was interrupted in its second epoch, and returns what
// it recorded.
func cutShort(t *testing.T, dir string, c Config, set *data.Dataset) Config {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	res, err := RunDir(ctx, dir, c, set, func(e Event) {
		if s, ok := e.(*Stepped); ok && s.Epoch == 1 {
			cancel()
		}
	})
	require.NoError(t, err)
	require.True(t, res.Interrupted)
	kept, err := LoadConfig(dir)
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(dir, CheckpointFile))
	require.NoError(t, err)
	require.Contains(t, string(text[:min(len(text), 4096)]), "temperature: "+kept.Model.Temperature, "the checkpoint has the number")
	require.NotContains(t, strings.ToLower(kept.Model.Temperature), "natural")
	return kept
}

// TestSpreadOfATask: a task whose contexts one class follows says so, and cosines are
// divided by what that makes.
func TestSpreadOfATask(t *testing.T) {
	set := small(t)
	user, err := data.ChooseTask("user")
	require.NoError(t, err)
	data.RegisterTask(data.TaskSpec{Name: "test-moments", Doc: "one class follows", Train: user.Spec.Train, Rank: user.Spec.Rank,
		Spread: func(data.Values, *data.Dataset) float64 { return 1 }})
	data.RegisterTask(data.TaskSpec{Name: "test-none", Doc: "none follows", Train: user.Spec.Train, Rank: user.Spec.Rank,
		Spread: func(data.Values, *data.Dataset) float64 { return 0 }})
	p, err := quick("{loss: sparsemax, train: {task: test-moments}}").Plan()
	require.NoError(t, err)
	p, err = p.On(set)
	require.NoError(t, err)
	require.Equal(t, 1.0, p.Temperature.Value)
	_, err = New(quick("{loss: sparsemax, train: {task: test-none}}"), set)
	require.ErrorContains(t, err, "data: task test-none: 0 of 120 classes follow a context")
}
