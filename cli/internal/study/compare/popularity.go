package compare

import (
	"context"
	"slices"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// buckets are the popularity buckets, by rising rarity.
var buckets = []string{"head", "middle", "tail"}

// bucketOf deals the items into buckets of about a third of the train interactions each.
// Items are sorted by falling count and, where counts tie, by index; an item belongs to
// the third in which its interactions begin. Items without interactions are tail.
func bucketOf(x *data.Interactions) (of []int8, items [3]int) {
	counts := x.ItemCounts()
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
			b = 3 * before / x.Len()
		}
		of[i] = int8(b)
		items[b]++
		before += int(counts[i])
	}
	return of, items
}

// bucketRecall returns, for each bucket, the mean over the users with relevant items in
// it of the share of these among the user's first k. It is NaN where no user has any.
// It masks what Evaluate masks.
func bucketRecall(ctx context.Context, t *train.Recommender, set *data.Dataset, relevant *data.Interactions, users []int32, k int) ([]report.Number, error) {
	of, _ := bucketOf(set.Train)
	// Predict masks all that the dataset knows of a user, so it is shown one that does
	// not know the answers.
	blind := *set
	none := func(int) bool { return false }
	if blind.Test = set.Test.Filter(none); relevant == set.Valid {
		blind.Valid = set.Valid.Filter(none)
	}
	ids := make([]int, len(users))
	for i, u := range users {
		ids[i] = int(u)
	}
	tops, err := t.Predict(ctx, &blind, ids, k, false)
	if err != nil {
		return nil, err
	}
	var sum [3]float64
	var n [3]int
	for i, top := range tops {
		var has, hit [3]int
		rel := relevant.ItemsOf(ids[i])
		for _, item := range rel {
			has[of[item]]++
		}
		for _, item := range top.IDs {
			if _, ok := slices.BinarySearch(rel, item); ok {
				hit[of[item]]++
			}
		}
		for b := range has {
			if has[b] > 0 {
				sum[b] += float64(hit[b]) / float64(has[b])
				n[b]++
			}
		}
	}
	out := make([]report.Number, len(sum))
	for b := range sum {
		out[b] = report.Number(sum[b] / float64(n[b]))
	}
	return out, nil
}
