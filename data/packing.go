package data

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// A packing divides units of several lengths among batches of one length: by the rule
// "longest first, to the batch that has least" (LPT; Graham: Bounds on multiprocessing
// timing anomalies, 1969), whose fullest batch has no more than the mean and one unit. It
// depends on the lengths alone, so that every epoch has the same batches but for which of
// the units of one length are where.
type packing struct {
	sorted []int32 // [U] units, the longest first
	class  []int   // where the units of one length, and of as many examples, begin in sorted, and U
	batch  []int32 // [U] of which batch the unit at that place of sorted is
	start  []int   // [K+1] where a batch's units are in dealt

	// Of the current epoch.
	dealt []int32 // [U] units, batch by batch
	turn  []int32 // [K] batches in their order
	next  []int   // [K] scratch
	mixed []int32 // [U] sorted, each class in the epoch's order
}

// usualPositions returns what as many rows as size have on average, and no less than the
// longest row.
func (x *Examples) usualPositions(units []unit, size int) int {
	total, longest := x.lengths(units)
	return max(longest, int(math.Ceil(float64(total)/float64(len(units))*float64(min(size, len(units))))))
}

// lengths returns how many positions the units have together, and the most that one has.
func (x *Examples) lengths(units []unit) (total, longest int) {
	f, err := x.sequence()
	if err != nil || f == nil { // newBatches has checked
		panic(fmt.Sprint("data: lengths of no sequence: ", err))
	}
	for _, u := range units {
		n := f.Len(int(x.Row[u.lo]))
		total, longest = total+n, max(longest, n)
	}
	return total, longest
}

// packed has b deal units into batches of up to positions positions.
func (b *Batches) packed(positions int) error {
	x := b.x
	f, err := x.sequence()
	if err != nil {
		return err
	}
	if f == nil {
		return fmt.Errorf("data: the examples have no positions to measure batches by; leave positions out")
	}
	units := b.units
	if units == nil {
		units = x.units()
		b.units = units
	}
	length := func(u int32) int { return f.Len(int(x.Row[units[u].lo])) }
	if _, longest := x.lengths(units); positions < longest || positions > math.MaxInt32 {
		return fmt.Errorf("data: batches of %d positions, want at least the %d of the longest row, and at most %d", positions, longest, math.MaxInt32)
	}
	p := &packing{sorted: make([]int32, len(units)), batch: make([]int32, len(units)), dealt: make([]int32, len(units)), mixed: make([]int32, len(units))}
	for i := range p.sorted {
		p.sorted[i] = int32(i)
	}
	order := func(a, b int32) int {
		return cmp.Or(cmp.Compare(length(b), length(a)), cmp.Compare(units[b].hi-units[b].lo, units[a].hi-units[a].lo))
	}
	slices.SortStableFunc(p.sorted, order)
	total := 0
	for i, u := range p.sorted {
		if i == 0 || order(p.sorted[i-1], u) != 0 {
			p.class = append(p.class, i)
		}
		total += length(u)
	}
	p.class = append(p.class, len(units))
	var loads []int
	for k := max(1, (total+positions-1)/positions); ; k += 1 + k/128 {
		k = min(k, len(units))
		if loads = p.divide(k, length); slices.Max(loads) <= positions {
			break
		}
	}
	k := len(loads)
	p.start, p.next, p.turn = make([]int, k+1), make([]int, k), make([]int32, k)
	rows := make([]int, k)
	for i, j := range p.batch {
		p.start[j+1]++
		u := units[p.sorted[i]]
		rows[j] += int(u.hi - u.lo)
	}
	b.pack = p
	r := &b.room
	for j := range k {
		r.Contexts = max(r.Contexts, p.start[j+1])
		p.start[j+1] += p.start[j]
	}
	r.Rows, r.Sequence, r.Positions = slices.Max(rows), x.Sequence, max(slices.Max(loads), 1)
	r.Places = x.mostPlaces(r.Rows)
	r.Each, r.All = x.Place != nil, x.Place != nil && len(x.Place) == total
	b.allocate()
	return nil
}

// divide deals the units of sorted to k batches, and returns how many positions each has.
// A unit without positions counts one, so that these spread too.
func (p *packing) divide(k int, length func(u int32) int) []int {
	loads, weight := make([]int, k), make([]int, k)
	heap := make([]int32, k) // batches, that of the least weight at the root, ties by number
	for j := range heap {
		heap[j] = int32(j)
	}
	less := func(a, b int32) bool { return cmp.Or(cmp.Compare(weight[a], weight[b]), cmp.Compare(a, b)) < 0 }
	for i, u := range p.sorted {
		j := heap[0]
		p.batch[i] = j
		loads[j] += length(u)
		weight[j] += max(length(u), 1)
		for at := 0; ; {
			least := at
			for _, child := range [2]int{2*at + 1, 2*at + 2} {
				if child < k && less(heap[child], heap[least]) {
					least = child
				}
			}
			if least == at {
				break
			}
			heap[at], heap[least] = heap[least], heap[at]
			at = least
		}
	}
	return loads
}

// deal makes the batches of an epoch.
func (p *packing) deal(src *rand.Rand) {
	copy(p.mixed, p.sorted)
	for c := range len(p.class) - 1 {
		same := p.mixed[p.class[c]:p.class[c+1]]
		src.Shuffle(len(same), func(i, j int) { same[i], same[j] = same[j], same[i] })
	}
	copy(p.next, p.start)
	for i, u := range p.mixed {
		j := p.batch[i]
		p.dealt[p.next[j]] = u
		p.next[j]++
	}
	for j := range p.turn {
		p.turn[j] = int32(j)
	}
	src.Shuffle(len(p.turn), func(i, j int) { p.turn[i], p.turn[j] = p.turn[j], p.turn[i] })
}
