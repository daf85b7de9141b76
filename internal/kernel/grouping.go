package kernel

import (
	"math"
	"math/bits"
)

// A Grouping lists the places of a list of ids by id: Row[u] is at the places
// Place[Ptr[u]:Ptr[u+1]], which ascend.
type Grouping struct {
	Row   []int32 // strictly increasing
	Ptr   []int32
	Place []int32

	keys, spare []uint64
	counts      []int
}

// groupingPart is how many ids one task takes. The order does not depend on it.
const groupingPart = 1 << 14

// Group groups ids, all below n; negative ones are left out. The slices of g are
// valid until the next call. It works on several goroutines.
func (g *Grouping) Group(ids []int32, n int) {
	// This is a stable radix sort, in digits of equal width, of keys that hold an id and
	// its place. Among keys of one digit those of a part go behind those of the parts
	// before it.
	width := max(bits.Len(uint(max(n-1, 0))), 1)
	digit := ceil(width, ceil(width, 11))
	mask := uint64(1)<<digit - 1
	parts := ceil(len(ids), groupingPart)
	g.counts = grow(g.counts, max(parts, 1)<<digit)
	count := func(q int) []int { return g.counts[q<<digit:][:mask+1] }
	place := func() int {
		sum := 0
		for v := range mask + 1 {
			for q := range parts {
				c := &g.counts[uint64(q)<<digit+v]
				*c, sum = sum, sum+*c
			}
		}
		return sum
	}
	eachGroupingPart(len(ids), func(q, lo, hi int) {
		count := count(q)
		clear(count)
		for _, id := range ids[lo:hi] {
			if id >= 0 {
				count[uint64(id)&mask]++
			}
		}
	})
	total := place()
	g.keys, g.spare = grow(g.keys, total), grow(g.spare, total)
	eachGroupingPart(len(ids), func(q, lo, hi int) {
		at := count(q)
		for i, id := range ids[lo:hi] {
			if id >= 0 {
				to := &at[uint64(id)&mask]
				g.keys[*to] = uint64(id)<<32 | uint64(lo+i)
				*to++
			}
		}
	})
	parts = ceil(total, groupingPart)
	for shift := 32 + digit; shift < 32+width; shift += digit {
		eachGroupingPart(total, func(q, lo, hi int) {
			count := count(q)
			clear(count)
			for _, k := range g.keys[lo:hi] {
				count[k>>shift&mask]++
			}
		})
		place()
		eachGroupingPart(total, func(q, lo, hi int) {
			at := count(q)
			for _, k := range g.keys[lo:hi] {
				to := &at[k>>shift&mask]
				g.spare[*to] = k
				*to++
			}
		})
		g.keys, g.spare = g.spare, g.keys
	}

	before := func(i int) uint64 { // the id before key i, or none
		if i == 0 {
			return math.MaxUint64
		}
		return g.keys[i-1] >> 32
	}
	unique := g.counts[:parts]
	eachGroupingPart(total, func(q, lo, hi int) {
		n, last := 0, before(lo)
		for _, k := range g.keys[lo:hi] {
			id := k >> 32
			if id != last {
				n++
			}
			last = id
		}
		unique[q] = n
	})
	rows := starts(unique)
	g.Row, g.Ptr, g.Place = grow(g.Row, rows), grow(g.Ptr, rows+1), grow(g.Place, total)
	eachGroupingPart(total, func(q, lo, hi int) {
		u, last := unique[q], before(lo)
		place := g.Place[lo:hi]
		for i, k := range g.keys[lo:hi] {
			id := k >> 32
			if id != last {
				g.Row[u], g.Ptr[u] = int32(id), int32(lo+i)
				u++
			}
			last = id
			place[i] = int32(uint32(k))
		}
	})
	g.Ptr[rows] = int32(total)
}

// eachGroupingPart calls f for the parts of n things, on several goroutines.
func eachGroupingPart(n int, f func(part, lo, hi int)) {
	Parallel(ceil(n, groupingPart), func(_, q int) {
		lo, hi := cut(q, groupingPart, n)
		f(q, lo, hi)
	})
}

// starts replaces counts by where each begins and returns their sum.
func starts(counts []int) int {
	sum := 0
	for i, c := range counts {
		counts[i], sum = sum, sum+c
	}
	return sum
}
