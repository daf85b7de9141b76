package kernel

// scores stores the scaled scores of n classes from c0 for a panel in z; w are their
// vectors, as classRows returns them.
func (ws *Workspace) scores(z []float32, ldz int, w []float32, ldw, c0, n, panel int) {
	x := ws.x
	if x.Bias != nil {
		for c := range n {
			row := z[c*ldz:][:tileRows]
			b := ws.bias(c0+c) * ws.scale
			for r := range row {
				row[r] = b
			}
		}
	}
	for k := 0; k < x.D; k += scoreK {
		gemmBlock(w[k:], ldw, 1, n, min(scoreK, x.D-k), ws.ht[(panel*x.D+k)*tileRows:], tileRows, z, ldz, tileRows, k > 0 || x.Bias != nil)
	}
}

// score returns the scaled score of one class for one row, summed as scores
// does up to the order of rounding.
func (ws *Workspace) score(row, class int) float32 {
	x := ws.x
	h, w := x.H[row*x.D:][:x.D], x.W[class*x.D:][:x.D]
	var z float32
	if ws.shifted() {
		for k, v := range h {
			z += v * (w[k] - ws.center[k])
		}
	} else {
		z = Dot(h, w)
	}
	if x.Bias != nil {
		z += ws.bias(class)
	}
	return z * ws.scale
}

// chunk returns the classes of a chunk: whole blocks of classes.
func (ws *Workspace) chunk(i int) (lo, hi int) {
	blocks := ceil(ws.x.C, blockClasses)
	return i * blocks / ws.chunks * blockClasses, min((i+1)*blocks/ws.chunks*blockClasses, ws.x.C)
}

// eachTile gives every tile of scores to f once, chunk by chunk in parallel;
// within a chunk tiles come in order. f leaves z as it was. With keep the scores
// are kept for later passes, where the budget allows.
func (ws *Workspace) eachTile(keep bool, f func(worker, chunk, panel, c0, n int, z []float32)) {
	size := ws.x.C * ws.panels * tileRows
	if keep = keep && !ws.haveKept && 4*size <= ws.Budget; keep {
		ws.kept = grow(ws.kept, size)
	}
	Parallel(ws.chunks, func(worker, chunk int) {
		ws.tiles[worker] = grow(ws.tiles[worker], tileClasses*tileRows)
		lo, hi := ws.chunk(chunk)
		for c0 := lo; c0 < hi; c0 += tileClasses {
			n := min(tileClasses, hi-c0)
			w, ldw := ws.x.W, ws.x.D
			if !ws.haveKept {
				w, ldw = ws.classRows(worker, c0, n, false)
			}
			for p := range ws.panels {
				z := ws.tiles[worker]
				if keep || ws.haveKept {
					z = ws.tile(c0, n, p)
				}
				if !ws.haveKept {
					ws.scores(z, tileRows, w, ldw, c0, n, p)
				}
				f(worker, chunk, p, c0, n, z)
			}
		}
	})
	ws.haveKept = ws.haveKept || keep
}

// tile returns where the kept scores of the n classes from c0 of a panel lie.
func (ws *Workspace) tile(c0, n, panel int) []float32 {
	return ws.kept[(c0*ws.panels+n*panel)*tileRows:][:n*tileRows]
}
