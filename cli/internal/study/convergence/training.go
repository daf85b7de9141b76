package convergence

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/bias"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// A Trace is what happened in training with one loss.
type Trace struct {
	Loss    string  `json:"loss"`
	Classes int     `json:"classes"`
	Points  []Point `json:"epochs"`
	Fault   string  `json:"fault,omitempty"` // why training ended early: the loss diverged, say
}

// A Point is one epoch of a Trace.
type Point struct {
	Epoch    int           `json:"epoch"`
	Loss     report.Number `json:"loss"`
	GradNorm report.Number `json:"grad_norm"`
	Support  report.Number `json:"support"` // mean count of gradient entries that are not 0, over a row's classes
	Seconds  report.Number `json:"seconds"`
}

// sampleRows is the number of users over which Support is a mean.
const sampleRows = 64

// Train trains cfg with each loss in turn and records loss, gradient norm and
// support after each epoch. A loss that fails to train has the error as its
// Fault; the others go on. If ctx ends, what was recorded is returned.
func Train(ctx context.Context, cfg train.Config, set *data.Dataset, texts []string) ([]Trace, error) {
	plan, err := cfg.Plan()
	if err != nil {
		return nil, err
	}
	if set, err = plan.SetOf(set); err != nil {
		return nil, err
	}
	var all []Trace
	for _, text := range texts {
		if ctx.Err() != nil {
			break
		}
		b, err := models.ParseLoss(text)
		if err != nil {
			return nil, err
		}
		c := cfg
		c.Loss = b.String()
		if b.Spec.Domain == losses.Cosines { // such losses scale cosines themselves
			c.Model.Score, c.Model.Temperature, c.Model.Bias = string(models.Cosine), "", string(models.NoBias)
		}
		trace := Trace{Loss: b.String(), Classes: set.Items}
		var trained *train.Recommender
		var fault error
		_, err = train.Run(ctx, c, set, func(e train.Event) {
			switch e := e.(type) {
			case *train.Started:
				trained = e.Trained
			case *train.EpochDone:
				p := Point{Epoch: e.Epoch, Loss: report.Number(e.Loss), GradNorm: report.Number(e.GradNorm), Seconds: report.Number(e.Seconds)}
				size, err := support(trained, set, b)
				fault = errors.Join(fault, err)
				p.Support = report.Number(size)
				trace.Points = append(trace.Points, p)
			}
		})
		if fault != nil {
			return nil, fault
		}
		if err != nil {
			trace.Fault = err.Error()
		}
		all = append(all, trace)
	}
	return all, nil
}

// support returns the mean number of classes whose gradient entry is not 0, over
// sampleRows users of the train set; NaN where the head does not score all
// classes by one table.
func support(t *train.Recommender, set *data.Dataset, b losses.Loss) (float64, error) {
	if !t.Plan.Choice.Head.Spec.Exact {
		return math.NaN(), nil
	}
	var users []int32
	for i := range sampleRows {
		u := i * set.Users / sampleRows
		if len(set.Train.ItemsOf(u)) > 0 && (len(users) == 0 || users[len(users)-1] != int32(u)) {
			users = append(users, int32(u))
		}
	}
	if len(users) == 0 {
		return math.NaN(), nil
	}
	p, err := bias.Queries(t, set, users)
	if err != nil {
		return 0, err
	}
	z, dz := make([]float64, p.C), make([]float64, p.C)
	work := make([]float64, b.Analytic.F64.WorkLen(p.C))
	count := 0
	for i, u := range users {
		p.Scores(z, p.H[i])
		pos := set.Train.ItemsOf(int(u))
		weight := make([]float64, len(pos))
		for j := range weight {
			weight[j] = 1 / float64(len(pos))
		}
		b.Analytic.F64.Eval(dz, z, losses.Target[float64]{Pos: pos, Weight: weight}, work)
		count += floats.Count(func(g float64) bool { return g != 0 }, dz)
	}
	return float64(count) / float64(len(users)), nil
}
