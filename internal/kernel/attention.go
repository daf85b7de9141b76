package kernel

// An Attention is causal softmax attention within segments of rows. For each segment, of
// the rows Ptr[s] to Ptr[s+1]−1 of Q, K and V [N,D], and each of Heads slices of w = D/Heads
// columns,
//
//	o_i = Σ_{j ≤ i} p_ij v_j,   p_i = softmax over j ≤ i of Scale·⟨q_i, k_j⟩
//
// where j and i are rows of the segment. Rows before Ptr[0] and from Ptr[S] on get 0. What
// a row holds, NaN too, reaches no other segment. Scores are of no more than a triangle of
// blocks of 48 rows, and of no padding.
//
// Drop, where its Cut is not 0, sets probabilities to 0 and multiplies the others by Rest:
// that of head h, row i and the j-th row of i's segment has the place (h·N + i)·N + j.
//
// The zero value of what is not exported is ready. It serves one goroutine at a time.
type Attention[T Float] struct {
	Q, K, V  []T
	Ptr      []int32
	D, Heads int
	Scale    T
	Drop     Drop
	Rest     T

	// Keep is how many probabilities Forward may keep for Backward, block by block; the
	// other blocks are computed again, to the same bits.
	Keep int

	w, n  int
	most  int   // rows of the longest segment
	at    []int // [S·Heads+1]: where the probabilities of a segment's head are among all
	kept  []T   // the first of all
	work  rooms[T]
	scale []T
}

// attentionRows is how many rows of scores are computed at a time.
const attentionRows = 48

// attentionArea returns the probabilities that t rows of a head take, padding included.
func attentionArea(t int) int {
	area := 0
	for lo := 0; lo < t; lo += attentionRows {
		hi := min(lo+attentionRows, t)
		area += (hi - lo) * sixteens(hi)
	}
	return area
}

// AttentionKept returns the most probabilities that there are of n rows in segments of at
// most longest.
func AttentionKept(n, longest, heads int) int {
	longest = max(1, min(longest, n))
	return heads * ceil(n*attentionArea(longest), longest) // area over rows never falls
}

// AttentionWork returns the numbers that each worker takes for segments of up to longest
// rows, in a Backward or in a Forward alone.
func AttentionWork(longest, d, heads int, backward bool) int {
	a := Attention[float32]{D: d, w: d / heads, most: longest}
	return a.workLen(backward)
}

// workLen is the length of what parts of a worker's memory take together.
func (a *Attention[T]) workLen(backward bool) int {
	wide, w := sixteens(a.most), sixteens(a.w)
	n := wide*w + 2*attentionRows*wide
	copies := 4
	if backward {
		n += wide*w + attentionRows*wide
		copies = 7
	}
	if a.copies() {
		n += copies * a.most * w
	}
	return n
}

// copies reports whether the columns of a head are copied to rows of their own: products
// come in sixteens of columns.
func (a *Attention[T]) copies() bool { return a.w%16 != 0 }

func (a *Attention[T]) prepare(backward bool) {
	a.n, a.w = len(a.Q)/a.D, a.D/a.Heads
	a.at, a.most = a.at[:0], 0
	total := 0
	for s := range len(a.Ptr) - 1 {
		t := int(a.Ptr[s+1] - a.Ptr[s])
		a.most = max(a.most, t)
		for range a.Heads {
			a.at = append(a.at, total)
			total += attentionArea(t)
		}
	}
	if keep := min(total, a.Keep); len(a.kept) < keep {
		a.kept = Make[T](keep)
	}
	a.scale = grow(a.scale, a.w)
	for i := range a.scale {
		a.scale[i] = a.Scale
	}
	a.work.grow(a.workLen(backward))
}

// each runs f for each head of each segment that has rows; f gets where its first
// probability is, and memory.
func (a *Attention[T]) each(f func(h headOf[T])) {
	segments := len(a.Ptr) - 1
	a.work.parallel(segments*a.Heads, func(worker, task int) {
		s, h := task/a.Heads, task%a.Heads
		lo, hi := int(a.Ptr[s]), int(a.Ptr[s+1])
		if lo < hi {
			f(headOf[T]{Attention: a, head: h, lo: lo, t: hi - lo, at: a.at[task], room: a.work[worker]})
		}
	})
}

// clearOutside clears the rows of x that are in no segment.
func (a *Attention[T]) clearOutside(x []T) {
	clear(x[:int(a.Ptr[0])*a.D])
	clear(x[int(a.Ptr[len(a.Ptr)-1])*a.D:])
}

// Forward stores o in dst [N,D].
func (a *Attention[T]) Forward(dst []T) {
	a.prepare(false)
	a.clearOutside(dst)
	a.each(func(h headOf[T]) {
		q, k, v, o := h.read(a.Q), h.read(a.K), h.read(a.V), h.write(dst)
		kt := h.transposed(k, h.scale)
		h.blocks(func(b scoreBlock[T]) {
			b.probabilities(q, kt)
			p := b.dropped(h.take(0))
			gemmNow(p, b.wide, 1, b.rows, b.hi, v.x, v.ld, o.x[b.lo*o.ld:], o.ld, h.columns(), false)
		})
		h.store(dst, o)
	})
}

// Backward stores the gradients by Q, K and V in dq, dk and dv [N,D], of g by what Forward
// stored last of the same operands. Those that are nil are left out.
func (a *Attention[T]) Backward(dq, dk, dv, g []T) {
	a.prepare(true)
	for _, x := range [][]T{dq, dk, dv} {
		if x != nil {
			a.clearOutside(x)
		}
	}
	a.each(func(h headOf[T]) {
		q, k, v, do := h.read(a.Q), h.read(a.K), h.read(a.V), h.read(g)
		toQ, toK, toV := h.write(dq), h.write(dk), h.write(dv)
		// The gradient of scores carries the scale of Vᵀ: it is linear in it.
		vt := h.transposed(v, h.scale)
		var kt []T
		if h.at+attentionArea(h.t) > h.Keep { // the last blocks are not kept
			kt = h.transposed(k, h.scale)
		}
		dz := h.take(attentionRows * sixteens(h.t))
		h.blocks(func(b scoreBlock[T]) {
			if !b.kept {
				b.probabilities(q, kt)
			}
			doRows, qRows := do.x[b.lo*do.ld:], q.x[b.lo*q.ld:]
			p := b.dropped(h.take(0))
			first := b.lo == 0
			if first { // of the products that add
				h.clearFrom(toV, b.hi)
				h.clearFrom(toK, b.hi)
			}
			if dv != nil {
				gemmNow(p, 1, b.wide, b.hi, b.rows, doRows, do.ld, toV.x, toV.ld, h.columns(), !first)
			}
			if dq == nil && dk == nil {
				return
			}
			gemmNow(doRows, do.ld, 1, b.rows, h.w, vt, sixteens(h.t), dz, b.wide, b.wide, false)
			b.softmaxBack(dz)
			if dq != nil {
				gemmNow(dz, b.wide, 1, b.rows, b.hi, k.x, k.ld, toQ.x[b.lo*toQ.ld:], toQ.ld, h.columns(), false)
			}
			if dk != nil {
				gemmNow(dz, 1, b.wide, b.hi, b.rows, qRows, q.ld, toK.x, toK.ld, h.columns(), !first)
			}
		})
		h.store(dq, toQ)
		h.store(dk, toK)
		h.store(dv, toV)
	})
}

// A headOf is one head of one segment at work.
type headOf[T Float] struct {
	*Attention[T]
	head, lo, t int
	at          int
	room        []T
}

// take returns the next n numbers of the worker's memory; 0 looks at what is left.
func (h *headOf[T]) take(n int) []T {
	if n == 0 {
		return h.room
	}
	x := h.room[:n:n]
	h.room = h.room[n:]
	return x
}

// A matrixOf is a matrix whose rows are ld apart.
type matrixOf[T Float] struct {
	x  []T
	ld int
}

// columns returns how many columns products have.
func (h *headOf[T]) columns() int { return sixteens(h.w) }

// own returns the columns of the head in the segment's rows of x.
func (h *headOf[T]) own(x []T) matrixOf[T] {
	return matrixOf[T]{x[h.lo*h.D+h.head*h.w : (h.lo+h.t-1)*h.D+(h.head+1)*h.w], h.D}
}

// read returns the columns of the head, copied and padded with zeros where need be.
func (h *headOf[T]) read(x []T) matrixOf[T] {
	m := h.own(x)
	if !h.copies() {
		return m
	}
	c := h.write(x)
	for i := range h.t {
		row := c.x[i*c.ld:][:c.ld]
		clear(row[copy(row, m.x[i*m.ld:][:h.w]):])
	}
	return c
}

// write returns where the columns of the head are computed, and store brings them to x. Of
// no x there are none.
func (h *headOf[T]) write(x []T) matrixOf[T] {
	if x == nil {
		return matrixOf[T]{}
	}
	if !h.copies() {
		return h.own(x)
	}
	return matrixOf[T]{h.take(h.t * h.columns()), h.columns()}
}

func (h *headOf[T]) store(x []T, m matrixOf[T]) {
	if x == nil || !h.copies() {
		return
	}
	to := h.own(x)
	for i := range h.t {
		copy(to.x[i*to.ld:][:h.w], m.x[i*m.ld:])
	}
}

// clearFrom clears the rows of m from lo on.
func (h *headOf[T]) clearFrom(m matrixOf[T], lo int) {
	for i := lo; i < h.t && m.x != nil; i++ {
		clear(m.x[i*m.ld:][:h.columns()])
	}
}

// transposed returns scale·mᵀ [w, t rounded up].
func (h *headOf[T]) transposed(m matrixOf[T], scale []T) []T {
	wide := sixteens(h.t)
	x := h.take(h.w * wide)
	transposed(x, wide, m.x, m.ld, h.t, h.w, scale)
	return x
}

// A scoreBlock is the rows lo to hi−1 of a head's scores, which reach up to row hi−1:
// row r of them has lo+r+1, and zeros behind.
type scoreBlock[T Float] struct {
	*headOf[T]
	lo, hi, rows int
	wide         int // hi rounded up
	p            []T // [rows,wide]
	kept         bool
}

// blocks calls f for the blocks of h in their order.
func (h *headOf[T]) blocks(f func(b scoreBlock[T])) {
	aside := h.take(attentionRows * sixteens(h.t))
	at := h.at
	for lo := 0; lo < h.t; lo += attentionRows {
		hi := min(lo+attentionRows, h.t)
		b := scoreBlock[T]{headOf: h, lo: lo, hi: hi, rows: hi - lo, wide: sixteens(hi), p: aside}
		if end := at + b.rows*b.wide; end <= h.Keep {
			b.p, b.kept = h.Attention.kept[at:end], true
		}
		at += b.rows * b.wide
		f(b)
	}
}

// probabilities fills p.
func (b scoreBlock[T]) probabilities(q matrixOf[T], kt []T) {
	gemmNow(q.x[b.lo*q.ld:], q.ld, 1, b.rows, b.w, kt, sixteens(b.t), b.p, b.wide, b.wide, false)
	softmaxRows(b.p, b.wide, b.rows, b.lo+1)
}

// row returns row r of x [rows,wide] and how many numbers of it count.
func (b scoreBlock[T]) row(x []T, r int) (row []T, n int) { return x[r*b.wide:][:b.wide], b.lo + r + 1 }

// first is the place of the first probability of row r.
func (b scoreBlock[T]) first(r int) int {
	n := b.Attention.n
	return (b.head*n + b.headOf.lo + b.lo + r) * n
}

// dropped returns p, or its dropout, in dst.
func (b scoreBlock[T]) dropped(dst []T) []T {
	if b.Drop.Cut == 0 {
		return b.p
	}
	for r := range b.rows {
		row, n := b.row(b.p, r)
		to, _ := b.row(dst, r)
		DropEach(to[:n], row[:n], b.first(r), b.Drop, b.Rest)
		clear(to[n:])
	}
	return dst
}

// softmaxBack turns the gradient by probabilities, dropped ones where they are, into that
// by scores.
func (b scoreBlock[T]) softmaxBack(dz []T) {
	for r := 0; r < b.rows && b.Drop.Cut != 0; r++ {
		row, n := b.row(dz, r)
		DropEach(row[:n], row[:n], b.first(r), b.Drop, b.Rest)
	}
	softmaxBackRows(dz, b.p, b.wide, b.rows, b.lo+1)
}
