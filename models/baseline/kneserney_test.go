package baseline

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
)

// running returns a set of running text.
func running(t *testing.T, text, split string) *data.Dataset {
	path := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	set, err := data.Load(data.Config{Source: path, Format: "text:vocab=0", Split: split})
	require.NoError(t, err)
	return set
}

// probabilities returns exp of the log-probabilities of all words after each word, and in the
// empty context the last.
func probabilities(t *testing.T, s models.Scorer, set *data.Dataset) [][]float64 {
	f := data.Field{Name: "history", Size: set.Items, Ordered: true, ID: []int32{0}}
	all := make([]int32, set.Items)
	for w := range all {
		all[w] = int32(w)
		f.ID = append(f.ID, int32(w)) // and one before it, which does not count
		f.Lo, f.Hi = append(f.Lo, w), append(f.Hi, w+2)
	}
	f.Lo, f.Hi = append(f.Lo, 0), append(f.Hi, 0)
	rows := make([]int32, len(f.Lo))
	for r := range rows {
		rows[r] = int32(r)
	}
	q := models.Query{Contexts: &data.Frame{Rows: len(rows), Fields: []data.Field{f}}, Rows: rows, Classes: set.Items, K: set.Items,
		Targets: func(int) []int32 { return all }}
	var p [][]float64
	require.NoError(t, s.Rankings(t.Context(), q, func(i int, top models.Top) {
		row := make([]float64, set.Items)
		for w, lp := range top.LogP {
			row[w] = math.Exp(lp)
		}
		for r, w := range top.IDs { // what it ranks by is the same
			require.InDelta(t, top.LogP[w], top.Scores[r], 1e-5)
		}
		p = append(p, row)
	}))
	return p
}

// TestKneserNeyByHand: the text a b a b a c <eos> has the pairs ab twice, ba twice, ac and c<eos>
// once: D = 2/(2+2·2) = 1/3. Each of the four words has one
// word before it, so that D′ = 1 and p(w) is uniform.
func TestKneserNeyByHand(t *testing.T) {
	set := running(t, "a b a b a c\n", "tokens:1,0,0")
	require.Equal(t, []string{"<eos>", "a", "b", "c"}, set.ItemIDs)
	s, err := NewKneserNey(set)
	require.NoError(t, err)
	p := probabilities(t, s, set)
	const d = 1. / 3
	uniform := 0.25
	require.InDeltaSlice(t, []float64{ // after a, which b follows twice and c once
		d * 2 / 3 * uniform, d * 2 / 3 * uniform, (2-d)/3 + d*2/3*uniform, (1-d)/3 + d*2/3*uniform,
	}, p[1], 1e-6)
	require.InDeltaSlice(t, []float64{d / 2 * uniform, (2-d)/2 + d/2*uniform, d / 2 * uniform, d / 2 * uniform}, p[2], 1e-6)
	require.InDeltaSlice(t, []float64{uniform, uniform, uniform, uniform}, p[0], 1e-6) // nothing follows <eos>
	require.InDeltaSlice(t, p[0], p[4], 1e-9)
}

// TestWordsSumToOne: whatever was counted, also of words that train has never, and only in
// train.
func TestWordsSumToOne(t *testing.T) {
	text := "the cat sat on the mat\nthe dog sat on the cat\na bird in the hand is worth two in the bush\nzebras quack\n"
	set := running(t, text, "tokens:0.8,0.1,0.1")
	require.Positive(t, set.Test.Len())
	kneser, err := NewKneserNey(set)
	require.NoError(t, err)
	unigram, err := NewUnigram(set)
	require.NoError(t, err)
	for _, s := range []models.Scorer{kneser, unigram} {
		for _, row := range probabilities(t, s, set) {
			sum := 0.0
			for _, p := range row {
				require.Positive(t, p)
				sum += p
			}
			require.InDelta(t, 1, sum, 1e-6)
		}
	}
	whole := running(t, text, "tokens:1,0,0")
	unigram, err = NewUnigram(whole)
	require.NoError(t, err)
	the, err := whole.ItemIndex("the")
	require.NoError(t, err)
	require.InDelta(t, 6./float64(whole.Histories.Len()), probabilities(t, unigram, whole)[0][the], 1e-6)
}

func TestWordsRefuse(t *testing.T) {
	set := running(t, "a b\n", "tokens:1,0,0")
	s, err := NewKneserNey(set)
	require.NoError(t, err)
	rank := func(classes int, f ...data.Field) error {
		q := models.Query{Contexts: &data.Frame{Rows: 1, Fields: f}, Rows: []int32{0}, Classes: classes, K: 1}
		return s.Rankings(t.Context(), q, func(int, models.Top) {})
	}
	require.ErrorContains(t, rank(2), "a query of 2 classes of a training split of 3 words")
	require.ErrorContains(t, rank(3), "contexts have no words in their order (field history)")
	x := draw(t, 5, 4)
	none, err := data.Empty(5, 4)
	require.NoError(t, err)
	pairs := &data.Dataset{Name: "pairs", Users: 5, Items: 4, Train: x, Valid: none, Test: none}
	_, err = NewKneserNey(pairs)
	require.ErrorContains(t, err, "kneserney is of running text")
	q := models.Query{Contexts: &data.Frame{Rows: 1}, Rows: []int32{0}, Classes: 4, K: 1, Targets: func(int) []int32 { return []int32{0} }}
	require.ErrorContains(t, NewPop(x).Rankings(t.Context(), q, func(int, models.Top) {}), "those that do are unigram and kneserney")
}
