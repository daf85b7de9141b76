package tree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Tree is a full binary tree: C leaves, the classes, and C−1 internal nodes,
// each with one child for bit 0 and one for bit 1. With one class there is no
// node and the path is empty. A Tree is immutable and safe for concurrent use.
type Tree struct {
	c     int
	child []int32 // [C−1, 2]: child of node n at bit b: a node ≥ 0, or ^y of class y
	order []int32 // the nodes, parents before children

	// up holds 2·parent + bit: of the internal nodes in up[:C−1] (−1 of the root),
	// of the classes in up[C−1:].
	up     []int32
	length []int32 // [C] of the paths
	most   int     // longest path
}

// A Spec is a rule that makes a tree of the classes alone, of their counts or of what they are
// known by. All fields but Counts are required, and one of New and Cluster.
type Spec struct {
	Name, Doc, Source string // registry key, one line, and the paper
	Counts            bool   // New reads the counts

	// New builds the tree of c ≥ 1 classes; counts has length c, or is nil if
	// Counts is false.
	New func(c int, counts []float64) (*Tree, error)

	// Cluster builds the tree of c ≥ 1 classes by their features, which are valid.
	Cluster func(c int, f *Features) (*Tree, error)

	// Bytes returns what New or Cluster allocates for c classes beside the tree, see [Bytes],
	// and beside what depends on the number of columns of features.
	Bytes func(c int) int64
}

var registered = registry.NewRegistry[Spec]("tree", "tree")

// Register adds s to the registry. It panics if s is incomplete or its name is
// malformed or taken.
func Register(s Spec) {
	var fault error
	if s.Doc == "" || s.Source == "" || s.New == nil == (s.Cluster == nil) || s.Bytes == nil {
		fault = errors.New("lacks one of Doc, Source and Bytes, or has not one of New and Cluster")
	}
	registered.Add(s.Name, nil, s, fault)
}

// All returns the registered specs, sorted by name.
func All() []*Spec { return registered.All() }

// Names returns the registered names, sorted.
func Names() []string { return registered.Names() }

// New builds the tree of that name over c classes. counts [c], finite and ≥ 0,
// may be nil where the rule does not read them.
func New(name string, c int, counts []float64) (*Tree, error) { return NewOf(name, c, counts, nil) }

// NewOf is New of classes of which features are known: what rules that cluster them call, once;
// others do not. nil is no features, an error of such a rule.
func NewOf(name string, c int, counts []float64, features func() (*Features, error)) (*Tree, error) {
	s, err := registered.Lookup(name)
	if err != nil {
		return nil, err
	}
	if c < 1 || c > math.MaxInt32/2 {
		return nil, fmt.Errorf("tree: %s: %d classes are outside [1, %d]", name, c, math.MaxInt32/2)
	}
	if s.Counts || counts != nil {
		if err := checkCounts(counts, c); err != nil {
			return nil, fmt.Errorf("tree: %s: %w", name, err)
		}
	}
	var t *Tree
	if s.Cluster == nil {
		t, err = s.New(c, counts)
	} else {
		var f *Features
		if features != nil {
			f, err = features()
		}
		if err == nil {
			err = f.validate(c)
		}
		if err == nil {
			t, err = s.Cluster(c, f)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("tree: %s: %w", name, err)
	}
	return t, nil
}

// checkCounts holds counts to length c, finite and ≥ 0.
func checkCounts(counts []float64, c int) error {
	if len(counts) != c {
		return fmt.Errorf("%d counts for %d classes", len(counts), c)
	}
	for y, n := range counts {
		if !(n >= 0) || math.IsInf(n, 1) {
			return fmt.Errorf("count %g of class %d is not a finite number ≥ 0", n, y)
		}
	}
	return nil
}

// build makes the tree of its children, which it keeps. Every class and every
// node but one is among them once. The error is for a cycle.
func build(c int, child []int32) (*Tree, error) {
	n := c - 1
	t := &Tree{c: c, child: child, up: make([]int32, n+c), length: make([]int32, c)}
	for i := range t.up {
		t.up[i] = -1
	}
	for i, to := range child {
		if to >= 0 {
			t.up[to] = int32(i)
		} else {
			t.up[n+int(^to)] = int32(i)
		}
	}
	if n == 0 {
		return t, nil
	}
	root := int32(0)
	for t.up[root] >= 0 {
		root++
	}
	depth := make([]int32, n)
	t.order = append(make([]int32, 0, n), root)
	for i := 0; i < len(t.order); i++ {
		for _, to := range child[2*t.order[i] : 2*t.order[i]+2] {
			d := depth[t.order[i]] + 1
			if to >= 0 {
				depth[to] = d
				t.order = append(t.order, to)
			} else {
				t.length[^to] = d
				t.most = max(t.most, int(d))
			}
		}
	}
	if len(t.order) < n {
		return nil, fmt.Errorf("%d of %d nodes are not below the root %d", n-len(t.order), n, root)
	}
	return t, nil
}

// Bytes returns what a tree of c classes holds, whatever rule made it.
func Bytes(c int) int64 { return 4 * int64(6*c-4) }

// buildBytes is what build allocates beside the tree, whose children it is given.
func buildBytes(c int) int64 { return 4 * int64(c-1) }

// Classes returns C.
func (t *Tree) Classes() int { return t.c }

// Nodes returns the number of internal nodes, C−1.
func (t *Tree) Nodes() int { return t.c - 1 }

// Depth returns the length of the longest path.
func (t *Tree) Depth() int { return t.most }

// Sum64 returns a hash of the tree, by FNV-1a: two trees that are not the same have
// the same one as good as never.
func (t *Tree) Sum64() uint64 {
	h := fnv.New64a()
	var b [4]byte
	for _, to := range t.child {
		binary.LittleEndian.PutUint32(b[:], uint32(to))
		h.Write(b[:]) // a hash never fails
	}
	return h.Sum64()
}

// Len returns the length of the path to class y.
func (t *Tree) Len(y int) int { return int(t.length[y]) }

// Path stores the path from the root to class y, node ids in [0, C−1) and the
// bit taken at each, in the first Len(y) places of node and bit, and returns
// Len(y).
func (t *Tree) Path(node []int32, bit []uint8, y int) int {
	k := int(t.length[y])
	at := t.c - 1 + y
	for i := k - 1; i >= 0; i-- {
		u := t.up[at]
		node[i], bit[i] = u/2, uint8(u%2)
		at = int(u / 2)
	}
	return k
}

// Paths returns all paths end to end: that of class y is node[ptr[y]:ptr[y+1]]
// with bit[ptr[y]:ptr[y+1]].
func (t *Tree) Paths() (ptr, node []int32, bit []uint8, err error) {
	var total int
	for _, k := range t.length {
		total += int(k)
	}
	if total > math.MaxInt32 {
		return nil, nil, nil, fmt.Errorf("tree: the paths have %d steps in all, and 32-bit offsets hold %d; use Path", total, math.MaxInt32)
	}
	ptr, node, bit = make([]int32, t.c+1), make([]int32, total), make([]uint8, total)
	for y := range t.c {
		at := ptr[y]
		ptr[y+1] = at + int32(t.Path(node[at:], bit[at:], y))
	}
	return ptr, node, bit, nil
}

// Cost returns Σ_y f_y · Len(y), the total weighted length in bits; f [C].
func (t *Tree) Cost(f []float64) float64 {
	var sum float64
	for y, k := range t.length {
		sum += f[y] * float64(k)
	}
	return sum
}

// Float is the element type of logits.
type Float interface{ float32 | float64 }

// LogP stores in dst [C] log p of every class from the logits z [C−1] of the
// nodes, in O(C): log p(y) = −Σ_path softplus((1−2b) z_n). work has length C−1 or
// more; nothing overlaps. Rank classes by this and not by any one logit. A NaN
// logit makes NaN of the classes below it.
func LogP[T Float](t *Tree, dst, z, work []T) {
	if t.c == 1 {
		dst[0] = 0
		return
	}
	work[t.order[0]] = 0
	for _, n := range t.order {
		x := float64(z[n])
		// log σ(±x) = −softplus(∓x); the two share the logarithm.
		tail := math.Log1p(math.Exp(-math.Abs(x)))
		for b, lp := range [2]T{
			work[n] - T(max(x, 0)+tail),
			work[n] - T(max(-x, 0)+tail),
		} {
			if to := t.child[2*int(n)+b]; to >= 0 {
				work[to] = lp
			} else {
				dst[^to] = lp
			}
		}
	}
}
