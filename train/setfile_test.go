package train

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
)

// TestOpenSet: what a run keeps of its data is the dataset, ids, values, times, features
// and notes with it, and a damaged file is noticed.
func TestOpenSet(t *testing.T) {
	e := data.Events{Name: "films", UserFeatures: []data.Feature{{Name: "age", Of: map[string]map[string]float32{"a": {"age": 0.5}, "c": {"age": 1}}}},
		ItemFeatures: []data.Feature{{Name: "long", Number: map[string]float32{"item\tx": 90, "item\tz": 120}}, {Name: "tag", Of: map[string]map[string]float32{"item\tx": {"é b": 1, "c": 2}}}}}
	for i, pair := range []string{"ax", "ay", "bx", "bz", "cy", "cz"} {
		e.Train = append(e.Train, data.Event{User: pair[:1], Item: "item\t" + pair[1:], Value: float32(i)})
	}
	e.Train = append(e.Train, e.Train[0]) // a note of a duplicate
	films, err := data.FromEvents(e, "ratio:0.6,0.2,0.2,seed=3")
	require.NoError(t, err)
	require.NotEmpty(t, films.Notes)
	held, err := data.Held{Share: 0.2, Seed: 1}.Apply(walks(t, 40))
	require.NoError(t, err)
	require.NotNil(t, held.Histories)
	for name, set := range map[string]*data.Dataset{"films": films, "genres": withGenres(small(t)), "walks": held} {
		dir := t.TempDir()
		_, err := RunDir(t.Context(), filepath.Join(dir, "run"), quick("{train: {epochs: 1}, model: {dim: 2}}"), set, nil)
		require.NoError(t, err)
		got, err := OpenSet(filepath.Join(dir, "run"))
		require.NoError(t, err)
		for i, part := range set.Parts() {
			kept := got.Parts()[i]
			require.Equal(t, append([]int{}, part.Ptr()...), append([]int{}, kept.Ptr()...))
			require.Equal(t, append([]int32{}, part.Item()...), append([]int32{}, kept.Item()...))
			require.Equal(t, append([]float32{}, part.Value()...), append([]float32{}, kept.Value()...))
			require.Equal(t, append([]int64{}, part.Time()...), append([]int64{}, kept.Time()...))
			require.Equal(t, part.Value() == nil, kept.Value() == nil, "whether there are values is a fact of the source")
		}
		require.Equal(t, set.Hash(), got.Hash())
		want, have := *set, *got
		want.Truth, want.Train, want.Valid, want.Test = nil, nil, nil, nil
		have.Train, have.Valid, have.Test = nil, nil, nil
		require.Equal(t, want, have, name)

		path := filepath.Join(dir, "run", SetFile)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		b[len(b)-1] ^= 1
		require.NoError(t, os.WriteFile(path, b, 0o600))
		_, err = OpenSet(filepath.Join(dir, "run"))
		require.ErrorContains(t, err, "checksum")
		require.NoError(t, os.Remove(path))
		_, err = OpenSet(filepath.Join(dir, "run"))
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}
