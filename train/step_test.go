package train

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// TestStepMemory: a step allocates little, and no more for a hundred times the
// weights: tables, gradients and moments are never copied.
func TestStepMemory(t *testing.T) {
	perStep := func(items int) float64 {
		set, err := data.FromCSR(64, items, csr(64), csrItems(64), nil, nil)
		require.NoError(t, err)
		none, err := data.Empty(64, items)
		require.NoError(t, err)
		d := &data.Dataset{Users: 64, Items: items, Train: set, Valid: none, Test: none}
		tr, err := New(Config{Train: TrainConfig{Batch: 16}}, d)
		require.NoError(t, err)
		s, err := newGradient(parsed(t, "gradient").Values, &run{set: d, trained: tr})
		require.NoError(t, err)
		defer s.close()
		epoch := func(e int) {
			for i := range s.steps() {
				_, err := s.step(t.Context(), e, i)
				require.NoError(t, err)
			}
		}
		epoch(0) // buffers grow
		epoch(1)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for e := range 20 {
			epoch(2 + e)
		}
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc-before.TotalAlloc) / float64(20*s.steps())
	}
	small, large := perStep(100), perStep(10000)
	t.Logf("%.0f bytes a step with 100 classes, %.0f with 10000, whose gradient alone is %d", small, large, 10000*64*4)
	require.Less(t, large, 200e3)
	require.Less(t, large, small+100e3)
}

func parsed(t *testing.T, text string) solverKind {
	s, err := parseSolver(text)
	require.NoError(t, err)
	return s
}

// csr and csrItems give user u the items u and u+1.
func csr(users int) (ptr []int) {
	for u := range users + 1 {
		ptr = append(ptr, 2*u)
	}
	return ptr
}

func csrItems(users int) (items []int32) {
	for u := range int32(users) {
		items = append(items, u, u+1)
	}
	return items
}

// TestEdges runs every solver on sets at the edge: one class, one user, users
// and classes without interactions, width 1, a batch larger than the set, cut-offs
// beyond the classes.
func TestEdges(t *testing.T) {
	type shape struct {
		name         string
		users, items int
		ptr          []int
		item         []int32
	}
	for _, c := range []shape{
		{"one class", 3, 1, []int{0, 1, 1, 2}, []int32{0, 0}},
		{"one user", 1, 5, []int{0, 2}, []int32{1, 3}},
		{"one of each", 1, 1, []int{0, 1}, []int32{0}},
		{"empty users and classes", 6, 7, []int{0, 0, 3, 3, 3, 5, 5}, []int32{1, 2, 4, 1, 5}},
	} {
		for _, text := range []string{
			"{}", "{train: {task: pair}, model: {score: dot, bias: true}, loss: sparsemax}", "{loss: 'softmax:smoothing=0.1'}",
			"{train: {solver: als}}", "{train: {solver: als}, loss: 'rgx:beta=1'}", "{train: {solver: ials}}",
		} {
			t.Run(c.name+" "+text, func(t *testing.T) {
				x, err := data.FromCSR(c.users, c.items, c.ptr, c.item, nil, nil)
				require.NoError(t, err)
				none, err := data.Empty(c.users, c.items)
				require.NoError(t, err)
				set := &data.Dataset{Name: c.name, Users: c.users, Items: c.items, Train: x, Valid: x, Test: none}
				cfg := quick(text)
				cfg.Model.Dim = 1
				cfg.Eval.Metrics = []string{"recall@1", "ndcg@50", "map@50"}
				res, err := Run(t.Context(), cfg, set, nil)
				require.NoError(t, err)
				require.NoError(t, res.Trained.finite())
				for _, v := range res.Valid.Values {
					require.Zero(t, v.Value, "what is masked is not found")
				}
				ms, err := parseMetrics(cfg)
				require.NoError(t, err)
				s, err := res.Trained.Evaluate(t.Context(), set, "train", ms)
				require.NoError(t, err)
				require.GreaterOrEqual(t, s.Values[1].Value, 0.3, "nothing masked: all are ranked")
				tops, err := res.Trained.Predict(t.Context(), set, []int{0}, 10, false)
				require.NoError(t, err)
				require.Len(t, tops[0].IDs, c.items-len(x.ItemsOf(0))-len(set.ColdItems()))
				res.Trained.Items = AllItems
				tops, err = res.Trained.Predict(t.Context(), set, []int{0}, 10, false)
				require.NoError(t, err)
				require.Len(t, tops[0].IDs, c.items-len(x.ItemsOf(0)))
			})
		}
	}
}

func parseMetrics(c Config) ([]metric.At, error) { return metric.ParseAll(c.Eval.Metrics) }
