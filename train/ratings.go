package train

import (
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
)

// ratingsOf returns Evaluation.Grades of examples of a split of set: the values that the pairs of
// their users and relevant items have, ratings as the source has them. Pairs without a
// value, or with one below 0, are an error, and so is a set that has none.
func ratingsOf(set *data.Dataset, split string, x *data.Examples) (func(to []float32, row int32, items []int32) ([]float32, error), error) {
	parts := set.Parts()
	i := slices.IndexFunc(parts[:], func(p data.Part) bool { return p.Name == split })
	if i < 0 || parts[i].Value() == nil {
		return nil, fmt.Errorf("the %s split of %s has no ratings: its pairs say that a user has an item, and not how much it is liked; ndcg is of such pairs", split, set.Name)
	}
	// What a gain cannot be of is said before training, and not at the end of it.
	for u := range set.Users {
		lo := parts[i].Ptr()[u]
		for k, v := range parts[i].Value()[lo:parts[i].Ptr()[u+1]] {
			if !(v >= 0) {
				return nil, noGrade(set, u, parts[i].ItemsOf(u)[k], v)
			}
		}
	}
	user, err := x.Context.Field("user")
	if err != nil {
		return nil, fmt.Errorf("contexts that are no users have no ratings: %w", err)
	}
	if user.Lo != nil {
		return nil, fmt.Errorf("contexts of several users have no ratings")
	}
	// An event that comes again is relevant in one part, and the pair is in another.
	all := append([]data.Part{parts[i]}, slices.Delete(slices.Clone(parts[:]), i, i+1)...)
	return func(to []float32, row int32, items []int32) ([]float32, error) {
		u := int(user.One(int(row)))
		if u < 0 || u >= set.Users {
			return nil, fmt.Errorf("train: row %d of the contexts is of no user of %s", row, set.Name)
		}
		for _, item := range items {
			value, ok := float32(0), false
			for _, part := range all {
				if at, found := slices.BinarySearch(part.ItemsOf(u), item); found && part.Value() != nil {
					value, ok = part.Value()[part.Ptr()[u]+at], true
					break
				}
			}
			switch {
			case !ok:
				return nil, fmt.Errorf("train: user %q has no rating of item %q", set.UserName(u), set.ItemName(int(item)))
			case value < 0:
				return nil, noGrade(set, u, item, value)
			}
			to = append(to, value)
		}
		return to, nil
	}, nil
}

// noGrade is the error of a rating that no gain is of.
func noGrade(set *data.Dataset, user int, item int32, value float32) error {
	return fmt.Errorf("user %q has the rating %v of item %q, and a gain is of a grade of at least 0: leave such ratings out (data.min_rating), or measure ndcg, which is of pairs", set.UserName(user), value, set.ItemName(int(item)))
}
