package kernel

import "math"

const foldWidth = 4 // numbers of a row in a full pass: f, g, r, maximum

// foldPass sums over all classes at the bound and takes a Newton step. It reports
// whether every row had converged; if so, the sums are those of the threshold.
func (h thresholded) foldPass(ws *Workspace) (converged bool) {
	s := &ws.threshold
	width := foldWidth * tileRows
	part := func(chunk, panel, k int) []float32 {
		return s.fold[(chunk*ws.panels+panel)*width+k*tileRows:][:tileRows]
	}
	s.fold = grow(s.fold, ws.chunks*ws.panels*width)
	clear(s.fold)
	for chunk := range ws.chunks {
		for panel := range ws.panels {
			m := part(chunk, panel, 3)
			for r := range m {
				m[r] = floor
			}
		}
	}
	ws.eachTile(true, func(_, chunk, panel, c0, n int, z []float32) {
		ws.capture(z, c0, ws.inCell(c0, panel))
		tau := s.tau[panel*tileRows:][:tileRows]
		tileHingeSum(z, tileRows, n, tau, part(chunk, panel, 0), part(chunk, panel, 1), part(chunk, panel, 2), float32(h.q-1))
		tileMax(z, tileRows, n, part(chunk, panel, 3))
	})
	converged = true
	for i := range ws.x.B {
		if !ws.live[i] {
			continue
		}
		t, m, r := hingeSums{tau: float64(s.tau[i])}, math.Inf(-1), i%tileRows
		for chunk := range ws.chunks {
			t.f += float64(part(chunk, i/tileRows, 0)[r])
			t.g += float64(part(chunk, i/tileRows, 1)[r])
			t.r += float64(part(chunk, i/tileRows, 2)[r])
			m = max(m, float64(part(chunk, i/tileRows, 3)[r]))
		}
		if h.q < 1 {
			if !h.bisect(s, i, t, float32(m)) {
				converged = false
			}
			continue
		}
		s.sums[i] = t
		// The bound max − 1 also serves where a large power overflowed.
		next := m - 1
		if step := h.newton(1, t.f, t.g); t.tau+step > next {
			next = t.tau + step
		}
		step := next - t.tau
		if settled(step, t.tau) {
			continue
		}
		s.tau[i] = float32(next)
		if change := h.q * t.g * step / t.f; h.e == h.q && math.Abs(change) < 1e-3 {
			// The sums at the new threshold follow to second order, 10⁻⁶ of them; only
			// the companion g does not, and nothing of this loss needs it.
			s.sums[i] = hingeSums{tau: next, f: t.f * (1 - change), g: t.g, r: t.r - (h.q+1)*step*(t.f-h.q/2*t.g*step)}
			continue
		}
		converged = false
	}
	return converged
}

// bisect takes the sums of row i at its tau, which is below its maximum m, and sets the
// next tau. It reports whether there is none. The sums that stay are those of the
// largest tau at which they reached 1.
func (h thresholded) bisect(s *thresholdState, i int, t hingeSums, m float32) (settled bool) {
	if !(t.f < 1) || s.sums[i] == (hingeSums{}) { // NaN stays
		s.sums[i] = t
	}
	if s.high[i] > math.MaxFloat32 { // the first pass
		s.high[i] = m
	}
	if t.f < 1 {
		s.high[i] = float32(t.tau)
	}
	lo := float32(s.sums[i].tau)
	s.tau[i] = middle(lo, s.high[i])
	return t.f != t.f || s.tau[i] == lo || s.tau[i] == s.high[i]
}

// values stores the losses of the dense path.
func (h thresholded) values(ws *Workspace, loss []float32) {
	for i := range loss {
		loss[i] = 0
		if ws.live[i] {
			s := ws.threshold.sums[i]
			loss[i] = h.lossOf(ws.targets(i), s)
			ws.threshold.tau[i] = float32(s.tau)
		}
	}
}
