package kernel

// sparseState is the part of a Workspace that losses use whose gradient touches few
// classes.
type sparseState struct {
	nz       [][]nonzero // [chunk]
	unsorted [][]nonzero // [worker]
	counts   [][]int32   // [worker]
}

// nonzero is an entry of ∂L/∂z.
type nonzero struct {
	class, row int32
	v          float32
}

func (s *sparseState) bytes() (n int) {
	for _, z := range append(s.nz[:len(s.nz):len(s.nz)], s.unsorted...) {
		n += 12 * cap(z)
	}
	for _, x := range s.counts {
		n += 4 * cap(x)
	}
	return n
}

// backwardSparse computes the gradients where few entries of ∂L/∂z are not zero. At
// the targets they are what target returns, by their place in entries; the others are
// what list appends for each chunk. An entry may come more than once.
func (ws *Workspace) backwardSparse(out *Grad, target func(at int32) float32, list func(chunk int, nz []nonzero) []nonzero) {
	x, s, dp := ws.x, &ws.nonzeros, ws.dp
	rows := ws.panels * tileRows
	s.nz = enough(s.nz, ws.chunks)
	ids := make([]int, ws.chunks+1)
	ws.parallel(ws.chunks, func(worker, chunk int) {
		ws.sortNonzeros(worker, chunk, target, list)
		last := int32(-1)
		for _, e := range s.nz[chunk] {
			if e.class != last {
				last = e.class
				ids[chunk+1]++
			}
		}
	})
	for chunk := range ws.chunks {
		ids[chunk+1] += ids[chunk]
	}
	if r := out.Rows; r != nil {
		n := ids[ws.chunks]
		r.ID, r.Val, r.Bias = grow(r.ID, n), grow(r.Val, n*x.D), grow(r.Bias, n)
	}
	if out.H != nil {
		ws.dh = grow(ws.dh, ws.chunks*rows*dp)
	}
	ws.parallel(ws.chunks, func(worker, chunk int) {
		lo, hi := ws.chunk(chunk)
		if out.Bias != nil {
			clear(out.Bias[lo:hi])
		}
		var dh []float32
		if out.H != nil {
			dh = ws.dh[chunk*rows*dp:][:rows*dp]
			clear(dh)
		}
		at, last := ids[chunk]-1, int32(-1)
		var w []float32 // the vector of the class
		nz := s.nz[chunk]
		for c0 := lo; c0 < hi; c0 += ws.tileClasses {
			n := min(ws.tileClasses, hi-c0)
			var dw []float32
			if out.wantsW() {
				dw = ws.block(worker, c0, n, out)
				clear(dw)
			}
			for ; len(nz) > 0 && int(nz[0].class) < c0+n; nz = nz[1:] {
				e := nz[0]
				c, i := int(e.class), int(e.row)
				if e.class != last {
					last = e.class
					at++
					w, _ = ws.classRows(worker, c, 1, false)
					if r := out.Rows; r != nil {
						r.ID[at], r.Bias[at] = e.class, 0
						clear(r.Val[at*x.D:][:x.D])
					}
				}
				if out.H != nil {
					axpy(e.v, w[:x.D], dh[i*dp:][:x.D])
				}
				if dw != nil {
					ws.addRow(e.v, i, dw[(c-c0)*x.D:][:x.D])
				}
				if out.Bias != nil {
					out.Bias[c] += e.v
				}
				if r := out.Rows; r != nil {
					ws.addRow(e.v, i, r.Val[at*x.D:][:x.D])
					r.Bias[at] += e.v
				}
			}
			if dw != nil {
				ws.finish(worker, c0, n, dw, x.D, out)
			}
		}
		if r := out.Rows; r != nil && x.Unit {
			for k := ids[chunk]; k < ids[chunk+1]; k++ {
				row := r.Val[k*x.D:][:x.D]
				UnitGrad(row, row, x.W[int(r.ID[k])*x.D:][:x.D])
			}
		}
	})
	if out.H != nil {
		ws.addChunks(out.H)
	}
}

// sortNonzeros lists the entries of ∂L/∂z of a chunk by class.
func (ws *Workspace) sortNonzeros(worker, chunk int, target func(at int32) float32, list func(chunk int, nz []nonzero) []nonzero) {
	s := &ws.nonzeros
	nz := list(chunk, s.unsorted[worker][:0])
	lo, hi := ws.chunk(chunk)
	for c0 := lo; c0 < hi; c0 += ws.tileClasses {
		for panel := range ws.panels {
			for _, at := range ws.inCell(c0, panel) {
				e := &ws.entries[at]
				nz = append(nz, nonzero{e.class, e.row, target(at)})
			}
		}
	}
	// This is a counting sort by class, which keeps the order above within a class.
	s.counts[worker] = grow(s.counts[worker], hi-lo+1)
	start := s.counts[worker]
	clear(start)
	for _, e := range nz {
		start[int(e.class)-lo+1]++
	}
	for c := range hi - lo {
		start[c+1] += start[c]
	}
	sorted := grow(s.nz[chunk], len(nz))
	for _, e := range nz {
		at := &start[int(e.class)-lo]
		sorted[*at] = e
		*at++
	}
	s.unsorted[worker], s.nz[chunk] = nz, sorted
}
