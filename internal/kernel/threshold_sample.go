package kernel

import "math"

// sampleTiles returns how many tiles the sample takes, and the stride between
// them.
func (ws *Workspace) sampleTiles() (n, stride int) {
	tiles := ceil(ws.x.C, ws.tileClasses)
	n = max(1, min(tiles/sampleShare, sampleClasses/tileClasses))
	return n, tiles / n
}

// sampleScores stores the scores of the sample for a panel and returns them with
// the number of classes.
func (ws *Workspace) sampleScores(worker, panel int) (z []float32, classes int) {
	n, stride := ws.sampleTiles()
	s := &ws.threshold
	s.sample[worker] = grow(s.sample[worker], n*tileClasses*tileRows)
	z = s.sample[worker]
	for t := range n {
		c0 := t * stride * ws.tileClasses
		k := min(ws.tileClasses, ws.x.C-c0)
		w, ldw := ws.classRows(worker, c0, k, false)
		ws.columnsOf(worker, w, ldw, k)
		ws.scores(worker, z[classes*tileRows:], tileRows, w, ldw, c0, k, panel, nil, nil)
		classes += k
	}
	return z, classes
}

// solveSample sets the tau of every row to the threshold of the sample, which is a
// lower bound, and estimates how many scores lie above the bound of the filter. With
// estimate it sets it to the threshold of as many copies of the sample as make up all
// classes, and starts from the bound.
func (h thresholded) solveSample(ws *Workspace, estimate bool) {
	s := &ws.threshold
	ws.parallel(ws.panels, func(worker, panel int) {
		z, classes := ws.sampleScores(worker, panel)
		copies := 1.0
		if estimate {
			copies = float64(ws.x.C) / float64(classes)
		}
		tau := s.tau[panel*tileRows:][:tileRows]
		var live [tileRows]bool
		for r := range live {
			live[r] = panel*tileRows+r < ws.x.B && ws.live[panel*tileRows+r]
		}
		if !estimate {
			h.startSample(ws, panel, z, classes, tau, live)
		}
		if h.q < 1 {
			h.bisectSample(z, classes, tau, live)
		} else {
			h.newtonSample(z, classes, copies, tau, live)
		}
		if estimate {
			return
		}
		for r, v := range tau {
			s.low[panel*tileRows+r] = bound(v)
		}
		ws.countAbove(panel, z, classes)
	})
}

// newtonSample raises tau to the threshold of that many copies of the sample.
func (h thresholded) newtonSample(z []float32, classes int, copies float64, tau []float32, live [tileRows]bool) {
	for again, it := true, 0; again && it < 20; it++ {
		again = false
		var f, g, unused [tileRows]float32
		tileHingeSum(z, tileRows, classes, tau, f[:], g[:], unused[:], float32(h.q-1))
		for r := range tau {
			if !live[r] {
				continue
			}
			step := h.newton(copies, float64(f[r]), float64(g[r]))
			if settled(step, float64(tau[r])) {
				live[r] = false
				continue
			}
			tau[r] = float32(float64(tau[r]) + step)
			again = true
		}
	}
}

// bisectSample raises tau from the first bound to the threshold of the sample.
func (h thresholded) bisectSample(z []float32, classes int, tau []float32, live [tileRows]bool) {
	var high, mid [tileRows]float32
	for r, v := range tau {
		high[r] = v + 1
	}
	for range maxBisected {
		for r := range mid {
			mid[r] = float32(math.Inf(1))
			if live[r] {
				mid[r] = middle(tau[r], high[r])
			}
		}
		var f, unused, unused2 [tileRows]float32
		tileHingeSum(z, tileRows, classes, mid[:], f[:], unused[:], unused2[:], float32(h.q-1))
		for r, v := range mid {
			switch {
			case !live[r]:
			case f[r] >= 1:
				tau[r] = v
			default:
				high[r] = v
			}
		}
	}
}

// startSample sets the first bound, max − 1, where Σ x^q ≥ 1. The maximum takes the
// targets in, for they are classes too, and never masked.
func (h thresholded) startSample(ws *Workspace, panel int, z []float32, classes int, tau []float32, live [tileRows]bool) {
	var m [tileRows]float32
	for r := range m {
		m[r] = floor
	}
	tileMax(z, tileRows, classes, m[:])
	for r := range m {
		if !live[r] {
			continue
		}
		for _, e := range ws.targets(panel*tileRows + r) {
			m[r] = max(m[r], e.z)
		}
		tau[r] = m[r] - 1
	}
}
