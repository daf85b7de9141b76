package tree

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

func init() {
	Register(Spec{
		Name:   "huffman",
		Doc:    "Huffman's: the shortest expected path under the counts",
		Source: "Huffman 1952, A method for the construction of minimum-redundancy codes; Mikolov et al. 2013 for hierarchical softmax",
		Counts: true,
		New:    huffman,
		Bytes:  func(c int) int64 { return 4*int64(c) + 8*int64(c-1) + buildBytes(c) }, // leaves, sums
	})
}

// huffman joins the two lightest subtrees until one is left. A count of 0 weighs
// 1. Equal weights go by creation: classes in order, then joined subtrees in
// order; the first taken is bit 0. So the tree is a function of the counts.
// H(f) ≤ E[len] < H(f) + 1 in bits.
//
// Node 0 is the root: nodes are numbered against the order of creation.
func huffman(c int, counts []float64) (*Tree, error) {
	weight := func(y int32) float64 {
		if counts[y] == 0 {
			return 1
		}
		return counts[y]
	}
	leaves := make([]int32, c)
	for y := range leaves {
		leaves[y] = int32(y)
	}
	slices.SortFunc(leaves, func(a, b int32) int {
		return cmp.Or(cmp.Compare(weight(a), weight(b)), cmp.Compare(a, b))
	})
	// Two queues in rising weight (van Leeuwen 1976): sums of the two lightest
	// never fall, so joined subtrees queue up sorted, and no heap is needed.
	n := c - 1
	joined := make([]float64, 0, n)
	child := make([]int32, 2*n)
	leaf, sub := 0, 0
	for i := range n {
		var sum float64
		for b := range 2 {
			if leaf < c && (sub == len(joined) || weight(leaves[leaf]) <= joined[sub]) {
				child[2*(n-1-i)+b] = ^leaves[leaf]
				sum += weight(leaves[leaf])
				leaf++
			} else {
				child[2*(n-1-i)+b] = int32(n - 1 - sub)
				sum += joined[sub]
				sub++
			}
		}
		if math.IsInf(sum, 1) {
			return nil, errors.New("the sum of the counts overflows")
		}
		joined = append(joined, sum)
	}
	return build(c, child)
}
