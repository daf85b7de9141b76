package compare

import (
	"context"
	"slices"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// buckets are the popularity buckets, by rising rarity.
var buckets = []string{"head", "middle", "tail"}

// bucketOf deals the items into buckets of about a third of the train interactions each.
// Items are sorted by falling count and, where counts tie, by index; an item belongs to
// the third in which its interactions begin. Items without interactions are tail.
func bucketOf(set *data.Dataset) (of []int8, items [3]int) {
	counts, all := set.Positives(), 0
	for _, n := range counts {
		all += int(n)
	}
	order := make([]int32, len(counts))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return int(counts[b]) - int(counts[a]) })
	of = make([]int8, len(counts))
	before := 0
	for _, i := range order {
		b := 2
		if counts[i] > 0 {
			b = 3 * before / all
		}
		of[i] = int8(b)
		items[b]++
		before += int(counts[i])
	}
	return of, items
}

// bucketRecall returns, for each bucket, the mean over the users with relevant items of
// the split in it of the share of these among the user's first k. It is NaN where no user
// has any.
func bucketRecall(ctx context.Context, t *train.Recommender, set *data.Dataset, split string, k int) ([]report.Number, error) {
	var sums bucketSums
	sums.of, _ = bucketOf(set)
	m := metric.Metric{Name: "bucket-recall", Pooled: true, New: func(int, metric.Set) metric.Accumulator { return &sums }}
	e, err := t.Evaluation(set, split, []metric.At{{Metric: &m, K: k}})
	if err != nil {
		return nil, err
	}
	if _, err := train.Evaluate(ctx, t, e); err != nil {
		return nil, err
	}
	out := make([]report.Number, len(buckets))
	for b := range out {
		out[b] = report.Number(sums.sum[b] / float64(sums.n[b]))
	}
	return out, nil
}

// bucketSums adds up the recall of each bucket. Its value is one a bucket, not one.
type bucketSums struct {
	of  []int8 // bucket of an item
	sum [3]float64
	n   [3]int // users with relevant items in it
}

func (s *bucketSums) Add(l metric.List) float64 {
	var has, hit [3]int
	for _, item := range l.Relevant {
		has[s.of[item]]++
	}
	for r, item := range l.IDs {
		if l.Hit[r] {
			hit[s.of[item]]++
		}
	}
	for b := range has {
		if has[b] > 0 {
			s.sum[b] += float64(hit[b]) / float64(has[b])
			s.n[b]++
		}
	}
	return 0
}

func (s *bucketSums) Finish() float64 { return 0 }
