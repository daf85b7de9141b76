package models

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// CheckGradient holds the symbolic gradient of a whole model's mean loss, by every table
// that is not frozen, against central differences, in float64 and at the tables' data:
// of m and head under l, on the first rows examples of x and the first step's draws. See
// [graph.CheckGradient] for the report and the error.
func CheckGradient(m Model, head Head, l losses.Loss, x *data.Examples, classes *data.Frame, rows int, c graph.GradientCheck) ([]graph.GradientError, error) {
	if err := x.Validate(classes.Rows); err != nil {
		return nil, err
	}
	batch, err := x.First(rows)
	if err != nil {
		return nil, err
	}
	n := len(batch.Rows)
	b := graph.NewBuilder[float64]()
	g := NewCheck(b, x.Context, n, classes)
	h, err := Encode(g, m)
	if err != nil {
		return nil, err
	}
	attached, err := head.Attach(g, m, h, l, max(len(batch.Targets.Class), 1))
	if err != nil {
		return nil, err
	}
	cost, err := graph.MeanRows(attached.Loss(), attached.Targets())
	if err != nil {
		return nil, err
	}
	if err := g.Contexts.Fill(batch.Rows); err != nil {
		return nil, err
	}
	if err := attached.Set(0, batch); err != nil {
		return nil, err
	}
	p, err := b.Train(cost)
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
