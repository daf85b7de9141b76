package compare

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/combin"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
)

// crossed is a result of rows whose means are those of losses under the models a, b, …, at
// three seeds of that deviation over 400 users, in which all rows have much in common.
func crossed(sd float64, seeds int, means ...[]float64) *Result {
	r := &Result{Reported: "test", Metrics: []string{"recall@20"}, Tested: 400, Seeds: make([]uint64, seeds)}
	src := rand.New(rand.NewPCG(5, 6))
	common := make([]float64, r.Tested)
	for u := range common {
		common[u] = src.NormFloat64()
	}
	var models []string
	for m, column := range means {
		models = append(models, string(rune('a'+m)))
		base := len(r.Rows)
		for l, mean := range column {
			x := make([]float64, r.Tested)
			for u := range x {
				x[u] = common[u] + 0.02*src.NormFloat64()
			}
			at := stat.Mean(x, nil)
			for u := range x {
				x[u] += mean - at
			}
			entry := fmt.Sprintf("loss-%d", l)
			row := Row{Variant: Variant{Entry: entry, Model: models[m], Name: entry + " " + models[m]}, Baseline: base, Done: seeds, perUser: [][]float64{x}}
			row.Test = []Stat{{Mean: report.Number(mean), SD: report.Number(sd), N: seeds}}
			if seeds == 1 {
				row.Test[0].SD = report.Number(math.NaN())
			}
			r.Rows = append(r.Rows, row)
		}
	}
	r.bootstrap(400, 7)
	r.sort()
	r.byModel(models)
	return r
}

// TestByModel: what is said of two models is what was planted, and no more than losses and
// seeds allow.
func TestByModel(t *testing.T) {
	five := []float64{.30, .28, .26, .24, .22}
	swapped := []float64{.50, .48, .44, .46, .42}
	for name, c := range map[string]struct {
		result         *Result
		answer         string
		same, reversed int
		tau            float64
	}{
		"the same order":        {crossed(.001, 3, five, []float64{.5, .48, .46, .44, .42}), "No sign that the ranking of losses depends on the model: all 10 pairs", 10, 0, 1},
		"two are swapped":       {crossed(.001, 3, five, swapped), "Yes: the ranking of losses depends on the model. Of 10 pairs of losses that are told apart under two models 1 are in opposite orders: loss-2 is above loss-3 under a (+0.0200) and below it under b (-0.0200).", 9, 1, .8},
		"swapped within seeds":  {crossed(.03, 3, five, swapped), "Undecided: ", 0, 0, .8},
		"one seed":              {crossed(0, 1, five, swapped), "Too few seeds", 0, 0, .8},
		"three losses":          {crossed(.001, 3, five[:3], five[:3]), "Too few losses to say whether the ranking of losses depends on the model: of 3, 3 are judged under both of two models, and so few are in the same order once in 6 by chance; no two are told apart in opposite orders. Give 4 or more.", 3, 0, 1},
		"three losses, swapped": {crossed(.001, 3, five[1:4], swapped[1:4]), "Yes: the ranking of losses", 2, 1, 1. / 3},
		"one loss":              {crossed(.001, 3, five[:1], five[:1]), "Too few losses to say whether the ranking of losses depends on the model: of 1, 1 are", 0, 0, math.NaN()},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.result.ByModel
			require.True(t, strings.HasPrefix(b.Answer, c.answer), b.Answer)
			require.Len(t, b.Agreements, 1)
			a := b.Agreements[0]
			require.Equal(t, [2]int{c.same, c.reversed}, [2]int{a.Same, len(a.Reversed)})
			if math.IsNaN(c.tau) {
				require.False(t, a.Tau.Finite())
				return
			}
			require.InDelta(t, c.tau, float64(a.Tau), 1e-12)
			require.True(t, a.Low <= a.Tau && a.Tau <= a.High, "%v in [%v, %v]", a.Tau, a.Low, a.High)
		})
	}
	r := crossed(.001, 3, five, swapped, slices.Repeat([]float64{.1}, 5))
	b := r.ByModel
	require.Equal(t, "loss-0", b.Losses[0])
	require.Equal(t, []int{1, 1}, b.Ranks[0][:2])
	require.Len(t, b.Agreements, 3)
	require.Equal(t, [2]string{"a", "b"}, [2]string{b.Agreements[0].A, b.Agreements[0].B})
	require.Zero(t, b.Agreements[1].Same+len(b.Agreements[1].Reversed), "nothing is told apart under c")
	for l, entry := range b.Losses {
		for m, model := range b.Models {
			row := r.Rows[b.Rows[l][m]]
			require.Equal(t, [2]string{entry, model}, [2]string{row.Entry, row.Model})
		}
	}
	tables := r.ByModelTables(false)
	require.Equal(t, []string{"loss", "a recall@20 test", "rank", "− baseline [95 %]", "b recall@20 test", "rank", "− baseline [95 %]", "c recall@20 test", "rank", "− baseline [95 %]"}, tables[0].Head)
	require.Equal(t, []string{"loss-0", "0.3000 ± 0.0010", "1", "baseline"}, shown(tables[0].Rows[0][:4]))
	require.Regexp(t, `^-0\.0[24]\d* \[`, tables[0].Rows[1][3].String())

	// What is not judged has a rank in brackets, and is of no agreement.
	r.Rows[b.Rows[0][0]].NotJudged = "still rising"
	r.byModel(b.Models)
	require.Equal(t, 4, r.ByModel.Agreements[0].Losses)
	for l := range 3 {
		r.Rows[b.Rows[1+l][0]].NotJudged = "still rising"
	}
	r.byModel(b.Models[:2])
	require.Equal(t, "Too few losses to say whether the ranking of losses depends on the model: of 5, 1 are judged under both of two models. A longer budget would have others judged too.", r.ByModel.Answer)
	at := slices.Index(r.ByModel.Losses, "loss-0")
	require.Equal(t, 1, r.ByModel.Ranks[at][0])
	require.False(t, r.ByModel.Judged[at][0])
	require.Equal(t, "(1)", r.ByModelTables(true)[0].Rows[at][2].String())
	var one Result
	one.byModel([]string{"mf"})
	require.Nil(t, one.ByModel)
	require.Empty(t, one.ByModelTables(false))
	require.Empty(t, one.ByModelNotes())
}

// TestHolm: of many pairs some differ by chance, and none is told apart for that.
func TestHolm(t *testing.T) {
	var columns [][]float64
	for range 3 {
		columns = append(columns, slices.Repeat([]float64{.2}, 12))
	}
	found := 0
	src := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		for _, c := range columns { // as far from each other as seeds of deviation .01 put them
			for l := range c {
				c[l] = .2 + .01*src.NormFloat64()/math.Sqrt(3)
			}
		}
		for _, a := range crossed(.01, 3, columns...).ByModel.Agreements {
			found += a.Same + len(a.Reversed)
		}
	}
	require.LessOrEqual(t, found, 1, "of 3,960 pairs under two models")
}

// TestKendall: against another program, and against all orders.
func TestKendall(t *testing.T) {
	src := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		x, y := make([]float64, 7), make([]float64, 7)
		for i := range x {
			x[i], y[i] = src.Float64(), src.Float64()
		}
		tau, discordant := kendall(x, y)
		require.InDelta(t, stat.Kendall(x, y, nil), tau, 1e-12)
		require.InDelta(t, 1-2*float64(discordant)/21, tau, 1e-12)
	}
	tau, discordant := kendall([]float64{1, 1, 2}, []float64{1, 2, 0})
	require.InDelta(t, -2./3, tau, 1e-12)
	require.Equal(t, 2, discordant)
	for n := 2; n <= 6; n++ {
		counts := make([]float64, n*(n-1)/2+1)
		in, all := make([]float64, n), 0.0
		for i := range in {
			in[i] = float64(i)
		}
		for _, p := range combin.Permutations(n, n) {
			order := make([]float64, n)
			for i, k := range p {
				order[i] = float64(k)
			}
			_, discordant := kendall(in, order)
			counts[discordant]++
			all++
		}
		sum := 0.0
		for d, c := range counts {
			sum += c
			require.InDelta(t, sum/all, chance(n, d), 1e-12)
		}
	}
	require.InDelta(t, 0.5, chance(60, 60*59/4-1), 0.01, "about half of the orders of many")
}

// TestDifference: with no variance over users it is Welch's test; with none over seeds the
// normal one of the mean over users; and with both it is weaker than either.
func TestDifference(t *testing.T) {
	r := &Result{Reported: "test", Metrics: []string{"recall@20"}}
	row := func(seeds []float64, resampled ...float64) *Row {
		return &Row{Test: []Stat{statOf(seeds)}, resampled: resampled}
	}
	flat := make([]float64, 4)
	d, p := r.difference(row([]float64{1, 1.2, 1.1}, flat...), row([]float64{1.5, 1.4, 1.9}, flat...))
	require.InDelta(t, -.5, d, 1e-12)
	require.InDelta(t, 0.06747492056558171, p, 1e-9) // scipy.stats.ttest_ind(…, equal_var=False) of SciPy 1.17.1
	wide := []float64{-.2, .2, -.2, .2}
	sd := math.Sqrt(.16 / 3)
	_, users := r.difference(row([]float64{.5, .5}, wide...), row([]float64{0, 0}, flat...))
	require.InDelta(t, math.Erfc(.5/sd/math.Sqrt2), users, 1e-9)
	_, both := r.difference(row([]float64{1, 1.2, 1.1}, wide...), row([]float64{1.5, 1.4, 1.9}, flat...))
	require.Greater(t, both, max(p, users))
	_, p = r.difference(row([]float64{1}, flat...), row([]float64{2}, flat...))
	require.True(t, math.IsNaN(p), "one seed")
	_, p = r.difference(row([]float64{1, 1}, flat...), row([]float64{1, 1}, flat...))
	require.Equal(t, 1.0, p)
	_, p = r.difference(row([]float64{1, 1}, flat...), row([]float64{2, 2}, flat...))
	require.Zero(t, p)
}

// TestModels: each model is trained as it usually is, all are measured on the same examples,
// and the page has the losses by model.
func TestModels(t *testing.T) {
	c, _ := small(t, "softmax", "hinge")
	c.Base.Data.Source, c.Base.Protocol = "demo:users=150,items=60,per-user=12,order=true", "leave-one-out"
	c.Base.Train.Epochs = 2
	c.Base.Eval.Metrics = []string{"hr@10", "ndcg@10"}
	c.Models = []string{"mf", "pool:drop=0.2", "gru4rec", "sasrec:blocks=1"}
	plan, err := c.First().Plan()
	require.NoError(t, err)
	set, err := plan.Data.Load()
	require.NoError(t, err)
	require.NoError(t, c.Validate())
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Len(t, res.Rows, 8)
	for _, row := range res.Rows {
		require.Empty(t, row.Failed)
		require.Equal(t, 2, row.Done)
		cfg := row.Runs[0].Config
		if ordered := strings.HasPrefix(row.Model, "gru") || strings.HasPrefix(row.Model, "sas"); ordered {
			require.Equal(t, "next", cfg.Train.Task)
			require.Equal(t, "dot", cfg.Model.Score)
		} else {
			require.Equal(t, "user", cfg.Train.Task)
			require.Equal(t, "cosine", cfg.Model.Score)
		}
	}
	b := res.ByModel
	require.Equal(t, []string{"mf", "pool:drop=0.2", "gru4rec", "sasrec:blocks=1"}, b.Models)
	require.Len(t, b.Agreements, 6)
	require.NotEmpty(t, b.Answer)
	trained := fmt.Sprint(b.Trained)
	require.Contains(t, trained, "{task user}")
	require.Contains(t, trained, "{task next}")
	require.Contains(t, trained, "{temperature by the loss}")
	require.Contains(t, trained, "{epochs 2}", "as mf has it")
	require.Contains(t, trained, "{epochs 2, fewer after 5 without a better value on valid}", "as is usual of sasrec")
	written, err := json.Marshal(res.Section())
	require.NoError(t, err)
	page, err := report.Report{Title: "t", Sections: []report.Section{res.Section()}}.HTML()
	require.NoError(t, err)
	for where, text := range map[string]string{"JSON": string(written), "page": string(page), "Markdown": string(res.Markdown("x"))} {
		require.Contains(t, text, "Losses under each model", where)
		require.Contains(t, text, "How each model was trained", where)
		require.Contains(t, text, "measured on the same examples", where)
		require.Contains(t, text, b.Answer[:20], where)
	}
	require.Contains(t, string(written), `"by_model":{"models":["mf"`)
	last := res.ByModelTables(false)[0].Rows
	require.Equal(t, "pop", last[2][0].String())
	require.Equal(t, last[2][1], last[2][10], "no model changes it")
	require.Len(t, res.ByModelTables(true)[0].Rows, len(b.Losses), "a terminal has the references in another table")
	require.Len(t, res.ByModelTables(true), 2)
	alone := *res
	one := *b
	one.Losses, alone.ByModel = b.Losses[:1], &one
	require.Len(t, alone.ByModelTables(true), 1, "there is no order to agree on")
}

// TestModelsOfOtherExamples: where something happens again a task in the order of time has
// events that others have no pairs of. That is refused, and one task for all is the way out.
func TestModelsOfOtherExamples(t *testing.T) {
	var lines strings.Builder
	for u := range 60 {
		fmt.Fprintf(&lines, "u%d", u)
		for k := range 8 {
			fmt.Fprintf(&lines, " i%d", (u*3+k%5)%20) // the last three are those of the beginning
		}
		lines.WriteByte('\n')
	}
	path := filepath.Join(t.TempDir(), "seq.txt")
	require.NoError(t, os.WriteFile(path, []byte(lines.String()), 0o600))
	c, _ := small(t, "softmax")
	c.Base.Data.Source, c.Base.Data.Format, c.Base.Data.Split = path, "sequence", "leave-one-out"
	c.Base.Train.Epochs = 1
	c.Models = []string{"mf", "gru4rec"}
	set, err := data.Load(c.Base.Data.Config())
	require.NoError(t, err)
	_, err = Run(t.Context(), c, set, nil)
	require.ErrorContains(t, err, "softmax mf by task user and softmax gru4rec by task next are not measured alike on test")
	require.ErrorContains(t, err, "--task last")
	c.Base.Train.Task = "last"
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.NotNil(t, res.ByModel)
}

// TestHeldUsers: who is held out of training is in no mean, and what was done is found again.
func TestHeldUsers(t *testing.T) {
	c, _ := small(t, "softmax", "rg2")
	c.Base.Data.Held = "0.3"
	c.Base.Train.Epochs = 1
	set, err := data.Load(c.Base.Data.Config())
	require.NoError(t, err)
	users := 0
	for _, u := range set.Test.Active() {
		if !set.IsHeld(int(u)) {
			users++
		}
	}
	require.Less(t, users, len(set.Test.Active()))
	for range 2 {
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		require.Equal(t, users, res.Tested)
		for _, row := range res.Rows {
			require.Len(t, row.perUser[0], users)
			require.InDelta(t, float64(row.Test[0].Mean), mean(row.perUser[0]), 1e-12)
		}
	}
}
