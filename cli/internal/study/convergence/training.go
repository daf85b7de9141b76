package convergence

import (
	"context"
	"errors"
	"math"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
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
	if err := set.Validate(); err != nil {
		return nil, err
	}
	var all []Trace
	for _, text := range texts {
		if ctx.Err() != nil {
			break
		}
		b, err := losses.Parse(text)
		if err != nil {
			return nil, err
		}
		c := cfg
		c.Loss = b.String()
		if b.Spec.Domain == losses.Cosines { // such losses scale cosines themselves
			c.Model.Score, c.Model.Temperature, c.Model.Bias = string(models.Cosine), 1, false
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
	if head, err := models.ParseHead(t.Plan.Config.Candidates); err != nil || head.Spec.Name != "all" {
		return math.NaN(), err
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
	class, err := t.ClassScores()
	if err != nil {
		return 0, err
	}
	d := class.Dim
	h, err := t.Encode(users)
	if err != nil {
		return 0, err
	}
	classes := set.Items
	z, dz := make([]float32, classes), make([]float32, classes)
	work := make([]float32, b.Analytic.F32.WorkLen(classes))
	count := 0
	for i, u := range users {
		scores(z, h[i*d:(i+1)*d], class)
		pos := set.Train.ItemsOf(int(u))
		weight := make([]float32, len(pos))
		for j := range weight {
			weight[j] = 1 / float32(len(pos))
		}
		b.Analytic.F32.Eval(dz, z, losses.Target[float32]{Pos: pos, Weight: weight}, work)
		for _, g := range dz {
			if g != 0 {
				count++
			}
		}
	}
	return float64(count) / float64(len(users)), nil
}

// scores stores in z the scores of all classes for the encoding h.
func scores(z, h []float32, class *models.ClassScores) {
	d := class.Dim
	hNorm := 1.0
	if class.Cosine {
		hNorm = norm(h)
	}
	for j := range z {
		var s float64
		for i, x := range class.W[j*d : (j+1)*d] {
			s += float64(h[i]) * float64(x)
		}
		s /= hNorm * class.Temperature
		if class.Bias != nil {
			s += float64(class.Bias[j])
		}
		z[j] = float32(s)
	}
}

func norm(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return max(math.Sqrt(s), 1e-12)
}
