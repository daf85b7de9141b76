package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// given keeps the splits that the source came with. With carve it takes valid out of
// each user's train pairs, for sources that have no valid file: the share frac, rounded
// by one of two rules; or that share of the points, where users are points.
type given struct {
	carve string // "valid", "hold", "points" or ""
	frac  float64
	seed  uint64
}

func init() {
	RegisterSplit(SplitKind{
		Name:  "given",
		Usage: "given[:valid=FRACTION|hold=FRACTION|points=FRACTION[,seed=N]]",
		Doc: "the files' own splits; where there is no valid file, FRACTION of each user's m train pairs becomes valid, drawn at random (seed 1): " +
			"valid rounds m·FRACTION to the nearest, hold rounds it down but takes at least one (of a user with more than one); one always stays in train; " +
			"points takes FRACTION of the train points, each with all its labels, where the source is one of points",
		Examples: []string{"given", "given:valid=0.1,seed=1", "given:hold=0.1,seed=1", "given:points=0.1,seed=1"},
		Text:     true,
		New:      newGiven,
	})
}

func newGiven(a *Args) (Splitter, error) {
	var g given
	for _, name := range []string{"valid", "hold", "points"} {
		if _, asked := a.named[name]; !asked {
			continue
		}
		if g.carve != "" {
			return nil, fmt.Errorf("%s and %s are two ways to the same; give one of them", g.carve, name)
		}
		g.carve = name
		var err error
		if g.frac, err = a.Float(name, 0); err != nil {
			return nil, err
		}
		if !(0 < g.frac && g.frac < 1) {
			return nil, fmt.Errorf("%s=%g is outside (0,1)", name, g.frac)
		}
	}
	if g.carve == "" { // a seed would have no effect, and is left over
		a.asked = append(a.asked, "valid", "hold", "points")
		return g, nil
	}
	var err error
	g.seed, err = a.Uint("seed", 1)
	return g, err
}

func (g given) String() string {
	if g.carve == "" {
		return "given"
	}
	return fmt.Sprintf("given:%s=%s,seed=%d", g.carve, strconv.FormatFloat(g.frac, 'g', -1, 64), g.seed)
}

func (g given) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	if err := d.Validate(); err != nil {
		return nil, nil, nil, err
	}
	switch {
	case !d.Given && d.Points != nil: // which the other splits refuse
		return nil, nil, nil, errors.New("the source has no splits of its own; use points")
	case !d.Given:
		return nil, nil, nil, errors.New("the source has no splits of its own; use one of ratio, leave-one-out, time, cold-items")
	case g.carve == "":
		return d.Train, d.Valid, d.Test, nil
	case d.has(1):
		return nil, nil, nil, errors.New("the source has a valid file; use given")
	case g.carve == "points":
		return splitByPoints(d, g)
	}
	var part []uint8
	if g.carve == "hold" {
		part = userParts(d.Train, g.seed, func(m int) (valids, tests int) {
			return min(max(int(math.Floor(float64(m)*g.frac)), 1), m-1), 0
		})
	} else {
		part = ratioParts(d.Train, [3]float64{1 - g.frac, g.frac, 0}, g.seed)
	}
	train, valid, _ = partition(d.Train, part)
	return train, valid, d.Test, nil
}

// splitPoints keeps the files' parts, but where valid is taken out of the points of train.
func (g given) splitPoints(d *Dataset) ([]uint8, error) {
	if g.carve == "" {
		return d.Points, nil
	}
	if g.carve != "points" {
		return nil, fmt.Errorf("%s takes items of each user, and the users of %s are points with labels; a point has all its labels in one part: use given:points=%g", g.carve, d.Name, g.frac)
	}
	var train []int
	for u, part := range d.Points {
		if part == 0 {
			train = append(train, u)
		}
	}
	return drawnPoints(slices.Clone(d.Points), train, [2]float64{g.frac, 0}, g.seed), nil
}

// splitEvents keeps the files' parts, but where valid is taken out of train.
func (g given) splitEvents(parts []uint8, _ []int32, pair []uint8) {
	for k, part := range parts {
		if part == 0 && g.carve != "" {
			parts[k] = min(pair[k], 1)
		}
	}
}

func (given) Notes(_, _, _ *Interactions) []string { return nil }
