package data

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// leaveOneOut gives each user's last pair to test and the one before to valid.
// Equal times fall by lot, which Notes counts; with lot, absent ones do too.
type leaveOneOut struct {
	seed uint64
	lot  bool
}

func init() {
	RegisterSplit(SplitKind{
		Name:     "leave-one-out",
		Usage:    "leave-one-out[:seed=N][,ties=lot]",
		Doc:      "each user's last pair by time to test, the one before to valid; equal times fall by lot (seed 1), and with ties=lot absent ones do",
		Examples: []string{"leave-one-out:seed=1", "leave-one-out:seed=1,ties=lot"},
		New: func(a *Args) (Splitter, error) {
			seed, err := a.Uint("seed", 1)
			if err != nil {
				return nil, err
			}
			lot, err := a.ties()
			return leaveOneOut{seed, lot}, err
		},
	})
}

func (l leaveOneOut) String() string {
	text := fmt.Sprintf("leave-one-out:seed=%d", l.seed)
	if l.lot {
		text += ",ties=lot"
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
		return nil, nil, nil, errors.New("there are no timestamps to say which pair is the last; " +
			"add ties=lot to draw it by lot, or use one of given, ratio")
	}
	part := make([]uint8, all.Len())
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

// Notes counts the users of whom two sets have pairs of one moment.
func (l leaveOneOut) Notes(train, valid, test *Interactions) []string {
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
		return []string{fmt.Sprintf("leave-one-out: there are no timestamps; the last pairs of all %s fell by lot", plural(of, "user"))}
	case drawn > 0:
		return []string{fmt.Sprintf("leave-one-out: of %d of %s pairs have equal timestamps, and the lot told the last from the others", drawn, plural(of, "user"))}
	}
	return nil
}
