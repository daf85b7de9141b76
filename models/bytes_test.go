package models

import (
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// heap returns the bytes of the heap in use, and those ever allocated.
func heap() (live, allocated float64) {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers let go in the first
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc), float64(m.TotalAlloc)
}

// manyClasses is a set whose classes outweigh everything else.
func manyClasses(t *testing.T) *data.Dataset {
	source := "demo:users=40,items=20000,per-user=10"
	if testing.Short() {
		source = "demo:users=40,items=5000,per-user=10"
	}
	set, err := data.Load(data.Config{Source: source})
	require.NoError(t, err)
	return withGenres(t, set)
}

// everyHead calls f with every head, under each score, over free classes and, where it
// asks the model for them, over computed ones.
func everyHead(t *testing.T, set *data.Dataset, f func(t *testing.T, m Model, text string, s HeadSetting)) {
	texts := schemes(t)
	for _, s := range sampler.All() {
		if s.Props.Has(sampler.Adaptive) {
			texts = append(texts, "sampled:n=4,sampler="+s.Name)
		}
	}
	for _, text := range texts {
		for _, score := range Scores() {
			s := HeadSetting{Setting: Setting{Set: set, Dim: 24, Init: 0.5, Seed: 7}, Score: score, Temperature: 0.5, Loss: softmax}
			t.Run(text+"/"+string(score), func(t *testing.T) {
				mf, err := Parse("mf")
				require.NoError(t, err)
				m, err := mf.New(s.Setting)
				require.NoError(t, err)
				f(t, m, text, s)
			})
		}
	}
	for _, text := range []string{"all", "sampled:n=4,sampler=midx"} {
		m := wholes(set)["computed"]
		require.NotNil(t, m)
		s := HeadSetting{Setting: Setting{Set: set, Dim: m.Dim(), Init: 0.5, Seed: 7}, Score: Cosine, Temperature: 0.5, Loss: softmax}
		t.Run(text+"/computed", func(t *testing.T) { f(t, m, text, s) })
	}
}

// TestBytes holds what heads, what they attach and compiled graphs say of their memory
// against the heap, and a plan's words against those of the graph that runs.
func TestBytes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // scratch of goroutines that may not have run
	set := manyClasses(t)
	everyHead(t, set, func(t *testing.T, m Model, text string, s HeadSetting) {
		compile := func(b *graph.Builder[float32], head Head) (*Objective[float32], *graph.Program[float32], *Graph) {
			g := NewGraph(b, set.Contexts(), 4, set.Classes())
			o, err := NewObjective(b, g, m, head, s.Loss, 8, false)
			require.NoError(t, err)
			p, err := b.Train(o.Cost())
			require.NoError(t, err)
			return o, p, g
		}
		planned, err := NewHead(text, s)
		require.NoError(t, err)
		plan, planProgram, _ := compile(graph.NewPlan[float32](), planned)
		encoding, _, err := Tables(m, planned, s.Loss, set.Contexts(), set.Classes())
		require.NoError(t, err)
		for _, table := range encoding {
			table.Initialise(7)
		}

		before, _ := heap()
		head, err := NewHead(text, s)
		require.NoError(t, err)
		_, tables, err := Tables(m, head, s.Loss, set.Contexts(), set.Classes())
		require.NoError(t, err)
		want := int64(0)
		for _, table := range tables {
			table.Initialise(7)
			want += 4 * int64(table.Rows) * int64(table.Dim)
		}
		o, p, g := compile(graph.NewBuilder[float32](), head)
		batch := *testBatch
		batch.Rows = []int32{1, 3, 2}
		for step := range 2 {
			require.NoError(t, o.Set(step, &batch))
			require.NoError(t, p.Run())
			o.Moved(p)
		}
		after, _ := heap()
		want += head.Bytes().Kept + o.Bytes() + p.Bytes()
		t.Logf("tables and head %d, attached %d, program %d", want-o.Bytes()-p.Bytes(), o.Bytes(), p.Bytes())
		// The fused losses count candidates and blocks at the most that there can be.
		const fixed = 64 << 10
		require.LessOrEqual(t, after-before, 1.02*float64(want)+fixed)
		require.GreaterOrEqual(t, after-before+fixed, 0.8*float64(want))
		require.Equal(t, head.Bytes(), planned.Bytes())
		require.Equal(t, o.Bytes(), plan.Bytes())
		require.Equal(t, p.Bytes(), planProgram.Bytes())
		runtime.KeepAlive(head)
		runtime.KeepAlive(g)
	})
	runtime.KeepAlive(set)
}

// TestRankerBytes holds what a head says of its rankers against what they allocate, and
// ranks the same after Renew without allocating the vectors anew.
func TestRankerBytes(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rows, k = 12, 30
	set := manyClasses(t)
	everyHead(t, set, func(t *testing.T, m Model, text string, s HeadSetting) {
		head, err := NewHead(text, s)
		require.NoError(t, err)
		encoding, tables, err := Tables(m, head, s.Loss, set.Contexts(), set.Classes())
		require.NoError(t, err)
		for _, table := range append(encoding, tables...) {
			table.Initialise(7)
		}
		h := make([]float32, rows*m.Dim())
		rng := rand.New(rand.NewPCG(5, 5))
		for i := range h {
			h[i] = float32(rng.NormFloat64())
		}
		tops := make([]Top, rows)
		none := func(int) []int32 { return nil }
		want, err := head.RankerBytes(m, set.Classes(), rows, k)
		require.NoError(t, err)
		_, before := heap()
		r, err := head.Ranker(m, set.Classes())
		require.NoError(t, err)
		require.NoError(t, r.Rank(tops, h, none, k))
		_, after := heap()
		fixed := 64.0 * 1024
		if strings.HasSuffix(t.Name(), "/computed") {
			fixed += 24 * float64(set.Items) // the rows of the frame, as its fields are read
		}
		require.InDelta(t, float64(want), after-before, 0.05*float64(want)+fixed)

		for _, table := range append(encoding, tables...) {
			for i := range table.Data {
				table.Data[i] *= float32(1 + i%3)
			}
		}
		_, before = heap()
		require.NoError(t, r.Renew())
		require.NoError(t, r.Rank(tops, h, none, k))
		_, after = heap()
		require.Less(t, after-before, float64(topBytes(rows, k))+48<<10)
		fresh, err := head.Ranker(m, set.Classes())
		require.NoError(t, err)
		again := make([]Top, rows)
		require.NoError(t, fresh.Rank(again, h, none, k))
		require.Equal(t, again, tops)
	})
	runtime.KeepAlive(set)
}
