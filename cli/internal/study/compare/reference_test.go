package compare

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/needs"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// TestReferences: every comparison measures the rankings without trained vectors on its
// own examples, by its own metrics, and says which losses are below popularity.
func TestReferences(t *testing.T) {
	c, set := small(t, "softmax", "perceptron")
	c.Base.Train.Epochs = 1 // which is below popularity
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Len(t, res.References, 3)
	at := map[string]Reference{}
	for _, r := range res.References {
		name, _, _ := strings.Cut(r.Name, ":")
		at[name] = r
		require.Len(t, r.Valid, 2)
		require.Len(t, r.Test, 2)
		require.Empty(t, r.Skipped)
	}
	// Popularity by hand: the most popular items that a user has not, hit or not.
	counts := set.Train.ItemCounts()
	var sum float64
	users := set.Test.Active()
	for _, u := range users {
		var has float64
		test := set.Test.ItemsOf(int(u))
		for _, i := range test {
			rank := 0
			for j := range int32(set.Items) {
				known := set.Train.Has(int(u), j) || set.Valid.Has(int(u), j)
				if !known && (counts[j] > counts[i] || counts[j] == counts[i] && j < i) {
					rank++
				}
			}
			if rank < 20 {
				has++
			}
		}
		sum += has / float64(len(test))
	}
	require.InDelta(t, sum/float64(len(users)), at["pop"].Test[0].Value, 1e-9)
	require.Greater(t, at["ease"].Test[0].Value, at["pop"].Test[0].Value)

	// One epoch of perceptron is below popularity, and the page, the table and the JSON say so.
	notes := strings.Join(res.Notes(), "\n")
	require.Contains(t, notes, "Below pop, the order by popularity, in recall@20, as trained here: ")
	for i, row := range res.Rows {
		require.Equal(t, float64(row.Test[0].Mean) < at["pop"].Test[0].Value, row.BelowPop)
		for _, table := range []report.Table{res.Table(false), res.Table(true)} {
			require.Equal(t, row.BelowPop, strings.Contains(table.Rows[i][len(table.Head)-1].String(), "below pop"))
		}
	}
	require.True(t, res.Rows[len(res.Rows)-1].BelowPop)
	written, err := json.Marshal(res.Section())
	require.NoError(t, err)
	require.Contains(t, string(written), `"below_pop":true`)
	page, err := report.Report{Title: "t", Sections: []report.Section{res.Section()}}.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "below pop")
	table := res.ReferenceTable()
	require.Len(t, table.Rows, 3)
	require.Contains(t, string(res.Markdown("fenchel compare")), "| pop | ")
	require.NotContains(t, shown(table.Rows[0]), "-")
}

// TestReferencesThatDoNotFit are named with the reason, and the others stay.
func TestReferencesThatDoNotFit(t *testing.T) {
	had := available
	defer func() { available = had }()
	c, set := small(t, "softmax")
	c.Force = true
	available = func() (int64, string, bool) { return 1000, "a test", true }
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	require.Len(t, res.References, 3)
	require.Contains(t, res.References[2].Skipped, "0 MiB are available (a test)")
	require.Contains(t, strings.Join(res.Notes(), "\n"), "ease:lambda=300 was not fitted: it needs")
	require.Equal(t, []string{"ease:lambda=300", "-", "-", "0.0"}, shown(res.ReferenceTable().Rows[2]))
	require.Contains(t, tooLarge(easeItems+1), "cubic")
}

// TestReferencesOfMovieLens holds the references to the figures of other programs on the
// same split.
func TestReferencesOfMovieLens(t *testing.T) {
	const source = "../../../../../shared/data/ml-1m"
	needs.Data(t, source)
	if testing.Short() {
		t.Skip("factorises a matrix of 3,000 rows")
	}
	var base train.Config
	base.Data.Source = source
	set, err := data.Load(base.Data.Config())
	require.NoError(t, err)
	p := &comparison{Config: Config{Base: base}, set: set}
	refs, err := p.references(t.Context())
	require.NoError(t, err)
	ms, err := metric.ParseAll(base.WithDefaults().Eval.Metrics)
	require.NoError(t, err)
	require.Len(t, ms, 2)
	want := map[string][4]float64{ // recall and ndcg at 20 on valid and test
		"pop":  {.1144, .1175, .1226, .1332},
		"ease": {.2734, .2624, .2992, .3163},
	}
	for _, r := range refs {
		name, _, _ := strings.Cut(r.Name, ":")
		if v, ok := want[name]; ok {
			for m := range ms {
				require.InDelta(t, v[m], r.Valid[m].Value, 0.001, "%s valid", r.Name)
				require.InDelta(t, v[2+m], r.Test[m].Value, 0.001, "%s test", r.Name)
			}
		}
		t.Logf("%s: valid %v, test %v, %.1f s", r.Name, r.Valid, r.Test, r.Seconds)
	}
}

// TestEASEIsTunedWhereLossesAre: λ is that of the best valid value along the walk, and a
// comparison without tuning has the default.
func TestEASEIsTunedWhereLossesAre(t *testing.T) {
	c, _ := small(t, "softmax")
	c.Base.Data.Source = "demo:users=400,items=300,per-user=10"
	set, err := data.Load(c.Base.Data.Config())
	require.NoError(t, err)
	p := &comparison{Config: c, set: set}
	plain, err := p.references(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ease:lambda=300", plain[2].Name)
	p.Tune = []Axis{{Name: "lr", Values: []string{"0.01", "0.02"}}}
	tuned, err := p.references(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, plain[2].Name, tuned[2].Name, "300 is much for 4,000 pairs")
	require.Greater(t, tuned[2].Valid[0].Value, plain[2].Valid[0].Value)
	require.Equal(t, plain[:2], func() []Reference { // but for the clock
		for i := range plain[:2] {
			tuned[i].Seconds = plain[i].Seconds
		}
		return tuned[:2]
	}())
	notes := strings.Join((&Result{References: tuned, Tune: p.Tune}).referenceNotes(), " ")
	require.Contains(t, notes, "λ of ease was chosen on valid")
}

// TestEASEAtTheEdge: a λ that still got better at the end of the walk is marked.
func TestEASEAtTheEdge(t *testing.T) {
	p := &comparison{Config: Config{Tune: []Axis{{Name: "lr", Values: []string{"0.01", "0.02"}}}}}
	for power, edge := range map[float64]bool{1: true, -1: true, 0: false} {
		best, err := p.walk(t.Context(), func(lambda float64) (Reference, error) {
			return Reference{Name: fmt.Sprintf("ease:lambda=%g", lambda), Valid: []train.Value{{Value: math.Pow(lambda, power)}}}, nil
		})
		require.NoError(t, err)
		require.Equal(t, edge, best.Edge, best.Name)
		r := &Result{References: []Reference{best}, Tune: p.Tune}
		require.Equal(t, edge, strings.Contains(r.ReferenceTable().Rows[0][0].String(), "(edge)"))
		require.Equal(t, edge, strings.Contains(strings.Join(r.referenceNotes(), " "), "Edge: "+best.Name))
	}
}
