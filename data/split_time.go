package data

import (
	"errors"
	"math"
	"slices"
)

// byTime cuts all pairs at two moments, the same for every user.
type byTime struct{ frac [3]float64 }

func init() {
	RegisterSplit(SplitKind{
		Name:     "time",
		Usage:    "time:TRAIN,VALID,TEST",
		Doc:      "two global cuts in time, at these quantiles of all pairs; pairs of one moment stay together",
		Examples: []string{"time:0.8,0.1,0.1"},
		New: func(a *Args) (Splitter, error) {
			frac, err := a.fractions()
			return byTime{frac}, err
		},
	})
}

func (b byTime) String() string { return "time:" + fractionText(b.frac) }

func (b byTime) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	all, err := d.All()
	if err != nil {
		return nil, nil, nil, err
	}
	if all.time == nil {
		return nil, nil, nil, errors.New("there are no timestamps; use one of given, ratio, leave-one-out")
	}
	sorted := slices.Sorted(slices.Values(all.time))
	// The first moment that no longer belongs to the part: the pair at the
	// quantile, and every pair of its moment, is the next part's.
	cut := func(q float64) (moment int64, open bool) {
		n := int(math.Floor(q*float64(len(sorted)) + 0.5))
		if n >= len(sorted) {
			return 0, true
		}
		return sorted[n], false
	}
	validFrom, noValid := cut(b.frac[0])
	testFrom, noTest := cut(b.frac[0] + b.frac[1])
	part := make([]uint8, all.Len())
	for p, t := range all.time {
		switch {
		case !noTest && t >= testFrom:
			part[p] = 2
		case !noValid && t >= validFrom:
			part[p] = 1
		}
	}
	train, valid, test = partition(all, part)
	return train, valid, test, nil
}
