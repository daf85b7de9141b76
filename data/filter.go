package data

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Filter drops interactions before a split; its zero value drops none.
//
// After it every user and item has an interaction: the others leave the
// numbering, and the rest move up in order.
type Filter struct {
	// MinRating keeps the pairs of at least this value, which may be 0 or less; nil
	// keeps all.
	MinRating *float64

	// Core keeps the largest subset in which every user and every item has at
	// least Core pairs, over the three sets together; 0 keeps all.
	Core int
}

// MaxCore is the largest Core: users and items are numbered by int32, so none has more
// pairs.
const MaxCore = math.MaxInt32

// Validate reports all faults.
func (f Filter) Validate() error {
	var faults []error
	if m := f.MinRating; m != nil && (math.IsNaN(*m) || math.IsInf(*m, 0)) {
		faults = append(faults, fmt.Errorf("data: minimum rating %g is not finite", *m))
	}
	switch {
	case f.Core < 0:
		faults = append(faults, fmt.Errorf("data: core %d is negative", f.Core))
	case f.Core > MaxCore:
		faults = append(faults, fmt.Errorf("data: core %d is above %d", f.Core, MaxCore))
	}
	return errors.Join(faults...)
}

// String returns the canonical text, e.g. "min-rating=4,core=10"; "" for the
// zero Filter.
func (f Filter) String() string {
	var parts []string
	if f.MinRating != nil {
		parts = append(parts, "min-rating="+strconv.FormatFloat(*f.MinRating, 'g', -1, 64))
	}
	if f.Core != 0 {
		parts = append(parts, "core="+strconv.Itoa(f.Core))
	}
	return strings.Join(parts, ",")
}

// Apply returns what is left of d, which it does not modify. It fails where
// nothing is left of train, where ratings are asked for that are not there, and
// on a generated set, whose truth would no longer be that of its data.
func (f Filter) Apply(d *Dataset) (*Dataset, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	if f == (Filter{}) {
		return d, nil
	}
	if err := d.refuseText("filter " + f.String()); err != nil {
		return nil, err
	}
	if d.Known != nil {
		return nil, fmt.Errorf("data: filter %s: users are held out of %s already; filter before", f, d.Name)
	}
	if d.Points != nil {
		return nil, fmt.Errorf("data: filter %s: the users of %s are points, those without labels among them, and none is dropped", f, d.Name)
	}
	if d.Truth != nil {
		return nil, fmt.Errorf("data: filter %s: a generated set is not filtered", f)
	}
	sets := [3]*Interactions{d.Train, d.Valid, d.Test}
	if f.MinRating != nil {
		for p, x := range sets {
			if x.Len() > 0 && x.value == nil {
				return nil, fmt.Errorf("data: filter %s: %s has no ratings in %s", f, d.Name, partNames[p])
			}
			sets[p] = x.Filter(func(p int) bool { return float64(x.value[p]) >= *f.MinRating })
		}
	}
	// Peel until nothing falls: dropping a user may undo an item, and back. Where
	// only the rating filters, a core of 1 drops who has nothing left.
	core := int32(max(1, f.Core))
	var userKept, itemKept []int32
	for {
		userCount, itemCount := make([]int32, d.Users), make([]int32, d.Items)
		for _, x := range sets {
			for u := range d.Users {
				userCount[u] += int32(len(x.ItemsOf(u)))
			}
			for i, n := range x.ItemCounts() {
				itemCount[i] += n
			}
		}
		userKept, itemKept = userCount, itemCount
		dropped := 0
		for s, x := range sets {
			u := 0
			sets[s] = x.Filter(func(p int) bool {
				for p >= x.ptr[u+1] {
					u++
				}
				return userCount[u] >= core && itemCount[x.item[p]] >= core
			})
			dropped += x.Len() - sets[s].Len()
		}
		if dropped == 0 {
			break
		}
	}
	if sets[0].Len() == 0 {
		return nil, fmt.Errorf("data: filter %s leaves nothing of %s", f, d.Name)
	}
	return d.renumber(sets, userKept, itemKept, f.String())
}

// renumber returns d with these sets and without the users and items whose
// count is 0.
func (d *Dataset) renumber(sets [3]*Interactions, userCount, itemCount []int32, filter string) (*Dataset, error) {
	e := *d
	e.Filter = filter
	e.Notes = append([]string(nil), d.Notes...)
	pairs := sets // under the numbers of d
	userNew, userIDs, users := compact(userCount, d.UserIDs)
	itemNew, itemIDs, items := compact(itemCount, d.ItemIDs)
	e.Users, e.Items, e.UserIDs, e.ItemIDs = users, items, userIDs, itemIDs
	e.UserFields, e.ItemFields = keepRows(d.UserFields, userCount), keepRows(d.ItemFields, itemCount)
	for s, x := range sets {
		ptr := make([]int, 1, users+1)
		item := make([]int32, len(x.item))
		for p, i := range x.item {
			item[p] = itemNew[i] // monotone: rows stay sorted
		}
		for u, n := range userNew {
			if n >= 0 {
				ptr = append(ptr, x.ptr[u+1])
			}
		}
		y, err := FromCSR(users, items, ptr, item, x.value, x.time)
		if err != nil {
			return nil, err
		}
		sets[s] = y
	}
	e.Train, e.Valid, e.Test = sets[0], sets[1], sets[2]
	e.Histories = d.Histories.renumbered(pairs, userNew, itemNew, items)
	return &e, nil
}

// keepRows returns fields of the rows whose count is not 0.
func keepRows(fields []Field, count []int32) (kept []Field) {
	for _, f := range fields {
		kept = append(kept, f.keep(count))
	}
	return kept
}

// compact returns the new index of each old one, -1 where count is 0, and the
// ids of the new ones.
func compact(count []int32, ids []string) (index []int32, kept []string, n int) {
	index = make([]int32, len(count))
	for i, c := range count {
		index[i] = -1
		if c > 0 {
			index[i] = int32(n)
			kept = append(kept, nameOf(ids, i))
			n++
		}
	}
	if ids == nil && n == len(count) { // nothing moved: indices are still the ids
		kept = nil
	}
	return index, kept, n
}
