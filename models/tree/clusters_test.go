package tree

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// featuresOf returns features of c classes: class y is in rows y and 3y mod c, and row i has the
// columns i mod 5 and 7 + i mod 3.
func featuresOf(c int) *Features {
	f := &Features{Ptr: []int{0}, Size: 10}
	for y := range c {
		f.Row = append(f.Row, int32(y), int32(3*y%c))
		f.Ptr = append(f.Ptr, len(f.Row))
		f.Lo = append(f.Lo, len(f.ID))
		f.ID, f.Value = append(f.ID, int32(y%5), int32(7+y%3)), append(f.Value, 1, float32(1+y%2))
		f.Hi = append(f.Hi, len(f.ID))
	}
	return f
}

// newTree makes a tree of any rule.
func newTree(name string, c int) (*Tree, error) {
	return NewOf(name, c, zipf(c), func() (*Features, error) { return featuresOf(c), nil })
}

// TestClusters: classes whose rows are alike share the nodes above them, whatever the order
// of their numbers, depths are those of halving, and what nobody knows has a place too.
func TestClusters(t *testing.T) {
	// 4 kinds of 8 classes, dealt round: kind g has columns 3g to 3g+2, of which a class has two,
	// and shares one with another kind.
	const c, kinds = 32, 4
	f := &Features{Ptr: []int{0}, Size: 3*kinds + 2}
	for y := range c {
		g := y % kinds
		f.Row = append(f.Row, int32(y))
		f.Ptr = append(f.Ptr, len(f.Row))
		f.Lo = append(f.Lo, len(f.ID))
		f.ID = append(f.ID, int32(3*g+y/kinds%3), int32(3*g+(1+y/kinds)%3), int32(3*kinds+g/2))
		f.Hi = append(f.Hi, len(f.ID))
	}
	tr, err := NewOf("clusters", c, nil, func() (*Features, error) { return f, nil })
	require.NoError(t, err)
	require.Equal(t, 5, tr.Depth())
	_, node, bit, err := tr.Paths()
	require.NoError(t, err)
	at := func(y int) [2]int32 { // the node after two decisions, by the second and its bit
		return [2]int32{node[5*y+1], int32(bit[5*y+1])}
	}
	seen := map[[2]int32]int{}
	for y := range c {
		require.Equal(t, at(y%kinds), at(y), "class %d is of another kind's branch", y)
		seen[at(y)]++
	}
	require.Len(t, seen, kinds)
	again, err := NewOf("clusters", c, nil, func() (*Features, error) { return f, nil })
	require.NoError(t, err)
	require.Equal(t, tr, again)

	// Rows that are one column each, classes without a row, and one that has all.
	alone := &Features{Ptr: []int{0, 2, 2, 3, 6, 6}, Row: []int32{0, 1, 2, 0, 1, 2}, Size: 3}
	tr, err = NewOf("clusters", 5, nil, func() (*Features, error) { return alone, nil })
	require.NoError(t, err)
	require.Equal(t, 3, tr.Depth())

	for want, spoil := range map[string]func(f *Features){
		"bounds of 2 classes' rows, want those of 5": func(f *Features) { f.Ptr = f.Ptr[:3] },
		"row 9 at place 1 is outside [0,3)":          func(f *Features) { f.Row = []int32{0, 9, 2, 0, 1, 2} },
		"class 1: bounds fall from 3 to 2":           func(f *Features) { f.Ptr = []int{0, 3, 2, 3, 6, 6} },
		"row 0 has numbers 0 to 4 of 2":              func(f *Features) { f.Lo, f.Hi, f.ID = []int{0, 0, 0}, []int{4, 0, 0}, []int32{0, 1} },
		"column 5 at place 1 is outside [0,3)":       func(f *Features) { f.Lo, f.Hi, f.ID = []int{0, 0, 0}, []int{2, 0, 0}, []int32{0, 5} },
	} {
		g := *alone
		spoil(&g)
		_, err := NewOf("clusters", 5, nil, func() (*Features, error) { return &g, nil })
		require.ErrorContains(t, err, want)
	}
	_, err = New("clusters", 5, nil)
	require.ErrorContains(t, err, "it reads what classes are known by, and nothing says it")
}
