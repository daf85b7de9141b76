package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// Value is the value of a metric.
type Value struct {
	Name  string  `json:"name"` // canonical text, e.g. recall@20
	Value float64 `json:"value"`
}

// Scores are the metrics of one split.
type Scores struct {
	Split    string  `json:"split"`    // what Evaluation calls it
	Values   []Value `json:"values"`   // one for each metric, in the order asked for
	Examples int     `json:"examples"` // that have relevant classes: means are over them
	Excluded int     `json:"excluded"` // contexts without such an example

	// Unlabelled is how many examples have no relevant class and were measured by metrics
	// that are of all ([metric.Metric].All), as having none.
	Unlabelled int `json:"unlabelled,omitempty"`

	// What no ranking holds, by EvalConfig.Items: so many classes, and so many relevant
	// pairs with them, which count as missed.
	LeftOut      int `json:"left_out_items,omitempty"`
	LeftOutPairs int `json:"left_out_pairs,omitempty"`

	// Segmented is what was measured of the segments of each of Evaluation.Segments.
	Segmented []Segmented `json:"segmented,omitempty"`

	// Rows are the examples' rows of the frame of contexts, and PerExample[m][i] is
	// metric m for Rows[i]: what a paired test between runs needs. They are those with
	// relevant classes, also where a metric is of all. PerExample[m] is nil of a pooled metric,
	// which belongs to all lists together and is no mean of anything that an example has.
	Rows       []int32     `json:"-"`
	PerExample [][]float64 `json:"-"`
	Relevant   []int32     `json:"-"` // how many relevant classes each of Rows has

	// UnlabelledRows are those of the Unlabelled examples, and PerUnlabelled[m][i] is metric m
	// for UnlabelledRows[i]: nil of a pooled metric, and of one that is not of all examples.
	// The mean over the values of both is the metric's.
	UnlabelledRows []int32     `json:"-"`
	PerUnlabelled  [][]float64 `json:"-"`
}

// Get returns the value of a metric by its text, in any spelling that metric.Parse
// takes, and whether it was measured.
func (s *Scores) Get(text string) (float64, bool) {
	at, err := metric.Parse(text)
	if err != nil {
		return 0, false
	}
	return s.of(at)
}

// of returns the value of a metric, and whether it was measured.
func (s *Scores) of(at metric.At) (float64, bool) {
	name := at.String()
	i := slices.IndexFunc(s.Values, func(v Value) bool { return v.Name == name })
	if i < 0 {
		return 0, false
	}
	return s.Values[i].Value, true
}

// Each calls f with every example that was measured, as long as that returns no error: its row of the frame
// of contexts, how many relevant classes it has, and the value of each metric, NaN where it has none: of a
// pooled metric, which belongs to all lists together, and, where it has no relevant class, of one
// that is not of all examples. A metric's mean over the others is its value.
// values are f's until it returns.
func (s *Scores) Each(f func(row int32, relevant int, values []float64) error) error {
	values := make([]float64, len(s.Values))
	each := func(rows []int32, per [][]float64, relevant func(i int) int) error {
		for i, r := range rows {
			for m := range values {
				if values[m] = math.NaN(); per[m] != nil {
					values[m] = per[m][i]
				}
			}
			if err := f(r, relevant(i), values); err != nil {
				return err
			}
		}
		return nil
	}
	if err := each(s.Rows, s.PerExample, func(i int) int { return int(s.Relevant[i]) }); err != nil {
		return err
	}
	return each(s.UnlabelledRows, s.PerUnlabelled, func(int) int { return 0 })
}

// String prints "valid: recall@20 0.2741, ndcg@20 0.2602 (6022 examples)".
func (s *Scores) String() string {
	if s == nil {
		return "not measured"
	}
	var parts []string
	for _, v := range s.Values {
		parts = append(parts, fmt.Sprintf("%s %.4f", v.Name, v.Value))
	}
	return fmt.Sprintf("%s: %s (%d examples)", s.Split, strings.Join(parts, ", "), s.Examples)
}

// An Evaluation says what is measured of a Scorer: the ranking of each example without
// what it has seen, against its targets.
type Evaluation struct {
	Split    string         // what it is called in Scores
	Examples *data.Examples // what is ranked, and the relevant classes
	Classes  int            // C

	// LeftOut are classes that no ranking holds, ascending; they stay among the relevant
	// ones, as misses.
	LeftOut []int32

	Metrics []metric.At // in the order of Scores.Values

	// Known is what metrics are told of the classes; see [KnownFrom]. The zero Set says
	// that no class was seen in training.
	Known metric.Set

	// Grades appends to to the grades of classes, relevant ones of a row of the contexts, and
	// returns it: finite numbers of at least 0, such as ratings. A metric that is Graded needs it, others do not ask.
	Grades func(to []float32, row int32, classes []int32) ([]float32, error)

	// Segments have the metrics be measured of parts of the examples too.
	Segments []Segmentation
}

// KnownFrom returns what metrics are told of classes, after training on x.
func KnownFrom(x *data.Examples, classes int) (metric.Set, error) {
	if err := x.Validate(classes); err != nil {
		return metric.Set{}, err
	}
	s := metric.Set{Classes: classes, Count: make([]int32, classes)}
	for _, c := range x.Targets.Class {
		s.Count[c]++
	}
	trained := make([]bool, x.Context.Rows)
	contexts := make([]bool, x.Context.Rows)
	for i, r := range x.Row {
		if !contexts[r] {
			contexts[r] = true
			s.Contexts++
		}
		if !trained[r] && len(x.Targets.Row(i)) > 0 {
			trained[r] = true
			s.Trained++
		}
	}
	return s, nil
}

// Evaluate ranks the classes for every example that has targets, and returns the metrics.
// Values are sums in the order of the examples, whatever the processors.
func Evaluate(ctx context.Context, s models.Scorer, e Evaluation) (*Scores, error) {
	x := e.Examples
	if s == nil || x == nil {
		return nil, errors.New("train: an evaluation needs a scorer and examples")
	}
	if len(e.Metrics) == 0 {
		return nil, errors.New("train: no metric to evaluate")
	}
	for i, at := range e.Metrics {
		if !at.OK() {
			return nil, fmt.Errorf("train: metric %d has no name, or a cut-off of %d that it cannot have; metric.Parse makes them", i, at.K)
		}
	}
	graded := slices.IndexFunc(e.Metrics, func(at metric.At) bool { return at.Graded })
	if graded >= 0 && e.Grades == nil {
		return nil, fmt.Errorf("train: %s asks for the grades of the relevant classes, and the evaluation has no Grades", e.Metrics[graded])
	}
	if err := x.Validate(e.Classes); err != nil {
		return nil, err
	}
	// What is left out is looked up below, before any query is made of it.
	if err := (&models.Query{Contexts: x.Context, Classes: e.Classes, K: 1, LeftOut: e.LeftOut}).Validate(); err != nil {
		return nil, err
	}
	known := e.Known
	switch {
	case known.Contexts != 0 && known.Contexts < known.Trained:
		return nil, fmt.Errorf("train: of %d training contexts %d have a positive", known.Contexts, known.Trained)
	case known.Count == nil:
		known = metric.Set{Classes: e.Classes, Count: make([]int32, e.Classes), Trained: 1}
	case known.Classes != e.Classes || len(known.Count) != e.Classes || known.Trained < 1:
		return nil, fmt.Errorf("train: what is known of %d classes, with %d counts from %d contexts, is not of the %d that are ranked",
			known.Classes, len(known.Count), known.Trained, e.Classes)
	}
	seen, err := seenOf(x)
	if err != nil {
		return nil, err
	}
	out := &Scores{Split: e.Split, PerExample: make([][]float64, len(e.Metrics)), LeftOut: len(e.LeftOut)}
	var targets [][]int32
	out.Excluded = x.Context.Rows
	all := slices.ContainsFunc(e.Metrics, func(at metric.At) bool { return at.All })
	var unlabelled []int32
	measured := make([]bool, x.Context.Rows)
	for i, r := range x.Row {
		rel := x.Targets.Row(i)
		if len(rel) == 0 {
			if all {
				unlabelled = append(unlabelled, r)
			}
			continue
		}
		if !measured[r] {
			measured[r] = true
			out.Excluded--
		}
		out.Rows, out.Relevant, targets = append(out.Rows, r), append(out.Relevant, int32(len(rel))), append(targets, rel)
		for _, c := range rel {
			if _, left := slices.BinarySearch(e.LeftOut, c); left {
				out.LeftOutPairs++
			}
		}
	}
	out.Examples, out.Unlabelled = len(out.Rows), len(unlabelled)
	if out.Examples == 0 {
		return nil, fmt.Errorf("train: %s has no example with targets to evaluate", e.Split)
	}
	var parts []*segments
	for _, s := range e.Segments {
		part, err := newSegments(s, x, known, e.Metrics)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	out.UnlabelledRows, out.PerUnlabelled = unlabelled, make([][]float64, len(e.Metrics))
	sums := make([]metric.Accumulator, len(e.Metrics))
	for m, at := range e.Metrics {
		sums[m] = at.New(known)
		if !at.Pooled {
			out.PerExample[m] = make([]float64, out.Examples)
			if at.All {
				out.PerUnlabelled[m] = make([]float64, out.Unlabelled)
			}
		}
	}
	rows := slices.Concat(out.Rows, unlabelled)
	q := models.Query{
		Contexts: x.Context, Rows: rows, Classes: e.Classes, K: min(metric.MaxK(e.Metrics), e.Classes),
		LeftOut: e.LeftOut, Seen: func(i int) []int32 { return seen(rows[i]) },
	}
	if slices.ContainsFunc(e.Metrics, func(at metric.At) bool { return at.LogProbs }) {
		q.Targets = func(i int) []int32 {
			if i >= len(targets) { // nothing is relevant
				return nil
			}
			return targets[i]
		}
	}
	rankings, done := rankingsOf(q), 0
	var grade []float32
	var ungraded error // the first example without grades
	err = s.Rankings(ctx, q, func(i int, top models.Top) {
		if rankings.fault == nil {
			rankings.fault = rankings.check(i, done, top)
		}
		if done++; rankings.fault != nil || ungraded != nil { // a Scorer cannot be told: the error follows
			return
		}
		l := metric.List{IDs: top.IDs, Hit: make([]bool, len(top.IDs))}
		if i >= out.Examples { // nothing is relevant
			for m, at := range e.Metrics {
				if !at.All {
					continue
				}
				v := sums[m].Add(l)
				if out.PerUnlabelled[m] != nil {
					out.PerUnlabelled[m][i-out.Examples] = v
				}
			}
			for _, part := range parts {
				part.addUnlabelled(rows[i], l)
			}
			return
		}
		l.Relevant, l.LogP = targets[i], top.LogP
		if graded >= 0 {
			if grade, ungraded = gradesOf(grade[:0], e.Grades, rows[i], l.Relevant); ungraded != nil {
				return
			}
			l.Grade = grade
		}
		for r, id := range top.IDs {
			_, l.Hit[r] = slices.BinarySearch(l.Relevant, id)
		}
		for _, part := range parts {
			part.add(rows[i], l)
		}
		for m := range sums {
			v := sums[m].Add(l)
			if out.PerExample[m] != nil {
				out.PerExample[m][i] = v
			}
		}
	})
	switch {
	case err != nil:
		return nil, err
	case rankings.fault != nil:
		return nil, fmt.Errorf("train: %T breaks the contract of a Scorer: %w", s, rankings.fault)
	case ungraded != nil:
		return nil, ungraded
	case done < len(rows):
		return nil, fmt.Errorf("train: %T breaks the contract of a Scorer: it ranked %d of %d rows and returned no error", s, done, len(rows))
	}
	for m, at := range e.Metrics {
		v := sums[m].Finish()
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("train: %s is %v on %s: a relevant class is impossible, or as good as", at, v, e.Split)
		}
		out.Values = append(out.Values, Value{at.String(), v})
	}
	for _, part := range parts {
		out.Segmented = append(out.Segmented, part.finish(out.Examples))
	}
	return out, nil
}

// gradesOf returns the grades of classes that a row has, after checking them.
func gradesOf(to []float32, grades func([]float32, int32, []int32) ([]float32, error), row int32, classes []int32) ([]float32, error) {
	to, err := grades(to, row, classes)
	if err != nil {
		return nil, err
	}
	if len(to) != len(classes) {
		return nil, fmt.Errorf("train: %d grades of %d relevant classes of row %d", len(to), len(classes), row)
	}
	for i, g := range to {
		if !(g >= 0) || math.IsInf(float64(g), 0) {
			return nil, fmt.Errorf("train: the grade of class %d for row %d is %v; a gain is of a finite grade of at least 0", classes[i], row, g)
		}
	}
	return to, nil
}

// seenOf returns the classes that a row of the examples' contexts has seen, ascending.
func seenOf(x *data.Examples) (func(row int32) []int32, error) {
	if x.Seen == "" {
		return func(int32) []int32 { return nil }, nil
	}
	f, err := x.Context.Field(x.Seen)
	if err != nil {
		return nil, err
	}
	if f.ID == nil && f.Lo == nil { // the row itself, as where classes are ranked for classes
		return func(row int32) []int32 { return []int32{f.One(int(row))} }, nil
	}
	return func(row int32) []int32 {
		ids, _ := f.Row(int(row))
		if rising(ids) {
			return ids
		}
		return slices.Compact(slices.Sorted(slices.Values(ids)))
	}, nil
}

// rising reports whether each of ids is larger than the one before.
func rising(ids []int32) bool {
	for j := 1; j < len(ids); j++ {
		if ids[j] <= ids[j-1] {
			return false
		}
	}
	return true
}

// rankings checks what a Scorer hands out, which any program may have written: a class
// that is ranked twice would be found twice, and one that was to be left out would be
// a hit that nobody can earn.
type rankings struct {
	query  models.Query
	ranked []int32 // [C] 1 + the last row that has the class in its ranking
	fault  error   // the first
}

func rankingsOf(q models.Query) *rankings {
	return &rankings{query: q, ranked: make([]int32, q.Classes)}
}

// check returns what is wrong with the ranking of row i, which comes after done others.
func (r *rankings) check(i, done int, top models.Top) error {
	ids := top.IDs
	if i != done || i >= len(r.query.Rows) {
		return fmt.Errorf("row %d of %d was ranked where row %d comes next", i, len(r.query.Rows), done)
	}
	if len(ids) > r.query.K {
		return fmt.Errorf("row %d has %d classes, and at most %d were asked for", i, len(ids), r.query.K)
	}
	if r.query.Targets != nil {
		if want := len(r.query.Targets(i)); len(top.LogP) != want {
			return fmt.Errorf("row %d has %d log-probabilities of %d classes", i, len(top.LogP), want)
		}
		for _, lp := range top.LogP {
			if !(lp <= 0) {
				return fmt.Errorf("row %d has a log-probability of %v, above 0", i, lp)
			}
		}
	}
	seen := r.query.Seen(i)
	for place, c := range ids {
		if c < 0 || int(c) >= r.query.Classes {
			return fmt.Errorf("row %d has class %d at place %d, outside [0,%d)", i, c, place+1, r.query.Classes)
		}
		if r.ranked[c] == int32(i)+1 {
			return fmt.Errorf("row %d has class %d twice", i, c)
		}
		r.ranked[c] = int32(i) + 1
		_, left := slices.BinarySearch(r.query.LeftOut, c)
		if _, known := slices.BinarySearch(seen, c); left || known {
			return fmt.Errorf("row %d has class %d, which its ranking leaves out", i, c)
		}
	}
	return nil
}
