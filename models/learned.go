package models

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// A trainedLoss is the loss that a head is trained under, with the tables of its learned
// parameters, such as the alpha of "entmax:alpha=learned": each is a [graph.Scalar]'s,
// "loss-" and the parameter's name, which holds the parameter itself.
type trainedLoss struct {
	loss   losses.Loss
	tables []*Table
}

// newLoss returns the loss of a head. Its tables have no data yet.
func (s HeadSetting) newLoss() (l trainedLoss, err error) {
	l.loss = s.Loss
	for _, p := range s.Loss.Learned() {
		t, err := graph.NewScalar[float32]("loss-"+p.Name, p.Start, graph.Scalar{Name: p.Name, Least: p.Min, Most: p.Max})
		if err != nil {
			return l, fmt.Errorf("models: %s: %w", s.Loss, err)
		}
		l.tables = append(l.tables, t)
	}
	return l, nil
}

// in returns l as g trains it: that of the head, unless it has no learned parameters.
func (t trainedLoss) in(g *Graph, l losses.Loss) (losses.Loss, error) {
	if len(l.Learned()) == 0 {
		return l, nil
	}
	if l.String() != t.loss.String() {
		return l, fmt.Errorf("models: a head that was made for loss %s does not train %s, whose parameters are learned: make it with the loss that it is attached to", t.loss, l)
	}
	var params []*gorgonia.Node
	for _, table := range t.tables {
		params = append(params, g.vector(table))
	}
	err := g.err()
	if err == nil {
		l.Analytic, err = l.Trained(params...)
	}
	return l, err
}

// now returns the loss with its learned parameters as they are: by which decisions rank.
func (t trainedLoss) now() losses.Loss {
	if len(t.tables) == 0 {
		return t.loss
	}
	var values []float64
	for _, table := range t.tables {
		values = append(values, table.Parameter())
	}
	return t.loss.At(values...)
}

// newScalars returns what of a head may be trained beside its tables: the temperature, and
// the parameters of the loss.
func (s HeadSetting) newScalars() (temperature, trainedLoss, error) {
	tau, err := s.newTemperature()
	if err != nil {
		return tau, trainedLoss{}, err
	}
	l, err := s.newLoss()
	return tau, l, err
}
