package losses

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Learn says that a parameter may be trained with the weights, as in
// "entmax:alpha=learned,alpha-start=1.7": where it starts, and the bounds Min and Max that
// it does not leave, unless the text says otherwise by NAME-start, NAME-min and NAME-max.
type Learn = registry.Learn

// A Learned is a parameter of a loss that is trained with the weights: where it starts,
// and the bounds that it does not leave.
type Learned struct {
	Name string // of the parameter
	Learn
}

// learnedParams are the further parameters that learned ones call for.
func learnedParams(s *Spec, own Values) ([]Param, error) {
	return registry.LearnParams(s.Params, own), nil
}

// learnedLoss is newLoss of a text, whose learned parameters are held against each other,
// and are where they start.
func learnedLoss(c registry.Choice[Spec]) (Loss, error) {
	for _, p := range c.Spec.Params {
		if !c.Values.Learned(p.Name) {
			continue
		}
		how, err := c.Values.Trained(p)
		if err != nil {
			return Loss{}, fmt.Errorf("losses: %s: %w", c.Spec.Name, err)
		}
		c.Values = c.Values.Set(p.Name, how.Start)
	}
	return newLoss(c), nil
}

// Learned returns the parameters that are trained, in declared order; none of most losses.
func (l Loss) Learned() (all []Learned) {
	if l.Spec == nil {
		return nil
	}
	for _, p := range l.Spec.Params {
		if l.Values.Learned(p.Name) {
			how, err := l.Values.Trained(p)
			if err != nil { // Parse has checked it
				panic("losses: " + err.Error())
			}
			all = append(all, Learned{p.Name, how})
		}
	}
	return all
}

// At returns the loss with numbers in place of the learned parameters, in their order. It
// panics unless there are as many.
func (l Loss) At(values ...float64) Loss {
	all := l.Learned()
	if len(values) != len(all) {
		panic(fmt.Sprintf("losses: %d values of the %d learned parameters of %s", len(values), len(all), l))
	}
	v := l.Values
	for i, p := range all {
		v = v.Fix(p.Name, values[i])
	}
	return l.Spec.Bind(v)
}

// Trained returns the form that trains the learned parameters: params are their nodes [1],
// in order, of the graph that the form is used in. It has no closed form, so that a step
// takes a multiple of the time of one of the loss with a number in their place. See
// [graph.FromTrained].
func (l Loss) Trained(params ...*gorgonia.Node) (graph.Analytic, error) {
	all := l.Learned()
	if len(all) == 0 || len(params) != len(all) {
		return graph.Analytic{}, fmt.Errorf("losses: %s has %d learned parameters, and is given %d nodes", l, len(all), len(params))
	}
	if slices.Contains(params, nil) {
		return graph.Analytic{}, fmt.Errorf("losses: %s: the node of a learned parameter is nil", l)
	}
	form := graph.FromTrained(l.String(), func(z *gorgonia.Node, t *graph.Targets, params []*gorgonia.Node) (*gorgonia.Node, error) {
		at := map[string]*gorgonia.Node{}
		for i, p := range all {
			at[p.Name] = params[i]
		}
		return l.Spec.Trained(l.Values, at, z, t)
	}, params...)
	form.ShiftInvariant = l.Analytic.ShiftInvariant
	return form, nil
}
