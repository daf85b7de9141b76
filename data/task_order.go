package data

import (
	"errors"
	"fmt"
	"slices"
)

// maxLen is the longest history that a context has, far above what any is read by.
const maxLen = 1 << 20

// lenParam is what tasks whose histories are in order have in common.
func lenParam() Param {
	return Param{Name: "len", Doc: "events of a history that a context has at the most, the last ones", Default: 50, Min: 1, Max: maxLen, Integer: true, Probe: []float64{3}}
}

func recent(v Values) int { return v.Int("len") }

// momentSpread is Spread of tasks whose contexts are moments, which one event follows.
func momentSpread(Values, *Dataset) float64 { return 1 }

// wantHistories returns an error of a set whose events are in no order.
func (d *Dataset) wantHistories() error {
	if d != nil && d.Histories == nil && d.timeless != "" {
		return fmt.Errorf("the set has no times, which say in which order a user's events were: %s; the tasks without order are user and pair", d.timeless)
	}
	if d == nil || d.Histories == nil {
		return errors.New("the set has no times, which say in which order a user's events were; " +
			"where the order of a line is that of time, read it as --format sequence; the tasks without order are user and pair")
	}
	return nil
}

// A view is part of a user's events.
type view struct{ user, lo, hi int }

// frameOf returns the frame of views of events: "user", "history", in order, "seen", the
// items of each user's events of the first known parts, but of running text, and features.
func (d *Dataset) frameOf(item []int32, views []view, known int) *Frame {
	n := len(views)
	user := Field{Name: userField, Size: d.Users, ID: make([]int32, n)}
	past := Field{Name: historyField, Size: d.Items, Lo: make([]int, n), Hi: make([]int, n), ID: item, Ordered: true}
	for i, v := range views {
		user.ID[i], past.Lo[i], past.Hi[i] = int32(v.user), v.lo, v.hi
	}
	f := &Frame{Rows: n, Fields: []Field{user, past}}
	if !d.Text { // where a word that was there may follow again
		f.Fields = append(f.Fields, d.seen(known).at(user.ID))
	}
	f.Fields = append(f.Fields, fieldsAt(d.UserFields, user.ID)...)
	return f
}

// leftOut names the field of ordered contexts that rankings leave out: none of running text.
func (d *Dataset) leftOut() string {
	if d.Text {
		return ""
	}
	return seenField
}

// seen returns the items of each user's events of the first known parts, ascending.
func (d *Dataset) seen(known int) *Field {
	lo, hi, item := d.Histories.among(known)
	f := newField(seenField, d.Items, d.Users)
	var own []int32
	for u := range d.Users {
		own = append(own[:0], item[lo[u]:hi[u]]...)
		slices.Sort(own)
		f.add(u, slices.Compact(own))
	}
	return &f
}

// orderedContexts returns a row for each user, with the last events of the first known
// parts.
func (d *Dataset) orderedContexts(known, recent int) *Frame {
	lo, hi, item := d.Histories.among(known)
	views := make([]view, d.Users)
	for u := range views {
		views[u] = view{u, max(lo[u], hi[u]-recent), hi[u]}
	}
	return d.frameOf(item, views, known)
}

// rankOrdered is Rank of tasks whose histories are in order: the events of a split follow
// on what the user did before it, and those of train are ranked by the last one. Of running
// text every word is ranked that another precedes.
func rankOrdered(v Values, d *Dataset, split string) (*Examples, error) {
	if d != nil && d.Text && d.Histories != nil {
		return rankText(d, split, recent(v), 0)
	}
	return rankEvents(d, split, recent(v))
}

// rankEvents is rankOrdered of users' histories, of which a context has the recent last events.
func rankEvents(d *Dataset, split string, recent int) (*Examples, error) {
	part, err := splitNumber(split)
	if err = errors.Join(err, d.wantHistories()); err != nil {
		return nil, err
	}
	e := &Examples{Sequence: historyField, Targets: Targets{Ptr: []int32{0}}}
	add := func(u int, items []int32) {
		e.Row = append(e.Row, int32(u))
		e.Targets.Class = append(e.Targets.Class, items...)
		e.Targets.Ptr = append(e.Targets.Ptr, int32(len(e.Targets.Class)))
	}
	if part > 0 {
		e.Context, e.Seen = d.orderedContexts(part, recent), seenField
		h := d.Histories
		var own []int32
		for u := range d.Users {
			own = own[:0]
			for p := h.ptr[u]; p < h.ptr[u+1]; p++ {
				if int(h.part(p)) == part {
					own = append(own, h.item[p])
				}
			}
			if slices.Sort(own); len(own) > 0 {
				add(u, slices.Compact(own))
			}
		}
		return e, nil
	}
	lo, hi, item := d.Histories.among(1)
	views := make([]view, d.Users)
	for u := range views {
		last := max(lo[u], hi[u]-1)
		views[u] = view{u, max(lo[u], last-recent), last}
		if last > lo[u] && !d.IsHeld(u) {
			add(u, item[last:hi[u]])
		}
	}
	e.Context = d.frameOf(item, views, 1)
	return e, nil
}

// eachTrained calls f with the train events of each user who has two or more of them and
// is not held out: from lo up to hi of item, which it returns.
func (d *Dataset) eachTrained(f func(u, lo, hi int)) (item []int32) {
	lo, hi, item := d.Histories.among(1)
	for u := range d.Users {
		if hi[u]-lo[u] > 1 && !d.IsHeld(u) {
			f(u, lo[u], hi[u])
		}
	}
	return item
}

var errNoNext = errors.New("no user has two events to train on, one of which follows the other")
