package baseline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
)

// NewUnigram returns the ranking by how often a class is what is learned in training
// ([data.Dataset.Positives]), the same for every context, with the probabilities
//
//	p(w) = max(c(w) − D, 0)/N + D·N₊/N · 1/C
//
// where N is the sum of the counts c, N₊ how many classes have one, and D is 0 where all
// have, so that p is c/N; else D is ½, and no class has none.
func NewUnigram(set *data.Dataset) (models.Scorer, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	counts := set.Positives()
	d := 0.0
	if slices.Contains(counts, 0) {
		d = 0.5
	}
	p, err := discounted(counts, d)
	return &words{classes: set.Items, logUnigram: p}, err
}

// discounted returns ln p of classes with counts, each less d and the rest uniform.
func discounted(counts []int32, d float64) ([]float32, error) {
	n, have := 0.0, 0.0
	for _, c := range counts {
		n += float64(c)
		if c > 0 {
			have++
		}
	}
	if n == 0 {
		return nil, errors.New("baseline: there is nothing to count")
	}
	logP := make([]float32, len(counts))
	for w, c := range counts {
		logP[w] = float32(math.Log(max(float64(c)-d, 0)/n + d*have/n/float64(len(counts))))
	}
	return logP, nil
}

// NewKneserNey returns the ranking by the interpolated Kneser–Ney bigram of the train part of
// running text: after the word v, the last of a context's field "history", word w has
//
//	p(w|v) = max(c(vw) − D, 0)/c(v·) + D·N₁₊(v·)/c(v·) · p(w)
//	p(w)   = max(N₁₊(·w) − D′, 0)/N₁₊(··) + D′·N₊/N₁₊(··) · 1/C
//
// where c counts pairs of words that follow each other in a document, N₁₊(v·) are the different
// words after v and N₁₊(·w) those before w, of which N₊ words have any. After what never had a word after it, and in
// the empty context, p(w) alone. D = n₁/(n₁+2n₂) of the numbers of pairs that occur once and twice,
// and D′ likewise of words with one and two words before them; ½ where these are 0.
//
// Source: Kneser, Ney 1995, ICASSP, in the interpolated form of Chen, Goodman 1999, §2.7 and
// appendix; D of Ney, Essen, Kneser 1994.
func NewKneserNey(set *data.Dataset) (models.Scorer, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	if !set.Text || set.Histories == nil {
		return nil, errors.New("baseline: kneserney is of running text, which --format text reads")
	}
	ptr, word, mark := set.Histories.Arrays()
	k := &words{classes: set.Items, ptr: make([]int, set.Items+1)}
	pair := func(f func(v, w int32)) {
		for u := range set.Users {
			for p := ptr[u] + 1; p < ptr[u+1]; p++ {
				if mark[p]&3 == 0 && mark[p-1]&3 == 0 {
					f(word[p-1], word[p])
				}
			}
		}
	}
	pair(func(v, _ int32) { k.ptr[v+1]++ })
	for v := range set.Items {
		k.ptr[v+1] += k.ptr[v]
	}
	follows, at := make([]int32, k.ptr[set.Items]), slices.Clone(k.ptr)
	pair(func(v, w int32) { follows[at[v]] = w; at[v]++ })
	before := make([]int32, set.Items) // N₁₊(·w)
	k.total = make([]float32, set.Items)
	var of [3]float64 // numbers of pairs that occur once and twice
	from := 0
	for v := range set.Items {
		own := follows[from:k.ptr[v+1]]
		from, k.ptr[v] = k.ptr[v+1], len(k.word)
		slices.Sort(own)
		k.total[v] = float32(len(own))
		for len(own) > 0 {
			n := 1
			for n < len(own) && own[n] == own[0] {
				n++
			}
			if n < len(of) {
				of[n]++
			}
			before[own[0]]++
			k.word, k.count = append(k.word, own[0]), append(k.count, float32(n))
			own = own[n:]
		}
	}
	k.ptr[set.Items] = len(k.word)
	k.d = discount(of[1], of[2])
	of[1], of[2] = 0, 0
	for _, n := range before {
		if n == 1 || n == 2 {
			of[n]++
		}
	}
	var err error
	k.logUnigram, err = discounted(before, discount(of[1], of[2]))
	return k, err
}

// discount returns D.
func discount(once, twice float64) float64 {
	if once == 0 {
		return 0.5
	}
	return once / (once + 2*twice)
}

// words are counts of words, and of what follows each.
type words struct {
	classes    int
	logUnigram []float32 // [C]

	// Of a bigram: the words that follow v are word[ptr[v]:ptr[v+1]], rising, with counts.
	ptr   []int // [C+1]; nil without
	word  []int32
	count []float32
	total []float32 // [C] Σ count of v
	d     float64
}

// Rankings implements [models.Scorer].
func (k *words) Rankings(ctx context.Context, q models.Query, each func(i int, top models.Top)) error {
	if err := q.Validate(); err != nil {
		return err
	}
	if q.Classes != k.classes {
		return fmt.Errorf("baseline: a query of %d classes of a training split of %d words", q.Classes, k.classes)
	}
	last := func(int) int32 { return -1 }
	if k.ptr != nil {
		past, err := q.Contexts.Field("history")
		if err != nil || !past.Ordered || past.Size != k.classes {
			return errors.New("baseline: kneserney ranks by the word before, and contexts have no words in their order (field history); the tasks of text are window, next and last")
		}
		last = func(row int) int32 {
			if ids, _ := past.Row(row); len(ids) > 0 {
				return ids[len(ids)-1]
			}
			return -1
		}
	}
	return eachRow(ctx, q, func(z []float32, row int) { k.logs(z, last(row)) }, func(row int, w int32) float64 { return k.logP(last(row), w) }, each)
}

// after returns what follows v: none where nothing does.
func (k *words) after(v int32) (words []int32, counts []float32) {
	if v < 0 || k.ptr == nil {
		return nil, nil
	}
	return k.word[k.ptr[v]:k.ptr[v+1]], k.count[k.ptr[v]:k.ptr[v+1]]
}

// logs stores ln p(·|v) in z [C].
func (k *words) logs(z []float32, v int32) {
	words, counts := k.after(v)
	if len(words) == 0 {
		copy(z, k.logUnigram)
		return
	}
	share := float32(math.Log(k.d * float64(len(words)) / float64(k.total[v])))
	for w, lp := range k.logUnigram {
		z[w] = lp + share
	}
	for j, w := range words {
		z[w] = float32(k.seen(v, w, counts[j], len(words)))
	}
}

// logP returns ln p(w|v).
func (k *words) logP(v, w int32) float64 {
	words, counts := k.after(v)
	if len(words) == 0 {
		return float64(k.logUnigram[w])
	}
	count := float32(0)
	if j, ok := slices.BinarySearch(words, w); ok {
		count = counts[j]
	}
	return k.seen(v, w, count, len(words))
}

// seen is logP of a w that follows v so often.
func (k *words) seen(v, w int32, count float32, different int) float64 {
	n := float64(k.total[v])
	return math.Log(max(float64(count)-k.d, 0)/n + k.d*float64(different)/n*math.Exp(float64(k.logUnigram[w])))
}
