package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// Sparse is the type of the features of points, of no file of features: any number of ids, by
// their numbers, with a value each, as in "3:1 17:0.5".
const Sparse = "sparse"

// featuresField is the name of the features of points, a field of contexts.
const featuresField = "features"

// A Point is one thing that is to be labelled, in memory: a document, a query, a picture.
type Point struct {
	Labels   []int32   // in any order
	Features []int32   // each once, in any order
	Values   []float32 // of the features; nil is 1 each
}

// Points are a dataset of points in memory: what a program has in place of files.
type Points struct {
	Name             string // of the dataset
	Features, Labels int    // how many there are: points have numbers below these

	// Train holds all points where Valid and Test are nil.
	Train, Valid, Test []Point
}

// FromPoints returns the dataset of points in memory, split by the split's text; "" is given
// where there are valid or test points, else [PointSplit]. Points are its users, numbered
// from 0 in the order of train, valid and test, and labels its items.
func FromPoints(p Points, split string) (*Dataset, error) {
	ids := newIDTables()
	var parts [3]*Collector
	for n, all := range [3][]Point{p.Train, p.Valid, p.Test} {
		parts[n] = &Collector{ids: ids, part: uint8(n)}
		if err := parts[n].Dimensions(p.Features, p.Labels); err != nil {
			return nil, fmt.Errorf("data: %s: %w", p.Name, err)
		}
		for i, x := range all {
			values := x.Values
			if values == nil {
				values = slices.Repeat([]float32{1}, len(x.Features))
			}
			if err := parts[n].AddPoint(x.Labels, x.Features, values); err != nil {
				return nil, fmt.Errorf("data: %s point %d of %s: %w", partNames[n], i, p.Name, err)
			}
		}
	}
	if len(parts[0].item) == 0 {
		return nil, fmt.Errorf("data: %s has no train point with a label", p.Name)
	}
	return fromMemory(p.Name, ids, parts, split, len(p.Valid)+len(p.Test) > 0)
}

// pointTable are the points of a set, of all its files.
type pointTable struct {
	part             []uint8 // [points] of the file that each is of
	ptr              []int   // [points+1]: where its features are
	feature          []int32
	value            []float32 // as long as feature; nil while all are 1
	features, labels int       // as headers say; 0 without one
	maxFeature       int32
	maxLabel         int32
}

func (t *idTables) pointsTable() *pointTable {
	if t.points == nil {
		t.points = &pointTable{ptr: []int{0}, maxFeature: -1, maxLabel: -1}
	}
	return t.points
}

// Dimensions says how many features and labels there are, whether or not a point has them:
// what the header of a file of points tells. Files of one set agree.
func (c *Collector) Dimensions(features, labels int) error {
	switch {
	case features < 1 || features > math.MaxInt32:
		return fmt.Errorf("%d features, want 1 to %d", features, math.MaxInt32)
	case labels < 1 || labels > math.MaxInt32:
		return fmt.Errorf("%d labels, want 1 to %d", labels, math.MaxInt32)
	}
	if c.tally != nil {
		c.tally.item.rows = max(c.tally.item.rows, int64(labels))
		return nil
	}
	t := c.ids.pointsTable()
	if t.features != 0 && (t.features != features || t.labels != labels) {
		return fmt.Errorf("%d features and %d labels, where a file before has %d and %d", features, labels, t.features, t.labels)
	}
	if int(t.maxFeature) >= features || int(t.maxLabel) >= labels {
		return fmt.Errorf("%d features and %d labels, where a file before has feature %d and label %d", features, labels, t.maxFeature, t.maxLabel)
	}
	t.features, t.labels = features, labels
	return nil
}

// AddPoint adds the next point of the file: its labels, perhaps none, and its features with
// a value each. Points are numbered in the order of the files, and become users with a field
// of features; labels become items, each of which exists whether or not a point has it. A
// point without labels and features is an error, as are a feature given twice, values that
// are not finite, and numbers that Dimensions leaves no room for. It copies the slices.
//
// A format adds points or interactions, not both.
func (c *Collector) AddPoint(labels, features []int32, values []float32) error {
	if len(labels) == 0 && len(features) == 0 {
		return errors.New("a point with neither labels nor features")
	}
	if len(values) != len(features) {
		return fmt.Errorf("%d values for %d features", len(values), len(features))
	}
	if c.tally != nil {
		c.tally.addPoint(labels, features, values)
		return nil
	}
	t := c.ids.pointsTable()
	if len(t.part) == math.MaxInt32 || len(c.item)+len(labels) > math.MaxInt32 {
		return fmt.Errorf("more than %d points, or labels of points", math.MaxInt32)
	}
	u := int32(len(t.part))
	for _, y := range labels {
		if err := t.number("label", y, t.labels, &t.maxLabel); err != nil {
			return err
		}
		c.user, c.item = append(c.user, u), append(c.item, y)
	}
	lo := len(t.feature)
	for j, f := range features {
		if err := t.number("feature", f, t.features, &t.maxFeature); err != nil {
			return err
		}
		v := values[j]
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("feature %d has the value %g, which is not finite", f, x)
		}
		if v != 1 && t.value == nil {
			t.value = slices.Repeat([]float32{1}, len(t.feature))
		}
		t.feature = append(t.feature, f)
		if t.value != nil {
			t.value = append(t.value, v)
		}
	}
	var own []float32
	if t.value != nil {
		own = t.value[lo:]
	}
	sortFeatures(t.feature[lo:], own)
	for j := lo + 1; j < len(t.feature); j++ {
		if t.feature[j] == t.feature[j-1] {
			return fmt.Errorf("feature %d is given twice", t.feature[j])
		}
	}
	t.part, t.ptr = append(t.part, c.part), append(t.ptr, len(t.feature))
	return nil
}

// parseSparse is Parse of features of type Sparse.
func (f *Field) parseSparse(text string) (ids []int32, values []float32, err error) {
	for part := range strings.FieldsSeq(text) {
		id, v, err := featureValue([]byte(part))
		if err == nil && int(id) >= f.Size {
			err = fmt.Errorf("it is outside [0,%d)", f.Size)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("feature %q: %q: %w; each is NUMBER:VALUE, with blanks between", f.Name, shorten([]byte(part)), err)
		}
		ids, values = append(ids, id), append(values, v)
	}
	sortFeatures(ids, values)
	for j := 1; j < len(ids); j++ {
		if ids[j] == ids[j-1] {
			return nil, nil, fmt.Errorf("feature %q: %d is given twice", f.Name, ids[j])
		}
	}
	return ids, values, nil
}

// number takes the number of a feature or label.
func (t *pointTable) number(what string, n int32, declared int, most *int32) error {
	switch {
	case n < 0:
		return fmt.Errorf("%s %d is negative", what, n)
	case n == math.MaxInt32: // its count would not fit
		return fmt.Errorf("%s %d is too large", what, n)
	case declared > 0 && int(n) >= declared:
		return fmt.Errorf("%s %d is outside [0,%d)", what, n, declared)
	}
	*most = max(*most, n)
	return nil
}

// sortFeatures puts ids in order, their values with them.
func sortFeatures(id []int32, value []float32) {
	if slices.IsSorted(id) {
		return
	}
	if value == nil {
		slices.Sort(id)
		return
	}
	order := make([]int, len(id))
	for j := range order {
		order[j] = j
	}
	slices.SortFunc(order, func(a, b int) int { return int(id[a]) - int(id[b]) })
	ids, values := slices.Clone(id), slices.Clone(value)
	for j, o := range order {
		id[j], value[j] = ids[o], values[o]
	}
}

// sizes returns the numbers of features and labels once all files are read; lines is how many
// points and labels of points were.
func (t *pointTable) sizes(lines int) (features, labels int, err error) {
	features, labels = max(t.features, int(t.maxFeature)+1), max(t.labels, int(t.maxLabel)+1)
	switch {
	case features == 0:
		return 0, 0, errors.New("no point has a feature")
	// One stray number of 2e9 must not cost as many weights.
	case features > denseIDs+16*len(t.feature):
		return 0, 0, fmt.Errorf("%d features, where points have %d in all: number them from 0", features, len(t.feature))
	case labels > denseIDs+16*lines:
		return 0, 0, fmt.Errorf("%d labels, where there are %d points and labels of points in all: number them from 0", labels, lines)
	}
	return features, labels, nil
}

// buildPoints makes the dataset of points.
func buildPoints(t *pointTable, parts [3]*Collector) (*Dataset, error) {
	pairs := 0
	for _, c := range parts {
		pairs += len(c.item)
	}
	features, labels, err := t.sizes(len(t.part) + pairs)
	if err != nil {
		return nil, err
	}
	if t.feature == nil {
		t.feature = []int32{}
	}
	n := len(t.part)
	d := &Dataset{Users: n, Items: labels, Points: t.part, UserFields: []Field{{
		Name: featuresField, Type: Sparse, Size: features, Lo: t.ptr[:n:n], Hi: t.ptr[1:], ID: t.feature, Value: t.value,
	}}}
	if t.labels == 0 && !slices.ContainsFunc(parts[:], func(c *Collector) bool { return slices.Contains(c.item, 0) }) {
		d.Notes = append(d.Notes, "no point has the label 0: labels count from 0, and where those of the files count from 1 there is one too many")
	}
	var sets [3]*Interactions
	for p, c := range parts {
		for _, note := range c.notes {
			d.Notes = append(d.Notes, partNames[p]+": "+note)
		}
		x, dups, err := FromPairs(n, labels, c.user, c.item, nil, nil)
		if err != nil {
			return nil, err
		}
		if dups > 0 {
			d.Notes = append(d.Notes, fmt.Sprintf("dropped %s in %s", words.Count(dups, "duplicate"), partNames[p]))
		}
		sets[p] = x
	}
	d.Train, d.Valid, d.Test = sets[0], sets[1], sets[2]
	return d, nil
}

// validatePoints returns what is wrong with which parts points are of.
func (d *Dataset) validatePoints() error {
	if d.Points == nil {
		return nil
	}
	if len(d.Points) != d.Users {
		return fmt.Errorf("parts of %d points, for %d users", len(d.Points), d.Users)
	}
	for u, part := range d.Points {
		if part > 2 {
			return fmt.Errorf("point %d is of part %d, want 0 to 2", u, part)
		}
		for p, x := range d.Parts() {
			if p != int(part) && len(x.ItemsOf(u)) > 0 {
				return fmt.Errorf("point %d is of %s, and %s has labels of it: the split of points is %s", u, partNames[part], x.Name, pointSplits)
			}
		}
	}
	return nil
}

// pointsOf returns how many points are of each part.
func (d *Dataset) pointsOf() (n [3]int) {
	for _, part := range d.Points {
		n[part]++
	}
	return n
}

// has reports whether a part, by its number, has pairs, or points without any.
func (d *Dataset) has(part int) bool {
	return d.Parts()[part].Len() > 0 || slices.Contains(d.Points, uint8(part))
}
