package optim

import (
	"errors"
	"math"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A ScheduleSpec describes a learning-rate schedule. All fields but Params are
// required.
type ScheduleSpec struct {
	Name, Doc, Source string  // registry key, one line, and the paper
	Params            []Param // its own; warmup comes with every schedule

	// Factor returns what the learning rate is multiplied by, in [0,1], after t of
	// T epochs; both may be fractions, 0 ≤ t < T.
	Factor func(v Values, t, T float64) float64
}

var schedules = registry.NewRegistry[ScheduleSpec]("optim", "schedule")

// RegisterSchedule adds s to the registry. It panics if s is incomplete or
// malformed or its name is taken: mistakes of the program that its first run
// shows.
func RegisterSchedule(s ScheduleSpec) {
	s.Params = append([]Param{{
		Name: "warmup", Min: 0, Max: math.Inf(1), Probe: []float64{2},
		Doc: "epochs in which the factor first rises linearly from 0 to 1; the schedule runs over the others",
	}}, s.Params...)
	var fault error
	if s.Doc == "" || s.Source == "" || s.Factor == nil {
		fault = errors.New("lacks one of Doc, Source and Factor")
	}
	schedules.Add(s.Name, s.Params, s, fault)
}

// Schedules returns the registered schedules, sorted by name.
func Schedules() []*ScheduleSpec { return schedules.All() }

// A Schedule is a schedule with its parameters: what a spec text such as
// "cosine:warmup=2" denotes. It is immutable.
type Schedule struct{ registry.Choice[ScheduleSpec] }

// ParseSchedule returns the schedule that text denotes. The error names what is
// wrong and lists the choices.
func ParseSchedule(text string) (Schedule, error) {
	c, err := schedules.Parse(text)
	return Schedule{c}, err
}

// Factor returns what the learning rate is multiplied by in step i = 0, 1, …,
// with perEpoch ≥ 1 steps in each of the run's epochs.
//
// During warm-up it is the share of the warm-up that the step ends: a first step
// with factor 0 would be wasted. Afterwards the schedule sees the epochs since.
func (s Schedule) Factor(i, perEpoch, epochs int) float64 {
	t, T, w := float64(i)/float64(perEpoch), float64(epochs), s.Values.Num("warmup")
	if end := float64(i+1) / float64(perEpoch); end <= w {
		return end / w
	}
	// t < w only in the step that straddles the end of a fractional warm-up.
	return s.Spec.Factor(s.Values, max(0, t-w), max(T-w, 1/float64(perEpoch)))
}

// SameFactors reports whether the first epochs of a run have the same factors however long it is,
// short or long epochs: whether more epochs on a run are what a longer one would have been. It
// looks at 16 steps of each epoch.
func (s Schedule) SameFactors(epochs, short, long int) bool {
	const perEpoch = 16
	for i := range epochs * perEpoch {
		if s.Factor(i, perEpoch, short) != s.Factor(i, perEpoch, long) {
			return false
		}
	}
	return true
}
