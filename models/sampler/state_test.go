package sampler_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// copyOf returns arrays with data of their own, as a file has.
func copyOf(state []graph.Array) []graph.Array {
	state = slices.Clone(state)
	for i, p := range state {
		from := reflect.ValueOf(p.Data)
		to := reflect.MakeSlice(from.Type(), from.Len(), from.Len())
		reflect.Copy(to, from)
		state[i].Data = to.Interface()
	}
	return state
}

// TestBadState: a state that is not the sampler's is an error that names it.
func TestBadState(t *testing.T) {
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, 300, 8, 16, 8)
		p.Observe(p.batch)
		p.step(t)
		require.ErrorContains(t, p.SetState([]graph.Array{{Name: "x", Data: []int32{1}}}), "sampler: "+b.String()+": its state is ")
		state := p.State()
		if len(state) == 0 {
			require.ErrorContains(t, p.SetState([]graph.Array{{Name: "x", Data: []int32{1}}}), "nothing, not x []int32")
			return
		}
		require.ErrorContains(t, p.SetState(nil), state[0].Name)
		for i, s := range state {
			wrong := copyOf(state)
			wrong[i].Name += "s"
			require.ErrorContains(t, p.SetState(wrong), s.Name+"s ")
			wrong = copyOf(state)
			wrong[i].Data = []string{}
			require.ErrorContains(t, p.SetState(wrong), "[]string")
			wrong = copyOf(state)
			wrong[i].Data = reflect.AppendSlice(reflect.ValueOf(s.Data), reflect.ValueOf(s.Data)).Interface()
			require.ErrorContains(t, p.SetState(wrong), " entries, want ")
			if codes, ok := s.Data.([]int32); ok {
				for _, code := range []int32{-1, 1 << 20} {
					wrong = copyOf(state)
					wrong[i].Data.([]int32)[len(codes)-1] = code
					require.ErrorContains(t, p.SetState(wrong), "class 299 has codes ")
				}
			}
		}
		require.NoError(t, p.SetState(state))
	})
}
