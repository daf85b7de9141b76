package kernel

import (
	"math"
	"math/bits"
)

// Where few scores count, those above a bound, most of the others need not be known: a
// cheap estimate and a bound of its error say that they are below. Estimates are
// products of integers of 8 bits. What they do not rule out is scored in float32 by the
// order of additions of a tile, so that what comes out is to the last bit what tiles of
// scores and tileFilter give. From outside of this package it is a filter.
//
// A row h, times the scale, is a·ĥ + e with integers ĥ, and the vector w of a class is
// b·ŵ + f. Then h·w = ab·ĥŵ + aĥ·f + e·w, and so
//
//	|h·w − ab·ĥŵ| ≤ a‖ĥ‖‖f‖ + ‖e‖‖w‖
//
// with norms that are computed: they are about half of the worst case. A score begins with
// its bias and adds d products with one rounding each, which moves it by γ = d·2^-24/(1−d·2^-24)
// of |bias| + ‖h‖‖w‖ at most. Hence a score is no larger than the threshold t if
//
//	ĥŵ ≤ t/(ab) − bias/(ab) − (‖ĥ‖‖f‖ + (‖e‖ + γ‖h‖)/a·‖w‖ + γ|bias|/a)/b
//
// Of the last term the numbers of rows are the largest of all rows, so that it belongs to
// the class alone. Norms are float32 sums with a relative error below 2^-14 for d ≤ 1024,
// which the factor coarseSlack covers; the right side is two fused additions and a few
// products, each of a relative error of 2^-24, which 2^-20 of each term covers. Where
// squares are too small for float32 a norm is still 2^-69.5, more than they lose; with rows
// of 2^-40 at least that is also more than the 2^-149 that an addition of a score may lose
// near 0. A step is 2^-60 at least: what is not rounded to 0 then has a square. Integers up
// to 2^24 are exact in float32.
//
// What is not finite has a norm that is not, so that the right side is NaN or −Inf, which
// rules nothing out. Panels with rows that are not finite, or so large or small that a score
// could overflow or the above could fail, are left to tiles of scores.

// A coarseKind is how products of 8 bits are made.
type coarseKind struct {
	name   string
	limit  float32    // of the integers of a class; those of a row go to 127
	length [2]float32 // of the halves of a block of a class, and of a row
	offset int        // what makes the integers of a class unsigned
	wide   bool       // sums have 32 bits; else those of a half of a block have 16
}

var (
	// A pair of products is 127·127·2 at most, which 16 bits hold. The sum over a half of a
	// block is at most the product of the lengths: 126 and 251 and what rounding 32 numbers
	// adds, √32/2 each, make less than 2^15.
	coarseInt8 = &coarseKind{name: "int8", limit: 63, length: [2]float32{126, 251}, offset: 64}
	coarseVNNI = &coarseKind{name: "vnni", limit: 127, length: [2]float32{math.MaxFloat32, math.MaxFloat32}, offset: 128, wide: true}
)

// coarseKinds are all of them.
var coarseKinds = []*coarseKind{coarseVNNI, coarseInt8}

const (
	parRows     = 96   // rows of which quantize speaks at most
	coarseBlock = 64   // numbers that 16 bits add up
	coarseMost  = 1024 // numbers of a row
	coarseSlack = 1 + 0x1p-12
	coarseRoom  = 7 * tileRows // scratch of coarseAbove
	// coarseBias is the largest bias in units of its class's step. That of a row, which κ is
	// the inverse of, is 2^-52 at least, so that bias/(ab) stays below 2^126: where t/(ab)
	// is beyond float32, the sum of the two is above all products.
	coarseBias = 0x1p74
	// coarseShare is the share of a tile's scores up to which it pays to score one by one, and
	// coarseRest how many tiles at most are not tried after that was too many.
	coarseShare = 24
	coarseRest  = 31
)

// coarseRows are the rows of a problem in 8 bits.
type coarseRows struct {
	kind   *coarseKind // nil: there are none
	fits   []bool      // [panels]: all rows of the panel are in range
	s      []int8      // [panels][dp/4][64][4]
	start  []int32     // [panels][blocks][64]: what the offset adds, negative; of 16 bits, two each
	kappa  []float32   // [panels·64]: 1/a
	bounds []float32   // [panels][3]: reach, slack and most of a panel
	q      []byte      // [panels·64][dp]: scratch
	reach  float32     // largest ‖ĥ‖
	slack  float32     // largest (‖e‖ + γ‖h‖)/a
	most   float32     // largest 1/a
}

func (k *coarseRows) bytes() int {
	return cap(k.fits) + cap(k.s) + cap(k.q) + 4*(cap(k.start)+cap(k.kappa)+cap(k.bounds))
}

// A coarseTile is a tile of classes in 8 bits, and what a worker needs beside it.
type coarseTile struct {
	c0         int       // first class; −1 of no tile
	u          []byte    // [tileClasses][dp]
	par, room  []float32 // what quantize says of the classes; scratch
	mask       []uint64
	pair       []uint32
	w          []float32 // vectors of the classes
	ldw        int
	rest, last []int // [panels]: tiles that are not tried, and how many were not the last time
	address    [16]uintptr
}

func (t *coarseTile) bytes() int {
	return cap(t.u) + 4*(cap(t.par)+cap(t.room)+cap(t.pair)) + 8*(cap(t.mask)+cap(t.rest)+cap(t.last))
}

// coarseBytes returns what the rows of a problem hold, and what each worker does.
func coarseBytes(b, d int) (rows, worker int64) {
	panels, dp := ceil(max(b, 1), tileRows), paddedWidth(d, false)
	if activeCoarse == nil || dp > coarseMost {
		return 0, 0
	}
	rows = int64(panels) * int64(13+tileRows*(2*dp+4+4*activeCoarse.blocks(dp)))
	worker = int64(tileClasses*dp + 4*(4*parRows+coarseRoom+coarsePairs) + 8*(tileClasses+2*panels))
	if dp != d {
		worker += int64(4 * tileClasses * (dp + linePad)) // whole rows
	}
	return rows, worker
}

// blocks returns how many parts of a row are summed apart.
func (k *coarseKind) blocks(dp int) int {
	if k.wide {
		return 1
	}
	return ceil(dp, coarseBlock)
}

// coarsen rounds the rows of ws, if there are coarse products here and they serve the problem.
func (ws *Workspace) coarsen() {
	k, x, dp := &ws.coarse, ws.x, ws.dp
	if k.kind = activeCoarse; k.kind == nil {
		return
	}
	if dp > coarseMost || x.Entries != nil || !(ws.scale >= 0x1p-20 && ws.scale <= 0x1p20) {
		k.kind = nil
		return
	}
	rows := ws.panels * tileRows
	k.fits, k.bounds = grow(k.fits, ws.panels), grow(k.bounds, 3*ws.panels)
	k.s, k.q, k.kappa = grow(k.s, rows*dp), grow(k.q, rows*dp), grow(k.kappa, rows)
	k.start = grow(k.start, rows*k.kind.blocks(dp))
	gamma := float32(x.D)*0x1p-23 + 0x1p-17 // and the rounding of h times the scale
	Parallel(ws.panels, func(_, panel int) {
		n := min(tileRows, x.B-panel*tileRows)
		h, ld, q := ws.hp[panel*tileRows*ws.ld():], ws.ld(), k.q[panel*tileRows*dp:][:tileRows*dp]
		var par [4 * parRows]float32
		quantize(q, par[:], h, ld, dp, n, 127, k.kind.length[1], 0, 0, 0)
		clear(q[n*dp:])
		k.fits[panel] = true
		kappa := k.kappa[panel*tileRows:][:tileRows]
		var reach, slack, most float32 = 0, 0, 1
		for r := range kappa {
			kappa[r] = 1
			if r >= n {
				continue
			}
			inv, eps, norm := par[r], par[2*parRows+r], par[3*parRows+r]
			if norm < 0x1p-40 && allZero(h[r*ld:][:dp]) {
				continue
			}
			if size := norm * ws.scale; !(norm >= 0x1p-40 && size >= 0x1p-40 && size <= 0x1p40) {
				k.fits[panel] = false
				break
			}
			kappa[r] = inv / ws.scale
			most = max(most, kappa[r])
			reach = max(reach, coarseSlack*(norm+eps)*inv)
			slack = max(slack, coarseSlack*(eps+gamma*norm)*inv)
		}
		copy(k.bounds[3*panel:], []float32{reach, slack, most})
		k.lay(panel, dp)
	})
	k.reach, k.slack, k.most = 0, 0, 0
	for panel, fits := range k.fits {
		if b := k.bounds[3*panel:]; fits {
			k.reach, k.slack, k.most = max(k.reach, b[0]), max(k.slack, b[1]), max(k.most, b[2])
		}
	}
}

func allZero(x []float32) bool {
	for _, v := range x {
		if v != 0 {
			return false
		}
	}
	return true
}

// lay stores the integers of a panel by fours, and what the offset of the classes adds to
// their products.
func (k *coarseRows) lay(panel, dp int) {
	blocks, block := k.kind.blocks(dp), coarseBlock
	if k.kind.wide {
		block = dp
	}
	q, s := k.q[panel*tileRows*dp:][:tileRows*dp], k.s[panel*tileRows*dp:][:tileRows*dp]
	start := k.start[panel*blocks*tileRows:][:blocks*tileRows]
	for r := range tileRows {
		for b := range blocks {
			var half [2]int32
			for j := b * block; j < min((b+1)*block, dp); j += 4 {
				from, to := q[r*dp+j:][:4], s[(j/4*tileRows+r)*4:][:4]
				to[0], to[1], to[2], to[3] = int8(from[0]), int8(from[1]), int8(from[2]), int8(from[3])
				half[0] += int32(to[0]) + int32(to[1])
				half[1] += int32(to[2]) + int32(to[3])
			}
			even, odd := -int32(k.kind.offset)*half[0], -int32(k.kind.offset)*half[1]
			if start[b*tileRows+r] = even + odd; !k.kind.wide {
				start[b*tileRows+r] = int32(uint32(uint16(even)) | uint32(uint16(odd))<<16)
			}
		}
	}
}

// begin readies t for a pass over classes.
func (t *coarseTile) begin(ws *Workspace) {
	t.c0 = -1
	t.rest, t.last = grow(t.rest, ws.panels), grow(t.last, ws.panels)
	clear(t.rest)
	clear(t.last)
}

// take rounds the n classes of the tile from c0 on, of vectors w, as classRows returns them whole.
func (t *coarseTile) take(ws *Workspace, w []float32, ldw, c0, n int) {
	k, dp := &ws.coarse, ws.dp
	t.c0, t.w, t.ldw = c0, w, ldw
	t.u, t.par, t.room = grow(t.u, tileClasses*dp), grow(t.par, 4*parRows), grow(t.room, coarseRoom)
	t.mask, t.pair = grow(t.mask, tileClasses), grow(t.pair, coarsePairs)
	quantize(t.u, t.par, t.w, t.ldw, dp, n, k.kind.limit, k.kind.length[0], k.reach, k.slack, k.kind.offset)
	if ws.x.Bias == nil {
		return
	}
	gamma := (float32(ws.x.D)*0x1p-23 + 0x1p-20) * k.most
	for c := range n {
		inv, base, beta := t.par[c], &t.par[parRows+c], &t.par[2*parRows+c]
		b := ws.bias(c0+c) * ws.scale
		switch size := float32(math.Abs(float64(b))); {
		case b < -math.MaxFloat32: // masked
			*base, *beta = float32(math.Inf(1)), 0
		case size <= 0x1p100 && size*inv <= coarseBias:
			*base, *beta = *base-gamma*size*inv, -b*inv
		default: // NaN, too
			*base, *beta = float32(math.NaN()), 0
		}
	}
}

// above is tileFilter of the scores of the tile of n classes from c0, of vectors w, and a panel, in
// val and idx: it computes those alone that the estimates do not rule out. It reports false where
// it does not serve: there are too many of them, or were in the tiles before. Meanwhile it asks
// for next.
func (t *coarseTile) above(ws *Workspace, w []float32, ldw, panel, c0, n int, thr, val []float32, idx []uint32, next []float32) (hits int, ok bool) {
	k, dp := &ws.coarse, ws.dp
	if k.kind == nil || !k.fits[panel] {
		return 0, false
	}
	if t.rest[panel] > 0 {
		t.rest[panel]--
		return 0, false
	}
	if t.c0 != c0 {
		t.take(ws, w, ldw, c0, n)
	}
	blocks := k.kind.blocks(dp)
	coarseAbove(k.kind, t.mask, ceil(n, 6)*6, t.u, dp, k.s[panel*dp*tileRows:], k.start[panel*blocks*tileRows:], blocks,
		t.par, thr, k.kappa[panel*tileRows:], t.room, ws.x.Bias != nil, next)
	rows := ^uint64(0) >> max(0, (panel+1)*tileRows-ws.x.B) // those that there are
	most, found := n*tileRows/coarseShare, 0
	for c, m := range t.mask[:n] {
		for m &= rows; m != 0; m &= m - 1 {
			t.pair[found] = uint32(c*tileRows + bits.TrailingZeros64(m))
			found++
		}
		if found > most {
			t.last[panel] = min(2*t.last[panel]+1, coarseRest)
			t.rest[panel] = t.last[panel]
			return 0, false
		}
	}
	t.last[panel] = 0
	t.score(ws, panel, found, val)
	for i, z := range val[:found] {
		id := t.pair[i]
		if !(z <= thr[id%tileRows]) {
			val[hits], idx[hits] = z, id+uint32(c0*tileRows)
			hits++
		}
	}
	return hits, true
}

// score stores the scores of the first n pairs of a class of the tile and a row of the panel
// in z, which has room for whole pairs at once.
func (t *coarseTile) score(ws *Workspace, panel, n int, z []float32) {
	whole := ceil(n, pairsAtOnce) * pairsAtOnce
	clear(t.pair[n:whole])
	if clear(z[:whole]); ws.x.Bias != nil {
		for i, id := range t.pair[:whole] {
			z[i] = ws.bias(t.c0+int(id/tileRows)) * ws.scale
		}
	}
	pairDots(z, t.pair[:whole], t.w, t.ldw, ws.x.D, ws.hp[panel*tileRows*ws.ld():], ws.ld(), ws.scale, &t.address)
}

// capture is that of Workspace of the tile in t, whose scores are not there.
func (t *coarseTile) capture(ws *Workspace, panel int, cells []int32, z []float32) {
	for len(cells) > 0 {
		some := cells[:min(len(cells), tileRows)]
		for i, at := range some {
			t.pair[i] = uint32(ws.entries[at].at(t.c0))
		}
		t.score(ws, panel, len(some), z)
		for i, at := range some {
			ws.entries[at].z = z[i]
		}
		cells = cells[len(some):]
	}
}

const (
	pairsAtOnce = 8                                                         // of pairDots
	coarsePairs = tileClasses*tileRows/coarseShare + tileRows + pairsAtOnce // in a tile, before it is given up
)
