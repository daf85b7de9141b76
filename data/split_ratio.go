package data

import (
	"fmt"
	"math"
)

// ratio divides each user's pairs at random.
type ratio struct {
	frac [3]float64
	seed uint64
}

func init() {
	RegisterSplit(SplitKind{
		Name:     "ratio",
		Usage:    "ratio:TRAIN,VALID,TEST[,seed=N]",
		Doc:      "fractions of each user's pairs, drawn at random (seed 1); at least one stays in train",
		Examples: []string{"ratio:0.8,0.1,0.1,seed=1", "ratio:0.5,0,0.5,seed=7"},
		New: func(a *Args) (Splitter, error) {
			frac, err := a.fractions()
			if err != nil {
				return nil, err
			}
			seed, err := a.Uint("seed", 1)
			return ratio{frac, seed}, err
		},
	})
}

func (r ratio) String() string { return fmt.Sprintf("ratio:%s,seed=%d", fractionText(r.frac), r.seed) }

func (r ratio) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	all, err := d.All()
	if err != nil {
		return nil, nil, nil, err
	}
	train, valid, test = partition(all, ratioParts(all, r.frac, r.seed))
	return train, valid, test, nil
}

func (ratio) Notes(_, _, _ *Interactions) []string { return nil }

// ratioParts returns the part of each pair. Of a user's m pairs ⌊m·f+½⌋ go to
// test and to valid, as long as one is left for train.
func ratioParts(x *Interactions, frac [3]float64, seed uint64) []uint8 {
	return userParts(x, seed, func(m int) (valids, tests int) {
		tests = min(int(math.Floor(float64(m)*frac[2]+0.5)), m-1)
		return min(int(math.Floor(float64(m)*frac[1]+0.5)), m-1-tests), tests
	})
}

// userParts returns the part of each pair: of a user's m pairs, at least one, as many as
// count says go to valid and to test, drawn at random.
func userParts(x *Interactions, seed uint64, count func(m int) (valids, tests int)) []uint8 {
	part := make([]uint8, x.Len())
	for u := range x.Users() {
		mine := part[x.ptr[u]:x.ptr[u+1]]
		m := len(mine)
		if m == 0 {
			continue
		}
		valids, tests := count(m)
		for p := range tests {
			mine[p] = 2
		}
		for p := range valids {
			mine[tests+p] = 1
		}
		userRand(seed, u).Shuffle(m, func(a, b int) { mine[a], mine[b] = mine[b], mine[a] })
	}
	return part
}
