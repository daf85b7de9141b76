package data

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// byTime cuts all pairs at two moments, the same for every user. With lot the pairs
// of one moment, which absent times are too, are divided at random.
type byTime struct {
	frac [3]float64
	lot  bool
	seed uint64 // with lot only
}

func init() {
	RegisterSplit(SplitKind{
		Name:     "time",
		Usage:    "time:TRAIN,VALID,TEST[,ties=lot[,seed=N]]",
		Doc:      "two global cuts in time, at these quantiles of all pairs; pairs of one moment stay together, or with ties=lot equal and absent times fall by lot (seed 1)",
		Examples: []string{"time:0.8,0.1,0.1", "time:0.8,0.1,0.1,ties=lot,seed=1"},
		New: func(a *Args) (Splitter, error) {
			frac, err := a.fractions()
			if err != nil {
				return nil, err
			}
			ties, err := a.ties("lot")
			if err != nil || ties == "" { // a seed would have no effect, and is left over
				return byTime{frac: frac}, err
			}
			seed, err := a.Uint("seed", 1)
			return byTime{frac, true, seed}, err
		},
	})
}

func (b byTime) String() string {
	text := "time:" + fractionText(b.frac)
	if b.lot {
		text += fmt.Sprintf(",ties=lot,seed=%d", b.seed)
	}
	return text
}

func (b byTime) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	all, err := d.All()
	if err != nil {
		return nil, nil, nil, err
	}
	switch {
	case all.time == nil && !b.lot:
		return nil, nil, nil, errors.New(d.withoutTimes() + "; " + orderHint + "add ties=lot to divide the pairs by lot, or use one of given, ratio")
	case d.Places:
		return nil, nil, nil, errors.New("the places of a sequence are no times that users share; use leave-one-out, or one of given, ratio")
	}
	part := make([]uint8, all.Len())
	n := len(part)
	quantile := func(q float64) int { return min(int(math.Floor(q*float64(n)+0.5)), n) }
	validAt, testAt := quantile(b.frac[0]), quantile(b.frac[0]+b.frac[1])
	if b.lot {
		order := rand.New(rand.NewPCG(b.seed, mix(0))).Perm(n)
		if all.time != nil {
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(all.time[a], all.time[b]) })
		}
		for k, p := range order {
			switch {
			case k >= testAt:
				part[p] = 2
			case k >= validAt:
				part[p] = 1
			}
		}
		train, valid, test = partition(all, part)
		return train, valid, test, nil
	}
	// A cut at k pairs is the first moment that no longer belongs to the part: the
	// pair at the quantile, and every pair of its moment, is the next part's.
	sorted := slices.Sorted(slices.Values(all.time))
	for p, t := range all.time {
		switch {
		case testAt < n && t >= sorted[testAt]:
			part[p] = 2
		case validAt < n && t >= sorted[validAt]:
			part[p] = 1
		}
	}
	train, valid, test = partition(all, part)
	return train, valid, test, nil
}

// splitEvents has an event that happened again belong where the next one does that no
// later one repeats, which is as late or later: its own time is not kept.
func (byTime) splitEvents(parts []uint8, items []int32, pair []uint8) {
	later := map[int32]bool{}
	next := uint8(0)
	for k := len(items) - 1; k >= 0; k-- {
		if !later[items[k]] {
			later[items[k]], next = true, pair[k]
		}
		parts[k] = next
	}
}

// Notes says where the lot divided pairs of one moment.
func (b byTime) Notes(train, valid, test *Interactions) []string {
	if !b.lot {
		return nil
	}
	var before *Interactions
	tied := false
	for _, x := range []*Interactions{train, valid, test} {
		if x.Len() == 0 {
			continue
		}
		if x.time == nil {
			return []string{"time: there are no timestamps; all pairs fell by lot"}
		}
		if before != nil {
			_, most := before.span(0, before.Len())
			least, _ := x.span(0, x.Len())
			tied = tied || most == least
		}
		before = x
	}
	if tied {
		return []string{"time: the pairs of a moment that a cut falls on were divided by lot"}
	}
	return nil
}
