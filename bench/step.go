package main

import (
	"fmt"
	"math"
	"runtime"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// A stepRun trains a model as package train does, a step at a time.
type stepRun struct {
	tables  []*models.Table
	model   models.Model
	head    models.Head
	loss    losses.Loss
	context *data.Frame
	classes *data.Frame
	batches []*data.Batch
	rate    float64 // of Adam
	each    bool    // examples are of positions

	graph     *models.Graph
	objective *models.Objective[float32]
	program   *graph.Program[float32]
	updaters  map[*models.Table]*optim.Updater
	step      int
}

// start reads the weights that tables have not, and compiles the graph.
func (s *stepRun) start(j job) (err error) {
	adam, err := optim.Parse(fmt.Sprintf("adam:lr=%g,mode=dense", s.rate))
	if err != nil {
		return err
	}
	s.updaters = map[*models.Table]*optim.Updater{}
	for _, t := range s.tables {
		if t.Data == nil {
			if t.Data, err = readFloats(j, t.Name, t.Rows*t.Dim); err != nil {
				return err
			}
		}
		s.updaters[t] = adam.For(t)
	}
	var room data.Room
	if s.each {
		room = data.Room{Sequence: "history", Each: true, All: true}
	} else {
		room.Times = make([]int32, s.context.Rows)
	}
	for _, b := range s.batches {
		room.Contexts, room.Rows, room.Places = max(room.Contexts, len(b.Rows)), max(room.Rows, b.Len()), max(room.Places, len(b.Targets.Class))
		if !s.each {
			for _, r := range b.Rows {
				room.Times[r]++
			}
		}
	}
	if s.each {
		room.Positions = room.Rows
	}
	b := graph.NewBuilder[float32]()
	s.graph = models.NewGraph(b, s.context, room.Contexts, s.classes).Fit(room)
	if s.objective, err = models.NewObjective(b, s.graph, s.model, s.head, s.loss, room.Places, false); err != nil {
		return err
	}
	if s.program, err = b.Train(s.objective.Cost()); err != nil {
		return err
	}
	s.graph.Sink(s.program, func(t *models.Table) graph.BlockUpdater[float32] { return s.updaters[t] })
	return nil
}

// next takes a step on the next batch, and returns its loss.
func (s *stepRun) next() (float64, error) {
	if err := s.objective.Set(s.step, s.batches[s.step%len(s.batches)]); err != nil {
		return 0, err
	}
	s.program.SetStep(s.step)
	s.step++
	if err := s.program.Run(); err != nil {
		return 0, err
	}
	loss := float64(s.program.Cost())
	if err := s.graph.Step(s.program, func(t *models.Table) graph.Updater[float32] { return s.updaters[t] }); err != nil {
		return 0, err
	}
	s.objective.Moved(s.program)
	return loss, nil
}

// checkedLoss returns the loss of the last of some steps of s, which is closed.
func checkedLoss(j job, s *stepRun) (loss float64, err error) {
	if err := s.start(j); err != nil {
		return 0, err
	}
	for range checkedSteps {
		if loss, err = s.next(); err != nil {
			return 0, err
		}
	}
	return loss, s.program.Close()
}

// trainedSteps takes steps of what newRun makes with dropout, one batch after the other; the value
// is the loss of others without, from the same weights, which are over before anything is
// measured.
func trainedSteps(j job, newRun func(drop float64) (*stepRun, error), drop float64) (func() (float64, float64, error), error) {
	checked, err := newRun(0)
	if err != nil {
		return nil, err
	}
	value, err := checkedLoss(j, checked)
	if err != nil {
		return nil, err
	}
	checked = nil
	runtime.GC() // which lets go of what waits for a finalizer; what that held goes with the next one
	s, err := newRun(drop)
	if err != nil {
		return nil, err
	}
	if err := s.start(j); err != nil {
		return nil, err
	}
	return timed(func() (float64, error) {
		loss, err := s.next()
		if err == nil && !(loss < 2*math.Log(float64(j.C))) {
			err = fmt.Errorf("the loss of step %d is %v", s.step, loss)
		}
		return value, err
	}), nil
}
