package kernel

import (
	"fmt"
	"math"
)

// Losses of a row that depend on its scores through their mean μ, their variance
// and the scores of the targets alone. With w̄ the mean of the classes that are
// not masked, and the rows ŵ_j = [w_j − w̄, bias_j − mean bias, 1], G = Σ_j ŵ_j ŵ_jᵀ
// and h̃ = [h, 1, 0],
//
//	z_j = μ + ŵ_j·h̃,  μ = w̄·h + mean bias,  C·Var = h̃ᵀ G h̃
//
// and ∂ℓ/∂z_j = a + b·(z_j − μ), but at targets, gives
//
//	∂ℓ/∂h = b·(G h̃)[:D] + C·a·w̄,  ∂ℓ/∂w_j = ŵ_j · N,  N = Σ_i [b·h̃, a]_i h̃_iᵀ
//
// so a step costs O(C·D²) for the batch and O(D²) a row, and no score is computed
// but those of targets. Without the mean taken off, the variance of scores that
// differ little would drown in rounding.
//
// A loss that a shift does not change does not see μ, which is taken for 0, and its
// ∂ℓ/∂z_j add up to 0, so ŵ_j serves for w_j in ∂ℓ/∂h: no large offset is left.

// RG is the quadratic surrogate of softmax fused with the linear layer:
//
//	ℓ = log C + Σz/C + (A/2)·Σz²/C − (B/2)(Σz/C)² − Σ_k t_k z_k
//
// RG× has A = 1 and B = β, RG² A = 1 and B = 0. A = B = 1 is the second-order Taylor
// polynomial of softmax cross-entropy at 0. Source: Pu et al., ICML 2024 (RG²) and
// arXiv:2506.09454.
type RG struct {
	A, B float64
}

// Squared is half the squared distance of scores and target, fused with the
// linear layer:
//
//	ℓ = ½‖z − t‖²
type Squared struct {
	Hot bool // t_j is 1 at every target, whatever its weight
}

// Taylor2 is second-order Taylor softmax fused with the linear layer:
//
//	ℓ = log Σ_j f(z_j) − Σ_k t_k log f(z_k),  f(z) = 1 + z + z²/2
//
// Source: de Brébisson and Vincent, arXiv:1511.05042, §3.1.
type Taylor2 struct{}

// Spherical is spherical softmax fused with the linear layer:
//
//	ℓ = log Σ_j f(z_j) − Σ_k t_k log f(z_k),  f(z) = z² + ε
//
// Source: de Brébisson and Vincent, arXiv:1511.05042, §3.1.
type Spherical struct {
	Epsilon float64 // > 0
}

// ZLoss is the Z-loss fused with the linear layer:
//
//	ℓ = Σ_k t_k softplus(a·(b − (z_k−μ)/σ))/a,  σ² = Var + Variance
//
// with the mean μ and the variance of the row's scores. Source: de Brébisson and
// Vincent, arXiv:1604.08859, eq. 4.
type ZLoss struct {
	A        float64 // > 0
	B        float64
	Variance float64 // > 0, so that equal scores have a gradient
}

// A moment loss takes the number of classes, the mean and the variance of the
// scores, and the targets with scores less the mean. It returns ℓ and the
// coefficients of ∂ℓ/∂z_j = a + b·(z_j − μ), and stores in c what each target adds.
type moment interface {
	valid() error
	solve(n, mean, variance float64, t []entry, c []float32) (l, a, b float64)
}

func (l RG) valid() error {
	if math.IsNaN(l.A+l.B) || math.IsInf(l.A, 0) || math.IsInf(l.B, 0) {
		return fmt.Errorf("kernel: RG with A = %v, B = %v; both are finite", l.A, l.B)
	}
	return nil
}

func (l RG) solve(n, mean, variance float64, t []entry, c []float32) (v, a, b float64) {
	v = math.Log(n) + mean + l.A/2*(variance+mean*mean) - l.B/2*mean*mean
	for k, e := range t {
		v -= float64(e.weight) * (mean + float64(e.z))
		c[k] = -e.weight
	}
	return v, (1 + (l.A-l.B)*mean) / n, l.A / n
}

func (Squared) valid() error { return nil }

func (l Squared) solve(n, mean, variance float64, t []entry, c []float32) (v, a, b float64) {
	v = n * (variance + mean*mean) / 2
	for k, e := range t {
		w := float64(e.weight)
		if l.Hot {
			w = 1
		}
		v += w*w/2 - w*(mean+float64(e.z))
		c[k] = float32(-w)
	}
	return v, mean, 1
}

func (Taylor2) valid() error { return nil }

func (Taylor2) solve(n, mean, variance float64, t []entry, c []float32) (v, a, b float64) {
	sum := n * (1 + mean + (variance+mean*mean)/2)
	v = math.Log(sum)
	for k, e := range t {
		w, z := float64(e.weight), mean+float64(e.z)
		f := 1 + z + z*z/2
		v -= w * math.Log(f)
		c[k] = float32(-w * (1 + z) / f)
	}
	return v, (1 + mean) / sum, 1 / sum
}

func (l Spherical) valid() error {
	if !(l.Epsilon > 0 && !math.IsInf(l.Epsilon, 1)) {
		return fmt.Errorf("kernel: spherical softmax with ε = %v; ε is positive and finite", l.Epsilon)
	}
	return nil
}

func (l Spherical) solve(n, mean, variance float64, t []entry, c []float32) (v, a, b float64) {
	sum := n * (variance + mean*mean + l.Epsilon)
	v = math.Log(sum)
	for k, e := range t {
		w, z := float64(e.weight), mean+float64(e.z)
		f := z*z + l.Epsilon
		v -= w * math.Log(f)
		c[k] = float32(-2 * w * z / f)
	}
	return v, 2 * mean / sum, 2 / sum
}

func (l ZLoss) valid() error {
	if !(l.A > 0 && l.Variance > 0) || math.IsInf(l.A, 1) || math.IsNaN(l.B) || math.IsInf(l.B, 0) {
		return fmt.Errorf("kernel: Z-loss with a = %v, b = %v, variance %v; a and the variance are positive, and all are finite", l.A, l.B, l.Variance)
	}
	return nil
}

func (l ZLoss) solve(n, _, variance float64, t []entry, c []float32) (v, a, b float64) {
	sd := math.Sqrt(variance + l.Variance)
	for k, e := range t {
		w, z := float64(e.weight), float64(e.z)/sd
		u := l.A * (l.B - z)
		v += w * Softplus(u) / l.A
		// g is minus the derivative by z; that of z is (e_k − 1/n)/σ − z(s−μ)/(nσ²).
		g := w * Sigmoid(u)
		a += g / (n * sd)
		b += g * z / (n * sd * sd)
		c[k] = float32(-g / sd)
	}
	if n <= 2 {
		// Scores of two are one standard deviation from their mean, whatever they are: a,
		// b and c cancel but for Variance, and 1/σ is too large for rounding to see it.
		a, b = 0, 0
		rest := (n - 1) * l.Variance / (sd * sd * sd)
		for k, e := range t {
			g := float64(e.weight) * Sigmoid(l.A*(l.B-float64(e.z)/sd))
			a += g * rest / 2
			c[k] = float32(-g * rest)
		}
	}
	return v, a, b
}

// Forward is that of [Loss].
func (l RG) Forward(ws *Workspace, x *Linear, loss []float32) error {
	return gramForward(l, ws, x, loss)
}

// Backward is that of [Loss].
func (l RG) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	return gramBackward(ws, x, g, out)
}

// Forward is that of [Loss].
func (l Squared) Forward(ws *Workspace, x *Linear, loss []float32) error {
	return gramForward(l, ws, x, loss)
}

// Backward is that of [Loss].
func (l Squared) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	return gramBackward(ws, x, g, out)
}

// Forward is that of [Loss].
func (l Taylor2) Forward(ws *Workspace, x *Linear, loss []float32) error {
	return gramForward(l, ws, x, loss)
}

// Backward is that of [Loss].
func (l Taylor2) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	return gramBackward(ws, x, g, out)
}

// Forward is that of [Loss].
func (l Spherical) Forward(ws *Workspace, x *Linear, loss []float32) error {
	return gramForward(l, ws, x, loss)
}

// Backward is that of [Loss].
func (l Spherical) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	return gramBackward(ws, x, g, out)
}

// Forward is that of [Loss].
func (l ZLoss) Forward(ws *Workspace, x *Linear, loss []float32) error {
	return gramForward(l, ws, x, loss)
}

// Backward is that of [Loss].
func (l ZLoss) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	return gramBackward(ws, x, g, out)
}

// gramState is what a moment loss keeps in a Workspace. e is D+2 rounded up to a
// multiple of 16.
type gramState struct {
	e      int
	chunks int
	part   []float32   // [chunks][e][e]: Gram matrices of the chunks
	gram   []float32   // [e][e]
	h, hg  []float32   // [B][e]: h̃, and h̃ᵀG
	k, n   []float32   // [B][e], [e][e]: the rows [b·h̃, a], and N
	a, b   []float64   // [B]
	center []float32   // [D+1]: w̄ and the mean bias
	c      []float32   // per entry
	w, dw  [][]float32 // [worker]: a block of ŵ and of its gradient
}

func (s *gramState) bytes() int {
	n := 4*(cap(s.part)+cap(s.gram)+cap(s.h)+cap(s.hg)+cap(s.k)+cap(s.n)+cap(s.c)+cap(s.center)) + 8*(cap(s.a)+cap(s.b))
	for i := range s.w {
		n += 4 * (cap(s.w[i]) + cap(s.dw[i]))
	}
	return n
}

// gramBytes bounds the Gram matrices of the chunks.
const gramBytes = 4 << 20

// gramBlock returns how many classes the passes over W take at once: whole tiles, blockClasses
// at most.
func (ws *Workspace) gramBlock() int { return 2 * ws.tileClasses }

// gramChunk returns the classes of a chunk.
func (ws *Workspace) gramChunk(i int) (lo, hi int) {
	size := ws.gramBlock()
	blocks := ceil(ws.x.C, size)
	return i * blocks / ws.gram.chunks * size, min((i+1)*blocks/ws.gram.chunks*size, ws.x.C)
}

// wideRows stores ŵ of n classes from c0, zero where a class is masked.
func (ws *Workspace) wideRows(worker int, dst []float32, c0, n int) {
	x, e := ws.x, ws.gram.e
	for j := range n {
		row := dst[j*e:][:e]
		clear(row)
		if x.masked(c0 + j) {
			continue
		}
		for k, w := range ws.vector(worker, c0+j) {
			row[k] = w - ws.gram.center[k]
		}
		if x.Bias != nil {
			row[x.D] = x.Bias[c0+j] - ws.gram.center[x.D]
		}
		row[x.D+1] = 1
	}
}

// centered returns the score of a class less the mean, for the row h̃.
func (ws *Workspace) centered(h []float32, class int) float64 {
	x, s := ws.x, &ws.gram
	var z float64
	for k, w := range ws.vector(0, class) {
		z += float64(h[k]) * float64(w-s.center[k])
	}
	if x.Bias != nil {
		z += float64(x.Bias[class] - s.center[x.D])
	}
	return z
}

func gramForward(l moment, ws *Workspace, x *Linear, loss []float32) error {
	if err := l.valid(); err != nil {
		return err
	}
	if err := ws.prepare(x, loss, 1); err != nil {
		return err
	}
	s := &ws.gram
	e := ceil(x.D+2, 16) * 16
	s.e = e
	size := ws.gramBlock()
	s.chunks = min(ceil(x.C, size), max(minChunk, min(maxChunk, gramBytes/(4*e*e))))
	ws.center = ws.center[:0] // scores are of ŵ in any case
	ws.sumClasses()
	s.center = grow(s.center, x.D+1)
	for k := range s.center {
		s.center[k] = float32(ws.sumW[k] / float64(ws.classes))
	}
	s.part, s.gram = grow(s.part, s.chunks*e*e), grow(s.gram, e*e)
	ws.parallel(s.chunks, func(worker, chunk int) {
		s.w[worker] = grow(s.w[worker], blockClasses*e)
		w, g := s.w[worker], s.part[chunk*e*e:][:e*e]
		lo, hi := ws.gramChunk(chunk)
		clear(g)
		for c0 := lo; c0 < hi; c0 += size {
			n := min(size, hi-c0)
			ws.wideRows(worker, w, c0, n)
			gemmBlock(w, 1, e, e, n, w, e, g, e, e, true)
		}
	})
	for i := range s.gram {
		var sum float64
		for chunk := range s.chunks {
			sum += float64(s.part[chunk*e*e+i])
		}
		s.gram[i] = float32(sum)
	}
	s.h, s.hg = grow(s.h, x.B*e), grow(s.hg, x.B*e)
	clear(s.h)
	for i := range x.B {
		if row := s.h[i*e:][:x.D]; x.Entries != nil {
			ws.addRow(1, i, row)
		} else {
			copy(row, ws.row(i)) // zero for padding
		}
		s.h[i*e+x.D] = 1
	}
	GemmNN(s.hg, s.h, s.gram, x.B, e, e, false)
	s.a, s.b, s.c = grow(s.a, x.B), grow(s.b, x.B), grow(s.c, len(ws.entries))
	for i := range x.B {
		loss[i], s.a[i], s.b[i] = 0, 0, 0
		if !ws.live[i] {
			continue
		}
		h, hg := s.h[i*e:][:x.D+1], s.hg[i*e:]
		t := ws.targets(i)
		n := float64(ws.classes)
		// The mean is rounded to float32, so ŵ has a mean, too. That of a large offset is no
		// rounding to a loss that does not see the offset.
		var rest float64
		if ws.ShiftInvariant {
			rest = float64(hg[x.D+1]) / n
		}
		for k := range t {
			t[k].z = float32(ws.centered(h, int(t[k].class)) - rest)
		}
		var mean, variance float64
		for k, v := range h {
			mean += float64(v) * float64(s.center[k])
			variance += float64(v) * float64(hg[k])
		}
		if ws.ShiftInvariant {
			mean = 0
		}
		// Rounding may leave less than nothing; NaN stays.
		v, a, b := l.solve(n, mean, max(variance/n-rest*rest, 0), t, s.c[ws.ptr[i]:ws.ptr[i+1]])
		loss[i], s.a[i], s.b[i] = float32(v), a-b*rest, b
	}
	ws.forward = true
	return nil
}

func gramBackward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	if err := ws.prepareBackward(x, g, out); err != nil {
		return err
	}
	s := &ws.gram
	e := s.e
	if out.H != nil {
		for i := range x.B {
			a, b := float32(float64(ws.up[i])*s.a[i]), float32(float64(ws.up[i])*s.b[i])
			dst := out.H[i*x.D:][:x.D]
			if !ws.live[i] {
				clear(dst)
				continue
			}
			if ws.ShiftInvariant { // C·a + Σ c = 0, so ŵ serves for w
				for k, v := range s.hg[i*e:][:x.D] {
					dst[k] = a*s.gram[(x.D+1)*e+k] + b*v
				}
				for k, t := range ws.targets(i) {
					v := ws.up[i] * s.c[int(ws.ptr[i])+k]
					for j, w := range ws.vector(0, int(t.class)) {
						dst[j] += v * (w - s.center[j])
					}
				}
				continue
			}
			a *= float32(ws.classes)
			for k, v := range s.hg[i*e:][:x.D] {
				dst[k] = a*s.center[k] + b*v
			}
			for k, t := range ws.targets(i) {
				axpy(ws.up[i]*s.c[int(ws.ptr[i])+k], ws.vector(0, int(t.class)), dst)
			}
		}
	}
	if !out.wantsW() && out.Bias == nil {
		return nil
	}
	s.k, s.n = grow(s.k, x.B*e), grow(s.n, e*e)
	clear(s.k)
	for i := range x.B {
		a, b := float64(ws.up[i])*s.a[i], float64(ws.up[i])*s.b[i]
		row := s.k[i*e:][:e]
		axpy(float32(b), s.h[i*e:][:e], row)
		row[x.D+1] = float32(a)
	}
	GemmTN(s.n, s.k, s.h, e, e, x.B, false)
	ws.parallel(s.chunks, func(worker, chunk int) { ws.gramRows(worker, chunk, out) })
	return nil
}

// gramRows computes the gradient of the classes of a chunk.
func (ws *Workspace) gramRows(worker, chunk int, out *Grad) {
	x, s := ws.x, &ws.gram
	e := s.e
	s.w[worker], s.dw[worker] = grow(s.w[worker], blockClasses*e), grow(s.dw[worker], blockClasses*e)
	w, dw := s.w[worker], s.dw[worker]
	lo, hi := ws.gramChunk(chunk)
	size := ws.gramBlock()
	for c0 := lo; c0 < hi; c0 += size {
		n := min(size, hi-c0)
		ws.wideRows(worker, w, c0, n)
		gemmBlock(w, e, 1, n, e, s.n, e, dw, e, e, false)
		var to []float32
		if out.wantsW() {
			to = ws.block(worker, c0, n, out)
		}
		for j := range n {
			if to != nil {
				copy(to[j*x.D:][:x.D], dw[j*e:])
			}
			if out.Bias != nil {
				out.Bias[c0+j] = dw[j*e+x.D]
			}
		}
		for t := c0; t < c0+n; t += ws.tileClasses {
			for panel := range ws.panels {
				for _, at := range ws.inCell(t, panel) {
					y := &ws.entries[at]
					v := ws.up[y.row] * s.c[at]
					if to != nil {
						ws.addRow(v, int(y.row), to[(int(y.class)-c0)*x.D:][:x.D])
					}
					if out.Bias != nil {
						out.Bias[y.class] += v
					}
				}
			}
		}
		if to != nil {
			ws.finish(worker, c0, n, to, x.D, out)
		}
	}
}
