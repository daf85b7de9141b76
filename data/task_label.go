package data

import (
	"errors"
)

// label is the task of points: what is to be labelled by what it is, not by what it had
// before. Points of valid and test are in no row of training, and nothing is left out of
// their rankings. Those without labels train nothing, and are ranked all the same: metrics
// that count all points take them.
func init() {
	RegisterTask(TaskSpec{
		Name:       "label",
		Doc:        "a row is a point, known by its features alone, whose target is all its labels at the same weight",
		ByFeatures: true,
		Train: func(_ Values, d *Dataset) (*Examples, error) {
			if err := d.wantPoints(); err != nil {
				return nil, err
			}
			e := &Examples{Context: d.featureContexts()}
			e.Row, e.Targets = d.Train.targets()
			return e, nil
		},
		Rank: func(_ Values, d *Dataset, split string) (*Examples, error) {
			part, err := splitNumber(split)
			if err = errors.Join(err, d.wantPoints()); err != nil {
				return nil, err
			}
			x := d.Parts()[part].Interactions
			e := &Examples{Context: d.featureContexts(), Targets: Targets{Ptr: []int32{0}, Class: x.item}}
			for u, of := range d.Points {
				if int(of) == part {
					e.Row, e.Targets.Ptr = append(e.Row, int32(u)), append(e.Targets.Ptr, int32(x.ptr[u+1]))
				}
			}
			return e, nil
		},
	})
}

// wantPoints returns an error of a set whose users are no points.
func (d *Dataset) wantPoints() error {
	if d == nil || d.Points == nil {
		return errors.New("the set has no points with labels, as files of format xmc have them, but users with interactions; the tasks of those are user and pair")
	}
	return nil
}
