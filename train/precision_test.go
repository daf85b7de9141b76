package train

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// madeBy returns what a file of a run says of what computed it.
func madeBy(t *testing.T, path string) string {
	t.Helper()
	f, err := weights.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var m weightsMeta
	require.NoError(t, f.Meta(&m))
	return m.Kernel
}

// precise is a short run of full softmax at a precision.
func precise(precision string) Config {
	c := quick("{train: {epochs: 2}}")
	c.Train.Precision = precision
	return c
}

// TestPrecision: on a path with tiles the weights of each precision are others, and records
// say by what they came about; on one without, all are those of the highest and say so.
func TestPrecision(t *testing.T) {
	set := small(t)
	for _, path := range kernel.Paths() {
		t.Run(path, func(t *testing.T) {
			restore, err := kernel.Use(path)
			require.NoError(t, err)
			defer restore()
			var exact [][]float32
			for _, precision := range graph.Precisions() {
				p, err := graph.ParsePrecision(precision)
				require.NoError(t, err)
				plan, err := precise(precision).Plan()
				require.NoError(t, err)
				require.Equal(t, p, plan.Precision)
				require.Equal(t, p.Runs(), plan.Kernel())
				dir := filepath.Join(t.TempDir(), "run")
				res, err := plan.RunDir(t.Context(), dir, set, nil)
				require.NoError(t, err)
				require.Equal(t, p.Runs(), madeBy(t, filepath.Join(dir, WeightsFile)))
				got := tables(res.Trained)
				if exact == nil {
					exact = got
				}
				if p.Rounded() {
					require.NotEqual(t, exact, got)
					require.Equal(t, "precision "+precision+": products run on "+p.Runs(), plan.PrecisionNote())
				} else {
					require.Equal(t, exact, got)
				}
				if p != graph.Highest && !p.Rounded() {
					require.Equal(t, "precision "+precision+": "+graph.Untiled()+"; float32 runs", plan.PrecisionNote())
					require.NotEmpty(t, graph.Untiled())
				}
				// What it ranks by is float32, whatever it was trained with.
				again, err := Open(dir, set)
				require.NoError(t, err)
				scores, err := again.Evaluate(t.Context(), set, "test", again.Plan.Metrics)
				require.NoError(t, err)
				require.Equal(t, res.Test.Values, scores.Values)
			}
		})
	}
}

// TestPrecisionOfNoProducts: what has no products that could be rounded says so, and trains in
// float32.
func TestPrecisionOfNoProducts(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "",
		"{train: {precision: highest}}":         "",
		"{loss: rg2, train: {precision: high}}": "precision high: rg2 takes no products of scores that gain by it; float32 runs",
		"{candidates: sampled, train: {precision: medium}}":          "precision medium: candidates sampled take no products of matrices; float32 runs",
		"{candidates: tree, train: {precision: medium}}":             "precision medium: candidates tree take no products of matrices; float32 runs",
		"{loss: 'entmax:alpha=learned', train: {precision: medium}}": "takes no products of scores that gain by it",
		"{loss: 'entmax:alpha=1.2', train: {precision: medium}}":     "precision medium: ",
		"{candidates: 'adaptive', train: {precision: medium}}":       "precision medium: ",
	} {
		c, err := Parse([]byte(text))
		require.NoError(t, err, text)
		p, err := c.Plan()
		require.NoError(t, err, text)
		note := p.PrecisionNote()
		if want == "" {
			require.Empty(t, note, text)
			continue
		}
		require.Contains(t, note, want, text)
		if strings.Contains(want, "no products") {
			require.Equal(t, graph.Highest.Runs(), p.Kernel(), text)
		} else {
			require.Equal(t, p.Precision.Runs(), p.Kernel(), text)
		}
	}
	_, err := precise("exact").Plan()
	require.ErrorContains(t, err, `train.precision: "exact" is no precision; the choices are highest, high, medium`)
	_, err = Config{Train: TrainConfig{Solver: "als", Precision: "medium"}}.Plan()
	require.ErrorContains(t, err, "train.precision: solver als does not take it")
}

// TestResumeElsewhere: a run that goes on by another kernel than it began with says so; one
// that goes on by the same does not.
func TestResumeElsewhere(t *testing.T) {
	set := small(t)
	paths := kernel.Paths()
	for _, to := range []string{paths[0], paths[len(paths)-1]} {
		dir := filepath.Join(t.TempDir(), "run")
		ctx, stop := stopAt(t, 0, 2)
		restore, err := kernel.Use(paths[0])
		require.NoError(t, err)
		first := precise("highest")
		_, err = RunDir(ctx, dir, first, set, stop)
		require.NoError(t, err)
		began := madeBy(t, filepath.Join(dir, CheckpointFile))
		restore()
		restore, err = kernel.Use(to)
		require.NoError(t, err)
		want := began
		if graph.Highest.Runs() == began {
			want = ""
		}
		seen := false
		_, err = RunDir(t.Context(), dir, first, set, func(e Event) {
			if s, ok := e.(*Started); ok {
				seen = true
				require.Equal(t, want, s.Before)
			}
		})
		restore()
		require.NoError(t, err)
		require.True(t, seen)
		require.Equal(t, len(paths) > 1 && to != paths[0], want != "")
	}
}

// TestPrecisionByHead: a head whose spec says that it rounds does so where there are tiles, and
// no other head does.
func TestPrecisionByHead(t *testing.T) {
	set := small(t)
	for _, h := range models.Heads() {
		if h.Name == "wrong-head" {
			continue
		}
		var exact [][]float32
		for _, precision := range []string{"highest", "medium"} {
			c := precise(precision)
			c.Candidates = h.Name
			res, err := Run(t.Context(), c, set, nil)
			require.NoError(t, err, h.Name)
			got := tables(res.Trained)
			if exact == nil {
				exact = got
				continue
			}
			same := slices.EqualFunc(exact, got, func(a, b []float32) bool { return slices.Equal(a, b) })
			require.Equal(t, h.Rounds && graph.Medium.Rounded(), !same, h.Name)
		}
	}
}

// TestKernelIsRefusedFirst: where no kernel has the name that the environment gives, a run
// makes no folder. The environment is read when a program starts, so this is another.
func TestKernelIsRefusedFirst(t *testing.T) {
	const bad = "none"
	if os.Getenv(kernel.Variable) == bad {
		dir := filepath.Join(t.TempDir(), "run")
		c := quick("{train: {epochs: 1}}")
		set, err := data.Load(c.WithDefaults().Data.Config())
		require.NoError(t, err)
		_, err = RunDir(t.Context(), dir, c, set, nil)
		require.ErrorContains(t, err, kernel.Variable)
		require.NoDirExists(t, dir)
		return
	}
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestKernelIsRefusedFirst$")
	cmd.Env = append(os.Environ(), kernel.Variable+"="+bad)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
