package data

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// coldItems divides items, each with all its pairs: those of valid and of test are cold,
// since train has nothing of them.
type coldItems struct {
	frac [3]float64
	time bool // the items that came last, in place of a lot
	seed uint64
}

func init() {
	RegisterSplit(SplitKind{
		Name:     "cold-items",
		Usage:    "cold-items:TRAIN,VALID,TEST[,seed=N|,by=time]",
		Doc:      "by items, each with all its pairs, so that train has nothing of those of valid and of test: by lot (seed 1), or with by=time those to test whose first pair came last; for eval.items=cold",
		Examples: []string{"cold-items:0.8,0.1,0.1,seed=1", "cold-items:0.8,0.1,0.1,by=time"},
		New: func(a *Args) (Splitter, error) {
			frac, err := a.fractions()
			if err != nil {
				return nil, err
			}
			by, given := a.Take("by")
			switch {
			case given && by != "time" && by != "lot":
				return nil, fmt.Errorf("by=%s is no choice; the choices are lot, time", by)
			case by == "time": // a seed would have no effect, and is left over
				return coldItems{frac: frac, time: true}, nil
			}
			seed, err := a.Uint("seed", 1)
			return coldItems{frac: frac, seed: seed}, err
		},
	})
}

func (c coldItems) String() string {
	if c.time {
		return "cold-items:" + fractionText(c.frac) + ",by=time"
	}
	return fmt.Sprintf("cold-items:%s,seed=%d", fractionText(c.frac), c.seed)
}

func (c coldItems) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	all, err := d.All()
	if err != nil {
		return nil, nil, nil, err
	}
	switch {
	case c.time && all.time == nil:
		return nil, nil, nil, errors.New(d.withoutTimes() + "; leave out by=time to divide the items by lot")
	case c.time && d.Places:
		return nil, nil, nil, errors.New("the places of a sequence are no times that users share; leave out by=time to divide the items by lot")
	}
	// Items without a pair are in no part.
	var order []int32
	first := make([]int64, d.Items)
	for i, n := range all.ItemCounts() {
		if first[i] = math.MaxInt64; n > 0 {
			order = append(order, int32(i))
		}
	}
	if c.time {
		for p, t := range all.time {
			first[all.item[p]] = min(first[all.item[p]], t)
		}
		slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(first[a], first[b]) })
	} else {
		rng := rand.New(rand.NewPCG(c.seed, mix(1)))
		rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	}
	part := make([]uint8, d.Items)
	n := float64(len(order))
	validAt, testAt := int(math.Floor(c.frac[0]*n+0.5)), int(math.Floor((c.frac[0]+c.frac[1])*n+0.5))
	for k, i := range order {
		switch {
		case k >= testAt:
			part[i] = 2
		case k >= validAt:
			part[i] = 1
		}
	}
	parts := make([]uint8, all.Len())
	for p, i := range all.item {
		parts[p] = part[i]
	}
	train, valid, test = partition(all, parts)
	return train, valid, test, nil
}

// Notes is nil: nothing is left to chance that the text does not say.
func (c coldItems) Notes(_, _, _ *Interactions) []string { return nil }
