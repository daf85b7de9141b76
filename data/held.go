package data

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Held says which users are held out of training altogether: a share of those who have
// pairs to train on, drawn user by user. Their train pairs go to Dataset.Known, which is
// what a model that reads histories is told of them when their valid and test pairs are
// ranked. Nothing that is learned or counted in training knows them. The zero value
// holds nobody.
type Held struct {
	Share float64 // in (0,1); 0 holds nobody
	Seed  uint64  // of the draw
}

// ParseHeld reads "SHARE[,seed=N]", such as "0.1" (seed 1) or "0.1,seed=7"; "" is the zero
// value.
func ParseHeld(text string) (h Held, err error) {
	if strings.TrimSpace(text) == "" {
		return h, nil
	}
	a, err := parseArgs(text)
	if err == nil {
		if h.Share, err = parseFinite("the share", a.Next()); err == nil {
			if h.Seed, err = a.Uint("seed", 1); err == nil {
				err = a.unused()
			}
		}
	}
	if err == nil && !(h.Share > 0 && h.Share < 1) {
		err = fmt.Errorf("the share %g is outside (0,1)", h.Share)
	}
	if err != nil {
		return Held{}, fmt.Errorf("data: held users %q: %w; usage: SHARE[,seed=N], as in 0.1", text, err)
	}
	return h, nil
}

// String returns the canonical text; ParseHeld of it equals h.
func (h Held) String() string {
	if h == (Held{}) {
		return ""
	}
	return strconv.FormatFloat(h.Share, 'g', -1, 64) + ",seed=" + strconv.FormatUint(h.Seed, 10)
}

// Apply returns d, which has a split, with these users held out. It fails where it would
// hold nobody, or everybody.
func (h Held) Apply(d *Dataset) (*Dataset, error) {
	if h == (Held{}) {
		return d, nil
	}
	if err := d.Validate(); err != nil {
		return nil, err
	}
	if d.Points != nil {
		return nil, fmt.Errorf("data: the users of %s are points, which a split holds out: %s", d.Name, pointSplits)
	}
	if err := d.refuseText("held users " + h.String()); err != nil {
		return nil, err
	}
	if d.Known != nil {
		return nil, errors.New("data: the dataset has users held out already")
	}
	held := make([]bool, d.Users)
	for u := range held {
		// Another stream than userRand's, by which splits divide.
		held[u] = rand.New(rand.NewPCG(h.Seed, ^mix(uint64(u)))).Float64() < h.Share
	}
	e := *d
	e.Train = d.Train.Filter(d.Train.ofUsers(func(u int) bool { return !held[u] }))
	e.Known = d.Train.Filter(d.Train.ofUsers(func(u int) bool { return held[u] }))
	if e.Train.Len() == 0 || e.Known.Len() == 0 {
		return nil, fmt.Errorf("data: holding a share of %g of the users of %s with seed %d leaves %d of %d pairs to train on; choose another share or seed",
			h.Share, d.Name, h.Seed, e.Train.Len(), d.Train.Len())
	}
	return &e, nil
}

// ofUsers returns what Filter takes to keep the pairs of users that keep says, for one
// call of it.
func (x *Interactions) ofUsers(keep func(u int) bool) func(p int) bool {
	u := 0
	return func(p int) bool {
		for p >= x.ptr[u+1] {
			u++
		}
		return keep(u)
	}
}

// IsHeld reports whether user u is held out of training. It panics unless u is a user.
func (d *Dataset) IsHeld(u int) bool { return d.Known != nil && len(d.Known.ItemsOf(u)) > 0 }

// before returns the sets of what is known before the split of that number of Splits.
func (d *Dataset) before(split int) []*Interactions {
	sets := []*Interactions{d.Train, d.Valid, d.Test}[:split:split]
	if d.Known != nil {
		sets = append(sets, d.Known)
	}
	return sets
}
