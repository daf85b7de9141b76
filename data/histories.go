package data

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Histories are what each user did, event by event, the oldest first: the order that a
// set of pairs has not, and the repeats that it drops. Events of one moment are in the
// order of the files. It is immutable and safe for concurrent use, and is there beside
// the sets where the source has times, or is a sequence itself.
//
// Every event has a part, as every pair has, which a split decides: that of its pair,
// where a user has each item once. What has happened again is divided as the split
// divides: leave-one-out takes the last event and the one before, time cuts at its two
// moments, given has the files' own, and any other split gives all events of a pair to
// the pair's part. Among events of one moment those of train come first, and those of
// test last.
type Histories struct {
	items int
	ptr   []int   // [users+1]
	item  []int32 // [n]
	mark  []uint8 // [n]: the part, and perhaps tied
}

// tied marks an event of the same moment as the one before it of the same user.
const tied = 0x80

// HistoriesFrom returns the histories of users over items with these compressed rows:
// the events of user u are item[ptr[u]:ptr[u+1]], the oldest first. mark, as long as item, has the
// part of each, 0 to 2, plus 128 where its moment is that of the event before. It keeps
// the slices.
func HistoriesFrom(users, items int, ptr []int, item []int32, mark []uint8) (*Histories, error) {
	switch {
	case len(ptr) != users+1:
		return nil, fmt.Errorf("data: histories of %d users with %d bounds, want one more than users", users, len(ptr))
	case len(mark) != len(item):
		return nil, fmt.Errorf("data: histories of %d events with %d marks, want as many", len(item), len(mark))
	case ptr[0] != 0 || ptr[users] != len(item):
		return nil, fmt.Errorf("data: histories run from %d to %d, want 0 to %d", ptr[0], ptr[users], len(item))
	}
	for u := range users { // first: only then is every row a valid slice
		if ptr[u] > ptr[u+1] {
			return nil, fmt.Errorf("data: histories: user %d: bounds fall from %d to %d", u, ptr[u], ptr[u+1])
		}
	}
	for u := range users {
		for p := ptr[u]; p < ptr[u+1]; p++ {
			if i := item[p]; i < 0 || int(i) >= items {
				return nil, fmt.Errorf("data: histories: user %d: item %d is outside [0,%d)", u, i, items)
			}
			if mark[p]&^tied > 2 || p == ptr[u] && mark[p]&tied != 0 {
				return nil, fmt.Errorf("data: histories: user %d: event %d has the mark %d", u, p-ptr[u], mark[p])
			}
		}
	}
	return &Histories{items, ptr, item, mark}, nil
}

// Arrays returns what HistoriesFrom takes, which is read only.
func (h *Histories) Arrays() (ptr []int, item []int32, mark []uint8) { return h.ptr, h.item, h.mark }

// Len returns the number of events.
func (h *Histories) Len() int { return len(h.item) }

// Of returns the items of user u's events, the oldest first. It panics unless u is a
// user.
func (h *Histories) Of(u int) []int32 { return h.item[h.ptr[u]:h.ptr[u+1]:h.ptr[u+1]] }

// part returns the part of event p.
func (h *Histories) part(p int) uint8 { return h.mark[p] &^ tied }

// newHistories puts the events of three files in order. All that have events have times.
func newHistories(users, items int, parts [3]*Collector) *Histories {
	n := 0
	for _, c := range parts {
		n += len(c.item)
	}
	h := &Histories{items: items, ptr: make([]int, users+1), item: make([]int32, n), mark: make([]uint8, n)}
	for _, c := range parts {
		for _, u := range c.user {
			h.ptr[u+1]++
		}
	}
	for u := range users {
		h.ptr[u+1] += h.ptr[u]
	}
	next := slices.Clone(h.ptr[:users])
	time := make([]int64, n)
	for part, c := range parts { // a counting sort, which keeps the order of the files
		for k, u := range c.user {
			p := next[u]
			next[u]++
			h.item[p], h.mark[p], time[p] = c.item[k], uint8(part), c.time[k]
		}
	}
	var order []int
	var item []int32
	var mark []uint8
	var moments []int64
	for u := range users {
		lo, hi := h.ptr[u], h.ptr[u+1]
		if !slices.IsSorted(time[lo:hi]) {
			order = order[:0]
			for p := lo; p < hi; p++ {
				order = append(order, p)
			}
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(time[a], time[b]) })
			item, mark, moments = item[:0], mark[:0], moments[:0]
			for _, p := range order {
				item, mark, moments = append(item, h.item[p]), append(mark, h.mark[p]), append(moments, time[p])
			}
			copy(h.item[lo:], item)
			copy(h.mark[lo:], mark)
			copy(time[lo:], moments)
		}
		for p := lo + 1; p < hi; p++ {
			if time[p] == time[p-1] {
				h.mark[p] |= tied
			}
		}
	}
	return h
}

// An eventSplitter divides the events of a user who has an item more than once. It
// replaces parts [n], those of the files, by its own; items are the events' items, and
// pair is the part to which it has given the pair of each.
type eventSplitter interface {
	splitEvents(parts []uint8, items []int32, pair []uint8)
}

// divided returns h, the histories of d, with the parts of a split that divided the pairs
// into sets; nil of nil.
func (h *Histories) divided(s Splitter, sets [3]*Interactions) *Histories {
	if h == nil {
		return nil
	}
	out := &Histories{h.items, h.ptr, h.item, make([]uint8, len(h.mark))}
	of, _ := s.(eventSplitter)
	var pair []uint8
	for u := range len(h.ptr) - 1 {
		lo, hi := h.ptr[u], h.ptr[u+1]
		pairs := 0
		for _, x := range sets {
			pairs += len(x.ItemsOf(u))
		}
		pair = pair[:0]
		for p := lo; p < hi; p++ {
			pair = append(pair, partOf(sets, u, h.item[p]))
		}
		parts := out.mark[lo:hi]
		if of == nil || pairs == hi-lo {
			copy(parts, pair)
		} else {
			for k := range parts {
				parts[k] = h.part(lo + k)
			}
			of.splitEvents(parts, h.item[lo:hi], pair)
		}
		for k := range parts {
			parts[k] |= h.mark[lo+k] & tied
		}
	}
	return out.settled()
}

// partOf returns which of the sets has a pair; 0 where none has.
func partOf(sets [3]*Interactions, u int, item int32) uint8 {
	for part := 2; part > 0; part-- {
		if sets[part].Has(u, item) {
			return uint8(part)
		}
	}
	return 0
}

// settled returns h with the events of each moment in the order of their parts. It may
// write to the marks.
func (h *Histories) settled() *Histories {
	out, own := h, false
	for u := range len(h.ptr) - 1 {
		for lo := h.ptr[u]; lo < h.ptr[u+1]; {
			hi := lo + 1
			for hi < h.ptr[u+1] && h.mark[hi]&tied != 0 {
				hi++
			}
			if !slices.IsSortedFunc(h.mark[lo:hi], byPart) {
				if !own {
					out, own = &Histories{h.items, h.ptr, slices.Clone(h.item), slices.Clone(h.mark)}, true
				}
				at := lo
				for part := range uint8(3) {
					for p := lo; p < hi; p++ {
						if h.part(p) != part {
							continue
						}
						out.item[at], out.mark[at] = h.item[p], part
						if at > lo {
							out.mark[at] |= tied
						}
						at++
					}
				}
			}
			lo = hi
		}
	}
	return out
}

func byPart(a, b uint8) int { return cmp.Compare(a&^tied, b&^tied) }

// filter returns the events for which keep says the part that they have from now on, 0
// to 2; those of any other part are left out. The bounds of users are those of h.
func (h *Histories) filter(keep func(u, p int) uint8) *Histories {
	out := &Histories{items: h.items, ptr: make([]int, len(h.ptr))}
	for u := range len(h.ptr) - 1 {
		split := false // an event that is left out may have begun its moment
		for p := h.ptr[u]; p < h.ptr[u+1]; p++ {
			begins := h.mark[p]&tied == 0
			split = split || begins
			part := keep(u, p)
			if part > 2 {
				continue
			}
			mark := part
			if !split {
				mark |= tied
			}
			split = false
			out.item, out.mark = append(out.item, h.item[p]), append(out.mark, mark)
		}
		out.ptr[u+1] = len(out.item)
	}
	return out
}

// noPart is what filter's keep says of an event that is left out.
const noPart = math.MaxUint8

// among returns where the events of the first parts of three are, of each user: item is
// that of h wherever those of every user come first.
func (h *Histories) among(parts int) (lo, hi []int, item []int32) {
	users := len(h.ptr) - 1
	hi = make([]int, users)
	first := true
	for u := range users {
		hi[u] = h.ptr[u]
		for p := h.ptr[u]; p < h.ptr[u+1]; p++ {
			if int(h.part(p)) < parts {
				first = first && hi[u] == p
				hi[u]++
			}
		}
	}
	if first {
		return h.ptr[:users:users], hi, h.item
	}
	g := h.filter(func(_, p int) uint8 {
		if int(h.part(p)) < parts {
			return h.part(p)
		}
		return noPart
	})
	return g.ptr[:users:users], g.ptr[1:], g.item
}

// bytes returns the memory of h; 0 of nil.
func (h *Histories) bytes() int64 {
	if h == nil {
		return 0
	}
	return 8*int64(len(h.ptr)) + 5*int64(len(h.item))
}

// validate returns what is wrong with h as the histories of d, if d has any.
func (h *Histories) validate(users, items int) error {
	if h != nil && (len(h.ptr) != users+1 || h.items != items) {
		return fmt.Errorf("histories are of %d users and %d items, the dataset of %d and %d", len(h.ptr)-1, h.items, users, items)
	}
	return nil
}

// renumbered returns the events whose pairs are in one of the sets, with the new number of
// each user and item; nil of nil. A user without one, −1, has no pair.
func (h *Histories) renumbered(sets [3]*Interactions, user, item []int32, items int) *Histories {
	if h == nil {
		return nil
	}
	kept := h.filter(func(u, p int) uint8 {
		for _, x := range sets {
			if x.Has(u, h.item[p]) {
				return h.part(p)
			}
		}
		return noPart
	})
	ptr := []int{0}
	for u, n := range user {
		if n >= 0 {
			ptr = append(ptr, kept.ptr[u+1])
		}
	}
	ranks(kept.item, item)
	return &Histories{items, ptr, kept.item, kept.mark}
}
