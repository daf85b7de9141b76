package kernel

import (
	"errors"
	"math"
)

// A Tiled loss is stated by what it does to a tile of scores: fold, solve, map.
//
// In this family every entry of the gradient depends on its own score and on a few
// numbers of its row. So a row is folded, tile by tile, into a small summary;
// summaries of disjoint classes are merged; the solution of a summary is a few
// parameters; and these map each score to its gradient. The same functions serve
// tiles in cache and goroutines, and need no [B,C] matrix; within its Budget a
// Workspace keeps the scores for the second pass.
//
// The targets are no part of the summary or of the map: Solve adds what they are to
// the loss and states its gradient there. So what a leading label leaves to the
// others is never the difference of two sums.
//
// A loss that is the mean over its targets, by their weights, of a loss of one
// label may be stated as that, by Each: then every target of a row is a problem of
// its own, in which the others are classes like any. Problems of a row share its
// scores, not their summaries; 64 rows cost as many maps as the row of most targets
// has.
//
// Everything is laid out for 64 rows at once: the k-th number of row r lies at
// k·64+r, and the score of class c for row r at z[c·ld+r]. Scores are those of the
// layer times Scale. A class that is masked, or a target, has the score −Inf in
// Fold, and must add nothing.
//
// A Tiled is immutable and safe for concurrent use. [Stream] makes a [Loss] of it.
type Tiled interface {
	// Valid reports parameters outside of the loss's domain.
	Valid() error
	// Scale returns the factor of the scores.
	Scale() float32
	// Widths returns how many float32 and float64 the summary of a row has, and how
	// many float32 parameters.
	Widths() (f, d, p int)
	// Each reports whether every target is a problem of its own. RowTarget then holds
	// one target, and what Solve and Map state is before the target's weight.
	Each() bool
	// Start sets the parameters of row r that Fold needs, before any score but
	// those of the targets is known. Parameters of rows that do not exist are +Inf,
	// at which Fold must add nothing to other rows and Map must store 0.
	Start(p []float32, r int, t RowTarget)
	// Init sets st to the summary of no class.
	Init(st State, p []float32)
	// Fold adds n classes from class c0, of stride 64, to st. It must not write to z.
	Fold(st State, p, z []float32, c0, n int)
	// Merge adds the summary src to dst; the classes of src follow those of dst.
	Merge(dst, src State)
	// Solve returns the loss of row r, in the loss's own unit, sets its parameters
	// for Map, and the gradient at its targets by RowTarget.Set.
	Solve(st State, p []float32, r int, t RowTarget) float64
	// Map stores in dst, of stride ldd, g·∂ℓ/∂z of n classes from class c0, of scores z
	// of stride ldz; dst may be z. The gradient is by z in the units of the layer: the factor
	// Scale is Map's. Where g is 0 it must store 0. What it stores at targets and
	// masked classes does not matter.
	Map(dst []float32, ldd int, z []float32, ldz, c0, n int, p, g []float32)
}

// A balanced loss is a Tiled with Each that does not change when all scores are
// shifted: its gradient at the target is minus the sum of the others, which the
// backward pass adds up. Solve sets none.
type balanced interface{ Balanced() bool }

// balances reports whether the loss is balanced.
func (l streamed) balances() bool {
	b, ok := l.Tiled.(balanced)
	return ok && b.Balanced()
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
	work    []float64 // as long: scratch for Solve
	Classes int
	Sum     float64
}

// Len returns the number of target classes.
func (t RowTarget) Len() int { return len(t.entries) }

// Class returns the k-th target class.
func (t RowTarget) Class(k int) int32 { return t.entries[k].class }

// At returns the weight and the scaled score of the k-th target class.
func (t RowTarget) At(k int) (w, z float32) { return t.entries[k].weight, t.entries[k].z }

// Set states ∂ℓ/∂z at the k-th target class, by z in the units of the layer.
func (t RowTarget) Set(k int, grad float64) { t.entries[k].grad = float32(grad) }

// Top returns the largest scaled score of a target class.
func (t RowTarget) Top() float32 {
	m := t.entries[0].z
	for _, e := range t.entries[1:] {
		m = max(m, e.z)
	}
	return m
}

// A summer is a Tiled that needs RowTarget.Sum.
type summer interface{ needsSum() bool }

// Stream returns the Loss of a tiled loss: one pass over W to fold, one to map.
func Stream(t Tiled) Loss { return streamed{t, false} }

// StreamApart is Stream of a tiled loss with Each, in whose problems the other targets of
// the row are no classes: they are masked there, and RowTarget.Classes does not count them.
func StreamApart(t Tiled) Loss { return streamed{t, true} }

type streamed struct {
	Tiled
	apart bool
}

// slotState is what a Tiled loss keeps in a Workspace: a slot is one problem of
// each of 64 rows, and a panel has as many as its rows have at most.
type slotState struct {
	first []int       // [panels+1]: slots before those of a panel
	up    []float32   // [slots][64]: upstream gradient of a problem
	sum   []float32   // [chunks][slots][64]: Σ ∂L/∂z over the classes, of a balanced loss
	tile  [][]float32 // [worker]: scores of a tile, and the gradient of one slot
	work  []float64   // [targets]
}

func (s *slotState) bytes() int {
	n := 8*(cap(s.first)+cap(s.work)) + 4*(cap(s.up)+cap(s.sum))
	for _, x := range s.tile {
		n += 4 * cap(x)
	}
	return n
}

// layoutSlots lays out the slots of the panels and returns how many there are.
func (ws *Workspace) layoutSlots(each bool) int {
	s := &ws.slots
	s.work = grow(s.work, len(ws.entries))
	s.first = grow(s.first, ws.panels+1)
	s.first[0] = 0
	for p := range ws.panels {
		n := 1
		if each {
			for i := p * tileRows; i < min((p+1)*tileRows, ws.x.B); i++ {
				n = max(n, len(ws.targets(i)))
			}
		}
		s.first[p+1] = s.first[p] + n
	}
	return s.first[ws.panels]
}

// slotRange returns the slots of a panel.
func (ws *Workspace) slotRange(panel int) (lo, hi int) {
	return ws.slots.first[panel], ws.slots.first[panel+1]
}

// problem returns the target of the problem of row i in the k-th slot of its panel;
// false where the row has none.
func (l streamed) problem(ws *Workspace, i, k int) (RowTarget, bool) {
	if !ws.live[i] {
		return RowTarget{}, false
	}
	t := ws.rowTarget(i)
	if l.Each() {
		if k >= len(t.entries) {
			return RowTarget{}, false
		}
		if l.apart {
			t.Classes -= len(t.entries) - 1
		}
		t.entries = t.entries[k : k+1]
	}
	return t, true
}

// nth returns which target of its row is the target of the k-th slot: k, or −1 for
// all.
func (l streamed) nth(k int) int {
	if l.Each() {
		return k
	}
	return -1
}

// isNth reports whether an entry is the k-th target of its row; true for k = −1.
func (ws *Workspace) isNth(e int32, k int) bool {
	return k < 0 || int(e-ws.ptr[ws.entries[e].row]) == k
}

func (l streamed) state(ws *Workspace, chunk, slot int) State {
	f, d, _ := l.Widths()
	i := chunk*ws.slots.first[ws.panels] + slot
	return State{ws.stateF[i*f*tileRows:][:f*tileRows], ws.stateD[i*d*tileRows:][:d*tileRows]}
}

// slotParams returns the parameters of a slot.
func (ws *Workspace) slotParams(slot, width int) []float32 {
	return ws.params[slot*width*tileRows:][:width*tileRows]
}

func (l streamed) Forward(ws *Workspace, x *Linear, loss []float32) error {
	if err := l.Valid(); err != nil {
		return err
	}
	if err := ws.prepare(x, loss, l.Scale()); err != nil {
		return err
	}
	f, d, np := l.Widths()
	slots := ws.layoutSlots(l.Each())
	n := ws.chunks * slots * tileRows
	ws.stateF, ws.stateD = grow(ws.stateF, n*f), grow(ws.stateD, n*d)
	ws.params = grow(ws.params, slots*np*tileRows)
	if s, ok := l.Tiled.(summer); ok && s.needsSum() {
		ws.sumClasses()
	} else {
		ws.sumW = ws.sumW[:0]
	}
	ws.scoreTargets()
	for i := range ws.params {
		ws.params[i] = float32(math.Inf(1))
	}
	l.problems(ws, func(slot, r int, t RowTarget) { l.Start(ws.slotParams(slot, np), r, t) })
	for c := range ws.chunks {
		for s := range slots {
			l.Init(l.state(ws, c, s), ws.slotParams(s, np))
		}
	}
	if ws.sparse = l.foldCandidates(ws); !ws.sparse {
		l.fold(ws)
	}
	clear(loss)
	l.problems(ws, func(slot, r int, t RowTarget) {
		i := int(t.entries[0].row)
		v := l.Solve(l.state(ws, 0, slot), ws.slotParams(slot, np), r, t)
		if l.Each() {
			v *= float64(t.entries[0].weight)
		}
		loss[i] += float32(v)
	})
	ws.forward = true
	return nil
}

// fold folds all tiles and merges the summaries in those of the first chunk.
func (l streamed) fold(ws *Workspace) {
	_, _, np := l.Widths()
	ws.tileScores()
	ws.eachTile(true, func(_, chunk, panel, c0, n int, z []float32) {
		cells := ws.inCell(c0, panel)
		ws.capture(z, c0, cells)
		lo, hi := ws.slotRange(panel)
		for s := lo; s < hi; s++ {
			k := l.nth(s - lo)
			if l.apart {
				k = -1
			}
			ws.hide(z, c0, cells, k)
			l.Fold(l.state(ws, chunk, s), ws.slotParams(s, np), z, c0, n)
			ws.show(z, c0, cells)
		}
	})
	Parallel(ws.slots.first[ws.panels], func(_, s int) {
		st := l.state(ws, 0, s)
		for c := 1; c < ws.chunks; c++ {
			l.Merge(st, l.state(ws, c, s))
		}
	})
}

// problems calls f with every problem, panel by panel in parallel; those of a row
// come in order.
func (l streamed) problems(ws *Workspace, f func(slot, r int, t RowTarget)) {
	Parallel(ws.panels, func(_, panel int) {
		lo, hi := ws.slotRange(panel)
		for i := panel * tileRows; i < min((panel+1)*tileRows, ws.x.B); i++ {
			for s := lo; s < hi; s++ {
				if t, ok := l.problem(ws, i, s-lo); ok {
					f(s, i%tileRows, t)
				}
			}
		}
	})
}

// scoreTargets computes the scores of the targets.
func (ws *Workspace) scoreTargets() {
	ws.parallel(ws.x.B, func(worker, i int) {
		for k := range ws.targets(i) {
			e := &ws.targets(i)[k]
			e.z = ws.score(worker, i, int(e.class))
		}
	})
}

// at returns where the score of a target lies in the tile that starts at class c0.
func (e *entry) at(c0 int) int { return (int(e.class)-c0)*tileRows + int(e.row)%tileRows }

// capture takes the scores of targets from their tile, so that they carry the same
// rounding as the sums over all classes.
func (ws *Workspace) capture(z []float32, c0 int, cells []int32) {
	for _, c := range cells {
		e := &ws.entries[c]
		e.z = z[e.at(c0)]
	}
}

// hide takes the k-th target of every row out of a tile, or all for k = −1, and show
// puts them back.
func (ws *Workspace) hide(z []float32, c0 int, cells []int32, k int) {
	for _, c := range cells {
		if ws.isNth(c, k) {
			z[ws.entries[c].at(c0)] = float32(math.Inf(-1))
		}
	}
}

func (ws *Workspace) show(z []float32, c0 int, cells []int32) {
	for _, c := range cells {
		e := &ws.entries[c]
		z[e.at(c0)] = e.z
	}
}

func (ws *Workspace) rowTarget(i int) RowTarget {
	t := RowTarget{entries: ws.targets(i), work: ws.slots.work[ws.ptr[i]:ws.ptr[i+1]], Classes: ws.classes}
	if len(ws.sumW) > 0 {
		x := ws.x
		s := ws.sumW[x.D] // the biases
		if x.Entries != nil {
			id, val := ws.entriesOf(i, ws.sparseH.val)
			for o, k := range id {
				s += float64(val[o]) * ws.sumW[k]
			}
		} else {
			for k, h := range x.H[i*x.D:][:x.D] {
				s += float64(h) * ws.sumW[k]
			}
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
	ws.parallel(ws.chunks, func(worker, chunk int) {
		s := ws.sumW[chunk*n:][:n]
		clear(s)
		lo, hi := ws.chunk(chunk)
		for c := lo; c < hi; c++ {
			if x.masked(c) {
				continue
			}
			w, _ := ws.classRows(worker, c, 1, false)
			for k, v := range w[:x.D] {
				s[k] += float64(v)
			}
			if x.Bias != nil {
				s[x.D] += float64(ws.bias(c))
			}
		}
	})
	for chunk := 1; chunk < ws.chunks; chunk++ {
		axpyGo(1, ws.sumW[chunk*n:][:n], ws.sumW[:n])
	}
}

func (l streamed) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	if err := ws.prepareBackward(x, g, out); err != nil {
		return err
	}
	s := &ws.slots
	slots := s.first[ws.panels]
	s.up = grow(s.up, slots*tileRows)
	clear(s.up)
	l.problems(ws, func(slot, r int, t RowTarget) {
		u := ws.up[t.entries[0].row]
		if l.Each() {
			u *= t.entries[0].weight
		}
		s.up[slot*tileRows+r] = u
	})
	balance := l.balances()
	if ws.sparse {
		l.backwardCandidates(ws, out, balance)
		return nil
	}
	if balance {
		s.sum = grow(s.sum, ws.chunks*slots*tileRows)
		clear(s.sum)
		if out.Sink != nil {
			return errors.New("kernel: blocks of the gradient of W asked of a loss that finishes none before the last class")
		}
	}
	ws.unfinished = balance
	ws.backward(out, func(worker, chunk, panel, c0, n int, p []float32, ldp int, z []float32, ldz int) {
		l.mapTile(ws, balance, worker, chunk, panel, c0, n, p, ldp, z, ldz)
	})
	if balance {
		l.balanceTargets(ws, out)
		ws.finishAll(out)
	}
	return nil
}

// mapTile is a tileMap: what every slot adds to ∂L/∂z.
func (l streamed) mapTile(ws *Workspace, balance bool, worker, chunk, panel, c0, n int, p []float32, ldp int, z []float32, ldz int) {
	_, _, np := l.Widths()
	s := &ws.slots
	lo, hi := ws.slotRange(panel)
	cells := ws.inCell(c0, panel)
	const size = tileClasses * tileRows
	if hi-lo > 1 {
		s.tile[worker] = grow(s.tile[worker], 2*size)
		if &z[0] == &p[0] { // later slots need the scores
			keep := s.tile[worker][:size]
			for c := range n {
				copy(keep[c*tileRows:][:tileRows], z[c*ldz:])
			}
			z, ldz = keep, tileRows
		}
	}
	for slot := lo; slot < hi; slot++ {
		up := s.up[slot*tileRows:][:tileRows]
		dst, ldd := p, ldp
		if slot > lo {
			dst, ldd = s.tile[worker][size:], tileRows
		}
		l.Map(dst, ldd, z, ldz, c0, n, ws.slotParams(slot, np), up)
		for _, c := range cells {
			e := &ws.entries[c]
			r := int(e.row) % tileRows
			switch at := &dst[(int(e.class)-c0)*ldd+r]; {
			case ws.isNth(c, l.nth(slot-lo)):
				*at = up[r] * e.grad
			case l.apart:
				*at = 0
			}
		}
		var sum []float32
		if balance {
			sum = s.sum[(chunk*s.first[ws.panels]+slot)*tileRows:][:tileRows]
		}
		for c := range n {
			if balance && !ws.x.masked(c0+c) {
				axpy(1, dst[c*ldd:][:tileRows], sum)
			}
			if slot > lo {
				axpy(1, dst[c*ldd:][:tileRows], p[c*ldp:][:tileRows])
			}
		}
	}
}

// balanceTargets gives every target minus what its problem gave the other classes.
func (l streamed) balanceTargets(ws *Workspace, out *Grad) {
	x, s := ws.x, &ws.slots
	slots := s.first[ws.panels]
	for c := 1; c < ws.chunks; c++ {
		axpy(1, s.sum[c*slots*tileRows:][:slots*tileRows], s.sum[:slots*tileRows])
	}
	for i := range x.B {
		for k, e := range ws.targets(i) {
			ws.addEntry(out, i, int(e.class), -s.sum[(s.first[i/tileRows]+k)*tileRows+i%tileRows])
		}
	}
}

// addEntry adds what the entry v of ∂L/∂z adds to the gradients.
func (ws *Workspace) addEntry(out *Grad, row, class int, v float32) {
	d := ws.x.D
	if out.H != nil {
		w, _ := ws.classRows(0, class, 1, false)
		axpy(v, w[:d], out.H[row*d:][:d])
	}
	if out.W != nil {
		ws.addRow(v, row, out.W[class*d:][:d])
	}
	if out.Bias != nil {
		out.Bias[class] += v
	}
}
