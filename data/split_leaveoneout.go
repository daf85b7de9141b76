package data

import (
	"cmp"
	"fmt"
	"slices"
)

// leaveOneOut gives each user's last pair to test and the one before to valid.
type leaveOneOut struct{ seed uint64 }

func init() {
	RegisterSplit(SplitKind{
		Name:     "leave-one-out",
		Usage:    "leave-one-out[:seed=N]",
		Doc:      "each user's last pair by time to test, the one before to valid; equal or absent times fall by lot (seed 1)",
		Examples: []string{"leave-one-out:seed=1"},
		New: func(a *Args) (Splitter, error) {
			seed, err := a.Uint("seed", 1)
			return leaveOneOut{seed}, err
		},
	})
}

func (l leaveOneOut) String() string { return fmt.Sprintf("leave-one-out:seed=%d", l.seed) }

// Split keeps a user with one pair in train, and gives one of two to test.
func (l leaveOneOut) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	all, err := d.All()
	if err != nil {
		return nil, nil, nil, err
	}
	part := make([]uint8, all.Len())
	for u := range all.Users() {
		lo, m := all.ptr[u], len(all.Of(u))
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
