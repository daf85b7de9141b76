package kernel

import "errors"

// A tileMap stores in p (stride ldp) ∂L/∂z of the n classes from c0 and a panel,
// whose scores z have stride ldz; p may be z. What it stores at masked classes
// does not matter.
type tileMap func(worker, chunk, panel, c0, n int, p []float32, ldp int, z []float32, ldz int)

// backward computes the gradients from a map of scores to ∂L/∂z.
func (ws *Workspace) backward(out *Grad, mapTile tileMap) {
	if out.H != nil {
		ws.dh = grow(ws.dh, ws.chunks*ws.panels*tileRows*ws.dp)
	}
	one, add := ws.backwardChunk, ws.addChunks
	if ws.bf16.used {
		one, add = ws.backwardBF16, ws.addColumns
		ws.roundH()
	}
	if ws.x.Entries != nil && out.wantsW() && !ws.sparseH.sorted {
		ws.sortEntries()
	}
	parts := 1 // of a chunk's tiles: of the gradient of W alone each is on its own
	if out.H == nil && !ws.unfinished && !ws.bf16.used && ws.chunks < Workers() {
		parts = ceil(ceil(ws.x.C, ws.blockClasses), ws.chunks) * ws.blockClasses / ws.tileClasses
	}
	ws.parallel(ws.chunks*parts, func(worker, task int) {
		lo, hi := ws.chunk(task / parts)
		if parts > 1 {
			lo = min(lo+task%parts*ws.tileClasses, hi)
			hi = min(lo+ws.tileClasses, hi)
		}
		one(worker, task/parts, lo, hi, out, mapTile)
	})
	if out.H != nil {
		add(out.H)
	}
}

// addedRows is how many rows of the gradient of H are added up at once: of width 64 they
// stay in the first-level cache while the copies pass by.
const addedRows = 16

// addChunks adds the chunks' copies of the gradient of H in order.
func (ws *Workspace) addChunks(dh []float32) {
	x, rows, dp := ws.x, ws.panels*tileRows, ws.dp
	Parallel(ceil(x.B, addedRows), func(_, part int) {
		lo, hi := cut(part, addedRows, x.B)
		sum := ws.dh[lo*dp : hi*dp]
		for c := 1; c < ws.chunks; c++ {
			axpy(1, ws.dh[(c*rows+lo)*dp:][:len(sum)], sum)
		}
		for i := lo; i < hi; i++ {
			copy(dh[i*x.D:][:x.D], sum[(i-lo)*dp:])
		}
	})
}

// backwardChunk does the classes from lo to hi of a chunk.
func (ws *Workspace) backwardChunk(worker, chunk, lo, hi int, out *Grad, mapTile tileMap) {
	x, dp := ws.x, ws.dp
	rows := ws.panels * tileRows
	ld := min(blockRows, rows) + linePad
	ws.grads[worker] = grow(ws.grads[worker], tileClasses*ld)
	p := ws.grads[worker]
	var dh []float32
	if out.H != nil {
		dh = ws.dh[chunk*rows*dp:][:rows*dp]
		clear(dh)
	}
	aside := dp != x.D || out.Sink != nil // the gradient of a block is made in scratch
	if aside {
		ws.dwb[worker] = grow(ws.dwb[worker], tileClasses*dp)
	}
	groups := ceil(x.B, blockRows)
	for c0 := lo; c0 < hi; c0 += ws.tileClasses {
		n := min(ws.tileClasses, hi-c0)
		w, ldw := ws.classRows(worker, c0, n, x.Entries == nil || out.H != nil) // padded to dp: the kernels work on whole vectors of columns
		dw := []float32(nil)
		if out.W != nil {
			dw = out.W[c0*x.D:]
		}
		if aside {
			dw = ws.dwb[worker]
			if x.B == 0 { // no row would write it
				clear(dw)
			}
		}
		if c0 >= ws.keptClasses {
			ws.columnsOf(worker, w, ldw, n)
		}
		for g := range groups {
			b0, b1 := cut(g, blockRows, x.B)
			nb := b1 - b0
			for r := 0; r < nb; r += tileRows {
				ws.gradTile(worker, chunk, p[r:], ld, w, ldw, c0, n, (b0+r)/tileRows, mapTile)
			}
			switch {
			case out.wantsW() && x.Entries != nil:
				ws.sparseProduct(worker, p, ld, n, g)
			case out.wantsW():
				next := []float32(nil)
				if c0 < ws.keptClasses {
					next = ws.kept[(c0*ws.panels+n*ceil(b1, tileRows))*tileRows:]
					next = next[:min(len(next), n*nb)]
				}
				gemmAhead(p, ld, 1, n, nb, ws.hp[b0*ws.ld():], ws.ld(), dw, dp, dp, b0 > 0, next, share(ws.classesFrom(x.W, c0+n, hi), g, groups))
			}
			if out.H != nil {
				var next, state []float32
				switch {
				case out.W != nil:
					next = ws.classesFrom(out.W, c0+n, hi)
				case out.Sink != nil:
					next, state = out.Sink.Ahead(c0, n)
				}
				gemmAhead(p, 1, ld, nb, n, w, ldw, dh[b0*dp:], dp, dp, true, share(next, g, groups), share(state, g, groups))
			}
			out.addBias(p, ld, c0, n, nb, b0 > 0)
		}
		if out.wantsW() {
			if x.Entries == nil || x.B == 0 {
				ws.finish(worker, c0, n, dw, dp, out)
				continue
			}
			for c := 0; c < n; {
				to := dw
				if !aside {
					to = dw[c*dp:]
				}
				few := ws.sparseGradient(worker, to, c, n)
				ws.finish(worker, c0+c, few, to, dp, out)
				c += few
			}
		}
	}
}

// addBias stores the sums over nb rows of ∂L/∂z of the n classes from c0 on, p of stride ld, as
// the gradient of their biases, or adds them to it.
func (g *Grad) addBias(p []float32, ld, c0, n, nb int, add bool) {
	if g.Bias == nil {
		return
	}
	for c := range n {
		s := sum(p[c*ld:][:nb])
		if add {
			s += g.Bias[c0+c]
		}
		g.Bias[c0+c] = s
	}
}

// gradTile fills p with ∂L/∂z of the tile of n classes from c0 for a panel. w, of stride ldw,
// are their vectors, which the scores need that are neither kept nor go by tiles.
func (ws *Workspace) gradTile(worker, chunk int, p []float32, ld int, w []float32, ldw, c0, n, panel int, mapTile tileMap) {
	x := ws.x
	switch {
	case ws.bf16.scores:
		z := ws.tiles[worker]
		ws.scoreTile(worker, z, c0, n, panel)
		mapTile(worker, chunk, panel, c0, n, p, ld, z, tileRows)
	case c0 < ws.keptClasses:
		mapTile(worker, chunk, panel, c0, n, p, ld, ws.tile(c0, n, panel), tileRows)
	default:
		ws.scores(worker, p, ld, w, ldw, c0, n, panel, nil, nil)
		mapTile(worker, chunk, panel, c0, n, p, ld, p, ld)
	}
	if ws.classes < x.C {
		for c := range n {
			if x.masked(c0 + c) {
				clear(p[c*ld:][:tileRows])
			}
		}
	}
}

// upstream lays g out by panels, 0 for padding rows and beyond B.
func (ws *Workspace) upstream(g []float32) {
	ws.up = grow(ws.up, ws.panels*tileRows)
	clear(ws.up)
	for i, v := range g {
		if ws.live[i] {
			ws.up[i] = v
		}
	}
}

// prepareBackward checks what Backward needs and lays it out.
func (ws *Workspace) prepareBackward(x *Linear, g []float32, out *Grad) error {
	if !ws.forward || ws.x != x {
		return errors.New("kernel: Backward without a Forward of the same problem")
	}
	if err := out.validate(x, g, ws.sparse); err != nil {
		return err
	}
	ws.growScratch()
	ws.upstream(g)
	ws.unfinished = false
	if x.B == 0 { // no row would write them
		clear(out.W)
		clear(out.Bias)
	}
	return nil
}
