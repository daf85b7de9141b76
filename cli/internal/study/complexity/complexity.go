package complexity

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"time"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/settings"
	"github.com/fenchel-ml/fenchel/cli/internal/study/statistics"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/sampler"
	"github.com/fenchel-ml/fenchel/train"
)

// A Point is one size of a step.
type Point struct {
	Classes int `json:"classes"`
	Dim     int `json:"dim"`
	Batch   int `json:"batch"`
	Draws   int `json:"draws"` // of sampled losses; others ignore it
}

// Config says what to measure.
type Config struct {
	Losses  []string // texts of losses and recipes; empty: defaultLosses
	Classes []int    // sizes of the sweep over C; empty: 2000, 4000, 8000, 16000, 32000
	Dims    []int    // over d; empty: 16, 32, 64, 128, 256
	Batches []int    // over B; empty: 32, 64, 128, 256, 512
	Draws   []int    // over n; empty: 64, 128, 256, 512, 1024
	Steps   int      // timed steps of each size; 0: 5

	// Budget is the time after which no further size is begun; 0: none. What was
	// measured by then is the result.
	Budget time.Duration
}

// defaultLosses has one of each way to the class side.
func defaultLosses() []string {
	return []string{
		"softmax", "entmax", "sparsemax", "rankmax", "bce", "rg2", "spherical",
		"sampled-softmax", "sampled-softmax:sampler=in-batch", "sampled-softmax:sampler=midx", "nce", "bpr",
		"hsm", "class-softmax", "adaptive-softmax",
	}
}

// WithDefaults returns c with the defaults written out.
func (c Config) WithDefaults() Config {
	c.Losses = settings.Or(c.Losses, defaultLosses()...)
	c.Classes = settings.Or(c.Classes, 2000, 4000, 8000, 16000, 32000)
	c.Dims = settings.Or(c.Dims, 16, 32, 64, 128, 256)
	c.Batches = settings.Or(c.Batches, 32, 64, 128, 256, 512)
	c.Draws = settings.Or(c.Draws, 64, 128, 256, 512, 1024)
	c.Steps = cmp.Or(c.Steps, 5)
	return c
}

// The bounds of the sizes: what a machine of our time can hold, one size at a time, and
// of the steps: what can be waited for.
const (
	MinSize    = 2
	MaxClasses = 10_000_000
	MaxDim     = 4096
	MaxBatch   = 65536
	MaxDraws   = 1 << 20
	MaxSteps   = 1_000_000
)

// Validate reports all faults.
func (c Config) Validate() error {
	c = c.WithDefaults()
	var faults settings.Faults
	faults.Texts(c.Losses, func(text string) error {
		loss, candidates, _ := models.CutCandidates(text)
		for _, part := range []string{loss, candidates} {
			if t, err := registry.ReadOwn(part); err == nil && registry.Has(t.Settings, "n") {
				return fmt.Errorf("%q: the draws n are what draws vary: leave n out", text)
			}
		}
		return train.Config{Loss: text}.Validate()
	})
	faults.Within("classes", MinSize, MaxClasses, c.Classes...)
	faults.Within("dims", MinSize, MaxDim, c.Dims...)
	faults.Within("batches", MinSize, MaxBatch, c.Batches...)
	faults.Within("draws", MinSize, MaxDraws, c.Draws...)
	faults.Within("steps", 1, MaxSteps, c.Steps)
	if c.Budget < 0 {
		faults.Addf("budget: %v is below 0", c.Budget)
	}
	return faults.Err()
}

// centre returns the point through which all sweeps go.
func (c Config) centre() Point {
	mid := func(sizes []int) int { return sizes[len(sizes)/2] }
	return Point{mid(c.Classes), mid(c.Dims), mid(c.Batches), mid(c.Draws)}
}

// A Sample is the cost of one size.
type Sample struct {
	Point
	Seconds   report.Number `json:"seconds_per_step"` // the least of the timed steps
	Bytes     int64         `json:"live_bytes"`       // of the heap between two steps, data included, beyond what the process held before
	Estimated int64         `json:"estimated_bytes"`  // that the memory estimate of a run foretells
}

// An Exponent is that of a power law in one size, the others fixed.
type Exponent struct {
	Of       string        `json:"of"` // "C", "d", "B" or "n"
	Points   int           `json:"points"`
	Measured report.Number `json:"measured"`
	Error    report.Number `json:"standard_error"`
	Declared report.Number `json:"declared"` // of the declared arithmetic, over the same sizes; NaN where none is
	Memory   report.Number `json:"memory"`
}

// A Result is what was measured of one loss.
type Result struct {
	Loss      string     `json:"loss"`
	Cost      string     `json:"declared_cost"` // of the step, "" where it is not tabulated
	Samples   []Sample   `json:"samples"`
	Exponents []Exponent `json:"exponents"`
	Cut       bool       `json:"cut_short"` // by the budget
	Fault     string     `json:"fault,omitempty"`
}

// Run measures every loss, one step at a time: nothing else of the study runs
// beside it. If ctx ends, what was measured is returned.
func Run(ctx context.Context, c Config) ([]Result, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.WithDefaults()
	start := time.Now()
	var results []Result
	for i, text := range c.Losses {
		// Each loss has its share of what is left.
		until := time.Time{}
		if c.Budget > 0 {
			left := c.Budget - time.Since(start)
			until = time.Now().Add(left / time.Duration(len(c.Losses)-i))
		}
		r, err := c.measure(ctx, text, until)
		if err != nil {
			return results, err
		}
		if ctx.Err() != nil {
			break
		}
		results = append(results, r)
	}
	return results, nil
}

// measure sweeps one loss. Sweeps go on in turn, so that a budget that runs out
// shortens all of them.
func (c Config) measure(ctx context.Context, text string, until time.Time) (Result, error) {
	choice, err := models.Resolve(text, "", 0)
	if err != nil {
		return Result{}, err
	}
	cost, declared := choice.Head.Cost(choice.Loss)
	costAt := func(p Point) float64 {
		if !declared {
			return math.NaN()
		}
		return cost.At(models.Size{Batch: p.Batch, Classes: p.Classes, Dim: p.Dim, Draws: p.Draws})
	}
	res := Result{Loss: text, Cost: cost.Formula}
	centre := c.centre()
	how, sampled := choice.Head.Sampling()
	type sweep struct {
		of    string
		sizes []int
		at    func(p *Point) *int
	}
	sweeps := []sweep{
		{"C", c.Classes, func(p *Point) *int { return &p.Classes }},
		{"d", c.Dims, func(p *Point) *int { return &p.Dim }},
		{"B", c.Batches, func(p *Point) *int { return &p.Batch }},
	}
	if sampled && !how.Sampler.Spec.Props.Has(sampler.InBatch) {
		sweeps = append(sweeps, sweep{"n", c.Draws, func(p *Point) *int { return &p.Draws }})
	}
	longest := 0
	for _, s := range sweeps {
		longest = max(longest, len(s.sizes))
	}
	found := map[Point]Sample{}
	for i := range longest {
		for _, s := range sweeps {
			if i >= len(s.sizes) {
				continue
			}
			p := centre
			*s.at(&p) = s.sizes[i]
			if _, ok := found[p]; ok {
				continue
			}
			if !until.IsZero() && time.Now().After(until) {
				res.Cut = true
				continue
			}
			sample, err := c.step(ctx, text, sampled, p)
			if ctx.Err() != nil {
				return res, nil
			}
			if err != nil {
				res.Fault = err.Error()
				return res, nil
			}
			found[p] = sample
			res.Samples = append(res.Samples, sample)
		}
	}
	for _, s := range sweeps {
		var x, y, z, m []float64
		for _, n := range s.sizes {
			p := centre
			*s.at(&p) = n
			if sample, ok := found[p]; ok {
				x, y = append(x, math.Log(float64(n))), append(y, math.Log(float64(sample.Seconds)))
				z, m = append(z, math.Log(costAt(p))), append(m, math.Log(float64(max(1, sample.Bytes))))
			}
		}
		if len(x) < 2 {
			continue
		}
		e := Exponent{Of: s.of, Points: len(x)}
		slope, stderr := statistics.Slope(x, y)
		declared, _ := statistics.Slope(x, z)
		memory, _ := statistics.Slope(x, m)
		e.Measured, e.Error, e.Declared, e.Memory = report.Number(slope), report.Number(stderr), report.Number(declared), report.Number(memory)
		res.Exponents = append(res.Exponents, e)
	}
	return res, nil
}

// warmup is the number of steps before the clock: the first allocate.
const warmup = 2

// users is fixed and small, so that the user side costs little beside the class
// side.
const users = 512

// step trains a few steps of that size on a set made for it.
func (c Config) step(ctx context.Context, text string, sampled bool, p Point) (Sample, error) {
	set, err := syntheticSet(p, warmup+c.Steps+1)
	if err != nil {
		return Sample{}, err
	}
	if sampled {
		text = registry.With(text, "n", strconv.Itoa(p.Draws))
	}
	cfg := train.Config{
		Loss:  text,
		Model: train.ModelConfig{Dim: p.Dim},
		Train: train.TrainConfig{Task: "pair", Batch: p.Batch, Epochs: 1},
	}
	s := Sample{Point: p, Seconds: report.Number(math.Inf(1))}
	estimate, err := train.Estimate(cfg, set)
	if err != nil {
		return s, err
	}
	s.Estimated = estimate.Total()
	before := liveHeap()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	steps := 0
	var last time.Time
	_, err = train.Run(ctx, cfg, set, func(e train.Event) {
		if _, ok := e.(*train.Stepped); !ok {
			return
		}
		steps++
		switch {
		case steps == warmup:
			s.Bytes = liveHeap() - before
		case steps > warmup:
			s.Seconds = min(s.Seconds, report.Number(time.Since(last).Seconds()))
		}
		if steps == warmup+c.Steps {
			stop()
		}
		last = time.Now()
	})
	runtime.KeepAlive(set) // part of before, and so not of the difference
	if err == nil && !s.Seconds.Finite() && ctx.Err() == nil {
		err = fmt.Errorf("complexity: %s: an epoch of %d rows is over before a step is timed", text, set.Train.Len())
	}
	return s, err
}

// liveHeap returns the bytes of reachable objects. Pools give up what they keep
// in the second collection, and objects with finalizers go one later.
func liveHeap() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// syntheticSet returns interactions for so many steps: items are log-uniform, so
// that frequent ones exist as in real sets.
func syntheticSet(p Point, steps int) (*data.Dataset, error) {
	rng := rand.New(rand.NewPCG(uint64(p.Classes), uint64(p.Batch)))
	n := p.Batch * steps
	var us, is []int32
	for i := range n {
		us = append(us, int32(i%users))
		is = append(is, int32(min(float64(p.Classes)-1, math.Exp(rng.Float64()*math.Log(float64(p.Classes)+1))-1)))
	}
	// Pairs that repeat are dropped; spreading them out keeps the count.
	type pair struct{ u, i int32 }
	seen := map[pair]bool{}
	for j := range us {
		for seen[pair{us[j], is[j]}] {
			is[j] = (is[j] + 1) % int32(p.Classes)
			if len(seen) >= users*p.Classes {
				return nil, fmt.Errorf("complexity: %d rows do not fit into %d users and %d classes", n, users, p.Classes)
			}
		}
		seen[pair{us[j], is[j]}] = true
	}
	x, _, err := data.FromPairs(users, p.Classes, us, is, nil, nil)
	if err != nil {
		return nil, err
	}
	none, err := data.Empty(users, p.Classes)
	if err != nil {
		return nil, err
	}
	return &data.Dataset{Name: "synthetic", Format: "synthetic", Users: users, Items: p.Classes, Train: x, Valid: none, Test: none}, nil
}
