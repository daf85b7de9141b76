package losses_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
)

// risk is the gradient of E_{y~t, draws~q} of the sampled loss, exact over all
// draws.
func risk(t *testing.T, text string, s, truth, q []float64, n int, c graph.Correction, drop bool) []float64 {
	sum := make([]float64, len(s))
	for y, ty := range truth {
		m := enumerate(t, text, s, y, n, q, c, drop, c == graph.CorrectImportance)
		for i := range sum {
			sum[i] += ty * m.mean[i]
		}
	}
	return sum
}

// The counter-example of popularity-biased draws: the most frequent class is
// drawn most, by more than its share.
var (
	skewedTruth = []float64{0.4, 0.35, 0.25}
	skewedDraws = []float64{0.6, 0.3, 0.1}
)

// descend minimises the expected loss by gradient descent with momentum-free
// steps 1/β and returns the scores.
func descend(t *testing.T, text string, truth, q []float64, n int, c graph.Correction, drop bool) []float64 {
	s := make([]float64, len(truth))
	for range 600 {
		g := risk(t, text, s, truth, q, n, c, drop)
		worst := 0.0
		for i := range s {
			s[i] -= 2 * g[i]
			worst = max(worst, math.Abs(g[i]))
		}
		if worst < 1e-9 {
			break
		}
	}
	return s
}

// TestPopularityReversesTheOrder trains the counter-example from zero: without a
// correction the learned order is that of t/q, which is t's reversed; with one it
// is t's.
func TestPopularityReversesTheOrder(t *testing.T) {
	order := func(s []float64) []int {
		at := []int{0, 1, 2}
		slices.SortFunc(at, func(a, b int) int {
			if s[a] > s[b] {
				return -1
			}
			return 1
		})
		return at
	}
	for _, c := range []struct {
		text       string
		correction graph.Correction
		drop       bool
		n          int
		want       []int
	}{
		{"nce", graph.Uncorrected, false, 2, []int{2, 1, 0}},     // neg
		{"bpr", graph.Uncorrected, false, 1, []int{2, 1, 0}},     // bpr
		{"softmax", graph.Uncorrected, false, 2, []int{2, 1, 0}}, // infonce
		{"nce", graph.CorrectLogQ, false, 2, []int{0, 1, 2}},     // nce
		{"softmax", graph.CorrectLogQ, false, 2, []int{0, 1, 2}}, // ranking NCE
		{"softmax", graph.CorrectLogQ, true, 2, []int{0, 1, 2}},
		// The importance correction is biased at few draws, enough to undo its purpose:
		// one draw learns the rarest class first, two swap the last two.
		{"softmax", graph.CorrectImportance, true, 1, []int{2, 0, 1}},
		{"softmax", graph.CorrectImportance, true, 2, []int{0, 2, 1}},
		{"softmax", graph.CorrectImportance, true, 3, []int{0, 1, 2}},
		{"softmax", graph.CorrectImportance, true, 6, []int{0, 1, 2}},
		{"bpr", graph.CorrectLogQ, false, 1, []int{0, 1, 2}},
	} {
		s := descend(t, c.text, skewedTruth, skewedDraws, c.n, c.correction, c.drop)
		require.Equal(t, c.want, order(s), "%s correction=%d drop=%v: %v", c.text, c.correction, c.drop, s)
	}
}
