package sampler

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/fenchel-ml/fenchel/graph"
)

// A featureKernel is a non-negative similarity of a row and a class that is close to an
// inner product of features: K(h, w) ≈ ⟨φ(h), φ(w)⟩, so that sums over classes
// are kept as sums of features.
type featureKernel interface {
	// width returns the length D of φ.
	width() int

	// class adds φ(w) to dst [D]; scratch has length d.
	class(dst []float64, w []float32, scratch []float64)

	// row stores in dst [D] what makes ⟨dst, Σφ(w)⟩ the sum of the kernel, and in
	// h1 [d] what at reads; it returns a constant to add for each class, and the
	// operations it took.
	row(dst, h1 []float64, h []float32) (perClass float64, ops int)

	// at returns K(h, w) itself, from h1.
	at(h1 []float64, w []float32) float64
}

// A kernelTree draws classes in proportion to a kernel by walking down a binary
// tree whose nodes keep Σ φ(w) over their classes.
//
// The walk is the definition of q: at a node it goes to a child in proportion to
// the child's sum, floored at 10⁻⁸ for each of the child's classes where the
// approximation makes it negative or zero; in a leaf it takes a class in proportion to the
// kernel itself, with today's W. So q normalises exactly, has full support, and
// equals K/ΣK where the features are exact and fresh.
//
// A leaf holds about 2D/d classes: the leaf then costs as much as two nodes, and
// the nodes take as much memory as W, or up to one and a half times as much where the
// leaves do not fill a power of two.
// Source: Blanc & Rendle 2018, Adaptive sampled softmax with kernel based
// sampling, §3.2.
type kernelTree struct {
	every
	featureKernel
	c, d   int
	leaf   int       // classes of a leaf
	used   int       // leaves that hold classes
	leaves int       // leaves of a full tree, a power of two: those from used on are empty
	sum    []float32 // [leaves+used, D]; node 1 is the root, n has children 2n, 2n+1
}

// floorPerClass keeps every node and class reachable. The kernels here have the
// scale 1, so it stands far below any value that matters.
const floorPerClass = 1e-8

func newKernelTree(c Config, refresh int, k featureKernel) *kernelTree {
	t := &kernelTree{every: every(refresh), featureKernel: k, c: c.C, d: c.D}
	t.leaf, t.used, t.leaves = treeShape(c, k.width())
	return t
}

// treeShape returns the classes of a leaf and the numbers of leaves of a tree over
// features of that width.
func treeShape(c Config, width int) (leaf, used, leaves int) {
	leaf = max(8, 2*width/c.D)
	used = (c.C + leaf - 1) / leaf
	return leaf, used, 1 << bits.Len(uint(used-1)) // the next power of two; 1 of 1
}

// treeBytes is the size of a tree over features of that width.
func treeBytes(c Config, width int) Footprint {
	_, used, leaves := treeShape(c, width)
	return Footprint{
		Kept: 4 * int64(leaves+used) * int64(width),
		Peak: 8 * int64(goroutines(used, leavesOfPart)) * int64(width+c.D),
	}
}

// leavesOfPart is how many leaves a goroutine sums up at a time.
const leavesOfPart = 4

// Refresh implements Refresher: new sums in every node, in the place of the old.
func (t *kernelTree) Refresh(W []float32) error {
	D := t.width()
	if t.sum == nil {
		t.sum = make([]float32, (t.leaves+t.used)*D)
	}
	parts(t.used, leavesOfPart, func() func(lo, hi int) {
		acc, scratch := make([]float64, D), make([]float64, t.d)
		return func(lo, hi int) {
			for n := lo; n < hi; n++ {
				clear(acc)
				for i := n * t.leaf; i < min((n+1)*t.leaf, t.c); i++ {
					t.class(acc, W[i*t.d:(i+1)*t.d], scratch)
				}
				for j, v := range acc {
					t.sum[(t.leaves+n)*D+j] = float32(v)
				}
			}
		}
	})
	sum := func(n int) []float32 { return t.sum[n*D : (n+1)*D] }
	for n := t.leaves - 1; n > 0; n-- {
		if 2*n >= t.leaves+t.used { // two empty leaves
			clear(sum(n))
			continue
		}
		copy(sum(n), sum(2*n))
		if 2*n+1 < t.leaves+t.used {
			to := sum(n)
			for j, v := range sum(2*n + 1) {
				to[j] += v
			}
		}
	}
	// The root is the sum of all: an overflow anywhere shows there.
	if err := finite(sum(1)); err != nil {
		return fmt.Errorf("sum of features over all classes: %w", err)
	}
	return nil
}

// State implements Stateful: the sums.
func (t *kernelTree) State() []graph.Array { return []graph.Array{graph.Vector("sum", t.sum)} }

// SetState implements Stateful.
func (t *kernelTree) SetState(state []graph.Array) error {
	t.sum = nil
	if len(state[0].Data.([]float32)) == 0 { // never refreshed
		return nil
	}
	sum, err := entries[float32](state[0], (t.leaves+t.used)*t.width())
	t.sum = sum
	return err
}

// Scratch: φ(h) [D], h1 [d], the constant [1], running sums of a leaf.
func (t *kernelTree) Scratch(int) (int, int) { return t.width() + t.d + 1 + t.leaf, 0 }

func (t *kernelTree) split(st *RowState) (phi, h1, perClass, cum []float64) {
	f, D := st.Floats, t.width()
	return f[:D], f[D : D+t.d], f[D+t.d : D+t.d+1], f[D+t.d+1:]
}

func (t *kernelTree) At(st *RowState) error {
	phi, h1, perClass, _ := t.split(st)
	var ops int
	perClass[0], ops = t.row(phi, h1, st.H)
	st.Ops += int64(ops)
	if !isFinite(t.node(1, t.c, st)) {
		return errScores
	}
	return nil
}

// node returns the weight of node n, which holds that many classes.
func (t *kernelTree) node(n, classes int, st *RowState) float64 {
	if classes == 0 {
		return 0
	}
	phi, _, perClass, _ := t.split(st)
	D := len(phi)
	st.Ops += int64(D)
	v := dotMixed(phi, t.sum[n*D:(n+1)*D]) + perClass[0]*float64(classes)
	return max(v, floorPerClass*float64(classes)) // NaN stays
}

// children returns the weights of the children of node n, whose leaves are
// [lo, lo+span).
func (t *kernelTree) children(n, lo, span int, st *RowState) (left, right float64) {
	half := span / 2
	classes := func(from int) int {
		return min((from+half)*t.leaf, t.c) - min(from*t.leaf, t.c)
	}
	return t.node(2*n, classes(lo), st), t.node(2*n+1, classes(lo+half), st)
}

// bucket leaves in cum the running sums of the kernel over a leaf.
func (t *kernelTree) bucket(leaf int, st *RowState) (first int, cum []float64) {
	_, h1, _, cum := t.split(st)
	first = leaf * t.leaf
	cum = cum[:min(first+t.leaf, t.c)-first]
	var sum float64
	for j := range cum {
		i := first + j
		sum += max(t.at(h1, st.W[i*t.d:(i+1)*t.d]), floorPerClass)
		cum[j] = sum
	}
	st.Ops += int64(len(cum) * t.d)
	return first, cum
}

func (t *kernelTree) Draw(ids []int32, logQ []float64, st *RowState) error {
	for j := range ids {
		n, lo, lq := 1, 0, 0.0
		for span := t.leaves; span > 1; span /= 2 {
			l, r := t.children(n, lo, span, st)
			p := l / (l + r)
			if st.Rand.Float64() < p {
				n, lq = 2*n, lq+math.Log(p)
			} else {
				n, lo, lq = 2*n+1, lo+span/2, lq+math.Log(r/(l+r))
			}
		}
		first, cum := t.bucket(lo, st)
		total := cum[len(cum)-1]
		at := searchSum(cum, st.Rand.Float64()*total)
		ids[j] = int32(first + at)
		logQ[j] = lq + math.Log(share(cum, at))
		if !isFinite(logQ[j]) {
			return errScores
		}
	}
	return nil
}

// share returns the probability of place i under running sums.
func share(cum []float64, i int) float64 {
	p := cum[i]
	if i > 0 {
		p -= cum[i-1]
	}
	return p / cum[len(cum)-1]
}

func (t *kernelTree) LogQ(logQ []float64, ids []int32, st *RowState) {
	if ids == nil {
		t.all(logQ, 1, 0, t.leaves, 0, st)
		return
	}
	for j, i := range ids {
		leaf := int(i) / t.leaf
		n, lo, lq := 1, 0, 0.0
		for span := t.leaves; span > 1; span /= 2 {
			l, r := t.children(n, lo, span, st)
			if leaf < lo+span/2 {
				n, lq = 2*n, lq+math.Log(l/(l+r))
			} else {
				n, lo, lq = 2*n+1, lo+span/2, lq+math.Log(r/(l+r))
			}
		}
		first, cum := t.bucket(leaf, st)
		logQ[j] = lq + math.Log(share(cum, int(i)-first))
	}
}

// all stores log q of every class below node n, whose own log q is lq.
func (t *kernelTree) all(logQ []float64, n, lo, span int, lq float64, st *RowState) {
	if lo*t.leaf >= t.c { // no classes
		return
	}
	if span == 1 {
		first, cum := t.bucket(lo, st)
		for j := range cum {
			logQ[first+j] = lq + math.Log(share(cum, j))
		}
		return
	}
	l, r := t.children(n, lo, span, st)
	t.all(logQ, 2*n, lo, span/2, lq+math.Log(l/(l+r)), st)
	t.all(logQ, 2*n+1, lo+span/2, span/2, lq+math.Log(r/(l+r)), st)
}

// dotMixed returns ⟨x, y⟩.
func dotMixed(x []float64, y []float32) float64 {
	var a, b float64
	y = y[:len(x)]
	i := 0
	for ; i+1 < len(x); i += 2 { // two chains: a sum waits for the last sum
		a += x[i] * float64(y[i])
		b += x[i+1] * float64(y[i+1])
	}
	if i < len(x) {
		a += x[i] * float64(y[i])
	}
	return a + b
}
