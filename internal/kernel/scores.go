package kernel

// scores stores the scaled scores of n classes from c0 for a panel in z.
func (ws *Workspace) scores(z []float32, ldz, c0, n, panel int) {
	x := ws.x
	if x.Bias != nil {
		for c, b := range x.Bias[c0:][:n] {
			row := z[c*ldz:][:tileRows]
			b *= ws.scale
			for r := range row {
				row[r] = b
			}
		}
	}
	for k := 0; k < x.D; k += scoreK {
		gemmBlock(x.W[c0*x.D+k:], x.D, 1, n, min(scoreK, x.D-k), ws.ht[(panel*x.D+k)*tileRows:], tileRows, z, ldz, tileRows, k > 0 || x.Bias != nil)
	}
}

// score returns the scaled score of one class for one row, summed as scores
// does up to the order of rounding.
func (ws *Workspace) score(row, class int) float32 {
	x := ws.x
	z := Dot(x.H[row*x.D:][:x.D], x.W[class*x.D:][:x.D])
	if x.Bias != nil {
		z += x.Bias[class]
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
			for p := range ws.panels {
				z := ws.tiles[worker]
				if keep || ws.haveKept {
					z = ws.tile(c0, n, p)
				}
				if !ws.haveKept {
					ws.scores(z, tileRows, c0, n, p)
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
