package metrictest

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// Check checks the metric and returns every fault that it finds, joined; nil is a metric
// that passes. A panic of the metric is a fault.
//
//   - What New's accumulators find is what Ref finds in the whole rankings, on sets of
//     random ones with ties, with classes left out and with relevant classes among these,
//     at cut-offs below and beyond the rankings;
//   - values are in [0,1], unless Unbounded, and not all one;
//   - Pooled, Beyond, LogProbs, NoCutoff, Graded, Lower and Unbounded hold where they are
//     declared, and fail where they are not: a metric that does not ask for log-probabilities,
//     or for grades, gets none; one of All examples is of those without a relevant class, too;
//   - it is so at the default settings and at every probe of the parameters;
//   - a ranking is not written to, nothing beyond the cut-off counts, an empty ranking has
//     a value, and two accumulators that run in turn keep apart.
func Check(m *metric.Metric) error {
	settings, err := m.Settings()
	if err != nil {
		return err
	}
	return check.Suite(func(t *check.T) {
		for i, m := range settings {
			of := ""
			if i > 0 {
				of = m.Name + " "
			}
			t.Run(of+"reference", func(t *check.T) { reference(t, m) })
			t.Run(of+"all", func(t *check.T) { all(t, m) })
			t.Run(of+"beyond", func(t *check.T) { beyond(t, m) })
			t.Run(of+"cut-off", func(t *check.T) { cutoff(t, m) })
			t.Run(of+"grades", func(t *check.T) { grades(t, m) })
			t.Run(of+"direction", func(t *check.T) { direction(t, m) })
			t.Run(of+"accumulators", func(t *check.T) { accumulators(t, m) })
		}
	})
}

// ranked returns, for scores with masked classes, the ranking and the places of all
// relevant ones. Places are counted class by class, without a sort.
func ranked(scores []float64, masked, rel []bool) (l metric.List, w metric.Whole) {
	for j := range scores {
		if !masked[j] {
			w.IDs = append(w.IDs, int32(j))
		}
	}
	slices.SortFunc(w.IDs, func(a, b int32) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	for _, j := range w.IDs {
		l.IDs, l.Hit = append(l.IDs, j), append(l.Hit, rel[j])
	}
	for i := range scores {
		if !rel[i] {
			continue
		}
		l.Relevant = append(l.Relevant, int32(i))
		place := 1
		for j := range scores {
			if !masked[j] && (scores[j] > scores[i] || scores[j] == scores[i] && j < i) {
				place++
			}
		}
		if masked[i] {
			place = 1 << 30
		}
		w.Places = append(w.Places, place)
	}
	slices.Sort(w.Places)
	w.Relevant = slices.Clone(l.Relevant)
	return l, w
}

// random returns the rankings of some examples of a set as m is given them, some of which, of a metric of all,
// have no relevant class.
func random(rng *rand.Rand, m *metric.Metric) (set metric.Set, lists []metric.List, all []metric.Whole) {
	n := 1 + rng.IntN(12)
	set = metric.Set{Classes: n, Count: make([]int32, n), Trained: 3, Contexts: 5 * (n % 2)}
	for i := range n {
		set.Count[i] = int32(rng.IntN(4))
	}
	for range 1 + rng.IntN(4) {
		scores, masked, rel := make([]float64, n), make([]bool, n), make([]bool, n)
		for i := range n {
			scores[i] = float64(rng.IntN(5)) // few values: many ties
			masked[i] = rng.IntN(4) == 0
			rel[i] = rng.IntN(3) == 0
		}
		if rel[rng.IntN(n)] = true; m.All && rng.IntN(3) == 0 {
			clear(rel)
		}
		l, w := ranked(scores, masked, rel)
		if m.LogProbs {
			for _, c := range l.Relevant {
				l.LogP = append(l.LogP, scores[c]/4-2-rng.Float64())
			}
			w.LogP = l.LogP
		}
		if m.Graded {
			for range l.Relevant {
				l.Grade = append(l.Grade, float32(rng.IntN(6))/2)
			}
			w.Grade = l.Grade
		}
		lists, all = append(lists, l), append(all, w)
	}
	return set, lists, all
}

// measure returns what the metric makes of the lists, and what Add returned of each.
func measure(m *metric.Metric, k int, set metric.Set, lists []metric.List) (value float64, each []float64) {
	a := at(m, k).New(set)
	for _, l := range lists {
		each = append(each, a.Add(l))
	}
	return a.Finish(), each
}

// at is the metric at a cut-off, if it has one.
func at(m *metric.Metric, k int) metric.At {
	if m.NoCutoff {
		k = 0
	}
	return metric.At{Metric: m, K: k}
}

// within reports whether the metric may have a value.
func within(m *metric.Metric, v float64) bool {
	return v >= 0 && v <= 1 || m.Unbounded && v == v
}

// reference holds the metric against its slow statement. One that is not pooled is the
// mean of what Add returns, and one that is pooled returns nothing there.
func reference(t *check.T, m *metric.Metric) {
	rng := rand.New(rand.NewPCG(1, 2))
	values := map[float64]bool{}
	own, beyond1 := false, false
	for range 2000 {
		set, lists, all := random(rng, m)
		k := 1 + rng.IntN(set.Classes+2)
		got, each := measure(m, k, set, lists)
		sum := 0.0
		for i, v := range each {
			beyond1 = beyond1 || v > 1
			t.True(within(m, v), "Add of ranking %d of %+v at K=%d is %g, outside [0,1]", i, all, k, v)
			sum += v
		}
		want := m.Ref(all, k, set)
		t.True(check.Near(got, want, 1e-12, 1e-12), "%+v at K=%d: %g, Ref is %g", all, k, got, want)
		beyond1 = beyond1 || got > 1
		t.True(within(m, got), "%+v at K=%d: %g is outside [0,1]", all, k, got)
		own = own || sum != 0
		if !m.Pooled {
			t.True(check.Near(got, sum/float64(len(all)), 1e-12, 1e-12), "%+v at K=%d: %g is not the mean of %g, and Pooled is not declared", all, k, got, each)
		}
		values[got] = true
	}
	t.True(m.Pooled != own, "Pooled is declared %t, and whether Add returns values is %t", m.Pooled, own)
	t.True(len(values) > 1, "all values are one")
	t.True(m.Unbounded == beyond1, "Unbounded is declared %t, and whether there are values above 1 is %t", m.Unbounded, beyond1)
}

// all holds that a metric of all examples is another where one without a relevant class is
// among them; that others are never given such a one.
func all(t *check.T, m *metric.Metric) {
	if !m.All {
		return
	}
	set := metric.Set{Classes: 3, Count: []int32{1, 2, 0}, Trained: 2}
	hit := metric.List{IDs: []int32{1, 0}, Hit: []bool{true, false}, Relevant: []int32{1}}
	none := metric.List{IDs: []int32{1, 0}, Hit: []bool{false, false}}
	alone, _ := measure(m, 2, set, []metric.List{hit})
	beside, _ := measure(m, 2, set, []metric.List{hit, none})
	t.True(alone != beside, "All is declared, and an example without a relevant class changes nothing")
}

// beyond holds that a metric is of hits alone, or is declared to be of something else: of
// two rankings with the same hits it has the same value, or of some pair it has not.
func beyond(t *check.T, m *metric.Metric) {
	rng := rand.New(rand.NewPCG(3, 4))
	set := metric.Set{Classes: 8, Count: []int32{0, 1, 2, 3, 4, 5, 6, 7}, Trained: 7}
	differs := false
	for range 50 {
		var values [2]float64
		hit := []bool{rng.IntN(2) == 0, true, rng.IntN(2) == 0}
		for i := range values {
			var lists []metric.List
			for range 2 {
				l := metric.List{Hit: hit}
				if m.LogProbs {
					l.LogP = []float64{-1, -2, -3}
				}
				if m.Graded { // of one grade a class is a hit or none
					l.Grade = []float32{2, 2, 2}
				}
				for r, id := range rng.Perm(8) {
					if r < len(hit) {
						l.IDs = append(l.IDs, int32(id))
					}
					if len(l.Relevant) < 3 && (r >= len(hit) || hit[r]) { // three, found or not
						l.Relevant = append(l.Relevant, int32(id))
					}
				}
				slices.Sort(l.Relevant)
				lists = append(lists, l)
			}
			values[i], _ = measure(m, 3, set, lists)
		}
		differs = differs || values[0] != values[1]
	}
	t.True(m.Beyond == differs, "Beyond is declared %t, and whether rankings with the same hits differ is %t", m.Beyond, differs)
}

// cutoff holds that a metric reads the ranking, or is declared to read nothing of it: at any
// cut-off, and without the ranking, it then has one value; and that one that asks for
// log-probabilities reads them.
func cutoff(t *check.T, m *metric.Metric) {
	rng := rand.New(rand.NewPCG(7, 8))
	moved, read := false, false
	for range 200 {
		set, lists, _ := random(rng, m)
		value, _ := measure(m, set.Classes, set, lists)
		bare, other := slices.Clone(lists), slices.Clone(lists)
		for i, l := range lists {
			bare[i].IDs, bare[i].Hit = nil, nil
			other[i].LogP = slices.Clone(l.LogP)
			for j := range l.LogP {
				other[i].LogP[j] -= rng.Float64()
			}
		}
		without, _ := measure(m, set.Classes, set, bare)
		moved = moved || without != value
		if m.LogProbs {
			changed, _ := measure(m, set.Classes, set, other)
			read = read || changed != value
		}
	}
	t.True(m.NoCutoff != moved, "NoCutoff is declared %t, and whether the ranking counts is %t", m.NoCutoff, moved)
	t.True(m.LogProbs == read, "LogProbs is declared %t, and whether log-probabilities count is %t", m.LogProbs, read)
}

// grades holds that a metric that asks for grades reads them; others are given none.
func grades(t *check.T, m *metric.Metric) {
	if !m.Graded {
		return
	}
	rng := rand.New(rand.NewPCG(9, 10))
	read := false
	for range 200 {
		set, lists, _ := random(rng, m)
		value, _ := measure(m, set.Classes, set, lists)
		for i := range lists {
			lists[i].Grade = slices.Clone(lists[i].Grade)
			for j := range lists[i].Grade {
				lists[i].Grade[j] += rng.Float32()
			}
		}
		changed, _ := measure(m, set.Classes, set, lists)
		read = read || changed != value
	}
	t.True(read, "Graded is declared, and no grade counts")
}

// direction holds that of two rankings with the relevant classes first and last, and likely and
// unlikely, the first is better as Lower says. What measures something else has no better one.
func direction(t *check.T, m *metric.Metric) {
	if m.Beyond {
		return
	}
	set := metric.Set{Classes: 6, Count: []int32{1, 1, 1, 1, 1, 1}, Trained: 3}
	list := func(hit []bool, logP ...float64) []metric.List {
		l := metric.List{IDs: []int32{0, 1, 2, 3}, Hit: hit}
		for i, h := range hit {
			if h {
				l.Relevant = append(l.Relevant, int32(i))
			}
		}
		if len(l.Relevant) == 0 {
			l.Relevant = []int32{4, 5}
		}
		if m.LogProbs {
			l.LogP = logP
		}
		if m.Graded {
			l.Grade = []float32{3, 1}
		}
		return []metric.List{l}
	}
	good, _ := measure(m, 4, set, list([]bool{true, true, false, false}, -0.1, -0.2))
	bad, _ := measure(m, 4, set, list([]bool{false, false, false, false}, -3, -4))
	t.True(m.Better(good, bad) && !m.Better(bad, good), "Lower is declared %t, and the better ranking has %g, the other one %g", m.Lower, good, bad)
}

// accumulators holds what an accumulator owes to whoever runs it.
func accumulators(t *check.T, m *metric.Metric) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		set, lists, _ := random(rng, m)
		k := 1 + rng.IntN(set.Classes+2)
		var before []metric.List
		for _, l := range lists {
			before = append(before, metric.List{IDs: slices.Clone(l.IDs), Hit: slices.Clone(l.Hit), Relevant: slices.Clone(l.Relevant), LogP: slices.Clone(l.LogP), Grade: slices.Clone(l.Grade)})
		}
		want, _ := measure(m, k, set, lists)
		t.Equal(before, lists, "the rankings after they were measured")
		a, b := at(m, k).New(set), at(m, k).New(set)
		for i, l := range lists { // b sees the examples in another order
			a.Add(l)
			b.Add(lists[len(lists)-1-i])
		}
		got, other := a.Finish(), b.Finish()
		t.True(got == want, "%+v at K=%d: %g beside another accumulator, %g alone", lists, k, got, want)
		t.True(check.Near(other, want, 1e-12, 1e-12), "%+v at K=%d: %g in another order of examples, %g in this one", lists, k, other, want)

		// What follows the cut-off is of no account, and may be there.
		whole := m.New(at(m, k).K, set)
		for _, l := range lists {
			whole.Add(l.Top(k))
		}
		t.True(whole.Finish() == want, "%+v at K=%d: the value depends on what follows the cut-off", lists, k)
	}
	set := metric.Set{Classes: 3, Count: []int32{1, 2, 0}, Trained: 2}
	empty := metric.List{Relevant: []int32{1}}
	if m.LogProbs {
		empty.LogP = []float64{-0.5}
	}
	if m.Graded {
		empty.Grade = []float32{1}
	}
	v, _ := measure(m, 2, set, []metric.List{empty})
	t.True(within(m, v), "an empty ranking has the value %g, outside [0,1]", v)
}
