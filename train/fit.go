package train

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// FitOptions say how Fit trains. The zero value of a field is its default.
type FitOptions struct {
	Epochs    int     // passes over the examples; default 40
	Batch     int     // rows of a step; default 128
	Positions int     // as that of TrainConfig; default 0: Batch decides
	Optimizer string  // an optimizer's text; default "adam:lr=0.01,mode=dense"
	Schedule  string  // a learning-rate schedule's text; default "constant"
	L2        string  // the text of an optim.Penalty, as that of TrainConfig; default "0"
	Decay     string  // another; default "0"
	Dropout   float64 // of encodings, as that of TrainConfig; default 0
	Clip      float64 // most that the norm of a step's gradient may be; default 0: any
	Seed      uint64  // of the first weights, the order of batches, draws and dropout

	// Weight is what counts as one in the mean loss over rows; default data.ByInteraction.
	// What an example weighs itself is multiplied: see data.Examples.Weighted.
	Weight data.RowWeight

	// Observe, if set, is told of each epoch after it, without metrics: Valid is nil.
	Observe func(e *EpochDone)
}

// Fit trains objects, as Run trains what a configuration names: m and head under l on
// the examples x over classes. Tables without data are made, by their Init and the seed;
// those that have data go on from it. Cancelling ctx ends it after the step under way,
// with ctx's error. The same arguments give the same bits at any GOMAXPROCS.
//
// If the loss or a gradient becomes NaN or infinite, the error says where, and the
// tables are undefined.
func Fit(ctx context.Context, m models.Model, head models.Head, l losses.Loss, x *data.Examples, classes *data.Frame, o FitOptions) (*Recommender, error) {
	if m == nil || head == nil || x == nil || classes == nil || l.Spec == nil {
		return nil, errors.New("train: fit: the model, the head, the loss, the examples or the classes are missing")
	}
	set(&o.Epochs, 40)
	set(&o.Batch, 128)
	set(&o.Optimizer, "adam:lr=0.01,mode=dense")
	set(&o.Schedule, "constant")
	set(&o.L2, "0")
	set(&o.Decay, "0")
	set(&o.Weight, data.ByInteraction)
	for _, n := range []struct {
		name  string
		value int
	}{{"Epochs", o.Epochs}, {"Batch", o.Batch}} {
		if n.value < 1 || n.value > maxCount {
			return nil, fmt.Errorf("train: fit: %s is %d; want 1 to %d", n.name, n.value, maxCount)
		}
	}
	if o.Positions < 0 || o.Positions > maxCount {
		return nil, fmt.Errorf("train: fit: Positions is %d; want 0 to %d", o.Positions, maxCount)
	}
	if b := bounds["train.dropout"]; !b.holds(o.Dropout) {
		return nil, fmt.Errorf("train: fit: Dropout is %v; want %s", o.Dropout, b)
	}
	if b := bounds["train.clip"]; !b.holds(o.Clip) {
		return nil, fmt.Errorf("train: fit: Clip is %v; want %s", o.Clip, b)
	}
	if err := errors.Join(classes.Validate(), x.Validate(classes.Rows)); err != nil {
		return nil, fmt.Errorf("train: fit: %w", err)
	}
	t := training{loss: l, size: o.Batch, positions: o.Positions, epochs: o.Epochs, seed: o.Seed, dropout: o.Dropout, clip: o.Clip}
	var err error
	if t.examples, err = x.Weighted(o.Weight); err != nil {
		return nil, fmt.Errorf("train: fit: %w", err)
	}
	if t.l2, err = optim.ParsePenalty(o.L2); err != nil {
		return nil, fmt.Errorf("train: fit: L2: %w", err)
	}
	if t.decay, err = optim.ParsePenalty(o.Decay); err != nil {
		return nil, fmt.Errorf("train: fit: Decay: %w", err)
	}
	if t.optimizer, err = optim.Parse(o.Optimizer); err != nil {
		return nil, fmt.Errorf("train: fit: %w", err)
	}
	if t.schedule, err = optim.ParseSchedule(o.Schedule); err != nil {
		return nil, fmt.Errorf("train: fit: %w", err)
	}
	if t.of, err = newRecommender(m, head, l, x.Context, classes); err != nil {
		return nil, fmt.Errorf("train: fit: %w", err)
	}
	t.of.initialise(o.Seed)
	g, err := newGradientOf(t)
	if err != nil {
		return nil, fmt.Errorf("train: fit: %w", err)
	}
	return t.of, errors.Join(g.fit(ctx, o.Observe), g.close())
}

// fit does all epochs.
func (g *gradient) fit(ctx context.Context, observe func(e *EpochDone)) error {
	for epoch := range g.epochs {
		done := &EpochDone{Epoch: epoch + 1}
		weight := 0.0
		for i := range g.steps() {
			if err := ctx.Err(); err != nil {
				return err
			}
			o, err := g.step(ctx, epoch, i)
			if err != nil {
				return fmt.Errorf("train: fit: epoch %d, step %d of %d: %w", epoch+1, i+1, g.steps(), err)
			}
			done.Loss += o.loss * o.weight
			done.GradNorm += o.gradNorm / float64(g.steps())
			if o.clipped {
				done.Clipped += 1 / float64(g.steps())
			}
			weight += o.weight
		}
		done.Loss /= weight
		if math.IsNaN(done.Loss) {
			return fmt.Errorf("train: fit: epoch %d: the mean loss is no number", epoch+1)
		}
		if observe != nil {
			done.Scalars = g.of.Scalars()
			observe(done)
		}
	}
	if err := g.of.finite(); err != nil {
		return fmt.Errorf("train: fit: %w", err)
	}
	return nil
}
