package tree

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Features are what classes are known by: class y by the mean of the rows Row[Ptr[y]:Ptr[y+1]] of
// a sparse matrix, each divided by its Euclidean norm, such as the documents that have the label. Row
// i has the numbers Value[Lo[i]:Hi[i]] in the columns ID[Lo[i]:Hi[i]], below Size; Value nil is 1
// each, and Lo and Hi nil that row i has the one column i. The slices are read only.
type Features struct {
	Ptr    []int // [C+1]
	Row    []int32
	Size   int
	Lo, Hi []int
	ID     []int32
	Value  []float32
}

func init() {
	Register(Spec{
		Name:    "clusters",
		Doc:     "classes that are alike by the features of their contexts under one node, or, where contexts have none, by the contexts themselves: balanced 2-means from the root on",
		Source:  "Prabhu, Kag, Harsola, Agrawal, Varma: Parabel: partitioned label trees for extreme classification (WWW 2018), section 4.1; Jasinska et al.: Extreme F-measure maximization using sparse probability estimates (ICML 2016) for label trees of conditional probabilities",
		Cluster: clusters,
		Bytes:   func(c int) int64 { return (4+8+8+8)*int64(c) + buildBytes(c) }, // order, norms, products; columns apart
	})
}

// rounds bounds the assignments of one node: most settle in half of them.
const rounds = 10

// clusters divides the classes in two halves, whose sizes differ by at most one, until they
// are alone. A half has a centre, the sum of its classes' unit vectors v, itself of norm 1, and
// those ⌈n/2⌉ of the n classes are of bit 0 for which ⟨v, c₀ − c₁⟩ is largest, ties by lower id;
// centres follow, until nothing changes. The first centres are a class, by a hash of the
// node's place, and the one that is least like it, of equals the lowest. A class without a row is like no other.
//
// A pass over the classes of a node costs the features of their rows, so that a level costs
// those of all; memory is 16 bytes a column beside that.
func clusters(c int, f *Features) (*Tree, error) {
	k := &clustering{f: f, order: make([]int32, c), norm: make([]float64, c), child: make([]int32, 0, 2*(c-1)),
		to: [2][]float64{make([]float64, c), make([]float64, c)}, centre: [2][]float64{make([]float64, f.Size), make([]float64, f.Size)}}
	for y := range k.order {
		k.order[y] = int32(y)
		x := k.centre[0]
		k.each(int32(y), 1, func(id int32, v float64) { x[id] += v })
		k.each(int32(y), 1, func(id int32, v float64) { k.norm[y] += v * x[id] }) // Σ_j v_j ⟨x, e_j⟩ = ‖x‖²
		k.each(int32(y), 1, func(id int32, _ float64) { x[id] = 0 })
		if k.norm[y] > 0 {
			k.norm[y] = 1 / math.Sqrt(k.norm[y])
		}
	}
	k.divide(0, c)
	return build(c, k.child)
}

type clustering struct {
	f      *Features
	order  []int32      // the classes, those of a node together
	norm   []float64    // [C] 1/‖sum of rows‖; 0 without
	to     [2][]float64 // [C] products with the centres
	centre [2][]float64 // of columns; zeros between nodes
	child  []int32
}

// each calls visit with the numbers of class y's vector times scale, row by row: a column
// comes as often as rows have it.
func (k *clustering) each(y int32, scale float64, visit func(id int32, v float64)) {
	f := k.f
	for _, r := range f.Row[f.Ptr[y]:f.Ptr[y+1]] {
		if f.Lo == nil {
			visit(r, scale)
			continue
		}
		lo, hi := f.Lo[r], f.Hi[r]
		square := float64(hi - lo)
		if f.Value != nil {
			square = 0
			for _, v := range f.Value[lo:hi] {
				square += float64(v) * float64(v)
			}
		}
		if square == 0 {
			continue
		}
		own := scale / math.Sqrt(square)
		for j := lo; j < hi; j++ {
			v := own
			if f.Value != nil {
				v *= float64(f.Value[j])
			}
			visit(f.ID[j], v)
		}
	}
}

// divide makes the tree of order[lo:hi] and returns it as a child: a node, or ^y.
func (k *clustering) divide(lo, hi int) int32 {
	if hi-lo == 1 {
		return ^k.order[lo]
	}
	node := len(k.child) / 2
	k.child = append(k.child, 0, 0)
	mid := lo + (hi-lo+1)/2
	k.halve(lo, mid, hi)
	left := k.divide(lo, mid)
	right := k.divide(mid, hi)
	k.child[2*node], k.child[2*node+1] = left, right
	return int32(node)
}

// halve puts the classes of one half before those of the other.
func (k *clustering) halve(lo, mid, hi int) {
	own := k.order[lo:hi]
	slices.Sort(own) // whatever the nodes above made of them
	if n := len(own); n > 2 {
		a := int(mix(uint64(lo)<<32|uint64(hi)) % uint64(n))
		b := k.unlike(own, a)
		k.assign(own, own[a:a+1], own[b:b+1], mid-lo)
		for range rounds - 1 {
			if !k.assign(own, own[:mid-lo], own[mid-lo:], mid-lo) {
				break
			}
		}
	}
}

// unlike returns the place of the class that is least like that at place a, of those that have
// rows; another one where none has.
func (k *clustering) unlike(classes []int32, a int) int {
	x := k.centre[0]
	k.each(classes[a], k.norm[classes[a]], func(id int32, v float64) { x[id] += v })
	at, least := (a+1)%len(classes), math.Inf(1)
	for i, y := range classes {
		if i == a || k.norm[y] == 0 {
			continue
		}
		sum := 0.0
		k.each(y, k.norm[y], func(id int32, v float64) { sum += v * x[id] })
		if sum < least {
			at, least = i, sum
		}
	}
	k.each(classes[a], 1, func(id int32, _ float64) { x[id] = 0 })
	return at
}

// assign sorts classes by their products with the centres of two of their parts, and reports
// whether the first half, of n classes, is another than it was.
func (k *clustering) assign(classes, zero, one []int32, n int) bool {
	for side, part := range [2][]int32{zero, one} {
		x := k.centre[side]
		for _, y := range part {
			k.each(y, k.norm[y], func(id int32, v float64) { x[id] += v })
		}
	}
	var square [2]float64
	for side, part := range [2][]int32{zero, one} {
		x := k.centre[side]
		for _, y := range classes {
			sum := 0.0
			k.each(y, k.norm[y], func(id int32, v float64) { sum += v * x[id] })
			k.to[side][y] = sum
		}
		for _, y := range part {
			square[side] += k.to[side][y]
		}
	}
	for _, y := range classes {
		k.each(y, 1, func(id int32, _ float64) { k.centre[0][id], k.centre[1][id] = 0, 0 })
	}
	for side := range square {
		if square[side] > 0 {
			square[side] = 1 / math.Sqrt(square[side])
		}
	}
	was := uint64(0) // of a set: a sum of hashes, whatever the order
	for _, y := range classes[:n] {
		was += mix(uint64(y))
	}
	gain := k.to[0]
	for _, y := range classes {
		gain[y] = gain[y]*square[0] - k.to[1][y]*square[1]
	}
	slices.SortFunc(classes, func(a, b int32) int {
		switch {
		case gain[a] > gain[b]:
			return -1
		case gain[a] < gain[b]:
			return 1
		}
		return int(a - b)
	})
	for _, y := range classes[:n] {
		was -= mix(uint64(y))
	}
	return was != 0
}

// mix spreads consecutive numbers over 64 bits: the finaliser of SplitMix64 (Steele, Lea,
// Flood 2014, fig. 19).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// validate returns what is wrong with features of c classes.
func (f *Features) validate(c int) error {
	switch {
	case f == nil:
		return errors.New("it reads what classes are known by, and nothing says it")
	case len(f.Ptr) != c+1 || f.Ptr[0] != 0 || f.Ptr[c] != len(f.Row):
		return fmt.Errorf("bounds of %d classes' rows, want those of %d", len(f.Ptr)-1, c)
	case f.Size < 1 || len(f.Lo) != len(f.Hi) || f.Value != nil && len(f.Value) != len(f.ID):
		return fmt.Errorf("%d columns, %d and %d bounds of rows, %d values of %d numbers", f.Size, len(f.Lo), len(f.Hi), len(f.Value), len(f.ID))
	}
	rows := f.Size
	if f.Lo != nil {
		rows = len(f.Lo)
	}
	for y := range c {
		if f.Ptr[y] > f.Ptr[y+1] {
			return fmt.Errorf("class %d: bounds fall from %d to %d", y, f.Ptr[y], f.Ptr[y+1])
		}
	}
	for j, r := range f.Row {
		if r < 0 || int(r) >= rows {
			return fmt.Errorf("row %d at place %d is outside [0,%d)", r, j, rows)
		}
	}
	for i := range f.Lo {
		if f.Lo[i] < 0 || f.Hi[i] < f.Lo[i] || f.Hi[i] > len(f.ID) {
			return fmt.Errorf("row %d has numbers %d to %d of %d", i, f.Lo[i], f.Hi[i], len(f.ID))
		}
	}
	for j, id := range f.ID {
		if id < 0 || int(id) >= f.Size {
			return fmt.Errorf("column %d at place %d is outside [0,%d)", id, j, f.Size)
		}
	}
	for j, v := range f.Value {
		if x := float64(v); math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("value %d is %v", j, v)
		}
	}
	return nil
}
