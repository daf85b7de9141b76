package tree

import "math/bits"

func init() {
	Register(Spec{
		Name:   "balanced",
		Doc:    "all paths of ⌊log₂C⌋ or ⌈log₂C⌉ steps, neighbouring classes under one node",
		Source: "Morin & Bengio 2005, Hierarchical probabilistic neural network language model",
		New:    func(c int, _ []float64) (*Tree, error) { return balanced(c) },
		Bytes:  buildBytes,
	})
}

// balanced is the complete tree in heap order: the children of node n are places
// 2n+1 and 2n+2, and places from C−1 on are leaves. From left to right the
// leaves are the classes in order.
func balanced(c int) (*Tree, error) {
	n := c - 1
	// The lowest level starts at place 2^k − 1, the largest such within 2C−1
	// places; its leaves are the leftmost.
	low := 1<<(bits.Len(uint(2*c-1))-1) - 1
	left := 2*c - 1 - low
	child := make([]int32, 2*n)
	for i := range child {
		switch place := i + 1; {
		case place < n:
			child[i] = int32(place)
		case place >= low:
			child[i] = ^int32(place - low)
		default:
			child[i] = ^int32(place - n + left)
		}
	}
	return build(c, child)
}
