package metrictest

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train/metric"
)

// recall returns a copy of the registered metric with its score changed by f.
func recall(t *testing.T, f func(m *metric.Metric)) *metric.Metric {
	registered, err := metric.Lookup("recall")
	require.NoError(t, err)
	m := *registered
	f(&m)
	return &m
}

// accumulator is a metric's accumulator by two functions.
type accumulator struct {
	add    func(l metric.List) float64
	finish func() float64
}

func (a accumulator) Add(l metric.List) float64 { return a.add(l) }
func (a accumulator) Finish() float64           { return a.finish() }

// TestPlantedMistakes: each mistake is found, by the check that it is for.
func TestPlantedMistakes(t *testing.T) {
	score := func(f func(l metric.List, k int) float64) func(m *metric.Metric) {
		return func(m *metric.Metric) {
			m.New = metric.Mean(func(l metric.List, k int, _ metric.Set) float64 { return f(l, k) })
		}
	}
	hits := func(l metric.List) (n float64) {
		for _, h := range l.Hit {
			if h {
				n++
			}
		}
		return n
	}
	for name, c := range map[string]struct {
		plant func(m *metric.Metric)
		check string
	}{
		"another denominator": {score(func(l metric.List, k int) float64 { return hits(l) / float64(k) }), "reference: "},
		"above one":           {score(func(l metric.List, _ int) float64 { return hits(l) }), "reference: "},
		"NaN of an empty ranking": {score(func(l metric.List, _ int) float64 {
			return hits(l) / float64(len(l.IDs)) * float64(len(l.IDs)) / float64(len(l.Relevant))
		}), "reference: Add of ranking 2 of .* is NaN, outside"},
		"reads past a short list": {score(func(l metric.List, k int) float64 { _ = l.IDs[k-1]; return hits(l) / float64(len(l.Relevant)) }), "reference: panic: "},
		"writes to the ranking":   {score(func(l metric.List, _ int) float64 { h := hits(l); clear(l.IDs); return h / float64(len(l.Relevant)) }), "accumulators: the rankings after they were measured"},
		"pooled, not declared":    {func(m *metric.Metric) { pool(m) }, "reference: "},
		"pooled, declared":        {func(m *metric.Metric) { m.Pooled = true }, "reference: Pooled is declared true"},
		"of more than hits":       {func(m *metric.Metric) { m.Beyond = true }, "beyond: Beyond is declared true"},
		"of the ids":              {score(func(l metric.List, _ int) float64 { return 1 / (1 + float64(slices.Max(append(l.IDs, 0)))) }), "beyond: Beyond is declared false"},
		"Ref of another cut-off": {func(m *metric.Metric) {
			ref := m.Ref
			m.Ref = func(all []metric.Whole, k int, s metric.Set) float64 { return ref(all, k+1, s) }
		}, "reference: "},
		"lower, declared":          {func(m *metric.Metric) { m.Lower = true }, "direction: Lower is declared true"},
		"unbounded, declared":      {func(m *metric.Metric) { m.Unbounded = true }, "reference: Unbounded is declared true"},
		"likelihood, declared":     {func(m *metric.Metric) { m.LogProbs = true }, "cut-off: LogProbs is declared true"},
		"likelihood, not declared": {score(func(l metric.List, _ int) float64 { return math.Exp(l.LogP[0]) }), "reference: panic: "},
		"grades, declared":         {func(m *metric.Metric) { m.Graded = true }, "grades: Graded is declared, and no grade counts"},
		"grades, not declared":     {score(func(l metric.List, _ int) float64 { return hits(l) / float64(l.Grade[0]) }), "reference: panic: "},
		"wrong at a setting": {func(m *metric.Metric) {
			registered, err := metric.Lookup("tail")
			require.NoError(t, err)
			*m = *registered
			m.With = func(v metric.Values) (func(int, metric.Set) metric.Accumulator, func([]metric.Whole, int, metric.Set) float64) {
				now, _ := registered.With(v)
				return now, registered.Ref
			}
		}, "tail:ratio=0.5 reference: "},
		"no cut-off, declared": {func(m *metric.Metric) { m.NoCutoff = true }, "reference: "},
		"no cut-off, not declared": {func(m *metric.Metric) {
			registered, err := metric.Lookup("nll")
			require.NoError(t, err)
			*m = *registered
			m.NoCutoff = false
		}, "cut-off: NoCutoff is declared false"},
		"higher, not declared": {func(m *metric.Metric) {
			registered, err := metric.Lookup("perplexity")
			require.NoError(t, err)
			*m = *registered
			m.Lower = false
		}, "direction: Lower is declared false"},
		"state that is shared": {func(m *metric.Metric) { share(m) }, "accumulators: "},
		"one value": {func(m *metric.Metric) {
			m.New = metric.Mean(func(metric.List, int, metric.Set) float64 { return 0.5 })
			m.Ref = func([]metric.Whole, int, metric.Set) float64 { return 0.5 }
		}, "reference: all values are one"},
		"the last example weighed": {func(m *metric.Metric) { last(m) }, "accumulators: "},
	} {
		t.Run(name, func(t *testing.T) {
			require.Regexp(t, "(?m)^"+c.check, Check(recall(t, c.plant)))
		})
	}
	require.NoError(t, Check(recall(t, func(*metric.Metric) {})))
}

// pool has Add return nothing.
func pool(m *metric.Metric) {
	right := m.New
	m.New = func(k int, s metric.Set) metric.Accumulator {
		a := right(k, s)
		return accumulator{func(l metric.List) float64 { a.Add(l); return 0 }, a.Finish}
	}
}

// share has all accumulators that are open at a time add to one sum.
func share(m *metric.Metric) {
	var sum, n float64
	right := m.New
	m.New = func(k int, s metric.Set) metric.Accumulator {
		sum, n = 0, 0
		a := right(k, s)
		return accumulator{
			func(l metric.List) float64 { v := a.Add(l); sum, n = sum+v, n+1; return v },
			func() float64 { return sum / n },
		}
	}
}

// last has both statements take the last example for all.
func last(m *metric.Metric) {
	right, ref := m.New, m.Ref
	m.Pooled = true
	m.New = func(k int, s metric.Set) metric.Accumulator {
		a, v := right(k, s), math.NaN()
		return accumulator{func(l metric.List) float64 { v = a.Add(l); return 0 }, func() float64 { return v }}
	}
	m.Ref = func(all []metric.Whole, k int, s metric.Set) float64 { return ref(all[len(all)-1:], k, s) }
}

// A metric passes, and the same metric with a wrong declaration does not.
func Example() {
	recall, _ := metric.Lookup("recall")
	fmt.Println(Check(recall))
	wrong := *recall
	wrong.Beyond = true
	fmt.Println(Check(&wrong))
	// Output:
	// <nil>
	// beyond: Beyond is declared true, and whether rankings with the same hits differ is false
}
