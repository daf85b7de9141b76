package metric

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGolden holds the metrics of extreme classification against what an independent program,
// named in the file, printed of the same rankings, points without labels among them.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/xmc.json")
	require.NoError(t, err)
	var x struct {
		Oracle            string
		Contexts, Trained int
		Count             []int32
		Relevant, Ranking [][]int32
		Values            map[string][]float64 // at 1 to 5
	}
	require.NoError(t, json.Unmarshal(text, &x))
	set := Set{Classes: len(x.Count), Count: x.Count, Trained: x.Trained, Contexts: x.Contexts}
	require.Greater(t, set.Contexts, set.Trained)
	require.Len(t, x.Values, 4)
	unlabelled := 0
	for name, want := range x.Values {
		m, err := Lookup(name)
		require.NoError(t, err)
		for k, v := range want {
			a := At{m, k + 1}.New(set)
			for i, ids := range x.Ranking {
				l := List{IDs: ids, Relevant: x.Relevant[i]}
				if len(l.Relevant) == 0 {
					if unlabelled++; !m.All {
						continue
					}
				}
				for _, id := range ids {
					l.Hit = append(l.Hit, slices.Contains(l.Relevant, id))
				}
				a.Add(l)
			}
			require.InDelta(t, v, a.Finish(), 1e-12, "%s@%d by %s", name, k+1, x.Oracle)
		}
	}
	require.Positive(t, unlabelled)
}

// TestGoldenBeyond holds what measures more than hits, and grades, against what independent
// programs, named in the file, printed of the same rankings.
func TestGoldenBeyond(t *testing.T) {
	text, err := os.ReadFile("testdata/beyond.json")
	require.NoError(t, err)
	var x struct {
		Oracle            string
		Trained           int
		Cutoffs           []int
		Count             []int32
		Relevant, Ranking [][]int32
		Grade             [][]float32
		Values            map[string][]float64 // at each of Cutoffs
	}
	require.NoError(t, json.Unmarshal(text, &x))
	set := Set{Classes: len(x.Count), Count: x.Count, Trained: x.Trained}
	require.Contains(t, set.Count, int32(0))
	require.Len(t, x.Values, 12)
	for name, want := range x.Values {
		for j, v := range want {
			at, err := Parse(fmt.Sprintf("%s@%d", name, x.Cutoffs[j]))
			require.NoError(t, err)
			require.Equal(t, name, at.Name)
			a := at.New(set)
			for i, ids := range x.Ranking {
				l := List{IDs: ids, Relevant: x.Relevant[i], Grade: x.Grade[i]}
				for _, id := range ids {
					l.Hit = append(l.Hit, slices.Contains(l.Relevant, id))
				}
				a.Add(l)
			}
			require.InDelta(t, v, a.Finish(), 1e-12, "%s by %s", at, x.Oracle)
		}
	}
}
