package data

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
)

// pointSplits names the splits that points have, where another is refused.
const pointSplits = "points:TRAIN,VALID,TEST, or, of files of their own, given or given:points=FRACTION"

// A pointSplitter says the part of each point, also of those without labels, which are in
// none of the three sets that Split returns.
type pointSplitter interface {
	Splitter
	splitPoints(d *Dataset) ([]uint8, error)
}

// pointsSplit divides points: each has all its labels in one part.
type pointsSplit struct {
	frac [3]float64
	seed uint64
}

func init() {
	RegisterSplit(SplitKind{
		Name:     "points",
		Usage:    "points:TRAIN,VALID,TEST[,seed=N]",
		Doc:      "fractions of the points, each with all its labels, drawn at random (seed 1): of sources of points, as format xmc has them",
		Examples: []string{PointSplit},
		New: func(a *Args) (Splitter, error) {
			frac, err := a.fractions()
			if err != nil {
				return nil, err
			}
			seed, err := a.Uint("seed", 1)
			return pointsSplit{frac, seed}, err
		},
	})
}

func (s pointsSplit) String() string {
	return fmt.Sprintf("points:%s,seed=%d", fractionText(s.frac), s.seed)
}

func (s pointsSplit) splitPoints(d *Dataset) ([]uint8, error) {
	all := make([]int, d.Users)
	for u := range all {
		all[u] = u
	}
	return drawnPoints(make([]uint8, d.Users), all, [2]float64{s.frac[1], s.frac[2]}, s.seed), nil
}

func (s pointsSplit) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	return splitByPoints(d, s)
}

func (pointsSplit) Notes(_, _, _ *Interactions) []string { return nil }

// drawnPoints makes ⌊n·f+½⌋ of the n points of among valid, and test, for either of the
// fractions f, at random. It returns part.
func drawnPoints(part []uint8, among []int, frac [2]float64, seed uint64) []uint8 {
	n := len(among)
	order := rand.New(rand.NewPCG(seed, mix(uint64(n)))).Perm(n)
	valids := min(int(math.Floor(float64(n)*frac[0]+0.5)), n)
	tests := min(int(math.Floor(float64(n)*frac[1]+0.5)), n-valids)
	for k, i := range order[:valids+tests] {
		part[among[i]] = 1
		if k >= valids {
			part[among[i]] = 2
		}
	}
	return part
}

// splitByPoints returns the sets of points that have these parts.
func splitByPoints(d *Dataset, s pointSplitter) (train, valid, test *Interactions, err error) {
	all, err := d.All() // it validates d
	if err != nil {
		return nil, nil, nil, err
	}
	if d.Points == nil {
		return nil, nil, nil, errors.New("it divides points with labels, and the source has users with interactions; use one of ratio, leave-one-out, time")
	}
	of, err := s.splitPoints(d)
	if err != nil {
		return nil, nil, nil, err
	}
	part, u := make([]uint8, all.Len()), 0
	for p := range part {
		for p >= all.ptr[u+1] {
			u++
		}
		part[p] = of[u]
	}
	train, valid, test = partition(all, part)
	return train, valid, test, nil
}

// dividedPoints returns which parts points have by s, nil of a set without points.
func (d *Dataset) dividedPoints(s Splitter) ([]uint8, error) {
	if d.Points == nil {
		return nil, nil
	}
	by, ok := s.(pointSplitter)
	if !ok {
		return nil, fmt.Errorf("it divides the interactions of users, and those of %s are points with labels: a point has all its labels in one part; use %s", d.Name, pointSplits)
	}
	return by.splitPoints(d)
}
