package kernel

import (
	"fmt"
	"math"
)

// The losses of this file depend on the largest score: one pass over W finds it, and
// the gradient touches the targets and one class more in each row.

// Perceptron is
//
//	ℓ = max_j z_j − Σ_k t_k z_k,  ∂ℓ/∂z = e_a − t
//
// with a the first best class. Source: Blondel, Martins and Niculae,
// arXiv:1901.02324, table 1.
//
// Apart it is the mean over the targets y, by their weights, of the lead of the best class
// that is no target over y, where that is positive.
type Perceptron struct {
	Apart bool
}

// CrammerSinger is the multiclass hinge, the mean over the targets y of a row, by
// their weights, of
//
//	ℓ = [max_{j≠y} z_j + m − z_y]_+,  ∂ℓ/∂z = e_a − e_y where it is positive
//
// with a the first best class but y; 0 without another class. Source: Crammer and
// Singer, JMLR 2, 2001, eq. 3.
type CrammerSinger struct {
	Margin float64 // m > 0
	Apart  bool    // the other targets of the row are no rivals of y
}

// A leader is a class of a row with its score: the k-th target, or −1.
type leader struct {
	class int32 // −1 is none
	z     float32
	k     int
}

var noLeader = leader{class: -1, k: -1}

// below reports whether b is better; of equal scores the lower class is, and NaN is
// the best.
func (a leader) below(b leader) bool {
	return b.class >= 0 && (a.class < 0 || b.z > a.z || b.z != b.z || b.z == a.z && b.class < a.class)
}

// argmaxState is the part of a Workspace that a loss of the largest score uses.
type argmaxState struct {
	top     []float32 // [chunks][panels·64]
	class   []int32   // [chunks][panels·64]
	rival   []int32   // [B]: the best class that is no target, or −1
	atRival []float32 // [B]: ∂ℓ/∂z there
}

func (s *argmaxState) bytes() int {
	return 4 * (cap(s.top) + cap(s.class) + cap(s.rival) + cap(s.atRival))
}

// argmaxForward finds the best class of each row that is no target, and calls solve
// with it, which returns ℓ and ∂ℓ/∂z there, and sets that at the targets.
func argmaxForward(ws *Workspace, x *Linear, loss []float32, solve func(rival leader, t []entry) (v, atRival float64)) error {
	if err := ws.prepare(x, loss, 1); err != nil {
		return err
	}
	s, rows := &ws.argmax, ws.panels*tileRows
	s.top, s.class = grow(s.top, ws.chunks*rows), grow(s.class, ws.chunks*rows)
	for i := range s.top {
		s.top[i], s.class[i] = float32(math.Inf(-1)), -1
	}
	scratch := &ws.threshold
	ws.eachTile(false, func(worker, chunk, panel, c0, n int, z []float32) {
		cells := ws.inCell(c0, panel)
		ws.capture(z, c0, cells)
		ws.hide(z, c0, cells, -1)
		const hits = tileClasses*tileRows + 16
		scratch.val[worker], scratch.idx[worker] = grow(scratch.val[worker], hits), grow(scratch.idx[worker], hits)
		at := chunk*rows + panel*tileRows
		top, class := s.top[at:][:tileRows], s.class[at:][:tileRows]
		val, idx := scratch.val[worker], scratch.idx[worker]
		for k := range tileFilter(z, tileRows, n, top, val, idx, c0) {
			if r, v := idx[k]%tileRows, val[k]; v > top[r] || v != v {
				top[r], class[r] = v, int32(idx[k]/tileRows)
			}
		}
		ws.show(z, c0, cells)
	})
	s.rival, s.atRival = grow(s.rival, x.B), grow(s.atRival, x.B)
	for i := range x.B {
		loss[i], s.rival[i], s.atRival[i] = 0, -1, 0
		if !ws.live[i] {
			continue
		}
		rival := noLeader
		for chunk := range ws.chunks {
			at := chunk*rows + i
			if a := (leader{s.class[at], s.top[at], -1}); rival.below(a) {
				rival = a
			}
		}
		v, g := solve(rival, ws.targets(i))
		for _, e := range ws.targets(i) {
			v += float64(e.z - e.z) // NaN of +Inf, as is that of the rival
		}
		v += v - v
		loss[i], s.rival[i], s.atRival[i] = float32(v), rival.class, float32(g)
	}
	ws.forward, ws.sparse = true, true
	return nil
}

func argmaxBackward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	if err := ws.prepareBackward(x, g, out); err != nil {
		return err
	}
	s := &ws.argmax
	ws.backwardSparse(out, func(at int32) float32 { e := &ws.entries[at]; return ws.up[e.row] * e.grad },
		func(chunk int, nz []nonzero) []nonzero {
			lo, hi := ws.chunk(chunk)
			for i, c := range s.rival {
				if int(c) >= lo && int(c) < hi && s.atRival[i] != 0 {
					nz = append(nz, nonzero{c, int32(i), ws.up[i] * s.atRival[i]})
				}
			}
			return nz
		})
	return nil
}

// Forward is that of [Loss].
func (l Perceptron) Forward(ws *Workspace, x *Linear, loss []float32) error {
	if l.Apart {
		return argmaxForward(ws, x, loss, func(rival leader, t []entry) (v, atRival float64) {
			for k := range t {
				e := &t[k]
				if (leader{e.class, e.z, k}).below(rival) {
					v += float64(e.weight) * (float64(rival.z) - float64(e.z))
					e.grad = -e.weight
					atRival += float64(e.weight)
				}
			}
			return v, atRival
		})
	}
	return argmaxForward(ws, x, loss, func(rival leader, t []entry) (v, atRival float64) {
		top := rival
		for k, e := range t {
			if a := (leader{e.class, e.z, k}); top.below(a) {
				top = a
			}
		}
		for k := range t {
			e := &t[k]
			v += float64(e.weight) * (float64(top.z) - float64(e.z))
			e.grad = -e.weight
		}
		if top.k < 0 {
			return v, 1
		}
		t[top.k].grad += 1
		return v, 0
	})
}

// Backward is that of [Loss].
func (Perceptron) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	return argmaxBackward(ws, x, g, out)
}

// Forward is that of [Loss].
func (l CrammerSinger) Forward(ws *Workspace, x *Linear, loss []float32) error {
	if !(l.Margin > 0 && !math.IsInf(l.Margin, 1)) {
		return fmt.Errorf("kernel: multiclass hinge with margin %v; the margin is positive and finite", l.Margin)
	}
	return argmaxForward(ws, x, loss, l.solve)
}

func (l CrammerSinger) solve(rival leader, t []entry) (v, atRival float64) {
	// The best two of the row: the first that is not y is the rival of y.
	best, second := rival, noLeader
	for k, e := range t {
		if l.Apart {
			break
		}
		a := leader{e.class, e.z, k}
		if best.below(a) {
			best, a = a, best
		}
		if second.below(a) {
			second = a
		}
	}
	for k, e := range t {
		a := best
		if best.k == k {
			a = second
		}
		lack := float64(a.z) + l.Margin - float64(e.z)
		if a.class < 0 || lack <= 0 {
			continue
		}
		v += float64(e.weight) * lack
		t[k].grad -= e.weight
		if a.k < 0 {
			atRival += float64(e.weight)
		} else {
			t[a.k].grad += e.weight
		}
	}
	return v, atRival
}

// Backward is that of [Loss].
func (l CrammerSinger) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	return argmaxBackward(ws, x, g, out)
}
