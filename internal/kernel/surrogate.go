package kernel

import (
	"fmt"
	"math"
)

// A Phi is a positive surrogate of the exponential.
type Phi int

// The surrogates.
const (
	Tanh Phi = iota // tanh x + 1
	Relu            // [x + 1]_+
	Atan            // arctan x + 1
)

// Surrogate is the mean over the targets y of a row, by their weights, of the
// softmax loss of a surrogate φ of the exponential, without y in the sum:
//
//	ℓ = log Σ_{j≠y} φ(x_j)^e,  x_j = (z_j − z_y)/τ
//	∂ℓ/∂z_j = p_j (e/τ)·(φ'/φ)(x_j),  p_j ∝ φ(x_j)^e
//
// and the entry of y makes the sum 0. φ is bounded below by Floor, with slope 0
// there. Without another class ℓ is 0. Several targets of a row cost as many maps.
//
// Source: Yang et al., arXiv:2411.00163, eq. 8.
type Surrogate struct {
	Phi        Phi
	Tau, Power float64 // τ > 0, e > 0
	Floor      float64 // > 0
}

// Valid reports parameters outside of their range.
func (l Surrogate) Valid() error {
	for _, v := range []float64{l.Tau, l.Power, l.Floor} {
		if !(v > 0 && !math.IsInf(v, 1)) {
			return fmt.Errorf("kernel: surrogate softmax with τ = %v, power %v and floor %v; all are positive and finite", l.Tau, l.Power, l.Floor)
		}
	}
	if l.Phi < Tanh || l.Phi > Atan {
		return fmt.Errorf("kernel: no surrogate %d", l.Phi)
	}
	return nil
}

// Scale returns 1/τ.
func (l Surrogate) Scale() float32 { return float32(1 / l.Tau) }

// Widths: a reference and a sum of 2^u, u = e·log₂φ; the parameters are the label's
// score, log₂ of the sum, and the factor of splitLog2.
func (l Surrogate) Widths() (f, d, p int) { return 1, 1, 3 }

// Each is true.
func (l Surrogate) Each() bool { return true }

// Balanced is true.
func (l Surrogate) Balanced() bool { return true }

// Start sets the label's score.
func (l Surrogate) Start(p []float32, r int, t RowTarget) { _, p[r] = t.At(0) }

// Init sets the empty sum.
func (l Surrogate) Init(st State, _ []float32) {
	for r := range st.F {
		st.F[r] = floor
	}
	clear(st.D)
}

// stripClasses are mapped at a time, in scratch on the stack.
const stripClasses = 8

type strip [stripClasses * tileRows]float32

// Fold adds the tile.
func (l Surrogate) Fold(st State, p, z []float32, _, n int) {
	var u, unused strip
	label := finiteOnly(p)
	for c := 0; c < n; c += stripClasses {
		k := min(stripClasses, n-c)
		l.logs(&u, &unused, &label, z[c*tileRows:], tileRows, k)
		foldExp(st, u[:k*tileRows], k)
	}
}

// finiteOnly returns the label's scores, 0 where there is no problem.
func finiteOnly(p []float32) (label [tileRows]float32) {
	for r, v := range p[:tileRows] {
		if v <= math.MaxFloat32 {
			label[r] = v
		}
	}
	return label
}

// logs stores u = e·log₂φ(z−label) and φ'/φ of n classes; u is −Inf where z is, and
// NaN where the difference is infinite or NaN.
func (l Surrogate) logs(u, slope *strip, label *[tileRows]float32, z []float32, ldz, n int) {
	size := n * tileRows
	x := slope[:size]
	for c := range n {
		row := x[c*tileRows:][:tileRows]
		for r, v := range z[c*ldz:][:tileRows] {
			v -= label[r]
			row[r] = v + 0*v
		}
	}
	least := float32(l.Floor)
	switch l.Phi {
	case Tanh: // 2/(1 + e^(−2x)), and φ'/φ = 1 − tanh x
		for i, v := range x {
			u[i] = -2 * v
		}
		exp(u[:size], u[:size], 0)
		for i := range x {
			u[i] = 2 / (1 + u[i])
			x[i] = 2 - u[i]
		}
	case Relu:
		for i, v := range x {
			u[i] = 1 + v
			x[i] = 1 / u[i]
		}
	case Atan:
		for i, v := range x {
			u[i] = 1 + atan(v)
			x[i] = 1 / ((1 + v*v) * u[i])
		}
	}
	for i, v := range u[:size] {
		if v <= least {
			u[i], x[i] = least, 0
		}
	}
	logs(u[:size], u[:size])
	factor := float32(l.Power * math.Log2E)
	none := float32(math.Inf(-1))
	for c := range n {
		row := u[c*tileRows:][:tileRows]
		for r, v := range z[c*ldz:][:tileRows] {
			row[r] *= factor
			if v == none {
				row[r] = none
			}
		}
	}
}

// atanPoly is (arctan x)/x in powers of x² on [−1,1], to 2e-8. Source: Abramowitz
// and Stegun, eq. 4.4.49.
var atanPoly = [...]float32{1, -0.3333314528, 0.1999355085, -0.1420889944, 0.1065626393, -0.0752896400, 0.0429096138, -0.0161657367, 0.0028662257}

// atan returns arctan x to 3e-7, at a quarter of the cost of package math.
func atan(x float32) float32 {
	far := x > 1 || x < -1
	t := x
	if far {
		t = 1 / x
	}
	s := t * t
	y := atanPoly[8]*s + atanPoly[7]
	y = y*s + atanPoly[6]
	y = y*s + atanPoly[5]
	y = y*s + atanPoly[4]
	y = y*s + atanPoly[3]
	y = y*s + atanPoly[2]
	y = y*s + atanPoly[1]
	y = (y*s + atanPoly[0]) * t
	if far {
		return float32(math.Copysign(math.Pi/2, float64(x))) - y
	}
	return y
}

// Merge brings both sums to the larger reference.
func (l Surrogate) Merge(dst, src State) { mergeExp(dst, src) }

// Solve returns ℓ.
func (l Surrogate) Solve(st State, p []float32, r int, t RowTarget) float64 {
	if t.Classes == 1 {
		return 0
	}
	_, z := t.At(0)
	sum := float64(st.F[r]) + math.Log2(st.D[r]) + float64(z-z)
	p[tileRows+r], p[2*tileRows+r] = splitLog2(sum)
	return sum * math.Ln2
}

// Map stores g·∂ℓ/∂z.
func (l Surrogate) Map(dst []float32, ldd int, z []float32, ldz, _, n int, p, g []float32) {
	var u, slope strip
	var scale, zero [tileRows]float32
	for r, v := range g {
		if v != 0 {
			scale[r] = v * float32(l.Power/l.Tau) * p[2*tileRows+r]
		}
	}
	label := finiteOnly(p)
	for c := 0; c < n; c += stripClasses {
		k := min(stripClasses, n-c)
		l.logs(&u, &slope, &label, z[c*ldz:], ldz, k)
		tileExpMap(u[:], tileRows, u[:], tileRows, k, p[tileRows:][:tileRows], scale[:], zero[:])
		for i := range k {
			row, s := dst[(c+i)*ldd:][:tileRows], slope[i*tileRows:][:tileRows]
			for r, v := range u[i*tileRows:][:tileRows] {
				row[r] = v * s[r]
			}
		}
	}
}

// Weighted is [Pairwise] with the other classes weighed by the softmax of their
// scores:
//
//	ℓ = Σ_{j≠y} w_j s_j,  w = softmax(z) over j ≠ y,  s_j = softplus(z_j − z_y)
//	∂ℓ/∂z_j = w_j (σ(z_j − z_y) + s_j − ℓ)
//
// and the entry of y makes the sum 0.
//
// Source: Lian, Liu and Chen, WWW 2020, §3.
type Weighted struct{}

// Valid returns nil.
func (Weighted) Valid() error { return nil }

// Scale returns log₂e: an exponential is 2^z.
func (Weighted) Scale() float32 { return math.Log2E }

// Widths: a reference, a sum of exponentials and that of them times s; the
// parameters are the label's score, log₂ of the sum, ℓ, and the factor of splitLog2.
func (Weighted) Widths() (f, d, p int) { return 1, 2, 4 }

// Each is true.
func (Weighted) Each() bool { return true }

// Balanced is true.
func (Weighted) Balanced() bool { return true }

// Start sets the label's score.
func (Weighted) Start(p []float32, r int, t RowTarget) { _, p[r] = t.At(0) }

// Init sets the empty sums.
func (Weighted) Init(st State, _ []float32) {
	for r := range st.F {
		st.F[r] = floor
	}
	clear(st.D)
}

// Fold adds the tile.
func (Weighted) Fold(st State, p, z []float32, _, n int) {
	var old, one, zero, sum [tileRows]float32
	copy(old[:], st.F)
	foldExp(st, z, n)
	for r := range one {
		one[r] = 1
		if old[r] != st.F[r] {
			st.D[tileRows+r] *= math.Exp2(float64(old[r]) - float64(st.F[r]))
		}
	}
	var e, s, sigma strip
	for c := 0; c < n; c += stripClasses {
		k := min(stripClasses, n-c)
		tile := z[c*tileRows:]
		softplusStrip(&s, &sigma, p, tile, tileRows, k)
		tileExpMap(e[:], tileRows, tile, tileRows, k, st.F, one[:], zero[:])
		for i := range k {
			row := s[i*tileRows:][:tileRows]
			for r, v := range e[i*tileRows:][:tileRows] {
				sum[r] += v * row[r]
			}
		}
	}
	addTo(st.D[tileRows:], sum[:])
}

// softplusStrip stores softplus(x) and σ(x) = e^(x − softplus(x)), x = ln2·(z − p), of
// n classes. It does not branch on the sign of x, which no processor can predict.
func softplusStrip(s, sigma *strip, p, z []float32, ldz, n int) {
	size := n * tileRows
	var e strip
	for c := range n {
		at := c * tileRows
		for r, v := range z[c*ldz:][:tileRows] {
			x := (v - p[r]) * math.Ln2
			sigma[at+r] = x
			e[at+r] = math.Float32frombits(math.Float32bits(x) | 1<<31)
		}
	}
	exp(e[:size], e[:size], 0)
	for i, v := range e[:size] {
		e[i] = 1 + v
	}
	logs(e[:size], e[:size])
	for i, x := range sigma[:size] {
		s[i] = max(x, 0) + e[i]
		sigma[i] = x - s[i]
	}
	exp(sigma[:size], sigma[:size], 0)
}

// Merge brings both sums to the larger reference.
func (Weighted) Merge(dst, src State) {
	for r := range dst.F {
		a, b := float64(dst.F[r]), float64(src.F[r])
		m := max(a, b)
		dst.D[tileRows+r] = dst.D[tileRows+r]*math.Exp2(a-m) + src.D[tileRows+r]*math.Exp2(b-m)
	}
	mergeExp(dst, src)
}

// Solve returns ℓ.
func (Weighted) Solve(st State, p []float32, r int, t RowTarget) float64 {
	if t.Classes == 1 {
		return 0
	}
	_, z := t.At(0)
	v := st.D[tileRows+r]/st.D[r] + float64(z-z)
	p[tileRows+r], p[3*tileRows+r] = splitLog2(float64(st.F[r]) + math.Log2(st.D[r]))
	p[2*tileRows+r] = float32(v)
	return v
}

// Map stores g·∂ℓ/∂z.
func (Weighted) Map(dst []float32, ldd int, z []float32, ldz, _, n int, p, g []float32) {
	var loss, scale, zero [tileRows]float32
	for r, v := range g {
		if v != 0 {
			loss[r] = p[2*tileRows+r]
			scale[r] = v * p[3*tileRows+r]
		}
	}
	var w, s, sigma strip
	for c := 0; c < n; c += stripClasses {
		k := min(stripClasses, n-c)
		softplusStrip(&s, &sigma, p, z[c*ldz:], ldz, k)
		tileExpMap(w[:], tileRows, z[c*ldz:], ldz, k, p[tileRows:][:tileRows], scale[:], zero[:])
		for i := range k {
			at := i * tileRows
			row := dst[(c+i)*ldd:][:tileRows]
			for r := range row {
				row[r] = w[at+r] * (sigma[at+r] + s[at+r] - loss[r])
			}
		}
	}
}
