package kernel

// scores stores the scaled scores of n classes from c0 for a panel in z; w are their
// vectors, as classRows returns them and columnsOf has taken them. Meanwhile it asks for p
// and q.
func (ws *Workspace) scores(worker int, z []float32, ldz int, w []float32, ldw, c0, n, panel int, p, q []float32) {
	x := ws.x
	if x.Entries != nil {
		ws.sparseScores(worker, z, ldz, c0, n, panel)
		return
	}
	ws.startScores(z, ldz, c0, n)
	for k := 0; k < x.D; k += scoreK {
		gemmAhead(w[k:], ldw, 1, n, min(scoreK, x.D-k), ws.ht[(panel*ws.hk+k)*tileRows:], tileRows, z, ldz, tileRows, k > 0 || x.Bias != nil, p, q)
		p, q = nil, nil
	}
}

// startScores stores the scaled biases, if there are any, where scores are added to them.
func (ws *Workspace) startScores(z []float32, ldz int, c0, n int) {
	if ws.x.Bias == nil {
		return
	}
	for c := range n {
		row := z[c*ldz:][:tileRows]
		b := ws.bias(c0+c) * ws.scale
		for r := range row {
			row[r] = b
		}
	}
}

// score returns the scaled score of one class for one row, summed as scores
// does up to the order of rounding. The worker's scratch takes the class's vector.
func (ws *Workspace) score(worker, row, class int) float32 {
	x := ws.x
	w := ws.vector(worker, class)
	var z float32
	switch {
	case x.Entries != nil:
		if z = ws.dotRow(row, w); ws.shifted() {
			z -= ws.dotRow(row, ws.center[:x.D])
		}
	case ws.shifted():
		for k, v := range x.H[row*x.D:][:x.D] {
			z += v * (w[k] - ws.center[k])
		}
	default:
		z = Dot(x.H[row*x.D:][:x.D], w)
	}
	if x.Bias != nil {
		z += ws.bias(class)
	}
	return z * ws.scale
}

// tileOf returns how many classes a tile has, out of c of width d. Of an H that is given by
// entries a tile is a block too, which one processor does, so few classes are shared out evenly
// among an even number of tiles.
func tileOf(c, d int, entries bool) int {
	if !entries {
		return tileClasses
	}
	tiles := ceil(c, 2*tileClasses) * 2
	return min(tileClasses, ceil(ceil(c, tiles), SinkRows(d))*SinkRows(d))
}

// blockOf returns how many classes a block has, of which chunks are multiples: of an H that is
// given by entries a tile, whose classes by columns stay in the second-level cache.
func blockOf(c, d int, entries bool) int {
	if entries {
		return tileOf(c, d, entries)
	}
	return blockClasses
}

// chunk returns the classes of a chunk: whole blocks of classes.
func (ws *Workspace) chunk(i int) (lo, hi int) {
	size := ws.blockClasses
	blocks := ceil(ws.x.C, size)
	return i * blocks / ws.chunks * size, min((i+1)*blocks/ws.chunks*size, ws.x.C)
}

// eachTile gives every tile of scores to f once, chunk by chunk in parallel, and where
// chunks are fewer than workers by parts of the panels; of a chunk and a panel tiles come in
// order. f leaves z as it was. With keep the scores
// are kept for later passes, as far as the budget allows, unless they go by tiles.
func (ws *Workspace) eachTile(keep bool, f func(worker, chunk, panel, c0, n int, z []float32)) {
	ws.eachTileBut(keep, nil, f)
}

// eachTileBut is eachTile without the tiles of which known, if it is not nil, says that their
// scores need not be computed. It is given the classes' vectors, whole, and asks for next.
func (ws *Workspace) eachTileBut(keep bool, known func(worker, chunk, panel, c0, n int, w []float32, ldw int, next []float32) bool, f func(worker, chunk, panel, c0, n int, z []float32)) {
	kept, tiled := ws.keptClasses, ws.bf16.scores
	if keep && kept == 0 && !tiled {
		kept = keptClasses(ws.x.C, ws.tileClasses, ws.panels, ws.Budget)
		ws.kept = enlarge(ws.kept, kept*ws.panels*tileRows)
	}
	parts := 1 // of a chunk's panels, of which each is on its own
	if known == nil {
		parts = min(max(ws.panels, 1), ceil(Workers(), ws.chunks))
	}
	ws.parallel(ws.chunks*parts, func(worker, task int) {
		ws.tiles[worker] = grow(ws.tiles[worker], tileClasses*tileRows)
		chunk, part := task/parts, task%parts
		lo, hi := ws.chunk(chunk)
		for c0 := lo; c0 < hi; c0 += ws.tileClasses {
			n := min(ws.tileClasses, hi-c0)
			w, ldw := ws.x.W, ws.x.D
			if c0 >= ws.keptClasses {
				w, ldw = ws.classRows(worker, c0, n, tiled || known != nil)
				ws.columnsOf(worker, w, ldw, n)
			}
			if tiled {
				ws.roundClasses(worker, w, c0, n, true, false)
			}
			for p := ws.panels * part / parts; p < ws.panels*(part+1)/parts; p++ {
				z := ws.tiles[worker]
				if c0 < kept {
					z = ws.tile(c0, n, p)
				}
				next := share(ws.classesFrom(ws.x.W, c0+n, hi), p, ws.panels)
				switch {
				case tiled:
					ws.scoreTile(worker, z, c0, n, p)
					prefetchRow(next)
				case c0 >= ws.keptClasses:
					if known != nil && known(worker, chunk, p, c0, n, w, ldw, next) {
						continue
					}
					keptNext := []float32(nil)
					if c0 < kept {
						keptNext = following(ws.kept, z)
					}
					ws.scores(worker, z, tileRows, w, ldw, c0, n, p, keptNext, next)
				}
				f(worker, chunk, p, c0, n, z)
			}
		}
	})
	ws.keptClasses = kept
}

// keptClasses returns how many classes, the first of c, have scores that are kept within
// a budget of bytes, for that many panels: whole tiles, and at least half of all or none.
// Less saves less than an eighth of a step, and takes as much memory.
func keptClasses(c, tile, panels, budget int) int {
	fit := budget / (4 * tileRows * max(panels, 1))
	if fit >= c {
		return c
	}
	if fit = fit / tile * tile; 2*fit < c {
		return 0
	}
	return fit
}

// tile returns where the kept scores of the n classes from c0 of a panel lie.
func (ws *Workspace) tile(c0, n, panel int) []float32 {
	return ws.kept[(c0*ws.panels+n*panel)*tileRows:][:n*tileRows]
}

// What comes next is asked for while the processor multiplies: it follows addresses ahead
// by itself, but not past the end of a page, and a class of 64 numbers is 256 bytes.

// following returns what lies behind part of x, as much as part where there is so much.
func following(x, part []float32) []float32 {
	x = x[cap(x)-cap(part)+len(part):]
	return x[:min(len(x), len(part))]
}

// classesFrom returns the rows of m [C,D] of the tile of classes from c0 on, none from hi on.
func (ws *Workspace) classesFrom(m []float32, c0, hi int) []float32 {
	return m[c0*ws.x.D : max(c0, min(c0+ws.tileClasses, hi))*ws.x.D]
}

// share returns the i-th of n parts of x.
func share(x []float32, i, n int) []float32 { return x[len(x)*i/n : len(x)*(i+1)/n] }
