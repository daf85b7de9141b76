package cli

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// TestCheckModels checks every registered model under every task, over all classes, over
// drawn ones and over the decisions of the other heads. A model may refuse a task for what
// the generated data lack, or whose histories are in no order; each does one.
func TestCheckModels(t *testing.T) {
	require.NotEmpty(t, models.All())
	for at, m := range models.All() {
		checked := 0
		for i, task := range data.Tasks() {
			for j, loss := range []string{"softmax@all", "sparsemax@all", "bpr@all", "softmax@sampled:n=4", "sparsemax@sampled:n=4,per=row", "bpr@sampled:n=4,sampler=dns", "hsm", "softmax@classes", "entmax@adaptive"} {
				if testing.Short() && (at+i+j)%9 != 0 { // each model under each task with one of them
					continue
				}
				line := []string{"check", "--model", m.Name, "--task", task.Name, "--loss", loss, "--bias", "--score", "dot", "--probes", "10"}
				code, out, stderr := execute(t, line...)
				if code != exitOK && !strings.Contains(out, "FAIL") {
					require.Regexp(t, "field|running text|reads histories in the order of time, and those of task "+task.Name+" are sets", stderr, "%v", line)
					continue
				}
				require.Equal(t, exitOK, code, "%v\n%s%s", line, out, stderr)
				require.NotContains(t, out, "FAIL")
				require.Contains(t, out, "model "+m.Name+", loss ")
				require.Regexp(t, `(?m)^the cost .* PASS$`, out)
				checked++
			}
		}
		require.Positive(t, checked, "%s does no task", m.Name)
	}
}

// TestCheckModelAll checks all losses; those that do not go with the candidates are named.
func TestCheckModelAll(t *testing.T) {
	code, out, stderr := execute(t, "check", "--model", "mf", "--loss", "all@sampled:n=3", "--json")
	require.Equal(t, exitOK, code, stderr)
	type row struct {
		Parameter, Where string
		Values           map[string]float64
		Tolerance        float64
		OK               bool
	}
	var results []struct {
		Model, Loss, Refused string
		OK                   *bool
		Rows                 []row
	}
	require.NoError(t, json.Unmarshal([]byte(out), &results))
	require.Len(t, results, len(losses.All()))
	for i, spec := range losses.All() {
		r := results[i]
		if spec.Domain == losses.Cosines {
			require.Contains(t, r.Refused, "takes cosines")
			require.Empty(t, r.Rows)
			require.Nil(t, r.OK, "neither passed nor failed")
			continue
		}
		require.NotNil(t, r.OK, r.Loss)
		require.True(t, *r.OK, r.Loss)
		require.Equal(t, "mf", r.Model)
		require.Len(t, r.Rows, 5)
		for _, name := range []string{"symbolic", "analytic", "fused", "numerical"} {
			require.Contains(t, r.Rows[0].Values, name)
		}
		require.Contains(t, r.Rows[2].Values, "float32")
	}
	code, _, stderr = execute(t, "check", "--model", "mf", "--loss", "all@tree:kind=oak")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "oak")
}

// TestCheckModelFails: a disagreement makes the command fail and is shown with its values.
func TestCheckModelFails(t *testing.T) {
	softmax, err := losses.Lookup("softmax")
	require.NoError(t, err)
	wrong := *softmax
	wrong.Node = func(v losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
		var e graph.Expr
		return e.N(graph.Scale(e.N(softmax.Node(v, z, t)), 1.01)), e.Err
	}
	var cfg train.Config
	require.NoError(t, cfg.Set("data.source", checkSettings["data"]))
	p, err := cfg.Plan()
	require.NoError(t, err)
	set, err := data.Load(cfg.Data.Config())
	require.NoError(t, err)
	rec, err := p.New(set)
	require.NoError(t, err)
	examples, err := set.Examples("user")
	require.NoError(t, err)
	report, err := models.CheckGradient(rec.Model, rec.Head, wrong.Bind(wrong.Defaults()), examples, rec.Classes(), 5, graph.GradientCheck{})
	require.ErrorContains(t, err, "gradients disagree")
	var b strings.Builder
	results := []modelResult{{plan: p, loss: wrong.Bind(wrong.Defaults()), report: report}}
	require.EqualError(t, reportModels(&b, results, false), "the check failed: 1 of 1")
	require.Regexp(t, `user +user\[\d+,\d+\] .* FAIL`, b.String())
	require.Regexp(t, `user\[\d+,\d+\] of user: symbolic \S+, analytic \S+, fused \S+, numerical \S+: error \S+ exceeds 1e-08`, b.String())
	require.Error(t, reportModels(&b, results, true))
}

// TestCheckModelDump: the files have the tables, the batch, the candidates, the scores and
// the gradients of every statement, of one shape with their tables.
func TestCheckModelDump(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dump")
	code, _, stderr := execute(t, "check", "--model", "mf", "--loss", "softmax:tau=0.5@sampled:n=4", "--bias", "--task", "user", "--dump", dir)
	require.Equal(t, exitOK, code, stderr)
	inputs, err := weights.Open(filepath.Join(dir, dumpInputs))
	require.NoError(t, err)
	defer inputs.Close()
	gradients, err := weights.Open(filepath.Join(dir, dumpGradients))
	require.NoError(t, err)
	defer gradients.Close()
	for _, name := range []string{"table/user", "table/class", "table/class-bias", "batch/row", "batch/target.ptr", "batch/target.class", "batch/target.weight",
		"scores/0", "target.ptr/0", "target.class/0", "target.weight/0", "row/0", "weight/0", "place/0", "added/0"} {
		require.Contains(t, inputs.Names(), name)
	}
	for _, by := range []string{"symbolic", "analytic", "fused", "numerical"} {
		for _, table := range []string{"user", "class"} {
			want, err := inputs.Load("table/" + table)
			require.NoError(t, err)
			got, err := gradients.Load("gradient/" + by + "/" + table)
			require.NoError(t, err)
			require.Equal(t, want.Shape, got.Shape)
		}
		require.Contains(t, gradients.Names(), "cost/"+by)
	}
	require.Contains(t, gradients.Names(), "gradient/float32/user")
	require.Contains(t, gradients.Names(), "gradient/analytic/scores/0")
	var meta struct {
		Loss   string
		Params map[string]string
		Model  string
	}
	require.NoError(t, gradients.Meta(&meta))
	require.Equal(t, "softmax", meta.Loss)
	require.Equal(t, map[string]string{"tau": "0.5", "smoothing": "0", "negatives": "1"}, meta.Params)
}

func TestCheckModelUsage(t *testing.T) {
	for line, want := range map[string]string{
		"check --loss softmax@all":                                 "--loss: softmax@all names candidates, which are of a whole model: give --model too; the choices are gru4rec, ",
		"check --task user":                                        "--task is of a whole model: give --model too",
		"check --dump x":                                           "--dump is of a whole model: give --model too",
		"check --probes 3":                                         "--probes is of a whole model",
		"check --model mf --k 3":                                   "--k is of a loss's own scores",
		"check --model mf --scale 3":                               "--scale is of a loss's own scores",
		"check --model nosuch":                                     `--model: models: unknown model "nosuch"; the choices are`,
		"check --model mf --loss nosuch":                           `--loss: losses: unknown loss "nosuch"`,
		"check --model mf --loss softmax@nosuch":                   "nosuch",
		"check --model mf --task nosuch":                           "--task: ",
		"check --model mf --batch 0":                               "--batch: ",
		"check --model mf --dump x":                                "--dump is of one loss: name it with --loss",
		"check --model mf --loss arcface --score dot":              "takes cosines",
		"check --model mf --loss softmax@all --candidates sampled": "candidates are said twice",
	} {
		code, out, stderr := execute(t, strings.Fields(line)...)
		require.Equal(t, exitUsage, code, line+"\n"+out+stderr)
		require.Empty(t, out)
		require.Contains(t, stderr, want, line)
	}
	code, _, stderr := execute(t, "check", "--model", "mf", "--loss", "arcface@sampled:n=4")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "use correction=none")
}

// TestCheckDropout: a model with dropout is checked with its masks held, and says so.
func TestCheckDropout(t *testing.T) {
	code, out, stderr := execute(t, "check", "--model", "mf", "--loss", "softmax", "--dropout", "0.3", "--probes", "1000")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "model mf, dropout 0.3, loss softmax,")
	require.Contains(t, out, "5 of 5 within tolerance")
	_, whole, _ := execute(t, "check", "--model", "mf", "--loss", "softmax", "--probes", "1000")
	require.NotEqual(t, strings.SplitN(whole, "\n", 2)[1], strings.SplitN(out, "\n", 2)[1])
	code, _, stderr = execute(t, "check", "--model", "mf", "--dropout", "1")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--dropout: 1 is above 0.99")
}

// TestCheckModelSplit: what a row for each interaction costs more is printed of a loss whose
// gradient stays as it is then, and is what the two checks' costs differ by.
func TestCheckModelSplit(t *testing.T) {
	cost := func(task, loss string, more ...string) (cost, split float64) {
		code, out, stderr := execute(t, append([]string{"check", "--model", "mf", "--loss", loss, "--task", task, "--batch", "1000", "--probes", "1", "--json"}, more...)...)
		require.Equal(t, exitOK, code, stderr)
		var results []struct {
			Rows []struct {
				Parameter string
				Values    map[string]float64
			}
			Split *float64 `json:"cost_of_a_row_for_each_interaction"`
		}
		require.NoError(t, json.Unmarshal([]byte(out), &results))
		last := results[0].Rows[len(results[0].Rows)-1]
		require.Equal(t, "the cost", last.Parameter)
		split = math.NaN()
		if results[0].Split != nil {
			split = *results[0].Split
		}
		return last.Values["symbolic"], split
	}
	for _, weight := range data.RowWeights() {
		user, split := cost("user", "sparsemax", "--weight", weight)
		pair, none := cost("pair", "sparsemax", "--weight", weight)
		require.Greater(t, split, 0.1)
		require.InDelta(t, pair-user, split, 1e-6, weight)
		require.True(t, math.IsNaN(none), "each row has one interaction")
	}
	_, split := cost("user", "ccl")
	require.True(t, math.IsNaN(split), "its other positives are no rivals")
	_, split = cost("user", "sparsemax", "--dropout", "0.5")
	require.True(t, math.IsNaN(split))
	code, out, _ := execute(t, "check", "--model", "mf", "--loss", "sparsemax", "--probes", "1", "--weight", "user")
	require.Equal(t, exitOK, code)
	require.Regexp(t, `task user weighed by user.*\n(.*\n)*with a row for each interaction the gradient is the same, and the cost is more by 0\.\d+\n$`, out)
}
