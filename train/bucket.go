package train

import (
	"errors"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// The choices of Evaluation.By: by what the examples are divided, beside the whole.
const (
	ByHistory    = "history"    // how many items the context of an example is known to have
	ByPopularity = "popularity" // in how many training contexts a relevant class is a positive
)

// ByChoices lists the choices of Evaluation.By.
func ByChoices() []string { return []string{ByHistory, ByPopularity} }

// CheckBy returns an error that lists the choices of Evaluation.By unless text is one of
// them.
func CheckBy(text string) error { return oneOf("division", text, ByChoices()) }

// A Bucket is what was measured of a part of the examples: those whose number, by
// Scores.By, is within From and To. By popularity it is of the pairs of an example and a
// relevant class: an example counts with those of its relevant classes that are in the
// bucket, in each bucket that has any, and a metric takes them for all that there are.
type Bucket struct {
	From     int     `json:"from"`     // inclusive
	To       int     `json:"to"`       // inclusive
	Examples int     `json:"examples"` // that count in it
	Values   []Value `json:"values"`   // of each metric
}

// maxBuckets is into how many parts examples are divided at the most: quarters.
const maxBuckets = 4

// buckets divide examples in quarters of as many pairs or examples each; equal numbers
// stay together.
type buckets struct {
	by     string
	all    []Bucket
	number []int // of each example by history; of each class by popularity
	sums   [][]metric.Accumulator

	hit      []bool // scratch
	relevant []int32
	logP     []float64
}

// newBuckets returns the buckets of examples of these rows and relevant classes.
func newBuckets(by string, x *data.Examples, rows []int32, relevant [][]int32, known metric.Set, metrics []metric.At) (*buckets, error) {
	if err := CheckBy(by); err != nil {
		return nil, err
	}
	b := &buckets{by: by}
	var numbers []int
	if by == ByHistory {
		f, err := x.Context.Field("seen")
		if err != nil {
			f, err = x.Context.Field("history")
		}
		if err != nil {
			return nil, errors.Join(errors.New("train: contexts have no history to divide them by"), err)
		}
		for _, r := range rows {
			b.number = append(b.number, f.Len(int(r)))
		}
		numbers = slices.Clone(b.number)
	} else {
		b.number = make([]int, len(known.Count))
		for c, n := range known.Count {
			b.number[c] = int(n)
		}
		for _, classes := range relevant {
			for _, c := range classes {
				numbers = append(numbers, b.number[c])
			}
		}
	}
	slices.Sort(numbers)
	for k := range maxBuckets {
		to := numbers[((k+1)*len(numbers)-1)/maxBuckets]
		if n := len(b.all); n == 0 || to > b.all[n-1].To {
			from := 0
			if n > 0 {
				from, _ = slices.BinarySearch(numbers, b.all[n-1].To+1)
			}
			b.all = append(b.all, Bucket{From: numbers[from], To: to})
			var sums []metric.Accumulator
			for _, at := range metrics {
				sums = append(sums, at.New(known))
			}
			b.sums = append(b.sums, sums)
		}
	}
	return b, nil
}

// of returns the bucket of a number.
func (b *buckets) of(number int) int {
	k, _ := slices.BinarySearchFunc(b.all, number, func(x Bucket, n int) int { return x.To - n })
	return k
}

// add takes the ranking of example i.
func (b *buckets) add(i int, l metric.List) {
	if b.by == ByHistory {
		b.put(b.of(b.number[i]), l)
		return
	}
	for k := range b.all {
		b.relevant, b.logP = b.relevant[:0], b.logP[:0]
		for r, c := range l.Relevant {
			if b.of(b.number[c]) == k {
				b.relevant = append(b.relevant, c)
				if l.LogP != nil {
					b.logP = append(b.logP, l.LogP[r])
				}
			}
		}
		if len(b.relevant) == 0 {
			continue
		}
		b.hit = b.hit[:0]
		for r, id := range l.IDs {
			b.hit = append(b.hit, l.Hit[r] && b.of(b.number[id]) == k)
		}
		b.put(k, metric.List{IDs: l.IDs, Hit: b.hit, Relevant: b.relevant, LogP: b.logP})
	}
}

func (b *buckets) put(k int, l metric.List) {
	b.all[k].Examples++
	for _, sum := range b.sums[k] {
		sum.Add(l)
	}
}

// finish returns the buckets with their values.
func (b *buckets) finish(metrics []metric.At) []Bucket {
	for k := range b.all {
		for m, at := range metrics {
			b.all[k].Values = append(b.all[k].Values, Value{at.String(), b.sums[k][m].Finish()})
		}
	}
	return b.all
}
