package kernel

import "unsafe"

// Where a Workspace's Precision permits it and the processor has tiles, the three products
// of a loss are taken of numbers of bfloat16. The matrices that stay for a step, H scaled and
// H, are rounded once; a block of W, and of ∂L/∂z, when it is at hand. Sizes are padded with
// zeros to multiples of 32. Tiles multiply so much faster than memory is read that scores
// are not kept for the backward pass, but computed again, to the same bits.

// bf16Operands are the matrices of one product of bfloat16; see bf16Product.
type bf16Operands struct{ a, b []uint16 }

// bf16Matrix is a matrix of bfloat16, and what float32 has beyond it: nil where that is
// left out.
type bf16Matrix struct{ hi, lo []uint16 }

// product returns the products whose sum stands for a·b; room takes them.
func (a bf16Matrix) product(b bf16Matrix, room *[3]bf16Operands) []bf16Operands {
	*room = [3]bf16Operands{{a.hi, b.hi}, {a.lo, b.hi}, {a.hi, b.lo}}
	if a.lo == nil {
		return room[:1]
	}
	return room[:]
}

// from returns m from its n-th number on.
func (m bf16Matrix) from(n int) bf16Matrix {
	m.hi = m.hi[n:]
	if m.lo != nil {
		m.lo = m.lo[n:]
	}
	return m
}

func (m bf16Matrix) bytes() int { return 2 * (cap(m.hi) + cap(m.lo)) }

// bf16State is the part of a Workspace whose products go by tiles.
type bf16State struct {
	used    bool       // in the last Forward and what follows it
	low     bool       // with what float32 has beyond bfloat16
	scores  bool       // the scores of all classes go by tiles, too
	ht      bf16Matrix // [panels][dp/2][64][2]: H scaled, in pairs
	h       bf16Matrix // [panels·32][dp][2]: H, in pairs of rows
	workers []bf16Worker
}

// bf16Worker is the scratch of a worker for a block of classes and of rows.
type bf16Worker struct {
	w      bf16Matrix // [192][dp]: of a block
	wt     bf16Matrix // [dp][192]: its transpose
	p      bf16Matrix // [192][rows]: ∂L/∂z
	pairs  bf16Matrix // [96][rows][2]: that in pairs of classes
	ragged []float32  // [n][dp]: vectors of classes of a number that is no multiple of 32, and zeros
}

func (s *bf16State) bytes() int {
	n := s.ht.bytes() + s.h.bytes()
	for _, w := range s.workers {
		n += w.w.bytes() + w.wt.bytes() + w.p.bytes() + w.pairs.bytes() + 4*cap(w.ragged)
	}
	return n
}

// bf16Bytes estimates what a Workspace holds at these sizes because its products go by tiles:
// what bytes returns, and blocks twice as large.
func bf16Bytes(panels, dp int) int64 {
	rows := int64(panels * tileRows)
	block, width := min(rows, blockRows), int64(dp)
	return 2*4*rows*width + int64(Workers())*4*(blockClasses*(2*width+2*block)+tileClasses*(2*width+block))
}

// grow makes m a matrix of n numbers, with or without low halves.
func (s *bf16State) grow(m *bf16Matrix, n int) {
	if m.hi = growLine(m.hi, n); s.low {
		m.lo = growLine(m.lo, n)
	} else {
		m.lo = nil
	}
}

// growLine is grow of a slice that begins at a line of the cache, as tiles are loaded from
// fast.
func growLine(x []uint16, n int) []uint16 {
	if cap(x) >= n {
		return x[:n]
	}
	const size = 64 / 2
	x = make([]uint16, n+size)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(x)))/2) & (size - 1)
	return x[off:][:n:n]
}

// setPairs stores n rows of w numbers of x in pairs in m; see bf16Pairs.
func (m bf16Matrix) setPairs(x []float32, ldx, n, w int) {
	bf16Pairs(m.hi, m.lo, nil, nil, x, ldx, n, w)
}

// tileScores has the scores of all classes go by tiles, where the products do.
func (ws *Workspace) tileScores() {
	s := &ws.bf16
	if !s.used {
		return
	}
	s.scores = true
	panel := ws.dp * tileRows
	s.grow(&s.ht, ws.panels*panel)
	Parallel(ws.panels, func(_, p int) {
		s.ht.from(p*panel).setPairs(ws.ht[p*panel:], tileRows, ws.dp, tileRows)
	})
}

// roundH lays out H for the gradient of W.
func (ws *Workspace) roundH() {
	s := &ws.bf16
	panel := ws.dp * tileRows
	s.grow(&s.h, ws.panels*panel)
	Parallel(ws.panels, func(_, p int) {
		s.h.from(p*panel).setPairs(ws.hp[p*panel:], ws.dp, tileRows, ws.dp)
	})
}

// roundClasses rounds the vectors w [n,dp] of the n classes from c0 on, of a worker's
// block: their rows for scores, with scores, and their columns for the gradient of H, with
// columns.
func (ws *Workspace) roundClasses(worker int, w []float32, c0, n int, scores, columns bool) {
	s, dp := &ws.bf16, ws.dp
	k := &s.workers[worker]
	full := ceil(n, 32) * 32
	if full != n {
		k.ragged = grow(k.ragged, full*dp)
		clear(k.ragged[copy(k.ragged, w[:n*dp]):])
		w = k.ragged
	}
	at := c0 % blockClasses
	if scores {
		s.grow(&k.w, blockClasses*dp)
		m := k.w.from(at * dp)
		bf16Rows(m.hi, m.lo, w[:full*dp])
	}
	if columns {
		s.grow(&k.wt, blockClasses*dp)
		m := k.wt.from(at)
		bf16Transpose(m.hi, m.lo, blockClasses, w, dp, full, dp)
	}
}

// scoreTile stores the scaled scores of the n classes from c0 on, whose vectors the worker
// has rounded, for a panel in z, of stride 64, and leaves anything in the rows of z up to the
// next multiple of 32.
func (ws *Workspace) scoreTile(worker int, z []float32, c0, n, panel int) {
	s, dp := &ws.bf16, ws.dp
	ws.startScores(z, tileRows, c0, n)
	var room [3]bf16Operands
	w := s.workers[worker].w.from(c0 % blockClasses * dp)
	ab := w.product(s.ht.from(panel*dp*tileRows), &room)
	bf16Product(z, tileRows, ab, dp, tileRows, ceil(n, 32)*32, tileRows, dp, ws.x.Bias != nil)
}

// backwardBF16 is backwardChunk by tiles, of blocks of 192 classes: a sum over more of
// them has fewer times to be read and written. The copies of ∂L/∂H it makes are transposed,
// [dp][rows].
func (ws *Workspace) backwardBF16(worker, chunk, lo, hi int, out *Grad, mapTile tileMap) {
	x, dp, s := ws.x, ws.dp, &ws.bf16
	k := &s.workers[worker]
	rows := ws.panels * tileRows
	ld := min(blockRows, rows)
	ws.grads[worker] = grow(ws.grads[worker], blockClasses*ld)
	ws.tiles[worker] = grow(ws.tiles[worker], tileClasses*tileRows)
	s.grow(&k.p, blockClasses*ld)
	s.grow(&k.pairs, blockClasses*ld)
	p := ws.grads[worker]
	var dh []float32
	if out.H != nil {
		dh = ws.dh[chunk*rows*dp:][:rows*dp]
		clear(dh)
	}
	var room [3]bf16Operands
	for c0 := lo; c0 < hi; c0 += blockClasses {
		n := min(blockClasses, hi-c0)
		full := ceil(n, 32) * 32
		clear(p[n*ld : full*ld])
		for t := c0; t < c0+n; t += tileClasses {
			nt := min(tileClasses, c0+n-t)
			w, _ := ws.classRows(worker, t, nt, true)
			ws.roundClasses(worker, w, t, nt, s.scores, out.H != nil)
		}
		dw := []float32(nil)
		aside := dp != x.D || full != n || out.Sink != nil // dW is made in scratch
		switch {
		case !out.wantsW():
		case aside:
			ws.dwb[worker] = grow(ws.dwb[worker], blockClasses*dp)
			if dw = ws.dwb[worker]; x.B == 0 { // no row would write it
				clear(dw)
			}
		default:
			dw = out.W[c0*x.D:]
		}
		for b0 := 0; b0 < x.B; b0 += blockRows {
			nb := min(blockRows, x.B-b0)
			width := ceil(nb, tileRows) * tileRows
			ws.gradBlock(worker, chunk, p, ld, c0, n, hi, b0, nb, out, mapTile)
			out.addBias(p, ld, c0, n, nb, b0 > 0)
			if dw == nil {
				bf16Pairs(k.pairs.hi, k.pairs.lo, nil, nil, p, ld, full, width)
			} else {
				bf16Pairs(k.pairs.hi, k.pairs.lo, k.p.hi, k.p.lo, p, ld, full, width)
				bf16Product(dw, dp, k.p.product(s.h.from(b0*dp), &room), width, dp, full, dp, ceil(nb, 32)*32, b0 > 0)
			}
			if out.H != nil {
				bf16Product(dh[b0:], rows, k.wt.product(k.pairs, &room), blockClasses, width, dp, ceil(nb, 32)*32, full, true)
			}
		}
		if dw == nil {
			continue
		}
		if aside && dp == x.D && out.Sink == nil {
			copy(out.W[c0*dp:], dw[:n*dp])
			dw = out.W[c0*dp:]
		}
		ws.finish(worker, c0, n, dw, dp, out)
	}
}

// gradBlock fills p, of stride ld, with ∂L/∂z of the n classes from c0 on for nb rows from
// b0 on, and with zeros up to whole panels. It asks for the classes that follow, below
// hi, and for where their gradient goes.
func (ws *Workspace) gradBlock(worker, chunk int, p []float32, ld, c0, n, hi, b0, nb int, out *Grad, mapTile tileMap) {
	for t := c0; t < c0+n; t += tileClasses {
		nt := min(tileClasses, c0+n-t)
		var w []float32
		var ldw int
		if !ws.bf16.scores && t >= ws.keptClasses {
			w, ldw = ws.classRows(worker, t, nt, true)
		}
		for r := 0; r < nb; r += tileRows {
			panel := (b0 + r) / tileRows
			at := (t-c0)*ld + r
			ws.gradTile(worker, chunk, p[at:], ld, w, ldw, t, nt, panel, mapTile)
			prefetchRow(share(ws.classesFrom(ws.x.W, min(t+n, hi), hi), panel, ws.panels))
			switch {
			case out.W != nil:
				prefetchRow(share(ws.classesFrom(out.W, t, c0+n), panel, ws.panels))
			case out.Sink != nil:
				first, second := out.Sink.Ahead(t, nt)
				prefetchRow(share(first, panel, ws.panels))
				prefetchRow(share(second, panel, ws.panels))
			}
			if end := nb - r; end < tileRows {
				for c := range nt {
					clear(p[at+c*ld+end : at+c*ld+tileRows])
				}
			}
		}
	}
}

// addColumns adds the chunks' copies of the gradient of H, which are transposed, in order.
func (ws *Workspace) addColumns(dh []float32) {
	x, rows, dp := ws.x, ws.panels*tileRows, ws.dp
	Parallel(ws.panels, func(_, panel int) {
		b0, b1 := cut(panel, tileRows, x.B)
		for k := range x.D {
			sum := ws.dh[k*rows+b0:][:b1-b0]
			for c := 1; c < ws.chunks; c++ {
				axpy(1, ws.dh[(c*dp+k)*rows+b0:][:len(sum)], sum)
			}
			for i, v := range sum {
				dh[(b0+i)*x.D+k] = v
			}
		}
	})
}
