package models

import (
	"errors"
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// CheckGradient compares the symbolic gradient of a whole model's mean loss, by every
// table that is not frozen, with central differences, in float64 and at the tables'
// data: of m and head under l, on the first rows examples of x with their weights, and
// the first step's draws. See [graph.CheckGradient] for the report and the error.
func CheckGradient(m Model, head Head, l losses.Loss, x *data.Examples, classes *data.Frame, rows int, c graph.GradientCheck) ([]graph.GradientError, error) {
	if classes == nil {
		return nil, errors.New("models: a gradient check without a frame of classes")
	}
	if err := x.Validate(classes.Rows); err != nil {
		return nil, err
	}
	batch, err := x.First(rows)
	if err != nil {
		return nil, err
	}
	b := graph.NewBuilder[float64]()
	g := NewCheck(b, x.Context, len(batch.Rows), classes)
	o, err := NewObjective(b, g, m, head, l, max(len(batch.Targets.Class), 1), x.Weight != nil)
	if err != nil {
		return nil, err
	}
	if err := o.Set(0, batch); err != nil {
		return nil, err
	}
	p, err := b.Train(o.Cost())
	if err != nil {
		return nil, err
	}
	defer p.Close()
	report, err := graph.CheckGradient(p, c)
	if err != nil {
		return report, fmt.Errorf("models: %w", err)
	}
	return report, nil
}
