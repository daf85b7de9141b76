package kernel

import (
	"fmt"
	"math"
)

// Losses whose map cuts scores at a threshold, in units z = scale·score:
//
//	x_j = [z_j − τ]_+,  Σ x_j^q = 1,  p_j = x_j^e / Σ x^e,  ∂ℓ/∂z = p − t
//
// Three facts make them cheap over many classes. The threshold of a subset of the
// classes is a lower bound of τ, so a sample gives one. Nothing below a lower bound
// is in the support, so one pass over W that keeps the few scores above it finds
// the support, and the gradient touches those classes only. And where the support
// is large, Newton's method on (Σ x^q)^(1/q) = 1, a convex and decreasing function
// of τ for q ≥ 1, climbs to τ from the left in a few passes.
//
// So Forward solves a sample; while the sample says that too many scores lie above
// the bound it folds a full pass and takes a Newton step, the first one from an
// estimate; then it filters. If the bound has converged and still too many scores
// lie above it, or the filter keeps more than it should, the gradient is computed
// densely, as that of softmax.
//
// For q < 1 the function is not convex: thresholds are bisected, in float32, and what
// is left of Σ x^q − 1 is shared out. The support is smaller than for any q ≥ 1, so
// full passes, some 20 of them, are for scores that tie.

// Entmax is the α-entmax loss fused with the linear layer; α = 2 is sparsemax:
//
//	ℓ = ⟨z, p−t⟩ − λΩ(p) + λΩ(t),  Ω(p) = (Σ p^α − 1)/(α(α−1)),  p = [(α−1)z/λ − τ]_+^(1/(α−1))
//
// ∂ℓ/∂z = p − t. Source: Peters, Niculae and Martins, arXiv:1905.05702, eq. 6–8;
// λ = α is Tsallis' entropy.
type Entmax struct {
	Alpha  float64 // > 1
	Lambda float64 // λ > 0; 0 is 1
}

// Normmax is the α-normmax loss, of Ω = ‖p‖_α on the simplex, fused with the
// linear layer:
//
//	ℓ = τ + ‖t‖_α − ⟨z,t⟩,  Σ [z−τ]_+^(α/(α−1)) = 1,  p ∝ [z−τ]_+^(1/(α−1))
//
// ∂ℓ/∂z = p − t. Source: Blondel, Martins and Niculae, arXiv:1901.02324, §4.3.
type Normmax struct {
	Alpha float64 // > 1
}

// hinge is the common form.
type hinge struct {
	scale float64
	q, e  float64
	// value returns ℓ.
	value func(t []entry, s hingeSums) float64
}

// hingeSums are f = Σ x^q, g = Σ x^(q−1) and r = Σ x^(q+1) at τ.
type hingeSums struct{ tau, f, g, r float64 }

// norm returns Σ x^e.
func (h hinge) norm(s hingeSums) float64 {
	if h.e == h.q {
		return s.f
	}
	return s.g
}

func (l Entmax) hinge() (hinge, error) {
	a, lambda := l.Alpha, l.Lambda
	if lambda == 0 {
		lambda = 1
	}
	if !(a > 1 && lambda > 0) || math.IsInf(a+lambda, 1) {
		return hinge{}, fmt.Errorf("kernel: entmax with α = %v and λ = %v; α is above 1, λ is positive, and both are finite", a, l.Lambda)
	}
	q := 1 / (a - 1)
	return hinge{
		scale: (a - 1) / lambda, q: q, e: q,
		value: func(t []entry, s hingeSums) float64 {
			// With x_k = z_k − τ, signed, Σ(p−t) = 0 and p^α = x·p:
			// α(α−1)·ℓ/λ = (α−1)·Σxp − α·Σ t_k x_k + Σ t_k^α.
			v := (a - 1) * s.r // stationary in τ: what Σp lacks of 1 counts in second order
			for _, e := range t {
				w := float64(e.weight)
				v += math.Pow(w, a) - a*w*(float64(e.z)-s.tau)
			}
			return lambda * v / (a * (a - 1))
		},
	}, nil
}

func (l Normmax) hinge() (hinge, error) {
	a := l.Alpha
	if !(a > 1 && !math.IsInf(a, 1)) {
		return hinge{}, fmt.Errorf("kernel: normmax with α = %v; α is above 1 and finite", a)
	}
	return hinge{
		scale: 1, q: a / (a - 1), e: 1 / (a - 1),
		value: func(t []entry, s hingeSums) float64 {
			var norm, v float64
			for _, e := range t {
				w := float64(e.weight)
				norm += math.Pow(w, a)
				v -= w * (float64(e.z) - s.tau)
			}
			return v + math.Pow(norm, 1/a)
		},
	}, nil
}

// Forward is that of [Loss].
func (l Entmax) Forward(ws *Workspace, x *Linear, loss []float32) error {
	h, err := l.hinge()
	if err != nil {
		return err
	}
	return h.forward(ws, x, loss)
}

// Backward is that of [Loss].
func (l Entmax) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	h, err := l.hinge()
	if err != nil {
		return err
	}
	return h.backward(ws, x, g, out)
}

// Forward is that of [Loss].
func (l Normmax) Forward(ws *Workspace, x *Linear, loss []float32) error {
	h, err := l.hinge()
	if err != nil {
		return err
	}
	return h.forward(ws, x, loss)
}

// Backward is that of [Loss].
func (l Normmax) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	h, err := l.hinge()
	if err != nil {
		return err
	}
	return h.backward(ws, x, g, out)
}

// floor is below every score, and finite.
const floor = -0x1p100

const (
	// sampleClasses bounds the sample, whose scores for one panel, 1 MiB, stay in
	// cache while the threshold is solved; it is 1/16 of the classes at most.
	sampleClasses = 4096
	sampleShare   = 16

	// candidateShare is the share of scores above the bound up to which the sparse
	// path is faster: a candidate costs about as much as 24 scores of the three
	// products that the dense gradient needs. maxCandidates bounds its memory, at 8
	// bytes each.
	candidateShare = 24
	maxCandidates  = 1 << 22

	// boundSlack lowers a bound, in units of 1+|τ|, by more than the rounding of
	// scores and sums can have raised it.
	boundSlack = 4e-6

	maxFolds    = 12 // full passes before the dense path takes what there is
	maxBisected = 40 // of q < 1: halvings of an interval of length 1
)

// thresholdState is what a threshold loss keeps in a Workspace.
type thresholdState struct {
	tau    []float32    // [panels·64]: a lower bound, and at last the threshold
	high   []float32    // [panels·64]: of q < 1, an upper bound
	low    []float32    // [panels·64]: the bound of the filter
	sums   []hingeSums  // [panels·64]
	sample [][]float32  // [worker]: sampled scores of a panel, class-major
	count  []float64    // [panels·64]: sampled scores above tau
	fold   []float32    // [chunks][panels][4·64]: f, g, r, maximum
	lists  []candidates // [chunks][panels]
	val    [][]float32  // [worker]: hits of a tile
	idx    [][]uint32
	rows   [][]float32 // [worker]: candidates of a panel, by row
	scale  []float32   // [panels·64]: upstream gradient over Σ x^e
}

// candidates are the scores of a chunk and a panel above the bound, in the order
// of their classes.
type candidates struct {
	val []float32
	idx []uint32 // class·64 + row
}

func (s *thresholdState) bytes() int {
	n := 4*(cap(s.tau)+cap(s.high)+cap(s.low)+cap(s.fold)+cap(s.scale)) + 8*cap(s.count) + 32*cap(s.sums)
	for _, x := range [][][]float32{s.sample, s.rows, s.val} {
		for _, y := range x {
			n += 4 * cap(y)
		}
	}
	for _, x := range s.idx {
		n += 4 * cap(x)
	}
	for _, c := range s.lists {
		n += 4*cap(c.val) + 4*cap(c.idx)
	}
	return n
}

func (h hinge) forward(ws *Workspace, x *Linear, loss []float32) error {
	if err := ws.prepare(x, loss, float32(h.scale)); err != nil {
		return err
	}
	s := &ws.threshold
	rows := ws.panels * tileRows
	s.tau, s.low, s.sums = grow(s.tau, rows), grow(s.low, rows), grow(s.sums, rows)
	s.high = grow(s.high, rows)
	for i := range s.tau {
		s.tau[i] = float32(math.Inf(1)) // where there is no row, it keeps all scores out
		s.high[i] = s.tau[i]
	}
	clear(s.sums)
	ws.scoreTargets()
	h.solveSample(ws, false)
	budget := ws.candidateBudget()
	converged := false
	for fold := 0; ; fold++ {
		for i, v := range s.tau {
			s.low[i] = bound(v)
		}
		few := (fold == 0 || h.q >= 1) && ws.expectedAbove() <= budget
		if few && ws.filter(int(2*budget)) {
			h.solveCandidates(ws, loss)
			ws.sparse = true
			break
		}
		if converged || fold == maxFolds && h.q >= 1 || fold == maxBisected {
			h.values(ws, loss)
			break
		}
		if fold == 0 && h.q >= 1 {
			// No bound any more; but the first step of Newton's method on a convex
			// function leads to one from either side.
			h.solveSample(ws, true)
		}
		converged = h.foldPass(ws)
	}
	ws.forward = true
	return nil
}

// sampleTiles returns how many tiles the sample takes, and the stride between
// them.
func (ws *Workspace) sampleTiles() (n, stride int) {
	tiles := ceil(ws.x.C, tileClasses)
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
		c0 := t * stride * tileClasses
		k := min(tileClasses, ws.x.C-c0)
		ws.scores(z[classes*tileRows:], tileRows, c0, k, panel)
		classes += k
	}
	return z, classes
}

// bound returns τ lowered by more than rounding can have raised it; τ itself where
// there is no row.
func bound(tau float32) float32 {
	if tau > math.MaxFloat32 {
		return tau
	}
	return tau - boundSlack*(1+float32(math.Abs(float64(tau))))
}

// lossOf returns ℓ, and NaN for scores that hold NaN or +Inf.
func (h hinge) lossOf(t []entry, s hingeSums) float32 {
	if !(s.f <= math.MaxFloat32 && s.tau <= math.MaxFloat32) {
		return float32(math.NaN())
	}
	return float32(h.value(t, s))
}

// newton returns the step of Newton's method on (n·f)^(1/q) = 1; NaN for sums that
// hold one, and where nothing is above τ, as in a sample without the label that
// leads: there is no slope to follow.
func (h hinge) newton(n, f, g float64) float64 {
	if !(g > 0) {
		return math.NaN()
	}
	if h.q == 1 {
		return (f - 1/n) / g
	}
	return f * (1 - math.Pow(n*f, -1/h.q)) / g
}

// settled reports that a step changes nothing any more, or is NaN.
func settled(step, tau float64) bool { return !(math.Abs(step) > 1e-6*(1+math.Abs(tau))) }

// solveSample sets tau, of every row, to the threshold of the sample, a lower
// bound; or, to estimate, to the threshold of as many copies of the sample as there
// are classes, which starts from the bound.
func (h hinge) solveSample(ws *Workspace, estimate bool) {
	s := &ws.threshold
	Parallel(ws.panels, func(worker, panel int) {
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
			return
		}
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
	})
}

// bisectSample raises tau from the first bound to the threshold of the sample.
func (h hinge) bisectSample(z []float32, classes int, tau []float32, live [tileRows]bool) {
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

func middle(lo, hi float32) float32 { return lo + (hi-lo)/2 }

// startSample sets the first bound: Σ x^q ≥ 1 at max − 1. The targets are classes
// too, and never masked.
func (h hinge) startSample(ws *Workspace, panel int, z []float32, classes int, tau []float32, live [tileRows]bool) {
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

// candidateBudget returns up to how many candidates the sparse path is to have.
func (ws *Workspace) candidateBudget() float64 {
	return min(float64(ws.x.B)*float64(ws.x.C)/candidateShare, maxCandidates)
}

// expectedAbove estimates, from the sample, how many scores lie above the bounds of
// the filter.
func (ws *Workspace) expectedAbove() float64 {
	s := &ws.threshold
	s.count = grow(s.count, ws.panels*tileRows)
	Parallel(ws.panels, func(worker, panel int) {
		z, n := ws.sampleScores(worker, panel)
		var f, g, r [tileRows]float32
		tileHingeSum(z, tileRows, n, s.low[panel*tileRows:][:tileRows], f[:], g[:], r[:], 0)
		for r, v := range g {
			s.count[panel*tileRows+r] = float64(v) * float64(ws.x.C) / float64(n)
		}
	})
	return sumGo(s.count)
}

const foldWidth = 4 // numbers of a row in a full pass: f, g, r, maximum

// foldPass sums over all classes at the bound and takes a Newton step; it reports
// whether every row had converged: the sums are then those of the threshold.
func (h hinge) foldPass(ws *Workspace) (converged bool) {
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

// bisect takes the sums of row i at its tau, which its maximum m is above, and sets the
// next tau; it reports whether there is none. The sums that stay are those of the
// largest tau at which they reached 1.
func (h hinge) bisect(s *thresholdState, i int, t hingeSums, m float32) (settled bool) {
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
func (h hinge) values(ws *Workspace, loss []float32) {
	for i := range loss {
		loss[i] = 0
		if ws.live[i] {
			s := ws.threshold.sums[i]
			loss[i] = h.lossOf(ws.targets(i), s)
			ws.threshold.tau[i] = float32(s.tau)
		}
	}
}

// filter lists the scores above the bounds. It gives up, and reports false, where
// they are more than limit, or a chunk alone has too many: what one chunk holds,
// not what others have found by then, decides.
func (ws *Workspace) filter(limit int) bool {
	s := &ws.threshold
	s.lists = enough(s.lists, ws.chunks*ws.panels)
	lists := s.lists[:ws.chunks*ws.panels]
	for i := range lists {
		lists[i].val, lists[i].idx = lists[i].val[:0], lists[i].idx[:0]
	}
	found := make([]int, ws.chunks)
	chunkLimit := max(limit/ws.chunks*4, tileClasses*tileRows)
	ws.eachTile(false, func(worker, chunk, panel, c0, n int, z []float32) {
		if found[chunk] > chunkLimit {
			return
		}
		ws.capture(z, c0, ws.inCell(c0, panel))
		s.val[worker], s.idx[worker] = grow(s.val[worker], tileClasses*tileRows+16), grow(s.idx[worker], tileClasses*tileRows+16)
		val, idx := s.val[worker], s.idx[worker]
		k := tileFilter(z, tileRows, n, s.low[panel*tileRows:][:tileRows], val, idx, c0)
		if k == 0 {
			return
		}
		l := &lists[chunk*ws.panels+panel]
		l.val, l.idx = append(l.val, val[:k]...), append(l.idx, idx[:k]...)
		found[chunk] += k
	})
	total := 0
	for _, k := range found {
		total += k
		if k > chunkLimit {
			return false
		}
	}
	return total <= limit
}

// solveCandidates finds the threshold of every row among its candidates, and the
// loss.
func (h hinge) solveCandidates(ws *Workspace, loss []float32) {
	s := &ws.threshold
	Parallel(ws.panels, func(worker, panel int) {
		var start [tileRows + 1]int
		for chunk := range ws.chunks {
			for _, id := range s.lists[chunk*ws.panels+panel].idx {
				start[id%tileRows+1]++
			}
		}
		// Every row's share is padded to whole rows of a tile, for the kernel.
		for r := range tileRows {
			start[r+1] = start[r] + ceil(start[r+1], tileRows)*tileRows
		}
		s.rows[worker] = grow(s.rows[worker], start[tileRows])
		all := s.rows[worker]
		for i := range all {
			all[i] = float32(math.Inf(-1))
		}
		fill := start
		for chunk := range ws.chunks {
			l := &s.lists[chunk*ws.panels+panel]
			for k, id := range l.idx {
				r := id % tileRows
				all[fill[r]] = l.val[k]
				fill[r]++
			}
		}
		for r := range tileRows {
			i := panel*tileRows + r
			if i >= ws.x.B {
				break
			}
			loss[i] = 0
			if ws.live[i] {
				s.sums[i] = h.solveRow(all[start[r]:start[r+1]], s.low[i])
				s.tau[i] = float32(s.sums[i].tau)
				loss[i] = h.lossOf(ws.targets(i), s.sums[i])
			}
		}
	})
}

// solveRow returns τ and its sums for the scores z of one row, which is padded
// with −Inf to a multiple of 64; bound is below τ. z is overwritten.
func (h hinge) solveRow(z []float32, bound float32) hingeSums {
	m := float64(maximum(z))
	base := max(float64(bound), m-1)
	if h.q < 1 {
		return h.bisectRow(z, float32(base), float32(m))
	}
	// Differences to the bound are exact or nearly so, and small.
	b := float32(base)
	for i := range z {
		z[i] -= b
	}
	tau := 0.0
	for it := 0; ; it++ {
		var at, f, g, r [tileRows]float32
		for i := range at {
			at[i] = float32(tau)
		}
		tileHingeSum(z, tileRows, len(z)/tileRows, at[:], f[:], g[:], r[:], float32(h.q-1))
		t := hingeSums{tau: float64(b) + tau, f: sum64(f[:]), g: sum64(g[:]), r: sum64(r[:])}
		step := h.newton(1, t.f, t.g)
		if it == 50 || !(step > 1e-7) {
			if m > math.MaxFloat32 { // +Inf among the scores
				t.f = math.NaN()
			}
			return t
		}
		tau = float64(at[0]) + step
	}
}

// bisectRow is solveRow for q < 1, between bounds: τ is a float32 at which the sum is
// 1 or more, the largest.
func (h hinge) bisectRow(z []float32, lo, hi float32) (t hingeSums) {
	for mid := lo; ; {
		var at, f, g, r [tileRows]float32
		for i := range at {
			at[i] = mid
		}
		tileHingeSum(z, tileRows, len(z)/tileRows, at[:], f[:], g[:], r[:], float32(h.q-1))
		if sum := sum64(f[:]); !(sum < 1) || mid == lo {
			t, lo = hingeSums{tau: float64(mid), f: sum, g: sum64(g[:]), r: sum64(r[:])}, mid
		} else {
			hi = mid
		}
		mid = middle(lo, hi)
		if !(mid > lo && mid < hi) {
			if hi > math.MaxFloat32 { // +Inf among the scores
				t.f = math.NaN()
			}
			return t
		}
	}
}

func sum64(x []float32) float64 {
	var s float64
	for _, v := range x {
		s += float64(v)
	}
	return s
}

func (h hinge) backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	if err := ws.ready(x, g, out); err != nil {
		return err
	}
	s := &ws.threshold
	s.scale = grow(s.scale, ws.panels*tileRows)
	clear(s.scale)
	for i := range x.B {
		if ws.live[i] {
			s.scale[i] = float32(float64(ws.up[i]) / h.norm(s.sums[i]))
		}
	}
	if ws.sparse {
		ws.backwardRows(out, func(at int32) float32 { e := &ws.entries[at]; return -ws.up[e.row] * e.weight },
			func(chunk int, nz []nonzero) []nonzero { return h.nonzeros(ws, chunk, nz) })
		return nil
	}
	ws.backward(out, func(_, _, panel, c0, n int, p []float32, ldp int, z []float32, ldz int) {
		tileHingeMap(p, ldp, z, ldz, n, s.tau[panel*tileRows:][:tileRows], s.scale[panel*tileRows:][:tileRows], float32(h.e))
		for _, c := range ws.inCell(c0, panel) {
			e := &ws.entries[c]
			p[(int(e.class)-c0)*ldp+int(e.row)%tileRows] -= ws.up[e.row] * e.weight
		}
	})
	return nil
}

// nonzeros appends the entries of ∂L/∂z of the candidates of a chunk to nz.
func (h hinge) nonzeros(ws *Workspace, chunk int, nz []nonzero) []nonzero {
	s := &ws.threshold
	for panel := range ws.panels {
		l := &s.lists[chunk*ws.panels+panel]
		for k, id := range l.idx {
			i := panel*tileRows + int(id%tileRows)
			if x := l.val[k] - s.tau[i]; !(x <= 0) {
				nz = append(nz, nonzero{int32(id / tileRows), int32(i), x})
			}
		}
	}
	h.power(nz)
	for k := range nz {
		nz[k].v *= s.scale[nz[k].row]
	}
	return nz
}

// power raises the values to e, a strip at a time.
func (h hinge) power(nz []nonzero) {
	switch h.e {
	case 1:
		return
	case 2:
		for k := range nz {
			nz[k].v *= nz[k].v
		}
		return
	}
	var strip [256]float32
	for len(nz) > 0 {
		n := min(len(strip), len(nz))
		for k := range n {
			strip[k] = nz[k].v
		}
		pow(strip[:n], strip[:n], float32(h.e))
		for k := range n {
			nz[k].v = strip[k]
		}
		nz = nz[n:]
	}
}
