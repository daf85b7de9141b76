package sampler

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// The streaming estimate finds the frequencies from batches alone, from a wrong
// start, for head classes in every batch and tail classes in few.
func TestStreamingFrequency(t *testing.T) {
	const c, size, steps = 200, 64, 20000
	f := normalised(make([]float64, c), func(float64) float64 { return 1 })
	for i := range f {
		f[i] = 1 / float64(i+1)
	}
	f = normalised(f, func(x float64) float64 { return x })
	table := newAlias(f, 1)
	s := make1(t, "in-batch:alpha=0.005", Config{C: c})
	b := &Batch{Pos: make([]int32, size)}
	for step := range uint64(steps) {
		var rng Stream
		rng.Seed(1, step, 0)
		for r := range b.Pos {
			b.Pos[r] = table.draw(&rng)
		}
		b.Pos[0] = -1 // padding is nobody's positive
		s.Observe(b)
	}
	got := distribution(t, s, nil, nil)
	require.Less(t, totalVariation(got, f), 0.03)
	for i := range c {
		require.InEpsilon(t, f[i], got[i], 0.4, "class %d", i)
	}
	// Counts are taken where there are any, and then nothing is kept of the batches.
	for _, text := range []string{"in-batch", "in-batch:freq=count", "mixed:share=1"} {
		byCount := make1(t, text, Config{C: 3, Counts: []float64{6, 0, 1}})
		byCount.Observe(&Batch{Pos: []int32{1, 1, 1}})
		got = distribution(t, byCount, nil, nil)
		require.InDeltaSlice(t, []float64{0.75, 0.125, 0.125}, got, 1e-15, text)
		require.Empty(t, byCount.State())
	}
	count, err := Parse("in-batch:freq=count")
	require.NoError(t, err)
	_, err = count.New(Config{C: 3})
	require.ErrorContains(t, err, "needs the counts")

	// A class's gaps are of positives: 10 in 4 batches, of which class 1 is 5 and
	// class 2, first seen last, is 1; the prior is a gap of 3.
	s = make1(t, "in-batch:alpha=1e-6", Config{C: 3})
	for _, pos := range [][]int32{{1, 1, 0}, {0, -1, -1}, {1, 1, 1}, {2, 0, 0}} {
		s.Observe(&Batch{Pos: pos})
	}
	got = distribution(t, s, nil, nil)
	require.InDeltaSlice(t, []float64{5.0 / 13, 6.0 / 10, 2.0 / 13}, got, 1e-12)
	bad := s.State()
	bad[2].Data.([]int64)[1] = 11
	require.ErrorContains(t, s.SetState(bad), "class 1 has a gap of ")
}

// zipfSet returns the classes of each user, distinct and Zipf-like, of users with few
// and with many.
func zipfSet(users, c int) [][]int32 {
	w := make([]float64, c)
	var z float64
	for i := range w {
		w[i] = 1 / float64(i+1)
		z += w[i]
	}
	table := newAlias(w, z)
	var rng Stream
	rng.Seed(3, 0, 0)
	set := make([][]int32, users)
	for u := range set {
		for n := 5 + rng.IntN(56); len(set[u]) < n; {
			if y := table.draw(&rng); !slices.Contains(set[u], y) {
				set[u] = append(set[u], y)
			}
		}
	}
	return set
}

// Over batches of a set's users, with all their positives, as over batches of its
// pairs, q is the law of the draws: it sums to 1, and the draws that are a class,
// each over its q, come to 1 in the mean, for classes that a batch has many times as
// for others. It is so by counts and, without them, by what three epochs have shown.
func TestFrequencyIsThatOfDraws(t *testing.T) {
	const users, c, b, k = 800, 300, 64, 256
	set := zipfSet(users, c)
	counts := make([]float64, c)
	var pairs [][]int32
	for _, items := range set {
		for _, y := range items {
			counts[y]++
			pairs = append(pairs, []int32{y})
		}
	}
	for _, text := range []string{"in-batch", "mixed"} {
		for how, config := range map[string]Config{"counts": {C: c, Counts: counts}, "batches": {C: c}} {
			for of, rows := range map[string][][]int32{"users": set, "pairs": pairs} {
				t.Run(text+" by "+how+" of "+of, func(t *testing.T) {
					s := make1(t, text, config)
					d, err := s.NewDraws(b, k, true)
					require.NoError(t, err)
					weight, batches := make([]float64, c), 0.0
					batch := &Batch{Seed: 1}
					for epoch := uint64(0); epoch < 3 || batches < 1600; epoch++ {
						order := rand.New(rand.NewPCG(9, epoch)).Perm(len(rows))
						for at := 0; at+b <= len(order); at += b {
							batch.Pos, batch.Ptr = batch.Pos[:0], append(batch.Ptr[:0], 0)
							for _, r := range order[at : at+b] {
								batch.Pos = append(batch.Pos, rows[r]...)
								batch.Ptr = append(batch.Ptr, int32(len(batch.Pos)))
							}
							batch.Step++
							s.Observe(batch)
							require.NoError(t, s.Draw(d, batch))
							n := 0.0 // places that are not empty
							for _, i := range d.IDs {
								n += float64(min(i+1, 1))
							}
							for j, i := range d.IDs {
								if epoch >= 3 && i >= 0 {
									weight[i] += math.Exp(-float64(d.LogQ[j])) / n
								}
							}
							if epoch >= 3 {
								batches++
							}
						}
						if epoch != 2 {
							continue
						}
						var sum float64
						for _, x := range distribution(t, s, nil, nil) {
							sum += x
						}
						require.InDelta(t, 1, sum, 0.02)
					}
					var mean float64
					for i := range weight {
						weight[i] /= batches
						mean += weight[i] / c
					}
					require.InDelta(t, 1, mean, 0.03)
					for i, w := range weight[:10] { // the standard error is near 1 %
						require.InDelta(t, 1, w, 0.05, "class %d", i)
					}
				})
			}
		}
	}
}

// In-batch draws are the positives of other rows: From names them, Drop takes
// out a row's own, and padding is nobody's.
func TestInBatch(t *testing.T) {
	s := make1(t, "in-batch", Config{C: 9})
	d, err := s.NewDraws(4, 6, true)
	require.NoError(t, err)
	b := &Batch{Pos: []int32{5, -1, 7, 5}}
	require.NoError(t, s.Draw(d, b))
	require.Equal(t, []int32{5, 7, 5, -1, -1, -1}, d.IDs)
	require.Equal(t, []int32{0, 2, 3, -1, -1, -1}, d.From)
	require.Zero(t, d.PosLogQ[1])
	drop := make([]bool, 6)
	require.Equal(t, 2, d.drop(drop, b, 0, false))
	require.Equal(t, []bool{true, false, false, true, true, true}, drop)
	require.Equal(t, 1, d.drop(drop, b, 0, true), "row 3 has the same positive: a hit")
	require.Equal(t, []bool{true, false, true, true, true, true}, drop)
	require.Equal(t, 3, d.drop(drop, b, 1, true))

	// Several positives a row.
	b = &Batch{Pos: []int32{1, 2, 3}, Ptr: []int32{0, 2, 2, 3, 3}}
	require.NoError(t, s.Draw(d, b))
	require.Equal(t, []int32{1, 2, 3, -1, -1, -1}, d.IDs)
	require.Equal(t, []int32{0, 0, 2, -1, -1, -1}, d.From)
	require.Len(t, d.PosLogQ, 3)
	require.Equal(t, 1, d.drop(drop, b, 0, true))

	// More positives than draws: a choice of distinct places, each as often.
	d, err = s.NewDraws(8, 3, true)
	require.NoError(t, err)
	b = &Batch{Pos: []int32{0, 1, 2, 3, 4, 5, 6, 7}}
	count := make([]float64, 8)
	const steps = 4000
	for b.Step = range steps {
		require.NoError(t, s.Draw(d, b))
		for j, i := range d.IDs {
			require.Equal(t, i, d.From[j])
			count[i]++
		}
	}
	for i := range count {
		require.InDelta(t, 3.0/8, count[i]/steps, 0.04) // 5 standard errors
	}
}

// A batch of one row has no other rows, so that none of its draws would be kept:
// nothing would be learned, with a loss of 0.
func TestInBatchNeedsOtherRows(t *testing.T) {
	for _, text := range []string{"in-batch", "in-batch:freq=stream"} {
		s := make1(t, text, Config{C: 9})
		_, err := s.NewDraws(1, 6, true)
		require.ErrorContains(t, err, "batches of one row have none", text)
		_, err = s.NewDraws(2, 6, true)
		require.NoError(t, err, text)
	}
	_, err := make1(t, "mixed", Config{C: 9}).NewDraws(1, 6, true)
	require.NoError(t, err, "half of these draws are of all classes")
}
