package tensorboard

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// A Writer appends events to a file of its own. It is not safe for concurrent
// use. After an error it writes no more; Close returns the first.
type Writer struct {
	file *os.File
	now  func() time.Time
	err  error

	// Of the run under way.
	steps, epochs int
	lr            float64
	schedule      optim.Schedule
	rated         bool // the run has a learning rate
	done          int  // steps
}

// Create makes a new event file in dir, and dir where it does not exist. Several
// files in one folder, as a resumed run leaves them, are one run to TensorBoard,
// which reads them by name: names rise with time.
func Create(dir string) (*Writer, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	host, err := os.Hostname()
	if err != nil || filepath.Base(host) != host {
		host = "host" // it tells files apart and nothing else
	}
	w := &Writer{now: time.Now}
	for {
		name := fmt.Sprintf("events.out.tfevents.%010d.%s.%d.%d", w.now().Unix(), host, os.Getpid(), w.now().Nanosecond())
		w.file, err = os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if !errors.Is(err, os.ErrExist) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("tensorboard: %w", err)
	}
	w.write(Event{FileVersion: "brain.Event:2"})
	if w.err != nil {
		return nil, w.Close()
	}
	return w, nil
}

// Name returns the path of the file.
func (w *Writer) Name() string { return w.file.Name() }

// Write appends scalars that belong to a step.
func (w *Writer) Write(step int, scalars ...Scalar) {
	w.write(Event{Step: int64(step), Scalars: scalars})
}

func (w *Writer) write(e Event) {
	if w.err != nil {
		return
	}
	e.WallTime = float64(w.now().UnixNano()) / 1e9
	_, w.err = w.file.Write(frame(e.marshal())) // one write: the record is whole or absent
}

// Observe is a train.Observer. Its errors wait for Close.
func (w *Writer) Observe(e train.Event) {
	switch e := e.(type) {
	case *train.Started:
		w.started(e)
	case *train.Stepped:
		step := []Scalar{{"train/loss", float32(e.Loss)}}
		if e.GradNorm != 0 {
			step = append(step, Scalar{"train/grad_norm", float32(e.GradNorm)})
		}
		number := e.Epoch*w.steps + e.Step
		if w.rated {
			step = append(step, Scalar{"train/learning_rate", float32(w.lr * w.schedule.Factor(number, w.steps, w.epochs))})
		}
		w.done = number + 1
		w.Write(w.done, step...)
	case *train.EpochDone:
		epoch := []Scalar{{"epoch/loss", float32(e.Loss)}, {"epoch/seconds", float32(e.Seconds)}}
		if e.GradNorm != 0 {
			epoch = append(epoch, Scalar{"epoch/grad_norm", float32(e.GradNorm)})
		}
		if e.Clipped != 0 {
			epoch = append(epoch, Scalar{"epoch/clipped", float32(e.Clipped)})
		}
		for _, v := range e.Scalars {
			epoch = append(epoch, Scalar{"epoch/" + v.Name, float32(v.Value)})
		}
		w.done = e.Epoch * w.steps // steps of a resumed epoch may all lie behind
		w.Write(w.done, append(epoch, scores(e.Valid)...)...)
	case *train.Finished:
		if s := scores(e.Result.Test); len(s) > 0 {
			w.Write(w.done, s...)
		}
	}
}

// started takes what the later events leave unsaid.
func (w *Writer) started(e *train.Started) {
	w.steps, w.epochs = e.Steps, e.Config.Train.Epochs
	w.done = e.Epoch*e.Steps + e.Step
	w.rated = false
	if opt := e.Plan.Optimizer; opt.Spec != nil {
		w.schedule, w.lr, w.rated = e.Plan.Schedule, opt.Values.Num("lr"), true
	}
	w.write(Event{Step: int64(w.done), Start: true})
}

func scores(s *train.Scores) (values []Scalar) {
	if s == nil {
		return nil
	}
	for _, v := range s.Values {
		values = append(values, Scalar{s.Split + "/" + v.Name, float32(v.Value)})
	}
	return values
}

// Close closes the file and returns the first error.
func (w *Writer) Close() error {
	if err := errors.Join(w.err, w.file.Close()); err != nil {
		return fmt.Errorf("tensorboard: %w", err)
	}
	return nil
}
