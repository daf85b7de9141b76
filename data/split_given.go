package data

import (
	"errors"
	"fmt"
	"strconv"
)

// given keeps the splits that the source came with. With valid > 0 it carves
// that share of each user's train pairs out as valid, for sources that have no
// valid file.
type given struct {
	valid float64
	seed  uint64
}

func init() {
	RegisterSplit(SplitKind{
		Name:     "given",
		Usage:    "given[:valid=FRACTION[,seed=N]]",
		Doc:      "the files' own splits; valid=FRACTION of each user's train pairs becomes valid where there is no valid file (seed 1)",
		Examples: []string{"given", "given:valid=0.1,seed=1"},
		New: func(a *Args) (Splitter, error) {
			_, asked := a.named["valid"]
			valid, err := a.Float("valid", 0)
			switch {
			case err != nil:
				return nil, err
			case asked && !(0 < valid && valid < 1):
				return nil, fmt.Errorf("valid=%g is outside (0,1)", valid)
			case !asked: // a seed would have no effect, and is left over
				return given{}, nil
			}
			seed, err := a.Uint("seed", 1)
			return given{valid, seed}, err
		},
	})
}

func (g given) String() string {
	if g.valid == 0 {
		return "given"
	}
	return fmt.Sprintf("given:valid=%s,seed=%d", strconv.FormatFloat(g.valid, 'g', -1, 64), g.seed)
}

func (g given) Split(d *Dataset) (train, valid, test *Interactions, err error) {
	if err := d.Validate(); err != nil {
		return nil, nil, nil, err
	}
	switch {
	case !d.Given:
		return nil, nil, nil, errors.New("the source has no splits of its own; use one of ratio, leave-one-out, time")
	case g.valid == 0:
		return d.Train, d.Valid, d.Test, nil
	case d.Valid.Len() > 0:
		return nil, nil, nil, errors.New("the source has a valid file; use given")
	}
	train, valid, _ = partition(d.Train, ratioParts(d.Train, [3]float64{1 - g.valid, g.valid, 0}, g.seed))
	return train, valid, d.Test, nil
}

func (given) Notes(_, _, _ *Interactions) []string { return nil }
