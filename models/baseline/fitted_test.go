package baseline

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
)

// TestFittedIsRestored: whatever is fitted by name ranks the same from its arrays alone, which
// take what it says, and is not made of others.
func TestFittedIsRestored(t *testing.T) {
	x := draw(t, 40, 15)
	require.NotEmpty(t, All())
	for _, s := range All() {
		plain, err := Parse(s.Name)
		require.NoError(t, err)
		for _, c := range plain.Probes() {
			k := Kind{c}
			t.Run(k.String(), func(t *testing.T) {
				again, err := Parse(k.String())
				require.NoError(t, err)
				require.Equal(t, k.Values, again.Values)
				fitted, err := k.Fit(t.Context(), x)
				require.NoError(t, err)
				arrays := fitted.Arrays()
				numbers := int64(0)
				for _, a := range arrays {
					n := int64(1)
					for _, d := range a.Shape {
						n *= int64(d)
					}
					if _, long := a.Data.([]int64); long {
						n *= 2
					}
					numbers += 4 * n
				}
				kept, fitting := k.Bytes(x)
				require.LessOrEqual(t, numbers, kept)
				require.LessOrEqual(t, kept, fitting)

				restored, err := k.Restore(x, arrays)
				require.NoError(t, err)
				ids, scores := top(t, fitted, x)
				gotIDs, gotScores := top(t, restored, x)
				require.Equal(t, ids, gotIDs)
				require.Equal(t, scores, gotScores)
				require.Equal(t, fitted.ItemWeights(), restored.ItemWeights())

				for i := range arrays {
					_, err := k.Restore(x, slices.Delete(slices.Clone(arrays), i, i+1))
					require.ErrorContains(t, err, "the array "+arrays[i].Name+" is missing")
					other := slices.Clone(arrays)
					other[i] = graph.Vector(other[i].Name, []uint8{1})
					_, err = k.Restore(x, other)
					require.ErrorContains(t, err, "holds []uint8")
				}
				_, err = k.Restore(draw(t, 40, 16), arrays)
				require.ErrorContains(t, err, "numbers, want", "of another number of items")
			})
		}
	}
	knn, err := Parse("itemknn")
	require.NoError(t, err)
	for text, broken := range map[string][]graph.Array{
		"outside [0,2)": {graph.Vector("ptr", []int64{0, 1, 1}), graph.Vector("item", []int32{2}), graph.Vector("similarity", []float32{1})},
		"from 0 to 1":   {graph.Vector("ptr", []int64{0, 2, 1}), graph.Vector("item", []int32{0}), graph.Vector("similarity", []float32{1})},
		"want 1":        {graph.Vector("ptr", []int64{0, 1, 1}), graph.Vector("item", []int32{0}), graph.Vector("similarity", []float32{1, 2})},
	} {
		_, err := knn.Restore(draw(t, 3, 2), broken)
		require.ErrorContains(t, err, text)
	}
	ease, err := Parse("ease")
	require.NoError(t, err)
	fitted, err := ease.Fit(t.Context(), x)
	require.NoError(t, err)
	require.Len(t, fitted.ItemWeights(), 15*15)
	_, err = Parse("eaze")
	require.ErrorContains(t, err, "did you mean ease?")
}
