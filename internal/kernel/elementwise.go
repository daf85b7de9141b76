package kernel

import "math"

// An elementwise function has one signature on every path, that of two operands and two
// numbers, so that one table holds all. Operands of one length; dst may be either. What
// a function does not take it ignores.
type (
	vectorForm = func(dst, a, b *float32, n int, p, q float32)
	goForm     = func(dst, a, b []float32, p, q float32)
)

// An elementwise is such a function: its assembly, and the Go loop that defines it.
type elementwise struct {
	avx512, avx2, neon vectorForm // of the paths of this processor
	loop               goForm
}

// on applies f to operands of the length of dst.
func (f elementwise) on(dst, a, b []float32, p, q float32) {
	if len(a) != len(dst) || len(b) != len(dst) {
		panic("kernel: elementwise: lengths differ")
	}
	var form vectorForm
	switch active {
	case pathAVX512:
		form = f.avx512
	case pathAVX2:
		form = f.avx2
	case pathNEON:
		form = f.neon
	default:
		f.loop(dst, a, b, p, q)
		return
	}
	// As many at a time as let a call last under 60 µs.
	const piece = 1 << 14
	for len(dst) > piece {
		form(&dst[0], &a[0], &b[0], piece, p, q)
		dst, a, b = dst[piece:], a[piece:], b[piece:]
	}
	if len(dst) > 0 {
		form(&dst[0], &a[0], &b[0], len(dst), p, q)
	}
}

// each is f on operands of either precision: at float64 by its loop.
func each[T Float](f elementwise, loop func(dst, a, b []T, p, q T), dst, a, b []T, p, q T) {
	if dst32, ok := f32(dst); ok {
		a32, _ := f32(a)
		b32, _ := f32(b)
		f.on(dst32, a32, b32, float32(p), float32(q))
		return
	}
	sameLength("elementwise", a, dst)
	sameLength("elementwise", b, dst)
	loop(dst, a, b, p, q)
}

// of1 makes a loop of a function of one operand, of2 of two.
func of1(f func(x float32) float32) goForm {
	return func(dst, a, _ []float32, _, _ float32) {
		for i, x := range a {
			dst[i] = f(x)
		}
	}
}

func of2(f func(x, y float32) float32) goForm {
	return func(dst, a, b []float32, _, _ float32) {
		for i, x := range a {
			dst[i] = f(x, b[i])
		}
	}
}

// Product returns a·b, where 0·(±Inf) = 0, as in measure theory: what has weight 0
// contributes nothing. It keeps a masked score, −Inf, out of every sum that gives it
// probability 0. A NaN stays one.
func Product[T Float](a, b T) T {
	p := a * b
	if p != p && a == a && b == b {
		return 0
	}
	return p
}

// The functions below take vectors of one length; dst may be an operand. A NaN in an
// operand reaches its place of dst.

// AddEach stores a + b in dst.
func AddEach[T Float](dst, a, b []T) { each(addForm, addLoop, dst, a, b, 0, 0) }

func addLoop[T Float](dst, a, b []T, _, _ T) {
	for i, x := range a {
		dst[i] = x + b[i]
	}
}

// SubEach stores a − b in dst.
func SubEach[T Float](dst, a, b []T) { each(subForm, subLoop, dst, a, b, 0, 0) }

func subLoop[T Float](dst, a, b []T, _, _ T) {
	for i, x := range a {
		dst[i] = x - b[i]
	}
}

// MulEach stores [Product](a, b) in dst.
func MulEach[T Float](dst, a, b []T) { each(mulForm, mulLoop, dst, a, b, 0, 0) }

func mulLoop[T Float](dst, a, b []T, _, _ T) {
	for i, x := range a {
		dst[i] = Product(x, b[i])
	}
}

// DivEach stores a / b in dst.
func DivEach[T Float](dst, a, b []T) { each(divForm, divLoop, dst, a, b, 0, 0) }

func divLoop[T Float](dst, a, b []T, _, _ T) {
	for i, x := range a {
		dst[i] = x / b[i]
	}
}

// AddScalarEach stores a + p in dst.
func AddScalarEach[T Float](dst, a []T, p T) { each(addScalarForm, addScalarLoop, dst, a, a, p, 0) }

func addScalarLoop[T Float](dst, a, _ []T, p, _ T) {
	for i, x := range a {
		dst[i] = x + p
	}
}

// MulScalarEach stores [Product](a, p) in dst.
func MulScalarEach[T Float](dst, a []T, p T) { each(mulScalarForm, mulScalarLoop, dst, a, a, p, 0) }

func mulScalarLoop[T Float](dst, a, _ []T, p, _ T) {
	for i, x := range a {
		dst[i] = Product(x, p)
	}
}

// DivScalarEach stores a / p in dst.
func DivScalarEach[T Float](dst, a []T, p T) { each(divScalarForm, divScalarLoop, dst, a, a, p, 0) }

func divScalarLoop[T Float](dst, a, _ []T, p, _ T) {
	for i, x := range a {
		dst[i] = x / p
	}
}

// FillEach stores p in dst.
func FillEach[T Float](dst []T, p T) { each(fillForm, fillLoop, dst, dst, dst, p, 0) }

func fillLoop[T Float](dst, _, _ []T, p, _ T) {
	for i := range dst {
		dst[i] = p
	}
}

// FillUnmasked stores p in dst, and 0 where a is −Inf.
func FillUnmasked[T Float](dst, a []T, p T) { each(fillWhereForm, fillWhereLoop, dst, a, a, p, 0) }

func fillWhereLoop[T Float](dst, a, _ []T, p, _ T) {
	for i, x := range a {
		dst[i] = p
		if math.IsInf(float64(x), -1) {
			dst[i] = 0
		}
	}
}

func scaleLoop(dst, a, _ []float32, p, _ float32) {
	for i, x := range a {
		dst[i] = x * p
	}
}

// SquareEach stores a² in dst.
func SquareEach(dst, a []float32) { squareForm.on(dst, a, a, 0, 0) }

func squareLoop(dst, a, _ []float32, _, _ float32) {
	for i, x := range a {
		dst[i] = x * x
	}
}

// SqrtEach stores √a in dst: NaN below 0.
func SqrtEach(dst, a []float32) { sqrtForm.on(dst, a, a, 0, 0) }

func sqrt1(x float32) float32 { return float32(math.Sqrt(float64(x))) } // one instruction, exact

// AbsEach stores |a| in dst.
func AbsEach(dst, a []float32) { absForm.on(dst, a, a, 0, 0) }

func abs1(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ signBit) }

const signBit = 1 << 31

// ClampEach stores min(max(a, lo), hi) in dst.
func ClampEach(dst, a []float32, lo, hi float32) { clampForm.on(dst, a, a, lo, hi) }

func clampLoop(dst, a, _ []float32, lo, hi float32) {
	for i, x := range a {
		dst[i] = min(max(x, lo), hi)
	}
}

// SignEach stores −1, 0 or 1 in dst.
func SignEach[T Float](dst, a []T) { each(signForm, signLoop, dst, a, a, 0, 0) }

func signLoop[T Float](dst, a, _ []T, _, _ T) {
	for i, x := range a {
		switch {
		case x > 0:
			x = 1
		case x < 0:
			x = -1
		}
		dst[i] = x
	}
}

// StepEach stores 1 in dst where a is positive, and 0 elsewhere.
func StepEach(dst, a []float32) { stepForm.on(dst, a, a, 0, 0) }

func stepLoop(dst, a, _ []float32, _, _ float32) {
	for i, x := range a {
		switch {
		case x > 0:
			x = 1
		case x <= 0:
			x = 0
		}
		dst[i] = x
	}
}

// InsideEach stores 1 in dst where lo < a < hi, and 0 elsewhere, of a NaN too.
func InsideEach[T Float](dst, a []T, lo, hi T) { each(insideForm, insideLoop, dst, a, a, lo, hi) }

func insideLoop[T Float](dst, a, _ []T, lo, hi T) {
	for i, x := range a {
		dst[i] = 0
		if lo < x && x < hi {
			dst[i] = 1
		}
	}
}

// ReluEach stores a in dst where it is positive, and 0 elsewhere.
func ReluEach(dst, a []float32) { reluForm.on(dst, a, a, 0, 0) }

func reluLoop(dst, a, _ []float32, _, _ float32) {
	for i, x := range a {
		if x <= 0 {
			x = 0
		}
		dst[i] = x
	}
}

// ReluBack stores g in dst where x is positive or NaN, and 0 elsewhere: the gradient by
// x of [ReluEach], or by its value in place of x.
func ReluBack[T Float](dst, g, x []T) { each(reluBackForm, reluBackLoop, dst, g, x, 0, 0) }

func reluBackLoop[T Float](dst, g, x []T, _, _ T) {
	for i, v := range g {
		if x[i] <= 0 {
			v = 0
		}
		dst[i] = v
	}
}

// SoftmaxBack stores y·(g − p) in dst: the gradient by a row of scores, where y is its
// softmax, g the gradient by that, and p is ⟨g, y⟩.
func SoftmaxBack[T Float](dst, y, g []T, p T) {
	each(softmaxBackForm, softmaxBackLoop, dst, y, g, p, 0)
}

func softmaxBackLoop[T Float](dst, y, g []T, p, _ T) {
	for i, v := range y {
		dst[i] = v * (g[i] - p)
	}
}

// FillMaskedEach stores a in dst, and p where a is −Inf.
func FillMaskedEach(dst, a []float32, p float32) { fillMaskedForm.on(dst, a, a, p, 0) }

func fillMaskedLoop(dst, a, _ []float32, p, _ float32) {
	for i, x := range a {
		if x < -math.MaxFloat32 {
			x = p
		}
		dst[i] = x
	}
}

// MaskLike stores g in dst, and 0 where x is −Inf.
func MaskLike[T Float](dst, g, x []T) { each(maskLikeForm, maskLikeLoop, dst, g, x, 0, 0) }

func maskLikeLoop[T Float](dst, g, x []T, _, _ T) {
	for i, v := range g {
		if math.IsInf(float64(x[i]), -1) {
			v = 0
		}
		dst[i] = v
	}
}
