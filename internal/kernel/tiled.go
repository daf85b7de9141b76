package kernel

import "math"

// A Tiled loss is stated by what it does to a tile of scores: fold, solve, map.
//
// In the softmax family every entry of the gradient depends on its own score and
// on a few numbers of its row. So a row is folded, tile by tile, into a small
// summary; summaries of disjoint classes are merged; the solution of a summary is
// a few parameters; and these map each score to its gradient. The same functions
// serve tiles in cache and goroutines, and no [B,C] matrix exists.
//
// Everything is laid out for 64 rows at once: the k-th number of row r lies at
// k·64+r, and the score of class c for row r at z[c·ld+r]. Scores are those of the
// layer times Scale.
//
// A Tiled is immutable and safe for concurrent use. [Stream] makes a [Loss] of it.
type Tiled interface {
	// Scale returns the factor of the scores.
	Scale() float32
	// Widths returns how many float32 and float64 the summary of a row has, and how
	// many float32 parameters.
	Widths() (f, d, p int)
	// Start sets the parameters of row r that Fold needs, before any score but
	// those of the targets is known.
	Start(p []float32, r int, t RowTarget)
	// Init sets st to the summary of no class.
	Init(st State, p []float32)
	// Fold adds n classes of stride 64 to st. It must not write to z.
	Fold(st State, p, z []float32, n int)
	// Merge adds the summary src to dst; the classes of src follow those of dst.
	Merge(dst, src State)
	// Solve returns the loss of row r, in the loss's own unit, and sets its
	// parameters for Map and Target.
	Solve(st State, p []float32, r int, t RowTarget) float64
	// Map stores in dst, of stride ldd, g·∂ℓ/∂z of n classes of scores z, of stride
	// ldz, as if the row had no target; dst may be z. The gradient is by z in the
	// units of the layer: the factor Scale is Map's. Where g is 0 it must store 0.
	Map(dst []float32, ldd int, z []float32, ldz, n int, p, g []float32)
	// Target returns what a target of weight w and scaled score z adds to g·∂ℓ/∂z.
	Target(p []float32, r int, g, w, z float32) float32
}

// A State is the summary of 64 rows.
type State struct {
	F []float32
	D []float64
}

// A RowTarget is the target of one row: weights and scaled scores of its classes,
// and the number of classes that are not masked, with the sum of their scaled
// scores where the loss asked for it.
type RowTarget struct {
	entries []entry
	Classes int
	Sum     float64
}

// Len returns the number of target classes.
func (t RowTarget) Len() int { return len(t.entries) }

// At returns the weight and the scaled score of the k-th target class.
func (t RowTarget) At(k int) (w, z float32) { return t.entries[k].weight, t.entries[k].z }

// A summer is a Tiled that needs RowTarget.Sum.
type summer interface{ needsSum() bool }

// Stream returns the Loss of a tiled loss: one pass over W to fold, one to map.
func Stream(t Tiled) Loss { return streamed{t} }

type streamed struct{ Tiled }

func (l streamed) state(ws *Workspace, chunk, panel int) State {
	f, d, _ := l.Widths()
	i := chunk*ws.panels + panel
	return State{ws.stateF[i*f*tileRows:][:f*tileRows], ws.stateD[i*d*tileRows:][:d*tileRows]}
}

// panelParams returns the parameters of a panel.
func (ws *Workspace) panelParams(panel, width int) []float32 {
	return ws.params[panel*width*tileRows:][:width*tileRows]
}

func (l streamed) Forward(ws *Workspace, x *Linear, loss []float32) error {
	if err := ws.prepare(x, loss, l.Scale()); err != nil {
		return err
	}
	f, d, np := l.Widths()
	n := ws.chunks * ws.panels * tileRows
	ws.stateF, ws.stateD = grow(ws.stateF, n*f), grow(ws.stateD, n*d)
	ws.params = grow(ws.params, ws.panels*np*tileRows)
	if s, ok := l.Tiled.(summer); ok && s.needsSum() {
		ws.sumClasses()
	} else {
		ws.sumW = ws.sumW[:0]
	}
	ws.start(np, l.Start)
	for c := range ws.chunks {
		for p := range ws.panels {
			l.Init(l.state(ws, c, p), ws.panelParams(p, np))
		}
	}
	ws.eachTile(true, func(_, chunk, panel, c0, n int, z []float32) {
		ws.capture(z, c0, panel)
		l.Fold(l.state(ws, chunk, panel), ws.panelParams(panel, np), z, n)
	})
	Parallel(ws.panels, func(_, panel int) {
		st, p := l.state(ws, 0, panel), ws.panelParams(panel, np)
		for c := 1; c < ws.chunks; c++ {
			l.Merge(st, l.state(ws, c, panel))
		}
		for i := panel * tileRows; i < min((panel+1)*tileRows, x.B); i++ {
			loss[i] = 0
			if ws.live[i] {
				loss[i] = float32(l.Solve(st, p, i%tileRows, ws.rowTarget(i)))
			}
		}
	})
	ws.forward = true
	return nil
}

// start computes the scores of the targets and sets the parameters: +Inf where
// there is no row, which makes every exponential and hinge 0, and what Start says.
func (ws *Workspace) start(np int, start func(p []float32, r int, t RowTarget)) {
	x := ws.x
	for i := range ws.params {
		ws.params[i] = float32(math.Inf(1))
	}
	Parallel(ceil(x.B, tileRows), func(_, panel int) {
		for i := panel * tileRows; i < min((panel+1)*tileRows, x.B); i++ {
			for k := range ws.targets(i) {
				e := &ws.targets(i)[k]
				e.z = ws.score(i, int(e.class))
			}
			if ws.live[i] {
				start(ws.panelParams(panel, np), i%tileRows, ws.rowTarget(i))
			}
		}
	})
}

// capture takes the scores of targets from the tile, so that they carry the same
// rounding as the sums over all classes.
func (ws *Workspace) capture(z []float32, c0, panel int) {
	for _, at := range ws.inCell(c0, panel) {
		e := &ws.entries[at.entry]
		e.z = z[(int(e.class)-c0)*tileRows+int(e.row)%tileRows]
	}
}

func (ws *Workspace) rowTarget(i int) RowTarget {
	t := RowTarget{entries: ws.targets(i), Classes: ws.classes}
	if len(ws.sumW) > 0 {
		x := ws.x
		s := ws.sumW[x.D] // the biases
		for k, h := range x.H[i*x.D:][:x.D] {
			s += float64(h) * ws.sumW[k]
		}
		t.Sum = s * float64(ws.scale)
	}
	return t
}

// sumClasses stores Σ_c w_c and Σ_c bias_c, over the classes not masked, in sumW
// [D+1], chunk by chunk.
func (ws *Workspace) sumClasses() {
	x := ws.x
	n := x.D + 1
	ws.sumW = grow(ws.sumW, ws.chunks*n)
	Parallel(ws.chunks, func(_, chunk int) {
		s := ws.sumW[chunk*n:][:n]
		clear(s)
		lo, hi := ws.chunk(chunk)
		for c := lo; c < hi; c++ {
			if x.masked(c) {
				continue
			}
			for k, w := range x.W[c*x.D:][:x.D] {
				s[k] += float64(w)
			}
			if x.Bias != nil {
				s[x.D] += float64(x.Bias[c])
			}
		}
	})
	for chunk := 1; chunk < ws.chunks; chunk++ {
		axpyGo(1, ws.sumW[chunk*n:][:n], ws.sumW[:n])
	}
}

func (l streamed) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	if err := ws.ready(x, g, out); err != nil {
		return err
	}
	_, _, np := l.Widths()
	ws.backward(out, func(p []float32, ldp int, z []float32, ldz, n, panel int) {
		l.Map(p, ldp, z, ldz, n, ws.panelParams(panel, np), ws.up[panel*tileRows:][:tileRows])
	}, func(e *entry) float32 {
		panel, r := int(e.row)/tileRows, int(e.row)%tileRows
		return l.Target(ws.panelParams(panel, np), r, ws.up[e.row], e.weight, e.z)
	})
	return nil
}
