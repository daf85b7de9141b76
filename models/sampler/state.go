package sampler

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/graph"
)

// State returns what the sampler keeps of earlier steps beside the class table, without
// a copy; see [Stateful]. Names begin with the sampler's. It is empty where draws depend
// on nothing but the batch and the table of the moment.
func (s *Sampler) State() []graph.Array {
	if s.stateful == nil {
		return nil
	}
	state := slices.Clone(s.stateful.State())
	for i := range state {
		state[i].Name = s.Choice.Spec.Name + "/" + state[i].Name
	}
	return state
}

// SetState puts back what State returned of a sampler with the same Choice and Config.
// From then on this one draws as that one would have, and the slices are its own. The
// error names what does not fit; the sampler is then undefined.
func (s *Sampler) SetState(state []graph.Array) error {
	want := s.State()
	if !slices.EqualFunc(state, want, func(a, b graph.Array) bool {
		return a.Name == b.Name && reflect.TypeOf(a.Data) == reflect.TypeOf(b.Data)
	}) {
		return s.errorf("its state is %s, not %s", describe(want), describe(state))
	}
	if s.stateful == nil {
		return nil
	}
	state = slices.Clone(state)
	for i := range state {
		state[i].Name = want[i].Name[len(s.Choice.Spec.Name)+1:]
	}
	if err := s.stateful.SetState(state); err != nil {
		return s.errorf("its state: %w", err)
	}
	s.built = s.refresher != nil && slices.ContainsFunc(s.stateful.State(), func(p graph.Array) bool { return reflect.ValueOf(p.Data).Len() > 0 })
	return nil
}

// describe names arrays with their types.
func describe(state []graph.Array) string {
	if len(state) == 0 {
		return "nothing"
	}
	parts := make([]string, len(state))
	for i, p := range state {
		parts[i] = fmt.Sprintf("%s %T", p.Name, p.Data)
	}
	return strings.Join(parts, ", ")
}

// entries returns the data of an array that must have n entries.
func entries[T float32 | float64 | int32 | int64](a graph.Array, n int) ([]T, error) {
	x := a.Data.([]T) // Sampler.SetState has held the types against State's
	if len(x) != n {
		return nil, fmt.Errorf("%s has %d entries, want %d", a.Name, len(x), n)
	}
	return x, nil
}
