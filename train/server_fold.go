package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/als"
)

// foldSteps is how many steps of the run's optimizer and loss a folded row takes: as many as a
// user's row of training has in the usual number of epochs, one in each.
const foldSteps = 40

// A folding is what people are folded in with, made when the first one asks.
type folding struct {
	once   sync.Once
	err    error
	solver *als.Fold     // of a solver of factors
	class  *models.Table // [C,d] of the model, as they stay; nil where the head has its own
	mean   []float32     // encoding of the users
	norm   float64       // of their encodings, on average
	mu     sync.Mutex    // a head's sampler has one caller at a time
}

// folded returns the encoding of somebody who has these items, rising, whose context is the
// row of f: what training would have made of a row of weights of the person's own.
func (s *Server) folded(ctx context.Context, f *data.Frame, items []int32) ([]float32, error) {
	if len(items) == 0 {
		return nil, fmt.Errorf("train: %s reads no histories, and nothing can be learned of somebody without one; give at least one item, or train a model that reads histories, such as pool", s.of.named())
	}
	s.fold.once.Do(func() { s.fold.err = s.startFolding() })
	if s.fold.err != nil {
		return nil, s.fold.err
	}
	if s.fold.solver != nil {
		p, err := s.fold.solver.User(items, nil)
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		h := make([]float32, len(p))
		for k, v := range p {
			h[k] = float32(v)
		}
		return h, nil
	}
	return s.foldByGradient(ctx, f, items)
}

func (s *Server) startFolding() error {
	t := s.of
	d := t.Model.Dim()
	fold := t.Plan.solver.Spec.fold
	if _, vectored := t.Head.(models.Vectored); vectored || fold != nil {
		w, err := models.ClassVectors(t.Model, t.classes)
		if err != nil {
			return err
		}
		if fold != nil {
			s.fold.solver, err = fold(t.Plan, s.set, w)
			return err
		}
		s.fold.class = &models.Table{Name: "folded.class", Rows: len(w) / d, Dim: d, Data: w, Frozen: true}
	}
	s.fold.mean = make([]float32, d)
	rows := float32(0)
	for u := range s.set.Users {
		if len(s.set.Train.ItemsOf(u)) > 0 {
			addTo(s.fold.mean, s.h[u*d:(u+1)*d])
			s.fold.norm += norm(s.h[u*d : (u+1)*d])
			rows++
		}
	}
	if rows > 0 {
		s.fold.norm /= float64(rows)
		for k := range s.fold.mean {
			s.fold.mean[k] /= rows
		}
	}
	return nil
}

func addTo(dst, x []float32) {
	for k, v := range x {
		dst[k] += v
	}
}

func norm(x []float32) float64 { return math.Sqrt(float64(kernel.Dot(x, x))) }

// foldedField is the field of a context that is folded in: its row of weights.
const foldedField = "folded"

// A foldModel is one row of weights over classes that stay as they are.
type foldModel struct{ row, class *models.Table }

func (m foldModel) Dim() int { return m.row.Dim }

func (m foldModel) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	at, err := in.IDs(foldedField)
	if err != nil {
		return nil, err
	}
	return graph.Lookup(in.Table(m.row), at)
}

func (m foldModel) Classes(in *models.Inputs) (*gorgonia.Node, error) {
	if in.Whole() {
		return in.Table(m.class), nil
	}
	id, err := in.IDs("id")
	if err != nil {
		return nil, err
	}
	return graph.Lookup(in.Table(m.class), id)
}

// foldByGradient takes steps of the run's loss and optimizer, from the direction of the mean of
// the items' vectors, where they have such, at the norm that users have, and else from the
// mean of users.
func (s *Server) foldByGradient(ctx context.Context, f *data.Frame, items []int32) ([]float32, error) {
	t := s.of
	d := t.Model.Dim()
	loss, err := t.Plan.Choice.LossFor(s.set.Items)
	if err != nil {
		return nil, err
	}
	row := &models.Table{Name: "folded", Rows: 1, Dim: d, Data: slices.Clone(s.fold.mean)}
	if s.fold.class != nil {
		clear(row.Data)
		for _, i := range items {
			addTo(row.Data, s.fold.class.Row(i))
		}
		if n := norm(row.Data); n > 0 {
			for k := range row.Data {
				row.Data[k] *= float32(s.fold.norm / n)
			}
		}
	}
	f = &data.Frame{Rows: 1, Fields: append(slices.Clone(f.Fields), data.Field{Name: foldedField, Size: 1})}
	x := &data.Examples{Context: f, Row: []int32{0}, Targets: data.Targets{Ptr: []int32{0, int32(len(items))}, Class: items}}
	s.fold.mu.Lock()
	defer s.fold.mu.Unlock()
	head := t.Head
	if h, draws := head.(models.Lone); draws {
		if head, err = h.Alone(); err != nil {
			return nil, fmt.Errorf("train: somebody cannot be folded in: %w", err)
		}
	}
	c := t.Plan.Config.Train
	_, err = Fit(ctx, foldModel{row, s.fold.class}, head, loss, x, t.classes, FitOptions{
		Epochs: foldSteps, Batch: 1, Optimizer: c.Optimizer, Seed: c.Seed, Weight: data.ByUser,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("train: somebody cannot be folded in"), err)
	}
	return row.Data, nil
}
