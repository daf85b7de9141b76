package train

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// sinkSet has more classes than one block, and users with several.
func sinkSet(t *testing.T) *data.Dataset {
	const users, items = 24, 500
	rng := rand.New(rand.NewPCG(8, 9))
	ptr, all := []int{0}, []int32(nil)
	for range users {
		seen := map[int32]bool{}
		for len(seen) < 4 {
			seen[int32(rng.IntN(items))] = true
		}
		var of []int32
		for i := range seen {
			of = append(of, i)
		}
		slices.Sort(of)
		all = append(all, of...)
		ptr = append(ptr, len(all))
	}
	set, err := data.FromCSR(users, items, ptr, all, nil, nil)
	require.NoError(t, err)
	none, err := data.Empty(users, items)
	require.NoError(t, err)
	return &data.Dataset{Users: users, Items: items, Train: set, Valid: none, Test: none}
}

// A sinkRun is what two epochs leave behind.
type sinkRun struct {
	tables [][]float32
	state  []graph.Array
	norms  []float64
	moved  []string // by the runs of the graph
}

func trainSunk(t *testing.T, set *data.Dataset, c Config) (r sinkRun) {
	t.Helper()
	if c.Model.Dim == 0 {
		c.Model.Dim = 12
	}
	c.Train.Batch, c.Train.Epochs, c.Train.Seed = 8, 2, 3
	tr, err := New(c, set)
	require.NoError(t, err)
	solver, err := newGradient(parsed(t, "gradient").Values, &run{set: set, trained: tr})
	require.NoError(t, err)
	defer solver.close()
	s := solver.(*gradient)
	for _, table := range s.sink(func(t *graph.Table[float32]) graph.BlockUpdater[float32] { return s.updater(t) }) {
		r.moved = append(r.moved, table.Name)
	}
	for e := range 2 {
		for i := range s.steps() {
			o, err := s.step(t.Context(), e, i)
			require.NoError(t, err)
			r.norms = append(r.norms, o.gradNorm)
		}
	}
	for _, table := range tr.tables {
		r.tables = append(r.tables, table.Data)
	}
	r.state = s.fixed()
	return r
}

// TestSunkSteps: tables that move while their gradient is made get the weights, the
// optimizer's state and the reported norm, to the bit, of a training that knows all gradients
// before the first table moves, as one that clips at a norm which none reaches does; at any
// GOMAXPROCS.
func TestSunkSteps(t *testing.T) {
	set := sinkSet(t)
	for name, change := range map[string]func(*Config){
		"default": func(*Config) {},
		"wide":    func(c *Config) { c.Model.Dim = 64 },
		"wide, decayed, adagrad": func(c *Config) {
			c.Model.Dim, c.Train.Optimizer, c.Train.L2 = 64, "adagrad", "1e-3"
		},
		"wide, sgd": func(c *Config) { c.Model.Dim, c.Train.Optimizer = 128, "sgd" },
		"biases":    func(c *Config) { c.Model.Bias = "true" },
		"dot":       func(c *Config) { c.Model.Score, c.Model.Temperature = "dot", "1" },
		"lazy":      func(c *Config) { c.Train.Optimizer = "adam:lr=0.01,mode=lazy" },
		"adagrad":   func(c *Config) { c.Train.Optimizer = "adagrad" },
		"sgd":       func(c *Config) { c.Train.Optimizer = "sgd:momentum=0.9" },
		"decayed":   func(c *Config) { c.Train.L2, c.Train.Decay, c.Train.Schedule = "1e-3", "1e-2", "cosine" },
		"sparse":    func(c *Config) { c.Loss = "sparsemax" },
		"sparse, dot, lazy": func(c *Config) {
			c.Loss, c.Model.Score, c.Model.Temperature, c.Train.Optimizer = "entmax:alpha=1.5", "dot", "1", "adam:mode=lazy"
		},
		"rg2":      func(c *Config) { c.Loss = "rg2" },
		"weighed":  func(c *Config) { c.Loss = "softmax:negatives=1.5" },
		"ranked":   func(c *Config) { c.Loss = "sl-at-k:k=5@all" },
		"margin":   func(c *Config) { c.Loss = "am-softmax" },
		"one each": func(c *Config) { c.Loss = "bce" },
		"adaptive": func(c *Config) { c.Loss = "softmax@adaptive" },
	} {
		var c Config
		change(&c)
		sunk := trainSunk(t, set, c)
		require.NotEmpty(t, sunk.moved, name)
		clipped := c
		clipped.Train.Clip = 1e30
		apart := trainSunk(t, set, clipped)
		require.Empty(t, apart.moved, name)
		require.Equal(t, apart.tables, sunk.tables, name)
		require.Equal(t, apart.state, sunk.state, name)
		require.InEpsilonSlice(t, apart.norms, sunk.norms, 1e-6, name)
		was := runtime.GOMAXPROCS(0)
		for _, procs := range []int{1, 4} {
			runtime.GOMAXPROCS(procs)
			require.Equal(t, sunk, trainSunk(t, set, c), fmt.Sprintf("%s at GOMAXPROCS %d", name, procs))
		}
		runtime.GOMAXPROCS(was)
	}
	// An L2 of what a batch reads is a second term of the gradient, and a positive of bpr gets
	// what the last class leaves.
	for _, c := range []Config{{Train: TrainConfig{L2: "1e-3,on=batch"}}, {Loss: "bpr@all"}} {
		require.Empty(t, trainSunk(t, set, c).moved)
	}
}

// TestSunkMemory: the estimate of a training whose table moves while its gradient is made has
// no room for that.
func TestSunkMemory(t *testing.T) {
	set := sinkSet(t)
	graphs := func(clip float64) int64 {
		tr, err := New(Config{Train: TrainConfig{Clip: clip}}, set)
		require.NoError(t, err)
		m, err := gradientMemory(parsed(t, "gradient").Values, tr, set)
		require.NoError(t, err)
		return Memory(m).of(t, "graph and gradients")
	}
	require.EqualValues(t, 4*500*64, graphs(1)-graphs(0))
}
