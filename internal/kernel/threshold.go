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
// For q < 1 the function is not convex. Thresholds are then bisected, in float32, and
// the rest of Σ x^q − 1 is shared out. The support is smaller than for any q ≥ 1, so
// only scores that tie need full passes, some 20 of them.

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

// thresholded is the form that the losses of this file have in common.
type thresholded struct {
	scale float64
	q, e  float64
	// value returns ℓ.
	value func(t []entry, s hingeSums) float64
}

// hingeSums are f = Σ x^q, g = Σ x^(q−1) and r = Σ x^(q+1) at τ.
type hingeSums struct{ tau, f, g, r float64 }

// norm returns Σ x^e.
func (h thresholded) norm(s hingeSums) float64 {
	if h.e == h.q {
		return s.f
	}
	return s.g
}

func (l Entmax) thresholded() (thresholded, error) {
	a, lambda := l.Alpha, l.Lambda
	if lambda == 0 {
		lambda = 1
	}
	if !(a > 1 && lambda > 0) || math.IsInf(a+lambda, 1) {
		return thresholded{}, fmt.Errorf("kernel: entmax with α = %v and λ = %v; α is above 1, λ is positive, and both are finite", a, l.Lambda)
	}
	q := 1 / (a - 1)
	return thresholded{
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

func (l Normmax) thresholded() (thresholded, error) {
	a := l.Alpha
	if !(a > 1 && !math.IsInf(a, 1)) {
		return thresholded{}, fmt.Errorf("kernel: normmax with α = %v; α is above 1 and finite", a)
	}
	return thresholded{
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
	h, err := l.thresholded()
	if err != nil {
		return err
	}
	return h.forward(ws, x, loss)
}

// Backward is that of [Loss].
func (l Entmax) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	h, err := l.thresholded()
	if err != nil {
		return err
	}
	return h.backward(ws, x, g, out)
}

// Forward is that of [Loss].
func (l Normmax) Forward(ws *Workspace, x *Linear, loss []float32) error {
	h, err := l.thresholded()
	if err != nil {
		return err
	}
	return h.forward(ws, x, loss)
}

// Backward is that of [Loss].
func (l Normmax) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	h, err := l.thresholded()
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

// thresholdState is the part of a Workspace that a loss with a threshold uses.
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
	coarse []coarseTile // [worker]
	rows   [][]float32  // [worker]: candidates of a panel, by row
	scale  []float32    // [panels·64]: upstream gradient over Σ x^e

	brackets []bracket // [panels·64], and what follows: of a ThresholdMap
	folds    []float64 // [chunks][panels][4·64]: f, g, r, maximum
}

func (s *thresholdState) bytes() int {
	n := 4*(cap(s.tau)+cap(s.high)+cap(s.low)+cap(s.fold)+cap(s.scale)) + 8*(cap(s.count)+cap(s.folds)) + 32*cap(s.sums) + 32*cap(s.brackets)
	for _, x := range [][][]float32{s.sample, s.rows, s.val} {
		for _, y := range x {
			n += 4 * cap(y)
		}
	}
	for _, x := range s.idx {
		n += 4 * cap(x)
	}
	for i := range s.coarse {
		n += s.coarse[i].bytes()
	}
	for _, c := range s.lists {
		n += 4*cap(c.val) + 4*cap(c.idx)
	}
	return n
}

func (h thresholded) forward(ws *Workspace, x *Linear, loss []float32) error {
	if err := ws.prepare(x, loss, float32(h.scale)); err != nil {
		return err
	}
	s := &ws.threshold
	rows := ws.panels * tileRows
	s.tau, s.low, s.sums = grow(s.tau, rows), grow(s.low, rows), grow(s.sums, rows)
	s.high, s.count = grow(s.high, rows), grow(s.count, rows)
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
		above := 0.0
		if fold == 0 {
			above = sumGo(s.count) // of the bounds of the sample
		} else {
			for i, v := range s.tau {
				s.low[i] = bound(v)
			}
			if h.q >= 1 {
				above = ws.expectedAbove()
			}
		}
		few := (fold == 0 || h.q >= 1) && above <= budget
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

// bound returns τ lowered by more than rounding can have raised it. It returns τ
// itself where there is no row.
func bound(tau float32) float32 {
	if tau > math.MaxFloat32 {
		return tau
	}
	return tau - boundSlack*(1+float32(math.Abs(float64(tau))))
}

// lossOf returns ℓ, and NaN for scores that hold NaN or +Inf.
func (h thresholded) lossOf(t []entry, s hingeSums) float32 {
	if !(s.f <= math.MaxFloat32 && s.tau <= math.MaxFloat32) {
		return float32(math.NaN())
	}
	return float32(h.value(t, s))
}

// newton returns the step of Newton's method on (n·f)^(1/q) = 1. It is NaN for sums
// that hold one. It is NaN also where nothing is above τ, as in a sample without the
// label that leads, for there is no slope to follow.
func (h thresholded) newton(n, f, g float64) float64 {
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

func middle(lo, hi float32) float32 { return lo + (hi-lo)/2 }

func (h thresholded) backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	if err := ws.prepareBackward(x, g, out); err != nil {
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
		ws.backwardSparse(out, func(at int32) float32 { e := &ws.entries[at]; return -ws.up[e.row] * e.weight },
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
