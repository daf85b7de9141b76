package graph

// A grouping collects the places at which each id occurs. It is scratch: the
// zero value is ready, and it keeps its memory.
type grouping struct {
	ids    []int32 // unique, ascending
	start  []int32 // places[start[i]:start[i+1]] hold ids[i], in ascending order
	places []int32

	keys, other []uint64
}

// of groups ids; negative ones are left out. ids never becomes nil.
func (g *grouping) of(ids []int32) {
	g.keys = g.keys[:0]
	var top int32
	for i, id := range ids {
		if id >= 0 {
			g.keys = append(g.keys, uint64(id)<<32|uint64(uint32(i)))
			top = max(top, id)
		}
	}
	g.sort(top)
	if g.ids == nil {
		g.ids = []int32{}
	}
	g.ids, g.start, g.places = g.ids[:0], g.start[:0], g.places[:0]
	for i, key := range g.keys {
		if id := int32(key >> 32); i == 0 || id != g.ids[len(g.ids)-1] {
			g.ids = append(g.ids, id)
			g.start = append(g.start, int32(i))
		}
		g.places = append(g.places, int32(uint32(key)))
	}
	g.start = append(g.start, int32(len(g.keys)))
}

// sort orders the keys by id, of which top is the largest. A radix sort is
// stable, which keeps the places ascending, and several times faster than
// comparing.
func (g *grouping) sort(top int32) {
	const bits = 11
	if cap(g.other) < len(g.keys) {
		g.other = make([]uint64, cap(g.keys))
	}
	from, to := g.keys, g.other[:len(g.keys)]
	for shift := 32; top>>(shift-32) > 0; shift += bits {
		var at [1 << bits]int32
		for _, k := range from {
			at[k>>shift&(1<<bits-1)]++
		}
		sum := int32(0)
		for i, n := range at {
			at[i] = sum
			sum += n
		}
		for _, k := range from {
			d := k >> shift & (1<<bits - 1)
			to[at[d]] = k
			at[d]++
		}
		from, to = to, from
	}
	g.keys, g.other = from, to[:cap(to)]
}
