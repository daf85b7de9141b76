package kernel

// SinkRows returns the number of classes of width d of which the blocks that a [Sink] gets
// are multiples, but for the last of W.
func SinkRows(d int) int {
	if d > 128 {
		return 16
	}
	return 32
}

// A Sink takes the gradient of W block by block as a Backward finishes it, while it is in
// cache, so that nobody need store a matrix of that size.
type Sink interface {
	// Rows takes ∂L/∂W of the n classes from c0 on, dw [n,D]. Each class is given in one
	// call, once Backward has read its row of W for the last time: Rows may move that row,
	// and no other. c0 is a multiple of [SinkRows], and so is n unless the last class is
	// among them.
	//
	// Calls come from several goroutines at a time; worker, in [0, [Workers]), is that of
	// [Parallel], and which classes it gets, and when, is not determined. dw is borrowed
	// for the call, and Rows may write to it.
	Rows(worker, c0, n int, dw []float32)

	// Ahead returns up to two pieces of memory, nil for none, that Rows of those classes is
	// going to read beside dw: they are asked for while dw is computed.
	Ahead(c0, n int) (p, q []float32)
}

// A UnitSink is a Sink that leads the gradient by vectors of norm 1 through the norm itself,
// as [UnitGrads] does: it is given that by the vectors of a [Linear] whose Unit is set.
type UnitSink interface {
	Sink

	// UnitRows is Rows for such a gradient, or does nothing and returns false: then Rows is
	// called.
	UnitRows(worker, c0, n int, dw []float32) bool
}

// Sinks reports whether the Backward of l can hand the gradient of W to a [Sink]. That of
// a loss whose targets get what the other classes of their problem leave cannot: no row
// of a target is finished before all classes are done.
func Sinks(l Loss) bool {
	switch l := l.(type) {
	case Weighed:
		return Sinks(l.Loss)
	case Rankmax:
		return Sinks(l.each())
	case streamed:
		return !l.balances()
	}
	return true
}

// FindsRows reports whether a Forward of l may find the gradient of W to have few rows;
// see [Workspace.Sparse].
func FindsRows(l Loss) bool {
	switch l := l.(type) {
	case Weighed:
		return FindsRows(l.Loss)
	case Entmax, Normmax, ThresholdMap, Perceptron, CrammerSinger, Rankmax:
		return true
	case streamed:
		_, ok := l.Tiled.(fixedThreshold)
		return ok
	}
	return false
}

// wantsW reports whether somebody takes the gradient of W as a matrix or by blocks.
func (g *Grad) wantsW() bool { return g.W != nil || g.Sink != nil }

// block returns where the gradient of the n classes from c0 on is to be made, with rows of
// D numbers: in W, or in scratch of the worker.
func (ws *Workspace) block(worker, c0, n int, out *Grad) []float32 {
	d := ws.x.D
	if out.Sink == nil {
		return out.W[c0*d : (c0+n)*d]
	}
	ws.dwb[worker] = grow(ws.dwb[worker], n*d)
	return ws.dwb[worker]
}

// finish ends the gradient of the n classes from c0 on, rows of stride ld that are by their
// vectors: of vectors of norm 1 it makes the gradient by the rows of W, and hands it on.
func (ws *Workspace) finish(worker, c0, n int, dw []float32, ld int, out *Grad) {
	x := ws.x
	d := x.D
	to := dw
	if out.Sink == nil {
		to = out.W[c0*d:]
	}
	if ld != d {
		for c := range n {
			copy(to[c*d:][:d], dw[c*ld:][:d])
		}
	}
	if ws.unfinished {
		return
	}
	if x.Unit {
		if s, ok := out.Sink.(UnitSink); ok && s.UnitRows(worker, c0, n, to[:n*d]) {
			return
		}
		unitGrads(to, x.W[c0*d:], n, d)
	}
	if out.Sink != nil {
		out.Sink.Rows(worker, c0, n, to[:n*d])
	}
}

// finishAll ends the gradient of all classes, after a pass that left it unfinished.
func (ws *Workspace) finishAll(out *Grad) {
	x := ws.x
	if !x.Unit || out.W == nil {
		return
	}
	Parallel(ws.chunks, func(_, chunk int) {
		lo, hi := ws.chunk(chunk)
		unitGrads(out.W[lo*x.D:], x.W[lo*x.D:], hi-lo, x.D)
	})
}
