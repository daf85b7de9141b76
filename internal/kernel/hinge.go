package kernel

import (
	"fmt"
	"math"
)

// The losses of this file sum the hinges Σ_j [z_j − τ]_+ over the classes that are no
// target, at a threshold that is given before the scores are known. The first of a
// problem's parameters is τ, and the second is ∂ℓ/∂z above it. Where few scores are
// above, the sparse path of the losses with a threshold serves them, too.

// A fixedThreshold is a Tiled loss of this kind.
type fixedThreshold interface{ hasFixedThreshold() }

func (Contrastive) hasFixedThreshold() {}

func (rankmaxEach) hasFixedThreshold() {}

// foldCandidates sums the hinges over the scores above the least threshold of their
// row. It reports false where these are too many, or the loss is of another kind.
func (l streamed) foldCandidates(ws *Workspace) bool {
	if _, ok := l.Tiled.(fixedThreshold); !ok {
		return false
	}
	s := &ws.threshold
	_, _, np := l.Widths()
	s.low = grow(s.low, ws.panels*tileRows)
	for i := range s.low {
		s.low[i] = float32(math.Inf(1))
		lo, hi := ws.slotRange(i / tileRows)
		for slot := lo; slot < hi; slot++ {
			s.low[i] = min(s.low[i], ws.slotParams(slot, np)[i%tileRows])
		}
	}
	budget := ws.candidateBudget()
	if !(ws.expectedAbove() <= budget && ws.filter(int(2*budget))) {
		return false
	}
	l.eachCandidate(ws, func(i int, class int32, z float32) {
		l.eachAbove(ws, i, class, z, func(slot int, d float32) {
			l.state(ws, 0, slot).D[i%tileRows] += float64(d)
		})
	})
	return true
}

// eachCandidate calls f with the scores above the bounds of the filter, panel by panel
// in parallel; those of a row come in the order of their classes.
func (l streamed) eachCandidate(ws *Workspace, f func(i int, class int32, z float32)) {
	Parallel(ws.panels, func(_, panel int) {
		for chunk := range ws.chunks {
			c := &ws.threshold.lists[chunk*ws.panels+panel]
			for k, id := range c.idx {
				if i := panel*tileRows + int(id%tileRows); i < ws.x.B {
					f(i, int32(id/tileRows), c.val[k])
				}
			}
		}
	})
}

// eachAbove calls f with every problem of row i whose threshold is below the score z of
// a class that is no target of it, and with the difference. NaN is above any threshold.
func (l streamed) eachAbove(ws *Workspace, i int, class int32, z float32, f func(slot int, d float32)) {
	_, _, np := l.Widths()
	t := ws.targets(i)
	if !l.Each() || l.apart {
		for _, e := range t {
			if e.class == class {
				return
			}
		}
	}
	lo, hi := ws.slotRange(i / tileRows)
	for slot := lo; slot < min(hi, lo+len(t)); slot++ {
		if d := z - ws.slotParams(slot, np)[i%tileRows]; !(d <= 0) && (!l.Each() || t[slot-lo].class != class) {
			f(slot, d)
		}
	}
}

// backwardCandidates computes the gradients from the candidates of foldCandidates alone.
func (l streamed) backwardCandidates(ws *Workspace, out *Grad, balance bool) {
	_, _, np := l.Widths()
	s := &ws.slots
	step := func(slot, r int) float32 { return s.up[slot*tileRows+r] * ws.slotParams(slot, np)[tileRows+r] }
	if balance {
		s.sum = grow(s.sum, s.first[ws.panels]*tileRows)
		clear(s.sum)
		l.eachCandidate(ws, func(i int, class int32, z float32) {
			l.eachAbove(ws, i, class, z, func(slot int, _ float32) {
				s.sum[slot*tileRows+i%tileRows] += step(slot, i%tileRows)
			})
		})
	}
	ws.backwardSparse(out, func(at int32) float32 {
		e := &ws.entries[at]
		if balance {
			slot := s.first[e.row/tileRows] + int(at-ws.ptr[e.row])
			return -s.sum[slot*tileRows+int(e.row)%tileRows]
		}
		return ws.up[e.row] * e.grad
	}, func(chunk int, nz []nonzero) []nonzero {
		for panel := range ws.panels {
			c := &ws.threshold.lists[chunk*ws.panels+panel]
			for k, id := range c.idx {
				i := panel*tileRows + int(id%tileRows)
				if i >= ws.x.B {
					continue
				}
				var v float32
				l.eachAbove(ws, i, int32(id/tileRows), c.val[k], func(slot int, _ float32) { v += step(slot, i%tileRows) })
				if v != 0 {
					nz = append(nz, nonzero{int32(id / tileRows), int32(i), v})
				}
			}
		}
		return nz
	})
}

// Contrastive draws targets to the score 1 and the n other classes below a margin:
//
//	ℓ = Σ_k t_k (1 − z_k) + (w/n) Σ_j [z_j − m]_+
//	∂ℓ/∂z = −t at the targets, (w/n) 1[z_j > m] elsewhere
//
// Source: Mao, Zhu, Wang, Dai, Dong, Xiao and He, arXiv:2109.12613, eq. 2.
type Contrastive struct {
	Margin, Weight float64 // m, and w ≥ 0
}

// Valid reports parameters outside of their range.
func (l Contrastive) Valid() error {
	if math.IsNaN(l.Margin) || math.IsInf(l.Margin, 0) || !(l.Weight >= 0 && !math.IsInf(l.Weight, 1)) {
		return fmt.Errorf("kernel: contrastive loss with margin %v and weight %v; both are finite, and the weight is not negative", l.Margin, l.Weight)
	}
	return nil
}

// Scale returns 1.
func (l Contrastive) Scale() float32 { return 1 }

// Widths: the summary is the sum, the parameters are the threshold and w/n.
func (l Contrastive) Widths() (f, d, p int) { return 0, 1, 2 }

// Each is false: the targets share one sum.
func (l Contrastive) Each() bool { return false }

// Start sets both parameters.
func (l Contrastive) Start(p []float32, r int, t RowTarget) {
	p[r], p[tileRows+r] = float32(l.Margin), float32(l.Weight/float64(max(t.Classes-t.Len(), 1)))
}

// Init sets the empty sum.
func (l Contrastive) Init(st State, _ []float32) { clear(st.D) }

// Fold adds the tile.
func (l Contrastive) Fold(st State, p, z []float32, _, n int) { foldHinge(st, p, z, n) }

// Merge adds the sums.
func (l Contrastive) Merge(dst, src State) { axpyGo(1, src.D, dst.D) }

// Solve returns ℓ.
func (l Contrastive) Solve(st State, _ []float32, r int, t RowTarget) float64 {
	sum := st.D[r]
	v := (sum + (sum - sum)) * l.Weight / float64(max(t.Classes-t.Len(), 1))
	for k := range t.Len() {
		w, z := t.At(k)
		v += float64(w) * (1 - float64(z))
		v += float64(z - z) // NaN of an infinite score
		t.Set(k, -float64(w))
	}
	return v
}

// Map stores g·(w/n)·1[z > m].
func (l Contrastive) Map(dst []float32, ldd int, z []float32, ldz, _, n int, p, g []float32) {
	mapHinge(dst, ldd, z, ldz, n, p, g)
}

// foldHinge adds Σ [z − p]_+ of the first parameter p to the sum in D.
func foldHinge(st State, p, z []float32, n int) {
	var f, unused, unused2 [tileRows]float32
	tileHingeSum(z, tileRows, n, p[:tileRows], f[:], unused[:], unused2[:], 0)
	addTo(st.D, f[:])
}

// mapHinge stores g·p'·1[z > p], p and p' the first two parameters.
func mapHinge(dst []float32, ldd int, z []float32, ldz, n int, p, g []float32) {
	var scale [tileRows]float32
	for r, v := range g {
		if v != 0 {
			scale[r] = v * p[tileRows+r]
		}
	}
	tileHingeMap(dst, ldd, z, ldz, n, p[:tileRows], scale[:], 0)
}
