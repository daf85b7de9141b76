package models

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// An Objective is the cost of a training graph: the mean loss Σwℓ/Σw of a batch's rows
// under a model and a head. Training steps along its gradient and [CheckGradient]
// checks that, so that what is checked is what is trained.
type Objective[T graph.Float] struct {
	Attached
	b         *graph.Builder[T]
	graph     *Graph
	h         *gorgonia.Node
	loss      *gorgonia.Node // the mean
	cost      *gorgonia.Node // with what Penalise adds
	places    int            // of targets
	shares    *gorgonia.Node // of the rows in the mean, nil where each has the same
	weight    []T            // of the rows of a batch; nil where each has the same
	positives *positives[T]  // of a penalty; nil without
}

// NewObjective adds to g, a graph of b, the mean loss l of m and head over batches with
// up to positions target entries, whose rows have weights of their own if weighted.
func NewObjective[T graph.Float](b *graph.Builder[T], g *Graph, m Model, head Head, l losses.Loss, positions int, weighted bool) (*Objective[T], error) {
	if head == nil {
		return nil, errNoHead
	}
	h, err := Encode(g, m)
	if err != nil {
		return nil, err
	}
	o := &Objective[T]{b: b, graph: g, h: h, places: positions}
	if o.Attached, err = head.Attach(g, m, h, l, positions); err != nil {
		return nil, err
	}
	if o.Attached == nil {
		return nil, fmt.Errorf("models: %T attached nothing and returned no error", head)
	}
	if weighted {
		o.shares, o.weight = b.Input("examples.weight", h.Shape()[0])
	}
	o.loss, err = o.mean(o.Loss())
	o.cost = o.loss
	return o, err
}

// mean returns the mean of losses [B] of the batch's rows.
func (o *Objective[T]) mean(loss *gorgonia.Node) (*gorgonia.Node, error) {
	return graph.WeightedMean(loss, o.shares, o.Targets())
}

// Cost returns what training lowers, a scalar: the mean loss, and what Penalise has added.
func (o *Objective[T]) Cost() *gorgonia.Node { return o.cost }

// MeanLoss returns the mean loss alone, a scalar; without a penalty it is the cost.
func (o *Objective[T]) MeanLoss() *gorgonia.Node { return o.loss }

// Set prepares the next run for a batch, its rows, weights and targets; step counts as
// that of [Attached].
func (o *Objective[T]) Set(step int, batch *data.Batch) error {
	if (batch.Weight != nil) != (o.weight != nil) {
		return fmt.Errorf("models: a batch of %d rows and %d weights for an objective with weights: %t", batch.Len(), len(batch.Weight), o.weight != nil)
	}
	if batch.Weight != nil && len(batch.Weight) != batch.Len() {
		return fmt.Errorf("models: a batch of %d rows and %d weights", batch.Len(), len(batch.Weight))
	}
	if err := o.graph.Contexts.FillBatch(batch); err != nil {
		return err
	}
	for i, w := range batch.Weight {
		o.weight[i] = T(w)
	}
	if o.positives != nil {
		o.positives.fill(batch)
	}
	return o.Attached.Set(step, batch)
}
