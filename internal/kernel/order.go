package kernel

import (
	"math"
	"math/bits"
)

// An Order lists the places of a list of ids by id: Row[u] is at the places
// Place[Ptr[u]:Ptr[u+1]], which ascend.
type Order struct {
	Row   []int32 // strictly increasing
	Ptr   []int32
	Place []int32

	keys, spare []uint64
	counts      []int
}

// orderPart is how many ids one task takes. The order does not depend on it.
const orderPart = 1 << 14

// File files ids, all below n; negative ones are left out. The slices of o are
// valid until the next call. It works on several goroutines.
func (o *Order) File(ids []int32, n int) {
	// A stable radix sort in equal digits, of keys of an id and its place: of a
	// digit, the keys of one part go behind those of the parts before.
	width := max(bits.Len(uint(max(n-1, 0))), 1)
	digit := ceil(width, ceil(width, 11))
	mask := uint64(1)<<digit - 1
	parts := ceil(len(ids), orderPart)
	o.counts = grow(o.counts, max(parts, 1)<<digit)
	count := func(q int) []int { return o.counts[q<<digit:][:mask+1] }
	place := func() int {
		sum := 0
		for v := range mask + 1 {
			for q := range parts {
				c := &o.counts[uint64(q)<<digit+v]
				*c, sum = sum, sum+*c
			}
		}
		return sum
	}
	orderParts(len(ids), func(q, lo, hi int) {
		count := count(q)
		clear(count)
		for _, id := range ids[lo:hi] {
			if id >= 0 {
				count[uint64(id)&mask]++
			}
		}
	})
	total := place()
	o.keys, o.spare = grow(o.keys, total), grow(o.spare, total)
	orderParts(len(ids), func(q, lo, hi int) {
		at := count(q)
		for i, id := range ids[lo:hi] {
			if id >= 0 {
				to := &at[uint64(id)&mask]
				o.keys[*to] = uint64(id)<<32 | uint64(lo+i)
				*to++
			}
		}
	})
	parts = ceil(total, orderPart)
	for shift := 32 + digit; shift < 32+width; shift += digit {
		orderParts(total, func(q, lo, hi int) {
			count := count(q)
			clear(count)
			for _, k := range o.keys[lo:hi] {
				count[k>>shift&mask]++
			}
		})
		place()
		orderParts(total, func(q, lo, hi int) {
			at := count(q)
			for _, k := range o.keys[lo:hi] {
				to := &at[k>>shift&mask]
				o.spare[*to] = k
				*to++
			}
		})
		o.keys, o.spare = o.spare, o.keys
	}

	before := func(i int) uint64 { // the id before key i, or none
		if i == 0 {
			return math.MaxUint64
		}
		return o.keys[i-1] >> 32
	}
	unique := o.counts[:parts]
	orderParts(total, func(q, lo, hi int) {
		n, last := 0, before(lo)
		for _, k := range o.keys[lo:hi] {
			id := k >> 32
			if id != last {
				n++
			}
			last = id
		}
		unique[q] = n
	})
	rows := starts(unique)
	o.Row, o.Ptr, o.Place = grow(o.Row, rows), grow(o.Ptr, rows+1), grow(o.Place, total)
	orderParts(total, func(q, lo, hi int) {
		u, last := unique[q], before(lo)
		place := o.Place[lo:hi]
		for i, k := range o.keys[lo:hi] {
			id := k >> 32
			if id != last {
				o.Row[u], o.Ptr[u] = int32(id), int32(lo+i)
				u++
			}
			last = id
			place[i] = int32(uint32(k))
		}
	})
	o.Ptr[rows] = int32(total)
}

// orderParts calls f for the parts of n things, on several goroutines.
func orderParts(n int, f func(part, lo, hi int)) {
	Parallel(ceil(n, orderPart), func(_, q int) {
		lo, hi := cut(q, orderPart, n)
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
