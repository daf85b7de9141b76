package tree

import "fmt"

// FromParents makes the tree that parent describes: entries 0 … C−1 are the
// classes and C … 2C−2 the internal nodes, and parent[i] is the entry above i, −1
// for the root. Of two children the lower entry is bit 0. In the tree the node of
// entry C+n has the id n. The error names the first entry that does not fit.
func FromParents(parent []int32) (*Tree, error) {
	if len(parent)%2 == 0 {
		return nil, fmt.Errorf("tree: %d entries; C classes and C−1 nodes make an odd number", len(parent))
	}
	c := (len(parent) + 1) / 2
	child := make([]int32, 2*(c-1))
	children := make([]int, c-1)
	root := -1
	for i, p := range parent {
		switch {
		case p == -1 && root < 0 && (i >= c || c == 1):
			root = i
			continue
		case p == -1 && root < 0:
			return nil, fmt.Errorf("tree: entry %d is a class without a parent", i)
		case p == -1:
			return nil, fmt.Errorf("tree: entries %d and %d are both roots", root, i)
		case int(p) < c || int(p) >= len(parent):
			return nil, fmt.Errorf("tree: parent %d of entry %d is not a node; nodes are [%d, %d)", p, i, c, len(parent))
		}
		n := int(p) - c
		if children[n] == 2 {
			return nil, fmt.Errorf("tree: entry %d is a third child of node %d", i, p)
		}
		if i < c {
			child[2*n+children[n]] = ^int32(i)
		} else {
			child[2*n+children[n]] = int32(i - c)
		}
		children[n]++
	}
	// One root at most and 2C−2 edges or more over C−1 nodes of at most two
	// children: every node has two, and there is a root.
	t, err := build(c, child)
	if err != nil {
		return nil, fmt.Errorf("tree: %w", err)
	}
	return t, nil
}

// unset is a child that is not known yet; no class, whose ids end below.
const unset = int32(-1 << 31)

// FromPaths makes the tree in which the path of class y goes through the nodes
// node[y], from the root on, with the bits bit[y]. Node ids are those given, each
// in [0, C−1). The error names the first class whose path does not fit.
func FromPaths(node [][]int32, bit [][]uint8) (*Tree, error) {
	c := len(node)
	if c == 0 || len(bit) != c {
		return nil, fmt.Errorf("tree: %d paths and %d lists of bits; one of each for at least one class", c, len(bit))
	}
	child := make([]int32, 2*(c-1))
	for i := range child {
		child[i] = unset
	}
	for y, path := range node {
		if len(bit[y]) != len(path) || (len(path) == 0) != (c == 1) {
			return nil, fmt.Errorf("tree: class %d has a path of %d nodes and %d bits", y, len(path), len(bit[y]))
		}
		for i, n := range path {
			to := ^int32(y)
			if i+1 < len(path) {
				to = path[i+1]
			}
			switch {
			case n < 0 || int(n) >= c-1:
				return nil, fmt.Errorf("tree: class %d: node %d is outside [0, %d)", y, n, c-1)
			case bit[y][i] > 1:
				return nil, fmt.Errorf("tree: class %d: bit %d at node %d", y, bit[y][i], n)
			case n == path[0] && i > 0 || path[0] != node[0][0]:
				return nil, fmt.Errorf("tree: class %d: its path must start at the root %d and not come back", y, node[0][0])
			}
			if at := &child[2*n+int32(bit[y][i])]; *at == unset {
				*at = to
			} else if *at != to {
				return nil, fmt.Errorf("tree: class %d: bit %d of node %d leads elsewhere for an earlier class", y, bit[y][i], n)
			}
		}
	}
	// Paths through m nodes have one edge into each but the root and one to each of
	// the C classes, of 2m in all: so m = C−1, and no edge is left unset or over.
	t, err := build(c, child)
	if err != nil {
		return nil, fmt.Errorf("tree: %w", err)
	}
	return t, nil
}
