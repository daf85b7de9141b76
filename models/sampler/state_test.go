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

// steps runs the steps [from, to) of a fixed course of batches and class tables, and
// returns what is drawn in each.
func (p *problem) steps(t *testing.T, from, to int) (ids [][]int32, logQ, pos [][]float32) {
	W := slices.Clone(p.batch.W)
	defer copy(p.batch.W, W)
	for i := from; i < to; i++ {
		for j := range W {
			p.batch.W[j] = W[j] * float32(1+(i*j)%5)
		}
		for r := range p.batch.Pos {
			p.batch.Pos[r] = int32((i*i + r) * (r + 1) % 300)
		}
		p.batch.Step = uint64(i)
		p.Observe(p.batch)
		_, err := p.Refresh(p.batch.Step, p.batch.W)
		require.NoError(t, err)
		require.NoError(t, p.Draw(p.draws, p.batch))
		ids, logQ, pos = append(ids, slices.Clone(p.draws.IDs)), append(logQ, slices.Clone(p.draws.LogQ)), append(pos, slices.Clone(p.draws.PosLogQ))
	}
	return ids, logQ, pos
}

// TestResume: what State returned at any step makes a fresh sampler go on to the same
// bits. Both ways: where there is a state, a sampler without it goes on otherwise.
func TestResume(t *testing.T) {
	probes(t, func(t *testing.T, b sampler.Choice) {
		fresh := func() *problem {
			p := newProblem(t, b, 300, 8, 16, 8)
			s, err := b.New(p.Config)
			require.NoError(t, err)
			p.Sampler = s
			return p
		}
		for _, at := range []int{0, 1, 8} { // before the first step, and where no refresh is due
			p, q := fresh(), fresh()
			p.steps(t, 0, at)
			state := copyOf(p.State())
			ids, logQ, pos := p.steps(t, at, at+10)
			require.NoError(t, q.SetState(state))
			gotIDs, gotLogQ, gotPos := q.steps(t, at, at+10)
			require.Equal(t, ids, gotIDs)
			require.Equal(t, logQ, gotLogQ)
			require.Equal(t, pos, gotPos)
			if at == 0 {
				continue
			}
			_, logQ, _ = fresh().steps(t, at, at+10)
			require.Equal(t, len(state) > 0, !reflect.DeepEqual(logQ, gotLogQ), "the state matters")
		}
	})
}

// TestBadState: a state that is not the sampler's is an error that names it.
func TestBadState(t *testing.T) {
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, 300, 8, 16, 8)
		p.steps(t, 0, 3)
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
