package kernel

import "fmt"

// Entries are a matrix H [B,D] of which most is 0: row i has the numbers Val[Ptr[i]:Ptr[i+1]]
// in the columns ID[Ptr[i]:Ptr[i+1]], which are added up where one comes again, and zeros
// elsewhere. Val nil is 1 everywhere.
type Entries struct {
	Ptr []int32 // [B+1]
	ID  []int32
	Val []float32
}

// validate reports the first fault of rows [b,d].
func (e *Entries) validate(b, d int) error {
	if len(e.Ptr) != b+1 || e.Ptr[0] != 0 || e.Val != nil && len(e.Val) != len(e.ID) {
		return fmt.Errorf("kernel: entries of H have %d pointers, %d columns and %d values; want B+1 = %d pointers from 0 on, and as many values as columns", len(e.Ptr), len(e.ID), len(e.Val), b+1)
	}
	for i := range b {
		if e.Ptr[i] > e.Ptr[i+1] || int(e.Ptr[i+1]) > len(e.ID) {
			return fmt.Errorf("kernel: entries of row %d of H end at %d; they begin at %d, and there are %d", i, e.Ptr[i+1], e.Ptr[i], len(e.ID))
		}
	}
	for o, k := range e.ID[:e.Ptr[b]] {
		if k < 0 || int(k) >= d {
			return fmt.Errorf("kernel: entry %d of H is in column %d; columns are 0 … %d", o, k, d-1)
		}
	}
	return nil
}

// The products with entries take these alone. What is left out of a sum is ±0 times a number,
// so the sums are those with a whole H: to the bit where a kernel adds one product after the
// other, as those of vectors do, and to rounding where it adds four at once. A number of W that
// is infinite or NaN makes that of rows alone that have an entry for it.
//
// They want the vectors of a tile of classes by columns: a row of scores is then the sum of one
// row of these for each entry, and a column of the gradient of W the sum of a row of ∂L/∂z for
// each row of H that has an entry there.

// sparseH is the part of a Workspace that has to do with entries.
type sparseH struct {
	val, scaled []float32 // of the entries, the latter times scale
	ones        []float32

	// Of each group of blockRows rows the entries lie by column, and within a column by row,
	// in the places of the group's: column k of group g from bounds[g·(D+1)+k] on.
	bounds []int32 // [groups][D+1]
	src    []int32 // rows, counted from the first of the group
	coef   []float32
	sorted bool // by the Forward

	classes, gradient [][]float32 // [worker][D][wide]: those of a tile, by columns
	tile              [][]float32 // [worker][blockRows][wide]: scores, or ∂L/∂z, by rows
}

func (s *sparseH) bytes() int {
	n := 4 * (cap(s.scaled) + cap(s.ones) + cap(s.bounds) + cap(s.src) + cap(s.coef))
	for _, rooms := range [][][]float32{s.classes, s.gradient, s.tile} {
		for _, x := range rooms {
			n += 4 * cap(x)
		}
	}
	return n
}

// sparseBytes estimates what a sparseH holds of b rows of width d with so many entries.
func sparseBytes(b, c, d, entries int) int64 {
	return 16*int64(entries) + 4*int64(ceil(b, blockRows))*int64(d+1) + int64(min(Workers(), ceil(c, tileOf(c, d, true))))*4*int64(min(c, tileOf(c, d, true)))*int64(2*d+blockRows)
}

// takeEntries takes those of the problem, of which it makes the values that the scores want.
func (ws *Workspace) takeEntries() {
	s, e := &ws.sparseH, ws.x.Entries
	n := int(e.Ptr[ws.x.B])
	if s.val = e.Val; s.val == nil {
		for len(s.ones) < n {
			s.ones = append(s.ones, 1)
		}
		s.val = s.ones
	}
	s.scaled = grow(s.scaled, n)
	copy(s.scaled, s.val)
	Scale(ws.scale, s.scaled)
}

// growRooms makes a room for that many workers, which each grows itself.
func (s *sparseH) growRooms(workers int) {
	s.classes, s.gradient, s.tile = enough(s.classes, workers), enough(s.gradient, workers), enough(s.tile, workers)
}

// room returns n numbers of the worker's room.
func room(rooms [][]float32, worker, n int) []float32 {
	rooms[worker] = grow(rooms[worker], n)
	return rooms[worker]
}

// entriesOf returns the columns and the values of row i of H, none of a row of padding.
func (ws *Workspace) entriesOf(i int, values []float32) (id []int32, val []float32) {
	e := ws.x.Entries
	if !ws.live[i] {
		return nil, nil
	}
	lo, hi := e.Ptr[i], e.Ptr[i+1]
	return e.ID[lo:hi], values[lo:hi]
}

// dotRow returns the product of row i of H and w [D].
func (ws *Workspace) dotRow(i int, w []float32) float32 {
	if ws.x.Entries == nil {
		return dot(ws.row(i), w)
	}
	id, val := ws.entriesOf(i, ws.sparseH.val)
	val = val[:len(id)]
	var a, b, c, d float32 // the additions of one sum would wait for each other
	o := 0
	for ; o+4 <= len(id); o += 4 {
		a += val[o] * w[id[o]]
		b += val[o+1] * w[id[o+1]]
		c += val[o+2] * w[id[o+2]]
		d += val[o+3] * w[id[o+3]]
	}
	for ; o < len(id); o++ {
		a += val[o] * w[id[o]]
	}
	return (a + b) + (c + d)
}

// addRow adds v times row i of H to y [D].
func (ws *Workspace) addRow(v float32, i int, y []float32) {
	if ws.x.Entries == nil {
		axpy(v, ws.row(i), y)
		return
	}
	id, val := ws.entriesOf(i, ws.sparseH.val)
	for o, k := range id {
		y[k] += v * val[o]
	}
}

// columnsOf lays the n classes w, of stride ldw, out by columns for the scores that the
// worker computes next; for a whole H there is nothing to do.
func (ws *Workspace) columnsOf(worker int, w []float32, ldw, n int) {
	if ws.x.Entries != nil {
		wide := sixteens(n)
		transposed(room(ws.sparseH.classes, worker, ws.x.D*wide), wide, w, ldw, n, ws.x.D, nil)
	}
}

// sparseScores is scores of entries: the classes are those of columnsOf.
func (ws *Workspace) sparseScores(worker int, z []float32, ldz, c0, n, panel int) {
	s, wide := &ws.sparseH, sixteens(n)
	rows := room(s.tile, worker, tileRows*wide)
	clear(rows)
	if ws.x.Bias != nil {
		for c := range n {
			rows[c] = ws.bias(c0+c) * ws.scale
		}
		for r := 1; r < tileRows; r++ {
			copy(rows[r*wide:][:n], rows)
		}
	}
	tab := s.classes[worker][:ws.x.D*wide]
	for i := panel * tileRows; i < min((panel+1)*tileRows, ws.x.B); i++ {
		id, val := ws.entriesOf(i, s.scaled)
		gatherAxpy(rows[i%tileRows*wide:][:wide], val, tab, id)
	}
	transposed(z, ldz, rows, wide, tileRows, n, nil)
}

// sortEntries lists the entries by columns, for the gradient of W.
func (ws *Workspace) sortEntries() {
	x, s := ws.x, &ws.sparseH
	groups := ceil(x.B, blockRows)
	s.bounds = grow(s.bounds, groups*(x.D+1))
	s.src, s.coef = grow(s.src, len(s.scaled)), grow(s.coef, len(s.scaled))
	Parallel(groups, func(_, g int) {
		b0, b1 := cut(g, blockRows, x.B)
		bounds := s.bounds[g*(x.D+1):][:x.D+1]
		clear(bounds)
		for i := b0; i < b1; i++ {
			id, _ := ws.entriesOf(i, s.val)
			for _, k := range id {
				bounds[k]++
			}
		}
		at := x.Entries.Ptr[b0] // the entries of the group begin there
		for k, n := range bounds {
			bounds[k], at = at, at+n
		}
		for i := b0; i < b1; i++ {
			id, val := ws.entriesOf(i, s.val)
			for o, k := range id {
				to := &bounds[k]
				s.src[*to], s.coef[*to] = int32(i-b0), val[o]
				*to++
			}
		}
		// Every bound is where its column ends now, which is where the next one begins.
		copy(bounds[1:], bounds[:x.D])
		bounds[0] = x.Entries.Ptr[b0]
	})
}

// sparseProduct adds to the gradient of n classes by columns, in the worker's room, what the
// rows of group g add to it; p, of stride ld, is their ∂L/∂z.
func (ws *Workspace) sparseProduct(worker int, p []float32, ld, n, g int) {
	s, d, wide := &ws.sparseH, ws.x.D, sixteens(n)
	b0, b1 := cut(g, blockRows, ws.x.B)
	rows := room(s.tile, worker, (b1-b0)*wide)
	transposed(rows, wide, p, ld, n, b1-b0, nil)
	to := room(s.gradient, worker, d*wide)
	if g == 0 {
		clear(to)
	}
	addRows(to, wide, s.bounds[g*(d+1):][:d+1], s.src, s.coef, rows)
}

// sparseGradient stores in dw, of stride ld ≥ D, what sparseProduct has added up for the
// classes from c on, as many as move at once, and returns how many these are.
func (ws *Workspace) sparseGradient(worker int, dw []float32, c, n int) int {
	wide := sixteens(n)
	n = min(n-c, SinkRows(ws.x.D))
	transposed(dw, ws.dp, ws.sparseH.gradient[worker][c:], wide, ws.x.D, n, nil)
	return n
}
