package models

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// sortedTop is the definition: sort everything, cut.
func sortedTop(scores []float32, skip []int32, k int) (ids []int32) {
	for c, s := range scores {
		if !slices.Contains(skip, int32(c)) && !math.IsInf(float64(s), -1) {
			ids = append(ids, int32(c))
		}
	}
	slices.SortFunc(ids, func(a, b int32) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	return ids[:min(k, len(ids))]
}

func TestSelectTop(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		scores := make([]float32, 1+rng.IntN(40))
		var skip []int32
		for c := range scores {
			scores[c] = float32(rng.IntN(9)) // ties
			switch rng.IntN(8) {
			case 0:
				skip = append(skip, int32(c))
			case 1:
				scores[c] = float32(math.Inf(-1))
			}
		}
		k := 1 + rng.IntN(45)
		got, err := SelectTop(scores, skip, k)
		require.NoError(t, err)
		want := sortedTop(scores, skip, k)
		require.Len(t, got.IDs, len(want))
		for i, id := range want {
			require.Equal(t, id, got.IDs[i])
			require.Equal(t, scores[id], got.Scores[i])
		}
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		_, err := SelectTop([]float32{1, float32(bad), 2}, nil, 2)
		require.ErrorContains(t, err, "class 1")
	}
}
