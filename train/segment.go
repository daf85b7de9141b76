package train

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// A Segmentation divides what an evaluation measures in segments: its examples by the rows that
// they are of, or the pairs of an example and a relevant class by the class. One of Rows and
// Classes is given, with numbers in [0,len(Names)). [Recommender.Segmentation] makes the usual ones.
type Segmentation struct {
	By      string   // what it is by, such as "activity"
	Names   []string // of the segments
	Rows    []int32  // [rows of the contexts] the segment of each
	Classes []int32  // [C] the segment of each
}

// Segmented is what was measured of the segments of one Segmentation.
type Segmented struct {
	By       string    `json:"by"`       // that of the Segmentation
	Segments []Segment `json:"segments"` // one for each of Names
}

// A Segment is what was measured of a part of the examples.
//
// By rows an example counts in the segment of its row. By classes it counts with those of its
// relevant classes that are in the segment, in each segment that has any, and a metric takes
// them for all that there are; in the mean it weighs there the share of its relevant classes that
// these are, so that it weighs 1 in all segments together.
//
// So the sum of Share·Value over the segments is the value of the whole, of a metric that is a mean
// over examples: by rows of any, but that of one of all examples (metric.Metric.All) is where
// none is Unlabelled; by classes of recall, nll and those that look at no relevant class, such as
// novelty, and of any where each example has one relevant class. What belongs to the examples
// together (metric.Metric.Pooled) is measured of those in the segment.
type Segment struct {
	Name     string  `json:"name"`     // of Segmentation.Names
	Examples int     `json:"examples"` // that count in it
	Pairs    int     `json:"pairs"`    // of these and a relevant class in it
	Share    float64 `json:"share"`    // of the weight of all examples

	// Unlabelled is how many examples without a relevant class count, in metrics of all
	// examples; by classes none does.
	Unlabelled int `json:"unlabelled,omitempty"`

	// Values are of each metric that has examples in the segment.
	Values []Value `json:"values,omitempty"`
}

// The choices of Recommender.Segmentation; of a column its name follows.
const (
	ByPopularity = "popularity"
	ByActivity   = "activity"
	ByColumn     = "column:"
)

// SegmentChoices lists the choices of Recommender.Segmentation.
func SegmentChoices() []string { return []string{ByPopularity, ByActivity, ByColumn + "NAME"} }

// CheckSegments returns an error that lists the choices of Recommender.Segmentation unless text is
// one of them.
func CheckSegments(text string) error {
	if name, ok := strings.CutPrefix(text, ByColumn); ok {
		if name == "" {
			return errors.New("column: lacks the name of a column of features of users, as in column:gender")
		}
		return nil
	}
	return oneOf("segments", text, []string{ByPopularity, ByActivity, ByColumn + "NAME"})
}

// Segmentation returns how text, of SegmentChoices, divides an evaluation e of t on set:
//
//   - "popularity": pairs, by the number of training contexts that have the relevant class. From the
//     most popular class on, those that have the first third of all training pairs are the head,
//     those that have the next one are the middle, and the others, those without any among them,
//     are the tail. Classes of one number are together, in the third in which they begin.
//   - "activity": examples, in quarters by the number of items that the user has in train, or of one
//     who is held out of training, that are known. Equal numbers are together.
//   - "column:NAME": examples, by a feature of the user: by its names, or in quarters of its numbers. Those
//     without one are a segment of their own, the last.
//
// fields are columns of features, a row for each user of set, that are looked up before those that the set has.
// It is an error where no column has the name, where the column has several values for a user, or
// more than 50 that are no numbers.
func (t *Recommender) Segmentation(set *data.Dataset, e Evaluation, text string, fields ...data.Field) (Segmentation, error) {
	s, err := t.segmentation(set, e, text, fields)
	if err != nil {
		return s, fmt.Errorf("train: segments: %w", err)
	}
	return s, nil
}

func (t *Recommender) segmentation(set *data.Dataset, e Evaluation, text string, fields []data.Field) (s Segmentation, err error) {
	if err := CheckSegments(text); err != nil {
		return s, err
	}
	set, err = t.on(set)
	if err != nil {
		return s, err
	}
	if err := e.Examples.Validate(e.Classes); err != nil {
		return s, err
	}
	if text == ByPopularity {
		return popularitySegments(e.Known)
	}
	user, err := e.Examples.Context.Field("user")
	if err != nil {
		return s, fmt.Errorf("contexts are no users: %w", err)
	}
	if user.Lo != nil || user.Size > set.Users {
		return s, fmt.Errorf("contexts are not of the %d users of %s", set.Users, set.Name)
	}
	if text == ByActivity {
		return activitySegments(set, e.Examples, user)
	}
	name, _ := strings.CutPrefix(text, ByColumn)
	all := data.Frame{Rows: set.Users, Fields: slices.Clone(fields)}
	for _, f := range set.UserFields {
		if !slices.ContainsFunc(fields, func(g data.Field) bool { return g.Name == f.Name }) {
			all.Fields = append(all.Fields, f)
		}
	}
	if len(all.Fields) == 0 {
		return s, fmt.Errorf("%s: the users of %s have no features", text, set.Name)
	}
	column, err := all.Field(name)
	if err != nil {
		return s, fmt.Errorf("%s: %s", text, strings.TrimPrefix(err.Error(), "data: "))
	}
	if err := (&data.Frame{Rows: set.Users, Fields: []data.Field{*column}}).Validate(); err != nil {
		return s, fmt.Errorf("%s: %w", text, err)
	}
	return columnSegments(text, e.Examples, user, column)
}

// popularitySegments divides classes in head, middle and tail.
func popularitySegments(known metric.Set) (Segmentation, error) {
	s := Segmentation{By: ByPopularity, Classes: make([]int32, len(known.Count))}
	times := map[int32]int{} // how many classes have a count
	all := 0
	for _, n := range known.Count {
		times[n]++
		all += int(n)
	}
	if all == 0 {
		return s, errors.New("popularity: no training pair is known")
	}
	counts := make([]int32, 0, len(times)) // falling
	for n := range times {
		counts = append(counts, n)
	}
	slices.Sort(counts)
	slices.Reverse(counts)
	names := []string{"head", "middle", "tail"}
	of := map[int32]int32{} // segment of a count
	before, last := 0, -1
	for _, n := range counts {
		third := 2
		if n > 0 {
			third = 3 * before / all
		}
		if third != last {
			s.Names, last = append(s.Names, names[third]), third
		}
		of[n] = int32(len(s.Names) - 1)
		before += int(n) * times[n]
	}
	for i := range s.Names {
		lo, hi, n := int32(-1), int32(0), 0
		for _, c := range counts {
			if of[c] == int32(i) {
				if lo, n = c, n+times[c]; hi == 0 {
					hi = c
				}
			}
		}
		s.Names[i] = fmt.Sprintf("%s: %d to %d, %d classes", s.Names[i], lo, hi, n)
	}
	for c, n := range known.Count {
		s.Classes[c] = of[n]
	}
	return s, nil
}

// activitySegments divides examples by how much there is of their users in training.
func activitySegments(set *data.Dataset, x *data.Examples, user *data.Field) (Segmentation, error) {
	s := Segmentation{By: ByActivity}
	number := make([]float64, x.Context.Rows)
	for r := range number {
		u := int(user.One(r))
		if u < 0 {
			continue
		}
		known := set.Train
		if set.Known != nil && set.IsHeld(u) {
			known = set.Known
		}
		number[r] = float64(len(known.ItemsOf(u)))
	}
	if !slices.ContainsFunc(x.Row, func(r int32) bool { return number[r] > 0 }) {
		return s, fmt.Errorf("activity: nobody who is measured has items in train")
	}
	s.quarters(x, number, func(int) bool { return true })
	return s, nil
}

// maxNames is how many segments names make at the most.
const maxNames = 50

// columnSegments divides examples by a feature of their users.
func columnSegments(by string, x *data.Examples, user, column *data.Field) (s Segmentation, err error) {
	s.By = by
	number := make([]float64, x.Context.Rows)
	id := make([]int32, x.Context.Rows) // −1 without one
	numbers := column.Tokens == nil && column.Value != nil
	for r := range id {
		id[r] = -1
		u := int(user.One(r))
		if u < 0 || column.Len(u) == 0 {
			continue
		}
		if column.Len(u) > 1 || numbers && column.Size > 1 {
			return s, fmt.Errorf("%s: it has several values for a user; a column of type %s or %s has one", by, data.Token, data.Float)
		}
		if column.Lo == nil {
			id[r] = column.One(u)
		} else {
			ids, values := column.Row(u)
			if id[r] = ids[0]; values != nil {
				number[r] = float64(values[0])
			}
		}
		if id[r] >= 0 && column.Scale != nil {
			scale := column.Scale[id[r]]
			number[r] = number[r]*scale.Deviation + scale.Mean
		}
	}
	if !numbers && column.Size > maxNames {
		if number, numbers = asNumbers(column.Tokens, id); !numbers {
			return s, fmt.Errorf("%s: it has %d values, which are no numbers; segments are %d at the most", by, column.Size, maxNames)
		}
	}
	if numbers {
		s.quarters(x, number, func(r int) bool { return id[r] >= 0 })
		return s, nil
	}
	s.Rows = id
	for n := range column.Size {
		if column.Tokens != nil {
			s.Names = append(s.Names, column.Tokens[n])
		} else {
			s.Names = append(s.Names, fmt.Sprint(n))
		}
	}
	s.without()
	return s, nil
}

// asNumbers returns the numbers that the names of ids are, ids themselves without names, and
// whether all are finite ones.
func asNumbers(tokens []string, id []int32) ([]float64, bool) {
	of := make([]float64, len(tokens))
	for i, text := range tokens {
		var err error
		if of[i], err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(of[i]) || math.IsInf(of[i], 0) {
			return nil, false
		}
	}
	number := make([]float64, len(id))
	for r, i := range id {
		switch {
		case i >= 0 && tokens == nil:
			number[r] = float64(i)
		case i >= 0:
			number[r] = of[i]
		}
	}
	return number, true
}

// without gives rows of no segment one of their own.
func (s *Segmentation) without() {
	none := int32(len(s.Names))
	for r, n := range s.Rows {
		if n < 0 {
			s.Rows[r] = none
			if int(none) == len(s.Names) {
				s.Names = append(s.Names, "(none)")
			}
		}
	}
}

// quarters divides examples in four of as many examples each by a number that their rows have;
// equal numbers stay together.
func (s *Segmentation) quarters(x *data.Examples, number []float64, has func(r int) bool) {
	var all []float64
	for i, r := range x.Row {
		if has(int(r)) && len(x.Targets.Row(i)) > 0 {
			all = append(all, number[r])
		}
	}
	slices.Sort(all)
	var to []float64
	for k := range 4 {
		if len(all) == 0 {
			break
		}
		last := all[((k+1)*len(all)-1)/4]
		if len(to) > 0 && last <= to[len(to)-1] {
			continue
		}
		from := 0
		if len(to) > 0 {
			from = slices.IndexFunc(all, func(v float64) bool { return v > to[len(to)-1] })
		}
		to = append(to, last)
		s.Names = append(s.Names, fmt.Sprintf("%.6g to %.6g", all[from], last))
	}
	s.Rows = make([]int32, len(number))
	for r, v := range number {
		if s.Rows[r] = -1; has(r) && len(to) > 0 {
			k, _ := slices.BinarySearch(to, v)
			s.Rows[r] = int32(min(k, len(to)-1)) // a row of no example may be beyond
		}
	}
	s.without()
}

// check returns what is wrong with a segmentation of rows contexts and classes.
func (s *Segmentation) check(rows, classes int) error {
	of, n, what := s.Rows, rows, "rows"
	if s.Classes != nil {
		of, n, what = s.Classes, classes, "classes"
	}
	switch {
	case s.By == "":
		return errors.New("train: a segmentation does not say what it is by")
	case (s.Rows == nil) == (s.Classes == nil):
		return fmt.Errorf("train: segments by %s: want one of Rows and Classes", s.By)
	case len(of) != n:
		return fmt.Errorf("train: segments by %s: %d segments of %d %s", s.By, len(of), n, what)
	}
	for i, k := range of {
		if k < 0 || int(k) >= len(s.Names) {
			return fmt.Errorf("train: segments by %s: segment %d of %s %d is outside [0,%d)", s.By, k, what, i, len(s.Names))
		}
	}
	return nil
}

// segments measures the segments of one Segmentation.
type segments struct {
	Segmentation
	metrics []metric.At
	all     []Segment
	sums    [][]metric.Accumulator // [segment][metric]
	means   [][]float64            // likewise: Σ weight·value of metrics that are no pooled ones
	weight  []float64              // [segment] of examples

	part metric.List // scratch
}

func newSegments(s Segmentation, x *data.Examples, known metric.Set, metrics []metric.At) (*segments, error) {
	if err := s.check(x.Context.Rows, known.Classes); err != nil {
		return nil, err
	}
	n := len(s.Names)
	out := &segments{Segmentation: s, metrics: metrics, all: make([]Segment, n), sums: make([][]metric.Accumulator, n), means: make([][]float64, n), weight: make([]float64, n)}
	for k, name := range s.Names {
		out.all[k].Name, out.means[k] = name, make([]float64, len(metrics))
		for _, at := range metrics {
			out.sums[k] = append(out.sums[k], at.New(known))
		}
	}
	return out, nil
}

// add takes the ranking of an example of a row.
func (s *segments) add(row int32, l metric.List) {
	if s.Rows != nil {
		s.put(s.Rows[row], 1, l)
		return
	}
	for k := range s.all {
		p := &s.part
		p.IDs, p.Hit, p.Relevant, p.LogP, p.Grade = l.IDs, p.Hit[:0], p.Relevant[:0], p.LogP[:0], p.Grade[:0]
		for r, c := range l.Relevant {
			if int(s.Classes[c]) != k {
				continue
			}
			p.Relevant = append(p.Relevant, c)
			if l.LogP != nil {
				p.LogP = append(p.LogP, l.LogP[r])
			}
			if l.Grade != nil {
				p.Grade = append(p.Grade, l.Grade[r])
			}
		}
		if len(p.Relevant) == 0 {
			continue
		}
		for r, id := range l.IDs {
			p.Hit = append(p.Hit, l.Hit[r] && int(s.Classes[id]) == k)
		}
		s.put(int32(k), float64(len(p.Relevant))/float64(len(l.Relevant)), *p)
	}
}

// addUnlabelled takes the ranking of an example of a row without a relevant class.
func (s *segments) addUnlabelled(row int32, l metric.List) {
	if s.Rows == nil {
		return
	}
	k := s.Rows[row]
	s.all[k].Unlabelled++
	for m, at := range s.metrics {
		if at.All {
			s.means[k][m] += s.sums[k][m].Add(l)
		}
	}
}

func (s *segments) put(k int32, weight float64, l metric.List) {
	s.all[k].Examples++
	s.all[k].Pairs += len(l.Relevant)
	s.weight[k] += weight
	for m, sum := range s.sums[k] {
		s.means[k][m] += weight * sum.Add(l)
	}
}

// finish returns the segments of examples with their values.
func (s *segments) finish(examples int) Segmented {
	for k := range s.all {
		x := &s.all[k]
		x.Share = s.weight[k] / float64(examples)
		for m, at := range s.metrics {
			n := s.weight[k]
			if at.All {
				n += float64(x.Unlabelled)
			}
			if n == 0 {
				continue
			}
			v := s.means[k][m] / n
			if at.Pooled {
				v = s.sums[k][m].Finish()
			}
			x.Values = append(x.Values, Value{at.String(), v})
		}
	}
	return Segmented{s.By, s.all}
}
