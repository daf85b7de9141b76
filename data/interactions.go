package data

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
	"sync"
)

// Interactions is a set of (user, item) pairs, optionally with a value (a
// rating) and a time each, stored in compressed rows: the items of user u are
// item[ptr[u]:ptr[u+1]], strictly increasing.
//
// It is immutable and safe for concurrent use. Slices that its methods return
// are views: callers do not modify them.
type Interactions struct {
	users, items int
	ptr          []int     // [users+1]
	item         []int32   // [n]
	value        []float32 // [n] or nil
	time         []int64   // [n] or nil, in any unit; see Dataset.TimeDecimals

	warmOnce sync.Once
	warm     []int32 // of warmIDs
}

// FromCSR returns the set with these compressed rows, after checking all of
// them: ptr is [users+1], starts at 0, never falls and ends at len(item); items
// rise strictly within a user and lie in [0,items); value (finite) and time are
// nil or as long as item. It keeps the slices.
func FromCSR(users, items int, ptr []int, item []int32, value []float32, time []int64) (*Interactions, error) {
	if err := checkShape(users, items, len(item), len(value), len(time), value != nil, time != nil); err != nil {
		return nil, err
	}
	if len(ptr) != users+1 {
		return nil, fmt.Errorf("data: %d row pointers for %d users, want one more than users", len(ptr), users)
	}
	if ptr[0] != 0 || ptr[users] != len(item) {
		return nil, fmt.Errorf("data: row pointers run from %d to %d, want 0 to %d", ptr[0], ptr[users], len(item))
	}
	// Order first: only then is every row a valid slice.
	for u := range users {
		if ptr[u] > ptr[u+1] {
			return nil, fmt.Errorf("data: user %d: row pointers fall from %d to %d", u, ptr[u], ptr[u+1])
		}
	}
	for u := range users {
		for p := ptr[u]; p < ptr[u+1]; p++ {
			if i := item[p]; i < 0 || int(i) >= items {
				return nil, fmt.Errorf("data: user %d: item %d is outside [0,%d)", u, i, items)
			}
			if p > ptr[u] && item[p] <= item[p-1] {
				return nil, fmt.Errorf("data: user %d: item %d follows item %d, want strictly rising", u, item[p], item[p-1])
			}
		}
	}
	if err := checkValues(value); err != nil {
		return nil, err
	}
	return &Interactions{users: users, items: items, ptr: ptr, item: item, value: value, time: time}, nil
}

// FromPairs returns the set of the pairs (user[p], item[p]) in any order, and
// how many pairs it dropped because another names the same user and item. Of
// such duplicates the latest stays, then the one of the highest value, so the
// result does not depend on the order of the input. value (finite) and time are
// nil or as long as the pairs. It does not keep or modify the slices.
func FromPairs(users, items int, user, item []int32, value []float32, time []int64) (x *Interactions, duplicates int, err error) {
	if err := checkShape(users, items, len(item), len(value), len(time), value != nil, time != nil); err != nil {
		return nil, 0, err
	}
	if len(user) != len(item) {
		return nil, 0, fmt.Errorf("data: %d users for %d items, want as many", len(user), len(item))
	}
	if err := checkValues(value); err != nil {
		return nil, 0, err
	}
	start := make([]int, users+1)
	for p, u := range user {
		if u < 0 || int(u) >= users {
			return nil, 0, fmt.Errorf("data: pair %d: user %d is outside [0,%d)", p, u, users)
		}
		if i := item[p]; i < 0 || int(i) >= items {
			return nil, 0, fmt.Errorf("data: pair %d: item %d is outside [0,%d)", p, i, items)
		}
		start[u+1]++
	}
	for u := range users {
		start[u+1] += start[u]
	}
	// Counting sort by user, then each user's few pairs by comparison.
	order := make([]int32, len(user))
	next := slices.Clone(start[:users])
	for p, u := range user {
		order[next[u]] = int32(p)
		next[u]++
	}
	better := func(a, b int32) int {
		c := cmp.Compare(item[a], item[b])
		if c == 0 && time != nil {
			c = cmp.Compare(time[b], time[a])
		}
		if c == 0 && value != nil {
			c = cmp.Compare(value[b], value[a])
		}
		return c
	}
	x = &Interactions{users: users, items: items, ptr: make([]int, users+1), item: make([]int32, 0, len(item))}
	if value != nil {
		x.value = make([]float32, 0, len(item))
	}
	if time != nil {
		x.time = make([]int64, 0, len(item))
	}
	for u := range users {
		row := order[start[u]:start[u+1]]
		slices.SortFunc(row, better)
		for _, p := range row {
			if n := len(x.item); n > x.ptr[u] && x.item[n-1] == item[p] {
				duplicates++
				continue
			}
			x.item = append(x.item, item[p])
			if value != nil {
				x.value = append(x.value, value[p])
			}
			if time != nil {
				x.time = append(x.time, time[p])
			}
		}
		x.ptr[u+1] = len(x.item)
	}
	return x, duplicates, nil
}

// Empty returns the set without pairs.
func Empty(users, items int) (*Interactions, error) {
	x, _, err := FromPairs(users, items, nil, nil, nil, nil)
	return x, err
}

func checkShape(users, items, n, values, times int, hasValue, hasTime bool) error {
	switch {
	case users < 1 || users > math.MaxInt32:
		return fmt.Errorf("data: %d users, want 1 to %d", users, math.MaxInt32)
	case items < 1 || items > math.MaxInt32:
		return fmt.Errorf("data: %d items, want 1 to %d", items, math.MaxInt32)
	case n > math.MaxInt32:
		return fmt.Errorf("data: %d interactions, want at most %d", n, math.MaxInt32)
	case hasValue && values != n:
		return fmt.Errorf("data: %d values for %d interactions, want as many", values, n)
	case hasTime && times != n:
		return fmt.Errorf("data: %d times for %d interactions, want as many", times, n)
	}
	return nil
}

func checkValues(value []float32) error {
	for p, v := range value {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return fmt.Errorf("data: pair %d: value %g is not finite", p, v)
		}
	}
	return nil
}

// Users returns the number of users, those without pairs included.
func (x *Interactions) Users() int { return x.users }

// Items returns the number of items, those without pairs included.
func (x *Interactions) Items() int { return x.items }

// Len returns the number of pairs.
func (x *Interactions) Len() int { return len(x.item) }

// ItemsOf returns the items of user u, strictly increasing. It panics unless u is in
// [0,Users()).
func (x *Interactions) ItemsOf(u int) []int32 { return x.item[x.ptr[u]:x.ptr[u+1]:x.ptr[u+1]] }

// Ptr returns the row pointers, [Users()+1]: user u owns the pairs Ptr()[u] to
// Ptr()[u+1].
func (x *Interactions) Ptr() []int { return x.ptr }

// Item returns the items of all pairs, [Len()], user by user.
func (x *Interactions) Item() []int32 { return x.item }

// Value returns the values of all pairs, [Len()], or nil where there are none.
func (x *Interactions) Value() []float32 { return x.value }

// Time returns the times of all pairs, [Len()], in units of 10^−Dataset.TimeDecimals
// of the source, or nil where there are none.
func (x *Interactions) Time() []int64 { return x.time }

// Has reports whether user u has item i. It panics unless u is in [0,Users()).
func (x *Interactions) Has(u int, i int32) bool {
	_, ok := slices.BinarySearch(x.ItemsOf(u), i)
	return ok
}

// UserOf returns the user that owns pair p, 0 ≤ p < Len(), by binary search.
func (x *Interactions) UserOf(p int) int {
	return sort.Search(x.users, func(u int) bool { return x.ptr[u+1] > p })
}

// Active returns the users that have items, ascending.
func (x *Interactions) Active() []int32 {
	var users []int32
	for u := range x.users {
		if x.ptr[u+1] > x.ptr[u] {
			users = append(users, int32(u))
		}
	}
	return users
}

// ItemCounts returns how many users each item has, [Items()].
func (x *Interactions) ItemCounts() []int32 {
	n := make([]int32, x.items)
	for _, i := range x.item {
		n[i]++
	}
	return n
}

// warmIDs returns each item, −1 of one without a pair. It is made once.
func (x *Interactions) warmIDs() []int32 {
	x.warmOnce.Do(func() {
		x.warm = slices.Repeat([]int32{-1}, x.items)
		for _, i := range x.item {
			x.warm[i] = i
		}
	})
	return x.warm
}

// Transpose returns the set with users and items exchanged, values and times
// with them.
func (x *Interactions) Transpose() *Interactions {
	t := &Interactions{users: x.items, items: x.users, ptr: make([]int, x.items+1), item: make([]int32, len(x.item))}
	if x.value != nil {
		t.value = make([]float32, len(x.item))
	}
	if x.time != nil {
		t.time = make([]int64, len(x.item))
	}
	for _, i := range x.item {
		t.ptr[i+1]++
	}
	for i := range x.items {
		t.ptr[i+1] += t.ptr[i]
	}
	next := slices.Clone(t.ptr[:x.items])
	// Users come in rising order, so each row of the transpose rises too.
	for u := range x.users {
		for p := x.ptr[u]; p < x.ptr[u+1]; p++ {
			q := next[x.item[p]]
			next[x.item[p]]++
			t.item[q] = int32(u)
			if x.value != nil {
				t.value[q] = x.value[p]
			}
			if x.time != nil {
				t.time[q] = x.time[p]
			}
		}
	}
	return t
}

// Filter returns the pairs p with keep(p).
func (x *Interactions) Filter(keep func(p int) bool) *Interactions {
	kept, n := make([]bool, len(x.item)), 0
	for p := range kept {
		if kept[p] = keep(p); kept[p] {
			n++
		}
	}
	y := &Interactions{users: x.users, items: x.items, ptr: make([]int, x.users+1)}
	if n > 0 {
		y.item = make([]int32, 0, n)
	}
	// Non-nil even when empty: "has values" is a fact of the source.
	if x.value != nil {
		y.value = make([]float32, 0, n)
	}
	if x.time != nil {
		y.time = make([]int64, 0, n)
	}
	for u := range x.users {
		for p := x.ptr[u]; p < x.ptr[u+1]; p++ {
			if !kept[p] {
				continue
			}
			y.item = append(y.item, x.item[p])
			if x.value != nil {
				y.value = append(y.value, x.value[p])
			}
			if x.time != nil {
				y.time = append(y.time, x.time[p])
			}
		}
		y.ptr[u+1] = len(y.item)
	}
	return y
}

// minus returns x without the pairs of y, which has the same shape.
func (x *Interactions) minus(y *Interactions) *Interactions {
	u := 0
	return x.Filter(func(p int) bool {
		for p >= x.ptr[u+1] {
			u++
		}
		return !y.Has(u, x.item[p])
	})
}

// union returns the pairs of all sets, which have one shape and share no pair.
// Values and times stay where every set that has pairs has them.
func union(sets ...*Interactions) (*Interactions, error) {
	full := slices.DeleteFunc(slices.Clone(sets), func(s *Interactions) bool { return s.Len() == 0 })
	if len(full) == 1 { // it is what a copy would be
		return full[0], nil
	}
	hasValue, hasTime, n := true, true, 0
	for _, s := range sets {
		n += s.Len()
		hasValue = hasValue && (s.value != nil || s.Len() == 0)
		hasTime = hasTime && (s.time != nil || s.Len() == 0)
	}
	user, item := make([]int32, 0, n), make([]int32, 0, n)
	var value []float32
	var time []int64
	if hasValue {
		value = make([]float32, 0, n)
	}
	if hasTime {
		time = make([]int64, 0, n)
	}
	for _, s := range sets {
		for u := range s.users {
			for range s.ItemsOf(u) {
				user = append(user, int32(u))
			}
		}
		item = append(item, s.item...)
		if hasValue {
			value = append(value, s.value...)
		}
		if hasTime {
			time = append(time, s.time...)
		}
	}
	x, _, err := FromPairs(sets[0].users, sets[0].items, user, item, value, time)
	return x, err
}
