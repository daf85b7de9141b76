package compare

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// peaked runs nothing: the value of a run falls with the distance of what is tuned from
// where its loss has the best.
func peaked(t *testing.T, best map[string]float64, ran *[]string) Runner {
	return func(ctx context.Context, j Job, set *data.Dataset, _ func(Progress)) (*Outcome, error) {
		plan, err := j.Config.Plan()
		require.NoError(t, err)
		at := plan.Temperature.Value
		name := plan.Choice.Loss.Spec.Name
		switch {
		case plan.Choice.SpreadMatters():
			at = j.Config.Model.Spread
		case name == "cosine":
			at = plan.Choice.Loss.Values.Num("tau")
		}
		*ran = append(*ran, fmt.Sprintf("%s %.4g", name, at))
		value := []train.Value{{Name: "recall@20", Value: 1 / (1 + math.Abs(math.Log(at/best[name])))}, {Name: "ndcg@20"}}
		o := &Outcome{Key: j.key(), Config: j.Config, Text: j.Config.String(), Split: j.Split, Budget: j.Budget, Valid: value, Test: value, Buckets: make([]report.Number, len(buckets))}
		users := len(set.Test.Active())
		o.PerUser = [][]float64{make([]float64, users), make([]float64, users)}
		return o, nil
	}
}

// TestSearch: the spread is found once, by factors of 2, and is that of all losses whose
// temperature contains it; softmax finds a multiple of its own, by factors of √2, and a
// loss without one a temperature. The best has a worse value on both sides.
func TestSearch(t *testing.T) {
	c, set := small(t, "softmax", "sparsemax", "squared", "hinge", "cosine", "cosine:tau=0.3")
	c.Tune = []Axis{{"temperature", []string{"auto"}}}
	require.NoError(t, c.Validate())
	task, err := data.ChooseTask("user")
	require.NoError(t, err)
	m, err := task.SpreadOf(set)
	require.NoError(t, err)
	natural := 1 / math.Log(float64(set.Items))
	var ran []string
	c.Runner = peaked(t, map[string]float64{"softmax": natural * 2, "sparsemax": m / 4, "squared": 1, "hinge": 0.2, "cosine": 1e9}, &ran)
	c.Seeds = []uint64{3}
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	rows := map[string]*Row{}
	for i := range res.Rows {
		rows[res.Rows[i].Name] = &res.Rows[i]
	}
	digits := func(x float64) string { return (&Search{Start: x, Factor: 2}).value(0) }
	for name, want := range map[string]struct {
		settings []Setting
		trials   int
		edges    []string
	}{
		"softmax":        {[]Setting{{"temperature", digits(natural * 2)}}, 5, nil}, // 2^−½ … 2^1½
		"sparsemax":      {[]Setting{{"model.spread", digits(m / 4)}}, 5, nil},      // 2 … ⅛ of m
		"squared":        {[]Setting{{"model.spread", digits(m / 4)}}, 0, nil},
		"hinge":          {[]Setting{{"temperature", "0.2"}}, 3, nil},
		"cosine:tau=0.3": {nil, 0, nil},
	} {
		row := rows[name]
		require.Equal(t, want.settings, row.Settings, name)
		require.Len(t, row.Trials, want.trials, name)
		require.Equal(t, want.edges, row.Edges, name)
		require.Equal(t, 1, row.Done, name)
	}
	// One that never stops rising stops all the same, at an edge, which is told.
	require.Equal(t, []string{"temperature"}, rows["cosine"].Edges)
	require.LessOrEqual(t, len(rows["cosine"].Trials), maxTried)
	require.Contains(t, rows["cosine"].marks(), "edge of temperature")

	// What the runs have on record are numbers, and those of the table.
	require.Len(t, res.Searches, 4)
	sparse := rows["squared"].Runs[0].Config
	require.Equal(t, digits(m/4), fmt.Sprint(sparse.Model.Spread))
	require.Equal(t, fmt.Sprint(sparse.Model.Spread), sparse.Model.Temperature, "of squared the two are one number")
	require.Contains(t, fmt.Sprint(rows["squared"].card(set.Items).Facts), "cosine scores over "+sparse.Model.Temperature)
	notes := strings.Join(res.Notes(), "\n")
	require.Contains(t, notes, fmt.Sprintf("model.spread of sparsemax, from %.4g by factors of 2", m))
	require.Contains(t, notes, "Chosen: "+digits(m/4)+", for squared too.")
	require.Contains(t, notes, "2 times the natural one.")
	require.Contains(t, notes, digits(m/2)+" (0.5906), "+digits(m)+" (0.4191)", "everything that was tried")
	require.Contains(t, notes, "Edge: the best value, or one as good, is the smallest or the largest that was tried, so that a better one may lie beyond: cosine (temperature).")
	text, err := json.Marshal(res.Section())
	require.NoError(t, err)
	require.Contains(t, string(text), `"setting":"model.spread","for":["sparsemax","squared"]`)
	require.Contains(t, string(text), `"edges":["temperature"]`)
	require.Contains(t, string(text), "edge of temperature")
}

// TestSearchTrains: a search beside a grid, by runs that train: the grid has what was
// found, and what is started again after an interruption finds the same.
func TestSearchTrains(t *testing.T) {
	c, set := small(t, "sparsemax", "rg2")
	c.Seeds, c.Base.Train.Epochs = []uint64{3}, 2
	c.Tune = []Axis{{"temperature", []string{"auto"}}, {"lr", []string{"0.01", "0.1"}}}
	whole, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	for _, row := range whole.Rows {
		require.Equal(t, "model.spread", row.Settings[0].Name)
		require.Equal(t, whole.Searches[0].Chosen, row.Settings[0].Value)
		require.Equal(t, "lr", row.Settings[1].Name)
		best := row.Trials[0]
		seen := map[string]bool{}
		for _, x := range row.Trials {
			require.False(t, seen[fmt.Sprint(x.Settings)], "a run of both search and grid counts once")
			seen[fmt.Sprint(x.Settings)] = true
			if x.Settings[0] == row.Settings[0] && x.Value > best.Value || best.Settings[0] != row.Settings[0] {
				best = x
			}
		}
		require.Equal(t, best.Settings, row.Settings)
		require.Contains(t, row.Edges, "lr", "of two values each is an edge")
	}
	for _, after := range []int{1, 5} {
		c.Dir = t.TempDir()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		epochs := 0
		res, err := Run(ctx, c, set, func(e Event) {
			if _, ok := e.(*Progressed); ok {
				if epochs++; epochs == after {
					stop()
				}
			}
		})
		require.NoError(t, err)
		require.True(t, res.Interrupted)
		require.Contains(t, strings.Join(res.Notes(), "\n"), "The search was interrupted.")
		again, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		require.Equal(t, numbers(t, whole), numbers(t, again))
	}
}

// TestSearchStaysWithinClasses: as many classes as there are can follow a context, and no
// fewer than one; where that ends a search the best is at an edge.
func TestSearchStaysWithinClasses(t *testing.T) {
	c, set := small(t, "sparsemax")
	c.Tune, c.Seeds = []Axis{{"temperature", []string{"auto"}}}, []uint64{3}
	for best, beyond := range map[float64]func(x float64) bool{
		1e9: func(x float64) bool { return 2*x > float64(set.Items) }, 1e-9: func(x float64) bool { return x/2 < 1 },
	} {
		var ran []string
		c.Dir, c.Runner = t.TempDir(), peaked(t, map[string]float64{"sparsemax": best}, &ran)
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		require.Empty(t, res.Rows[0].Failed)
		require.True(t, beyond(res.Rows[0].Runs[0].Config.Model.Spread))
		require.Equal(t, []string{"model.spread"}, res.Rows[0].Edges)
	}
}

// TestSearchContradicted: what else decides a temperature contradicts a search for it.
func TestSearchContradicted(t *testing.T) {
	search := Axis{"temperature", []string{"auto"}}
	for want, change := range map[string]func(*Config){
		"leave out auto or the other values":  func(c *Config) { c.Tune = []Axis{{"temperature", []string{"auto", "1"}}} },
		"what model.temperature says already": func(c *Config) { c.Base.Model.Temperature = "0.3" },
		"model.spread is what temperature=":   func(c *Config) { c.Tune = append(c.Tune, Axis{"model.spread", []string{"3"}}) },
		"model.score decides what":            func(c *Config) { c.Tune = append(c.Tune, Axis{"model.score", []string{"cosine", "dot"}}) },
	} {
		c, _ := small(t, "softmax", "sparsemax")
		c.Tune = []Axis{search}
		require.NoError(t, c.Validate())
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}

// TestEdges: the smallest and the largest of several numbers are edges, wherever they
// stand in the list; what is no number, the only value, and 0 are none.
func TestEdges(t *testing.T) {
	for _, x := range []struct {
		values []string
		chosen string
		edge   bool
	}{
		{[]string{"0.1", "0.2", "0.5"}, "0.1", true}, {[]string{"0.1", "0.2", "0.5"}, "0.2", false}, {[]string{"0.1", "0.2", "0.5"}, "0.5", true},
		{[]string{"0.5", "0.1", "0.2"}, "0.2", false}, {[]string{"0.1"}, "0.1", false}, {[]string{"0.1", "learned"}, "0.1", false},
		{[]string{"0.1", "0.2", "learned"}, "learned", false}, {[]string{"0", "0.1"}, "0", false}, {[]string{"0", "0.1"}, "0.1", true},
	} {
		p := &comparison{grids: [][][]Setting{nil}, best: []int{0}, variants: []Variant{{choice: models.Choice{}}}}
		var trials []Trial
		for i, v := range x.values {
			if v == x.chosen {
				p.best[0] = i
			}
			p.grids[0] = append(p.grids[0], []Setting{{"lr", v}})
			trials = append(trials, Trial{Settings: []Setting{{"lr", v}}, Value: 0.1})
			if v == x.chosen {
				trials[i].Value = 0.2
			}
		}
		require.Equal(t, x.edge, len(p.edges(0, trials)) > 0, "%s of %s", x.chosen, x.values)
		for i := range trials {
			trials[i].Value = 0.2
		}
		numbers := 0 // but 0
		for _, v := range x.values {
			if y, err := strconv.ParseFloat(v, 64); err == nil && y != 0 {
				numbers++
			}
		}
		require.Equal(t, numbers > 1 || x.values[0] == "0", len(p.edges(0, trials)) > 0, "%s of %s: where all are as good, one at an edge is", x.chosen, x.values)
		for i := range trials {
			trials[i].Value = report.Number(math.NaN())
		}
		require.Empty(t, p.edges(0, trials), "nothing was chosen where all failed")
	}
}

// valued runs nothing: f has the value of a run, NaN of one that fails.
func valued(t *testing.T, f func(name string, tau, spread float64) float64) Runner {
	return func(ctx context.Context, j Job, set *data.Dataset, _ func(Progress)) (*Outcome, error) {
		plan, err := j.Config.Plan()
		require.NoError(t, err)
		o := &Outcome{Key: j.key(), Config: j.Config, Text: j.Config.String(), Split: j.Split, Budget: j.Budget}
		x := f(plan.Choice.Loss.Spec.Name, plan.Temperature.Value, j.Config.Model.Spread)
		if math.IsNaN(x) {
			o.Failed = "the loss is +Inf"
			return o, nil
		}
		o.Valid = []train.Value{{Name: "recall@20", Value: x}, {Name: "ndcg@20"}}
		o.Test, o.Buckets = o.Valid, make([]report.Number, len(buckets))
		users := len(set.Test.Active())
		o.PerUser = [][]float64{make([]float64, users), make([]float64, users)}
		return o, nil
	}
}

// TestSearchPassesEquals: a plateau is no inside best. The search goes on until worse values
// stand on both sides of it, or to the end, which is marked.
func TestSearchPassesEquals(t *testing.T) {
	for _, x := range []struct {
		value func(tau float64) float64
		tried []string
		edge  bool
	}{
		{func(tau float64) float64 { return map[bool]float64{true: 0.85, false: 0.8}[tau > 0.09 && tau < 1] }, []string{"0.05", "0.1", "0.2", "0.4", "0.8", "1.6"}, false},
		{func(tau float64) float64 { return 0.85 }, nil, true},
	} {
		c, set := small(t, "hinge")
		c.Seeds, c.Tune = []uint64{3}, []Axis{{"temperature", []string{"auto"}}}
		c.Runner = valued(t, func(_ string, tau, _ float64) float64 { return x.value(tau) })
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		s := res.Searches[0]
		require.Equal(t, "0.2", s.Chosen, "the nearest to the default")
		require.Equal(t, x.edge, s.Edge)
		require.Equal(t, x.edge, strings.Contains(res.Rows[0].marks(), "edge of temperature"))
		if x.tried == nil {
			require.Len(t, s.Tried, maxTried)
			continue
		}
		var tried []string
		for _, y := range s.Tried {
			tried = append(tried, y.Value)
		}
		require.Equal(t, x.tried, tried)
	}
}

// TestFailedTuning: what failed in tuning is named in the notes with its reason and counted
// in the table, what cannot begin is told, and where all failed nothing is chosen.
func TestFailedTuning(t *testing.T) {
	runs := func(entries []string, axis Axis, value func(name string, tau, spread float64) float64) (*Result, []string) {
		c, set := small(t, entries...)
		c.Seeds, c.Tune, c.Runner = []uint64{3}, []Axis{axis}, valued(t, value)
		var refused []string
		res, err := Run(t.Context(), c, set, func(e Event) {
			if r, ok := e.(*Refused); ok {
				refused = append(refused, r.Name+": "+r.Err.Error())
			}
		})
		require.NoError(t, err)
		return res, refused
	}
	diverge := func(_ string, tau, _ float64) float64 {
		if tau < 1e-10 {
			return math.NaN()
		}
		return 0.5
	}
	res, refused := runs([]string{"squared"}, Axis{"temperature", []string{"1e-30", "1"}}, diverge)
	require.Empty(t, refused)
	require.Equal(t, []Setting{{"temperature", "1"}}, res.Rows[0].Settings)
	require.Contains(t, res.Notes(), "squared failed in tuning with temperature=1e-30: the loss is +Inf")
	require.Contains(t, res.Rows[0].marks(), "1 of 2 in tuning failed")

	// 200 classes cannot follow a context where there are 60.
	res, refused = runs([]string{"sparsemax"}, Axis{"model.spread", []string{"1", "200"}}, diverge)
	require.Len(t, refused, 1)
	require.Contains(t, refused[0], "sparsemax model.spread=200: train: model.spread: 200 classes cannot follow a context where there are 60")
	require.Equal(t, []Setting{{"model.spread", "1"}}, res.Rows[0].Settings)
	require.Contains(t, strings.Join(res.Notes(), "\n"), "sparsemax failed in tuning with model.spread=200: train: model.spread: 200 classes")

	res, refused = runs([]string{"sparsemax"}, Axis{"model.spread", []string{"200", "300"}}, diverge)
	require.Len(t, refused, 2)
	require.Empty(t, res.Rows[0].Settings)
	require.Empty(t, res.Rows[0].Runs)
	require.Equal(t, []string{"in tuning: every value did, so that nothing was chosen"}, res.Rows[0].Failed)

	// A search whose loss fails at every value chooses nothing. The spread is then found by
	// the next loss that takes it.
	res, _ = runs([]string{"sparsemax", "squared"}, Axis{"temperature", []string{"auto"}}, func(name string, _, spread float64) float64 {
		if name == "sparsemax" {
			return math.NaN()
		}
		return -math.Abs(math.Log(spread))
	})
	for _, row := range res.Rows {
		if row.Name == "sparsemax" {
			require.Empty(t, row.Settings)
			require.Len(t, row.Failed, 1)
		} else {
			require.Equal(t, "model.spread", row.Settings[0].Name)
			require.Equal(t, 1, row.Done)
		}
	}
	require.Len(t, res.Searches, 2)
	notes := strings.Join(res.Notes(), "\n")
	require.Contains(t, notes, "Every value failed: nothing was chosen.")
	require.Contains(t, notes, "Chosen: "+res.Searches[1].Chosen)
	text, err := json.Marshal(res.Section())
	require.NoError(t, err)
	require.Contains(t, string(text), `"failed":true`)
}
