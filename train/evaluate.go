package train

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// Value is the mean of a metric.
type Value struct {
	Name  string  `json:"name"` // canonical text, e.g. recall@20
	Value float64 `json:"value"`
}

// Scores are the metrics of one split.
type Scores struct {
	Split    string  `json:"split"`
	Values   []Value `json:"values"`
	Users    int     `json:"users"`    // that have relevant items: the means are over them
	Excluded int     `json:"excluded"` // that have none

	// What no ranking holds, by EvalConfig.Items: so many items, and so many relevant
	// pairs with them, which count as missed.
	LeftOut      int `json:"left_out_items,omitempty"`
	LeftOutPairs int `json:"left_out_pairs,omitempty"`

	// PerUser[m][i] is metric m for user UserIndex[i], ascending: what a paired
	// test between runs needs.
	UserIndex []int32     `json:"-"`
	PerUser   [][]float64 `json:"-"`
}

// Get returns the value of a metric by its text, in any spelling that metric.Parse
// takes, and whether it was measured.
func (s *Scores) Get(text string) (float64, bool) {
	at, err := metric.Parse(text)
	if err != nil {
		return 0, false
	}
	i := slices.IndexFunc(s.Values, func(v Value) bool { return v.Name == at.String() })
	if i < 0 {
		return 0, false
	}
	return s.Values[i].Value, true
}

// String prints "valid: recall@20 0.2741, ndcg@20 0.2602 (6022 users)".
func (s *Scores) String() string {
	var parts []string
	for _, v := range s.Values {
		parts = append(parts, fmt.Sprintf("%s %.4f", v.Name, v.Value))
	}
	return fmt.Sprintf("%s: %s (%d users)", s.Split, strings.Join(parts, ", "), s.Users)
}

// splitOf returns the relevant items of a split and, for each user, those to
// mask.
func splitOf(set *data.Dataset, split string) (relevant *data.Interactions, masks []*data.Interactions, err error) {
	switch split {
	case "train":
		return set.Train, nil, nil
	case "valid":
		return set.Valid, []*data.Interactions{set.Train}, nil
	case "test":
		return set.Test, []*data.Interactions{set.Train, set.Valid}, nil
	}
	return nil, nil, fmt.Errorf("train: unknown split %q; the choices are train, valid, test", split)
}

// chunk returns the number of users that are encoded and ranked together: it
// bounds memory, to some 64 bytes for each of n users' k places and to 64 MiB for the
// items that each leaves out as all do, and changes no number.
func chunk(users, k, leftOut int) int {
	return min(users, 4096, max(64, 1<<20/k), max(16, 1<<24/max(leftOut, 1)))
}

// LeftOut returns the items that no ranking on set holds, ascending; see
// EvalConfig.Items.
func (t *Trained) LeftOut(set *data.Dataset) ([]int32, error) {
	if err := t.fits(set); err != nil {
		return nil, err
	}
	if err := CheckItems(t.Config.Eval.Items); err != nil {
		return nil, fmt.Errorf("train: eval.items: %w", err)
	}
	if t.Config.Eval.Items == AllItems {
		return nil, nil
	}
	return set.ColdItems(), nil
}

// ranking calls each(i, top) for users[i], in order. Neither the items of skip nor
// leftOut are in top.
func (t *Trained) ranking(ctx context.Context, users []int32, skip func(u int32) []int32, leftOut []int32, k int, each func(i int, top models.Top)) error {
	size := chunk(len(users), k, len(leftOut))
	room := make([][]int32, size)
	return t.rank(ctx, users, size, k, func(i int) []int32 {
		mask := skip(users[i])
		if len(leftOut) > 0 {
			r := &room[i%size]
			*r = merge((*r)[:0], mask, leftOut)
			mask = *r
		}
		return mask
	}, each)
}

// merge appends the union of two ascending lists to dst, ascending.
func merge(dst, a, b []int32) []int32 {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			dst, a = append(dst, a[0]), a[1:]
		case b[0] < a[0]:
			dst, b = append(dst, b[0]), b[1:]
		default:
			dst, a, b = append(dst, a[0]), a[1:], b[1:]
		}
	}
	return append(append(dst, a...), b...)
}

// masker returns the union of a user's items in masks, ascending.
func masker(masks []*data.Interactions) func(u int32) []int32 {
	return func(u int32) []int32 {
		switch len(masks) {
		case 0:
			return nil
		case 1:
			return masks[0].ItemsOf(int(u))
		}
		var all []int32
		for _, m := range masks {
			all = append(all, m.ItemsOf(int(u))...)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
}

// Evaluate ranks the items for every user of a split ("train", "valid" or
// "test") and returns the means of ms over the users that have relevant items.
// The items of the train set, and of valid when testing, are masked; evaluating
// "train" masks nothing. Items without a pair in train are left out unless
// Config.Eval.Items is "all"; they stay among the relevant ones, and so do users who
// have no others. The means are sums in user order, whatever the threads.
func (t *Trained) Evaluate(ctx context.Context, set *data.Dataset, split string, ms []metric.At) (*Scores, error) {
	leftOut, err := t.LeftOut(set)
	if err != nil {
		return nil, err
	}
	relevant, masks, err := splitOf(set, split)
	if err != nil {
		return nil, err
	}
	if len(ms) == 0 {
		return nil, fmt.Errorf("train: no metric to evaluate")
	}
	for i, at := range ms {
		if at.Metric == nil || at.K < 1 {
			return nil, fmt.Errorf("train: metric %d has no name or a cut-off of %d, below 1; metric.Parse makes them", i, at.K)
		}
	}
	s := &Scores{Split: split, PerUser: make([][]float64, len(ms)), LeftOut: len(leftOut)}
	counts := relevant.ItemCounts()
	for _, i := range leftOut {
		s.LeftOutPairs += int(counts[i])
	}
	for u := range set.Users {
		if len(relevant.ItemsOf(u)) > 0 {
			s.UserIndex = append(s.UserIndex, int32(u))
		}
	}
	s.Users, s.Excluded = len(s.UserIndex), set.Users-len(s.UserIndex)
	if s.Users == 0 {
		return nil, fmt.Errorf("train: the %s split of %s has no interactions", split, set.Name)
	}
	for m := range ms {
		s.PerUser[m] = make([]float64, s.Users)
	}
	err = t.ranking(ctx, s.UserIndex, masker(masks), leftOut, min(metric.MaxK(ms), set.Items), func(i int, top models.Top) {
		rel := relevant.ItemsOf(int(s.UserIndex[i]))
		hit := make([]bool, len(top.IDs))
		for r, id := range top.IDs {
			_, hit[r] = slices.BinarySearch(rel, id)
		}
		for m, at := range ms {
			s.PerUser[m][i] = at.Score(hit[:min(at.K, len(hit))], len(rel), at.K)
		}
	})
	if err != nil {
		return nil, err
	}
	for m, at := range ms {
		sum := 0.0
		for _, v := range s.PerUser[m] {
			sum += v
		}
		s.Values = append(s.Values, Value{at.String(), sum / float64(s.Users)})
	}
	return s, nil
}

// Predict returns the k best items for users. Unless withSeen, the items that
// the dataset knows of a user, in any split, are masked. Items without a pair in
// train are left out unless Config.Eval.Items is "all".
func (t *Trained) Predict(ctx context.Context, set *data.Dataset, users []int, k int, withSeen bool) ([]models.Top, error) {
	leftOut, err := t.LeftOut(set)
	if err != nil {
		return nil, err
	}
	if k < 1 {
		return nil, fmt.Errorf("train: k=%d is below 1", k)
	}
	k = min(k, set.Items) // there are no more to rank
	ids := make([]int32, len(users))
	for i, u := range users {
		if u < 0 || u >= set.Users {
			return nil, fmt.Errorf("train: user %d is outside [0,%d)", u, set.Users)
		}
		ids[i] = int32(u)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var masks []*data.Interactions
	if !withSeen {
		masks = []*data.Interactions{set.Train, set.Valid, set.Test}
	}
	tops := make([]models.Top, len(ids))
	err = t.ranking(ctx, ids, masker(masks), leftOut, k, func(i int, top models.Top) { tops[i] = top })
	if err != nil {
		return nil, err
	}
	return tops, nil
}
