package data

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// A context with m interactions weighs m, 1 or √m in all its rows together, whether they
// are one row or m.
func TestWeightedByContext(t *testing.T) {
	x, err := FromCSR(4, 5, []int{0, 1, 1, 5, 7}, []int32{2, 0, 1, 2, 4, 1, 3}, nil, nil)
	require.NoError(t, err)
	m := map[int32]float64{0: 1, 2: 4, 3: 2}
	of := map[RowWeight]func(m float64) float64{
		ByInteraction: func(m float64) float64 { return m },
		ByUser:        func(float64) float64 { return 1 },
		BySqrt:        math.Sqrt,
	}
	for _, text := range RowWeights() {
		w, err := ParseRowWeight(text)
		require.NoError(t, err)
		require.Equal(t, text, w.String())
		for _, task := range []string{"user", "pair"} {
			e := examplesOf(t, x, task)
			weighted, err := e.Weighted(w)
			require.NoError(t, err)
			require.NoError(t, weighted.Validate(5))
			require.Nil(t, e.Weight, "what was given stays")
			total := map[int32]float64{}
			for i, r := range weighted.Row {
				share := 1.0
				if weighted.Weight != nil {
					share = float64(weighted.Weight[i])
				}
				if task == "pair" {
					require.InDelta(t, of[w](m[r])/m[r], share, 1e-6, "%s: rows of one context weigh alike", w)
				}
				total[r] += share
			}
			for user, n := range m {
				require.InDelta(t, of[w](n), total[user], 1e-6, "%s %s", task, w)
			}
		}
	}
	alike, err := examplesOf(t, x, "pair").Weighted(ByInteraction)
	require.NoError(t, err)
	require.Nil(t, alike.Weight, "all rows weigh 1")
	alike, err = examplesOf(t, x, "user").Weighted(ByUser)
	require.NoError(t, err)
	require.Nil(t, alike.Weight)
}

// Views of one user share its count, weights of one's own are multiplied, and padding keeps
// what it has.
func TestWeightedViews(t *testing.T) {
	e := &Examples{
		Context: &Frame{Rows: 4, Fields: []Field{{Name: "user", Size: 2, ID: []int32{1, 0, 1, 1}}}}, Row: []int32{0, 1, 2, 3},
		Targets: Targets{Ptr: []int32{0, 1, 3, 6, 6}, Class: []int32{4, 0, 1, 2, 3, 4}},
		Weight:  []float32{1, 2, 0.5, 7},
	}
	require.NoError(t, e.Validate(5))
	for w, want := range map[RowWeight][]float32{
		ByInteraction: {1, 4, 1.5, 7}, ByUser: {0.25, 2, 0.375, 7}, BySqrt: {0.5, 2 * float32(math.Sqrt2), 0.75, 7},
	} {
		x, err := e.Weighted(w)
		require.NoError(t, err)
		require.InDeltaSlice(t, want, x.Weight, 1e-6, w)
	}
	e.Context = &Frame{Rows: 4, Fields: []Field{{Name: "word", Size: 4}}} // rows are contexts of their own
	x, err := e.Weighted(ByUser)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float32{1, 2, 0.5, 7}, x.Weight, 1e-6)

	_, err = e.Weighted("root")
	require.ErrorContains(t, err, `unknown row weight "root"; the choices are interaction, user, sqrt`)
	_, err = (*Examples)(nil).Weighted(ByUser)
	require.ErrorContains(t, err, "no examples")
	e.Targets.Ptr = []int32{0, 9, 3, 6, 6}
	_, err = e.Weighted(ByUser)
	require.ErrorContains(t, err, "bounds go from 0 to 9")
}
