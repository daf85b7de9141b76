package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Validate reports all that is wrong with d at once: numbers of users and items that
// are none or that the sets do not have, a set that is nil, ids that are too few, empty
// or given twice, a truth of other numbers. What Open, Load, a filter and a split
// return is valid; everything that takes a Dataset and returns an error validates it
// first. It looks at the ids and not at the pairs: where two sets share one, the later
// of them masks it and counts it as missed.
func (d *Dataset) Validate() error {
	if d == nil {
		return errors.New("data: the dataset is nil")
	}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("data: dataset %q: %w", d.Name, fmt.Errorf(format, args...)))
	}
	for _, n := range []struct {
		what string
		n    int
		ids  []string
	}{{"user", d.Users, d.UserIDs}, {"item", d.Items, d.ItemIDs}} {
		if n.n < 1 || n.n > math.MaxInt32 {
			fault("%d %ss, want 1 to %d", n.n, n.what, math.MaxInt32)
		}
		if n.ids == nil {
			continue
		}
		if len(n.ids) != n.n {
			fault("%d %s ids for %d %ss, want as many, or none where the ids are the indices", len(n.ids), n.what, n.n, n.what)
		}
		if err := checkIDs(n.ids); err != nil {
			fault("%s %w", n.what, err)
		}
	}
	for _, p := range d.Parts() {
		switch x := p.Interactions; {
		case x == nil:
			fault("%s is nil; Empty makes a set without pairs", p.Name)
		case x.users != d.Users || x.items != d.Items:
			fault("%s is of %d users and %d items, the dataset of %d and %d", p.Name, x.users, x.items, d.Users, d.Items)
		}
	}
	if d.Text && d.Histories == nil {
		fault("running text has no histories, which are its words")
	}
	if err := d.Histories.validate(d.Users, d.Items); err != nil {
		fault("%w", err)
	}
	if x := d.Known; x != nil && (x.users != d.Users || x.items != d.Items) {
		fault("what is known of users held out is of %d users and %d items, the dataset of %d and %d", x.users, x.items, d.Users, d.Items)
	}
	if len(faults) == 0 { // first: only then has every point a row in each set
		if err := d.validatePoints(); err != nil {
			fault("%w", err)
		}
	}
	if t := d.Truth; t != nil && (t.Rank < 0 || len(t.User) != t.Rank*d.Users || len(t.Item) != t.Rank*d.Items || len(t.Bias) != d.Items) {
		fault("a truth of rank %d with %d, %d and %d numbers for users, items and biases, want %d, %d and %d",
			t.Rank, len(t.User), len(t.Item), len(t.Bias), t.Rank*d.Users, t.Rank*d.Items, d.Items)
	}
	return errors.Join(faults...)
}

// checkIDs returns an error that names the first id that is empty or that came
// before.
func checkIDs(ids []string) error {
	if i := slices.Index(ids, ""); i >= 0 {
		return fmt.Errorf("id %d is empty", i)
	}
	if rising(ids) { // as those of Open are: no table of them all is needed
		return nil
	}
	seen := make(map[string]int, len(ids))
	for i, id := range ids {
		if j, ok := seen[id]; ok {
			return fmt.Errorf("ids %d and %d are both %q", j, i, id)
		}
		seen[id] = i
	}
	return nil
}

// rising reports whether ids rise, as texts or as whole numbers.
func rising(ids []string) bool {
	texts, numbers, last := true, true, int64(math.MinInt64)
	for i, id := range ids {
		texts = texts && (i == 0 || ids[i-1] < id)
		if numbers {
			x, err := strconv.ParseInt(id, 10, 64)
			numbers, last = err == nil && x > last, x
		}
		if !texts && !numbers {
			return false
		}
	}
	return true
}
