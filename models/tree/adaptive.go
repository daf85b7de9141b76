package tree

import (
	"fmt"
	"math"
	"slices"
)

// An Adaptive lays out the classes for adaptive softmax: the most frequent c₀
// are a shortlist in the head; the rest form clusters of falling frequency, each
// one further logit of the head and a softmax of its own over fewer dimensions.
// Source: Grave et al. 2017, Efficient softmax approximation for GPUs.
type Adaptive struct {
	Cutoffs []int32 // ranks: c₀, the ends of the clusters, at last C
	Class   []int32 // [C] class of each rank, most frequent first
	Rank    []int32 // [C] rank of each class
}

// NewAdaptive ranks the classes by falling count, then by id, and cuts the ranks
// at cutoffs, rising in [1, C): the shortlist and len(cutoffs) clusters.
func NewAdaptive(counts []float64, cutoffs []int32) (*Adaptive, error) {
	c := len(counts)
	if err := checkCounts(counts, c); err != nil {
		return nil, fmt.Errorf("tree: %w", err)
	}
	if len(cutoffs) == 0 {
		return nil, fmt.Errorf("tree: no cutoffs; give at least one in [1, %d)", c)
	}
	for i, x := range cutoffs {
		if x < 1 || int(x) >= c || i > 0 && x <= cutoffs[i-1] {
			return nil, fmt.Errorf("tree: cutoffs %v must rise within [1, %d)", cutoffs, c)
		}
	}
	a := &Adaptive{Cutoffs: append(slices.Clone(cutoffs), int32(c)), Class: byCount(counts), Rank: make([]int32, c)}
	for r, y := range a.Class {
		a.Rank[y] = int32(r)
	}
	return a, nil
}

// Bytes returns what the layout holds.
func (a *Adaptive) Bytes() int64 { return 4 * int64(2*len(a.Class)+len(a.Cutoffs)) }

// Clusters returns the number of clusters.
func (a *Adaptive) Clusters() int { return len(a.Cutoffs) - 1 }

// Head returns the number of logits of the head: shortlist and clusters.
func (a *Adaptive) Head() int { return int(a.Cutoffs[0]) + a.Clusters() }

// Size returns the number of classes of cluster i.
func (a *Adaptive) Size(i int) int { return int(a.Cutoffs[i+1] - a.Cutoffs[i]) }

// Dim returns the width of cluster i where the head has width d: ⌊d/div^{i+1}⌋,
// at least 1. div ≥ 1; Grave et al. take 4.
func (a *Adaptive) Dim(i, d int, div float64) int {
	return max(1, int(math.Floor(float64(d)/math.Pow(div, float64(i+1)))))
}

// Split returns where class y is: its logit in the head, −1 and 0 for a class of
// the shortlist; else the logit of its cluster in the head, the cluster and the
// place within it.
func (a *Adaptive) Split(y int) (head, cluster, pos int) {
	r := a.Rank[y]
	i, end := slices.BinarySearch(a.Cutoffs, r)
	if end { // a cutoff is the first rank of its cluster
		i++
	}
	if i == 0 {
		return int(r), -1, 0
	}
	return int(a.Cutoffs[0]) + i - 1, i - 1, int(r - a.Cutoffs[i-1])
}
