package kernel

import (
	"fmt"
	"math"
)

// ThresholdMap is the Fenchel-Young loss of Ω(p) = Σ_j ω(p_j) on the simplex, fused with
// the linear layer, whose map cuts scores at a threshold:
//
//	p_j = w(z_j − τ),  Σ p = 1,  ℓ = Σ_j [p_j (z_j−τ) − ω(p_j)] + Σ_k [ω(t_k) − t_k (z_k−τ)]
//
// ∂ℓ/∂z = p − t. w is the inverse of ω′ − ω′(0): it rises from w(x) = 0 at x ≤ 0.
//
// It has the course of [Entmax], for a w of which no more is known: bounds are bracketed,
// and Newton's steps are taken where they stay within. Kernels serve Entmax.
type ThresholdMap struct {
	Reach float64                         // r > 0: w(r) ≥ 1, so that τ ≥ max z − r
	Map   func(x float64) (p, dp float64) // w and w′ at x > 0
	Omega func(p float64) float64         // ω
}

func (l ThresholdMap) valid() error {
	if !(l.Reach > 0 && l.Reach <= math.MaxFloat32) || l.Map == nil || l.Omega == nil {
		return fmt.Errorf("kernel: threshold map with reach %v; the reach is positive and finite, and Map and Omega are given", l.Reach)
	}
	return nil
}

// massTol is how far the mass of a threshold may be from 1. What is left is shared out,
// and the loss is stationary in τ.
const massTol = 1e-6

// thresholdSums are, at τ, f = Σ w and r = Σ [w x − ω(w)], x = z − τ, which hingeSums
// holds; g = Σ w′.
func (l ThresholdMap) add(s *hingeSums, x float64) {
	if x > 0 || x != x {
		p, dp := l.Map(x)
		s.f += p
		s.g += dp
		s.r += p*x - l.Omega(p)
	}
}

// bracket is an interval of τ, the next point in it, and how far the mass was from 1 at
// the last, 0 of none.
type bracket struct{ lo, hi, at, last float64 }

// next narrows the interval by the sums at b.at, and reports that they serve.
func (b *bracket) next(s hingeSums) (done bool) {
	if s.f != s.f || math.Abs(s.f-1) <= massTol {
		return true
	}
	if s.f > 1 {
		b.lo = b.at
	} else {
		b.hi = b.at
	}
	mid := b.lo + (b.hi-b.lo)/2
	if !(mid > b.lo && mid < b.hi) { // no number is between: classes that tie
		return true
	}
	err := math.Abs(s.f - 1)
	slow := b.last > 0 && err > b.last/2
	b.at, b.last = mid, 0
	if step := s.tau + (s.f-1)/s.g; !slow && step > b.lo && step < b.hi {
		b.at, b.last = step, err
	}
	return false
}

// Forward is that of [Loss].
func (l ThresholdMap) Forward(ws *Workspace, x *Linear, loss []float32) error {
	if err := l.valid(); err != nil {
		return err
	}
	if err := ws.prepare(x, loss, 1); err != nil {
		return err
	}
	s := &ws.threshold
	rows := ws.panels * tileRows
	s.tau, s.low, s.sums, s.brackets = grow(s.tau, rows), grow(s.low, rows), grow(s.sums, rows), grow(s.brackets, rows)
	s.count = grow(s.count, rows)
	clear(s.sums)
	ws.scoreTargets()
	l.sampleBounds(ws)
	if budget := ws.candidateBudget(); sumGo(s.count) <= budget && ws.filter(int(2*budget)) {
		l.solveCandidates(ws)
		ws.sparse = true
	} else {
		for range 100 { // Newton's method needs some 8, ties some 60
			if l.foldPass(ws) {
				break
			}
		}
	}
	for i := range loss {
		loss[i] = 0
		if ws.live[i] {
			t := s.sums[i]
			s.tau[i] = float32(t.tau)
			v := t.r
			for _, e := range ws.targets(i) {
				w := float64(e.weight)
				v += l.Omega(w) - w*(float64(e.z)-t.tau)
			}
			loss[i] = float32(v)
			if !(t.f <= math.MaxFloat32) {
				loss[i] = float32(math.NaN())
			}
		}
	}
	ws.forward = true
	return nil
}

// sampleBounds sets low to a lower bound of the threshold of every row, that of a sample
// of the classes, and the bracket in which it is, and estimates how many scores are above.
func (l ThresholdMap) sampleBounds(ws *Workspace) {
	s := &ws.threshold
	ws.parallel(ws.panels, func(worker, panel int) {
		z, classes := ws.sampleScores(worker, panel)
		for r := range tileRows {
			i := panel*tileRows + r
			s.tau[i], s.low[i] = float32(math.Inf(1)), float32(math.Inf(1)) // where there is no row, it keeps all scores out
			if i >= ws.x.B || !ws.live[i] {
				continue
			}
			m := math.Inf(-1)
			for c := range classes {
				m = max(m, float64(z[c*tileRows+r]))
			}
			for _, e := range ws.targets(i) {
				m = max(m, float64(e.z))
			}
			b := bracket{lo: m - l.Reach, hi: m, at: m - l.Reach}
			for range 12 { // a bound need not be sharp
				t := hingeSums{tau: b.at}
				for c := range classes {
					l.add(&t, float64(z[c*tileRows+r])-b.at)
				}
				if b.next(t) {
					if t.f >= 1 { // else the last that was below the solution
						b.lo = t.tau
					}
					break
				}
			}
			s.low[i] = bound(float32(b.lo))
			// The threshold is above the bound; the largest score may be one that the
			// sample has not seen.
			s.brackets[i] = bracket{lo: float64(s.low[i]), hi: math.Inf(1), at: float64(s.low[i])}
		}
		ws.countAbove(panel, z, classes)
	})
}

// solveCandidates finds the threshold of every row among its candidates.
func (l ThresholdMap) solveCandidates(ws *Workspace) {
	s := &ws.threshold
	ws.parallel(ws.panels, func(worker, panel int) {
		all, start := ws.candidatesByRow(worker, panel)
		for r := range tileRows {
			i := panel*tileRows + r
			if i >= ws.x.B || !ws.live[i] {
				continue
			}
			z := all[start[r]:start[r+1]]
			m := math.Inf(-1)
			for _, v := range z {
				m = max(m, float64(v)) // NaN stays
			}
			lo := max(m-l.Reach, float64(s.low[i]))
			b := bracket{lo: lo, hi: m, at: lo}
			for {
				t := hingeSums{tau: b.at}
				for _, v := range z {
					l.add(&t, float64(v)-b.at)
				}
				if s.sums[i] = t; b.next(t) || math.IsInf(m, 0) || m != m {
					if m-m != 0 { // NaN or infinite
						s.sums[i].f = math.NaN()
					}
					break
				}
			}
		}
	})
}

// foldPass sums over all classes at the point of every bracket, and narrows these. It
// reports whether the sums of all rows serve.
func (l ThresholdMap) foldPass(ws *Workspace) (done bool) {
	s := &ws.threshold
	const width = 4 * tileRows // f, g, r, maximum of a row
	s.folds = grow(s.folds, ws.chunks*ws.panels*width)
	part := func(chunk, panel int) []float64 { return s.folds[(chunk*ws.panels+panel)*width:][:width] }
	clear(s.folds)
	for chunk := range ws.chunks {
		for panel := range ws.panels {
			for r, p := 0, part(chunk, panel)[3*tileRows:]; r < tileRows; r++ {
				p[r] = math.Inf(-1)
			}
		}
	}
	ws.eachTile(true, func(_, chunk, panel, c0, n int, z []float32) {
		ws.capture(z, c0, ws.inCell(c0, panel))
		p := part(chunk, panel)
		for r := range tileRows {
			i := panel*tileRows + r
			if i >= ws.x.B || !ws.live[i] {
				continue
			}
			t, m := hingeSums{f: p[r], g: p[tileRows+r], r: p[2*tileRows+r]}, p[3*tileRows+r]
			for c := range n {
				v := float64(z[c*tileRows+r])
				m = max(m, v)
				l.add(&t, v-s.brackets[i].at)
			}
			p[r], p[tileRows+r], p[2*tileRows+r], p[3*tileRows+r] = t.f, t.g, t.r, m
		}
	})
	done = true
	for i := range ws.x.B {
		if !ws.live[i] {
			continue
		}
		b := &s.brackets[i]
		t, m, r := hingeSums{tau: b.at}, math.Inf(-1), i%tileRows
		for chunk := range ws.chunks {
			p := part(chunk, i/tileRows)
			t.f, t.g, t.r, m = t.f+p[r], t.g+p[tileRows+r], t.r+p[2*tileRows+r], max(m, p[3*tileRows+r])
		}
		s.sums[i] = t
		if m-m != 0 {
			s.sums[i].f = math.NaN()
			continue
		}
		if math.IsInf(b.hi, 1) { // the first pass
			b.hi, b.lo = m, max(b.lo, m-l.Reach)
		}
		if b.at < b.lo {
			b.at, done = b.lo, false
			continue
		}
		if !b.next(t) {
			done = false
		}
	}
	return done
}

// Backward is that of [Loss].
func (l ThresholdMap) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	if err := ws.prepareBackward(x, g, out); err != nil {
		return err
	}
	s := &ws.threshold
	entry := func(i int, z float32) float32 { // the scores of both passes are equal
		x := float64(z) - s.sums[i].tau
		if x <= 0 {
			return 0
		}
		p, _ := l.Map(x)
		return float32(float64(ws.up[i]) * p / s.sums[i].f)
	}
	if ws.sparse {
		ws.backwardSparse(out, func(at int32) float32 { e := &ws.entries[at]; return -ws.up[e.row] * e.weight },
			func(chunk int, nz []nonzero) []nonzero {
				for panel := range ws.panels {
					c := &s.lists[chunk*ws.panels+panel]
					for k, id := range c.idx {
						i := panel*tileRows + int(id%tileRows)
						if i >= x.B || !ws.live[i] {
							continue
						}
						if v := entry(i, c.val[k]); v != 0 {
							nz = append(nz, nonzero{int32(id / tileRows), int32(i), v})
						}
					}
				}
				return nz
			})
		return nil
	}
	ws.backward(out, func(_, _, panel, c0, n int, p []float32, ldp int, z []float32, ldz int) {
		for c := range n {
			row := p[c*ldp:][:tileRows]
			for r, v := range z[c*ldz:][:tileRows] {
				row[r] = 0
				if i := panel*tileRows + r; i < x.B && ws.up[i] != 0 {
					row[r] = entry(i, v)
				}
			}
		}
		for _, c := range ws.inCell(c0, panel) {
			e := &ws.entries[c]
			p[(int(e.class)-c0)*ldp+int(e.row)%tileRows] -= ws.up[e.row] * e.weight
		}
	})
	return nil
}
