package tree

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A Partition groups the classes for a two-level softmax,
// log p(y) = log softmax(z_group)[g] + log softmax(z within g)[y]: with K groups
// of C/K classes a row costs O(d (K + C/K)), least at K = √C.
// Source: Goodman 2001, Classes for fast maximum entropy training.
type Partition struct {
	Group []int32 // [C] group of each class
	Pos   []int32 // [C] place of each class within its group
	Ptr   []int32 // [K+1] group g holds Class[Ptr[g]:Ptr[g+1]]
	Class []int32 // [C]
}

// Bytes returns what the partition holds.
func (p *Partition) Bytes() int64 { return 4 * int64(3*len(p.Class)+len(p.Ptr)) }

// Widest returns the number of classes of the largest group.
func (p *Partition) Widest() (most int) {
	for g := range p.Groups() {
		most = max(most, int(p.Ptr[g+1]-p.Ptr[g]))
	}
	return most
}

// Groups returns K.
func (p *Partition) Groups() int { return len(p.Ptr) - 1 }

// ByFrequency cuts the classes, in order of falling count and then of id, into k
// groups whose sizes differ by at most 1. k = 0 stands for ⌈√C⌉.
func ByFrequency(counts []float64, k int) (*Partition, error) {
	c := len(counts)
	if err := checkCounts(counts, c); err != nil {
		return nil, fmt.Errorf("tree: %w", err)
	}
	if k == 0 {
		k = int(math.Ceil(math.Sqrt(float64(c))))
	}
	if c < 1 || k < 1 || k > c {
		return nil, fmt.Errorf("tree: %d groups of %d classes; each needs at least one class", k, c)
	}
	group := make([]int32, c)
	for r, y := range byCount(counts) {
		group[y] = int32(int64(r) * int64(k) / int64(c))
	}
	return FromGroups(group)
}

// byCount returns the classes in order of falling count and then of id.
func byCount(counts []float64) []int32 {
	ids := make([]int32, len(counts))
	for y := range ids {
		ids[y] = int32(y)
	}
	slices.SortFunc(ids, func(a, b int32) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	return ids
}

// FromGroups makes the partition in which class y is of group[y]. Groups are
// numbered from 0 without a gap; within a group classes keep their order.
func FromGroups(group []int32) (*Partition, error) {
	c := len(group)
	if c == 0 {
		return nil, fmt.Errorf("tree: no classes to group")
	}
	k := int(slices.Max(group)) + 1
	if k > c {
		return nil, fmt.Errorf("tree: group %d of %d classes: some group is empty", k-1, c)
	}
	p := &Partition{Group: slices.Clone(group), Pos: make([]int32, c), Ptr: make([]int32, k+1), Class: make([]int32, c)}
	for y, g := range group {
		if g < 0 {
			return nil, fmt.Errorf("tree: class %d has the group %d", y, g)
		}
		p.Pos[y] = p.Ptr[g+1]
		p.Ptr[g+1]++
	}
	for g := range k {
		if p.Ptr[g+1] == 0 {
			return nil, fmt.Errorf("tree: group %d of %d is empty", g, k)
		}
		p.Ptr[g+1] += p.Ptr[g]
	}
	for y, g := range group {
		p.Class[p.Ptr[g]+p.Pos[y]] = int32(y)
	}
	return p, nil
}
