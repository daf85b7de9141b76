package data

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// leaveOneOut gives each user's last pair to test and the one before to valid.
// Equal times fall by lot, which Notes counts; with lot, absent ones do too, and with
// file the order of the files decides.
type leaveOneOut struct {
	seed      uint64
	lot, file bool
}

// orderHint says how a file whose lines are in the order of time is read as such.
const orderHint = "where the order of a line is that of time, read it as --format sequence (--from of data convert and data split); "

func init() {
	RegisterSplit(SplitKind{
		Name:     "leave-one-out",
		Usage:    "leave-one-out[:seed=N][,ties=lot|file]",
		Doc:      "each user's last pair by time to test, the one before to valid; equal times fall by lot (seed 1), and with ties=lot absent ones do; with ties=file the order of the files decides",
		Examples: []string{"leave-one-out:seed=1", "leave-one-out:seed=1,ties=lot", "leave-one-out:seed=1,ties=file"},
		New: func(a *Args) (Splitter, error) {
			seed, err := a.Uint("seed", 1)
			if err != nil {
				return nil, err
			}
			ties, err := a.ties("lot", "file")
			return leaveOneOut{seed, ties == "lot", ties == "file"}, err
		},
	})
}

func (l leaveOneOut) String() string {
	text := fmt.Sprintf("leave-one-out:seed=%d", l.seed)
	switch {
	case l.lot:
		text += ",ties=lot"
	case l.file:
		text += ",ties=file"
	}
	return text
}

// Split keeps a user with one pair in train, and gives one of two to test.
func (l leaveOneOut) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	all, err := d.All()
	if err != nil {
		return nil, nil, nil, err
	}
	if all.time == nil && !l.lot {
		return nil, nil, nil, errors.New(d.withoutTimes() + " to say which pair is the last; " + orderHint +
			"add ties=lot to draw it by lot, or use one of given, ratio")
	}
	part := make([]uint8, all.Len())
	if l.file && d.Histories == nil {
		return nil, nil, nil, errors.New("the order of the files is not known; leave ties=file out")
	}
	if l.file {
		l.byFile(part, all, d.Histories)
		train, valid, test = partition(all, part)
		return train, valid, test, nil
	}
	for u := range all.Users() {
		lo, m := all.ptr[u], len(all.ItemsOf(u))
		if m < 2 {
			continue
		}
		// A random order first, then a stable sort: ties fall by lot. By id they
		// would favour one end of the catalogue.
		order := userRand(l.seed, u).Perm(m)
		if all.time != nil {
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(all.time[lo+a], all.time[lo+b]) })
		}
		part[lo+order[m-1]] = 2
		if m > 2 {
			part[lo+order[m-2]] = 1
		}
	}
	train, valid, test = partition(all, part)
	return train, valid, test, nil
}

// byFile divides pairs by the order of events.
func (leaveOneOut) byFile(part []uint8, all *Interactions, h *Histories) {
	for u := range all.Users() {
		mine := all.ItemsOf(u)
		if len(mine) < 2 {
			continue
		}
		left := min(len(mine)-1, 2) // pairs that leave train
		last := int32(-1)
		for give := uint8(2); left > 0; left-- {
			events := h.Of(u)
			k := len(events) - 1
			for events[k] == last { // the pair that was given before
				k--
			}
			at, _ := slices.BinarySearch(mine, events[k])
			part[all.ptr[u]+at] = give
			last, give = events[k], give-1
		}
	}
}

// splitEvents gives the last event to test, and the one before to valid.
func (leaveOneOut) splitEvents(parts []uint8, _ []int32, _ []uint8) {
	clear(parts)
	n := len(parts)
	if n > 1 {
		parts[n-1] = 2
	}
	if n > 2 {
		parts[n-2] = 1
	}
}

// Notes counts the users of whom two sets have pairs of one moment.
func (l leaveOneOut) Notes(train, valid, test *Interactions) []string {
	if l.file {
		return nil
	}
	drawn, of := 0, 0
	for u := range test.users {
		if len(test.ItemsOf(u)) == 0 {
			continue
		}
		of++
		if test.time == nil {
			drawn++
			continue
		}
		last, tied := test.time[test.ptr[u]], false
		for _, x := range []*Interactions{valid, train} {
			if len(x.ItemsOf(u)) > 0 {
				_, most := x.span(x.ptr[u], x.ptr[u+1])
				tied = tied || most == last
				last = most
			}
		}
		if tied {
			drawn++
		}
	}
	switch {
	case of > 0 && test.time == nil:
		return []string{fmt.Sprintf("leave-one-out: there are no timestamps; the last pairs of all %s fell by lot", words.Count(of, "user"))}
	case drawn > 0:
		return []string{fmt.Sprintf("leave-one-out: of %d of %s pairs have equal timestamps, and the lot told the last from the others", drawn, words.Count(of, "user"))}
	}
	return nil
}
