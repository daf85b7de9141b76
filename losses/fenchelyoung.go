package losses

import (
	"math"

	"github.com/fenchel-ml/fenchel/graph"
)

// A Regulariser is a closed proper convex function Ω, given by its prediction
// map at one precision. Its functions are safe for concurrent use and do not
// allocate.
type Regulariser[T Float] struct {
	// Map stores p(z) = argmax_p ⟨z,p⟩ − Ω(p) in p, the gradient of the conjugate
	// Ω*. p and z have one length and do not overlap; z[j] is finite, or −Inf for
	// a masked candidate, where p is 0 and which must count as absent. At least
	// one candidate is not masked. work is scratch of WorkLen(len(z)).
	Map func(p, z, work []T)

	// Omega returns Ω(p) for p of the map's range and for targets, both with a 0 at
	// masked candidates, and by the same formula where one entry that is not 0 is off by
	// up to a quarter of it. Nil where no closed form is known; see [FenchelYoung] for
	// what the loss then is and costs.
	Omega func(p []T) float64

	// WorkLen returns the scratch length that Map needs; nil means none.
	WorkLen func(k int) int
}

// A FenchelYoungLoss describes the loss that a regulariser makes.
type FenchelYoungLoss struct {
	Name   string  // see Spec
	Doc    string  // see Spec
	Source string  // see Spec
	Params []Param // see Spec

	// Theory returns what holds of the loss at v, FenchelYoungForm among the Props. Nil
	// declares nothing.
	Theory func(v Values) Theory

	// F32 and F64 return the regulariser at v: two instances of one generic
	// function.
	F32 func(v Values) Regulariser[float32]
	F64 func(v Values) Regulariser[float64]

	// Jacobian, if known, stores Σ_i g_i ∂p_i/∂z_j in dst, where p = p(z): what the graph
	// of the definition differentiates the map by. All have one length and do not overlap;
	// z[j] may be −Inf, where p and g are 0. It is safe for concurrent use. Nil is by
	// central differences of the map, 2K calls a row, which lose digits where |z| is
	// above 100 and the loss is not declared shift-invariant.
	Jacobian func(v Values, dst, z, p, g []float64)
}

// FenchelYoung returns the loss that l's regulariser makes, ready to register:
//
//	ℓ(z,t) = Ω*(z) + Ω(t) − ⟨z,t⟩,   ∂ℓ/∂z = p(z) − t
//
// with Ω*(z) = ⟨z,p⟩ − Ω(p) at p = p(z). One file of a user's package gives a loss
// a name, its analytic row and its node:
//
//	func init() { losses.Register(losses.FenchelYoung(losses.FenchelYoungLoss{
//		Name: "my-loss", …, F32: mine[float32], F64: mine[float64],
//	})) }
//
// Node states this definition term by term, and its symbolic gradient goes through p by
// the Jacobian of the map: where Ω, map and Jacobian do not belong together it is not
// p − t, and the checks say so.
//
// Without Omega the value is ℓ(z,t) − ℓ(0,t) = ∫₀¹ ⟨p(θz) − t, z⟩ dθ, which needs
// the map alone, may be negative, and costs some dozens of calls of the map a row,
// or thousands where the map has many kinks. The gradient costs one call in
// either case.
//
// Source: Blondel, Martins & Niculae 2020, arXiv:1901.02324, definition 2 and
// proposition 2.
func FenchelYoung(l FenchelYoungLoss) Spec {
	declared := l.Theory
	if declared == nil {
		l.Theory = func(Values) Theory { return Theory{} }
	}
	s := Spec{
		Name: l.Name, Doc: l.Doc, Source: l.Source, Params: l.Params,
		Theory: declared, Node: l.node,
		New: func(v Values) graph.Analytic {
			shift := l.Theory(v).Props.Has(ShiftInvariant)
			return graph.Analytic{F32: fenchelYoung[float32]{l.F32(v), shift}, F64: fenchelYoung[float64]{l.F64(v), shift}}
		},
		Ref: func(v Values, z []float64, t Target[float64]) float64 { return fenchelYoungRef(l.F64(v), z, t) },
		Predict: func(v Values, p, z []float64) {
			r := l.F64(v)
			r.Map(p, z, make([]float64, r.workLen(len(z))))
		},
	}
	if l.F32 == nil || l.F64 == nil { // Register reports that there is no loss
		s.New, s.Node, s.Ref, s.Predict = nil, nil, nil, nil
	}
	return s
}

func (r Regulariser[T]) workLen(k int) int {
	if r.WorkLen == nil {
		return 0
	}
	return r.WorkLen(k)
}

// fenchelYoung takes scores less their maximum where a shift changes nothing.
type fenchelYoung[T Float] struct {
	Regulariser[T]
	shift bool
}

// WorkLen leaves room for the scores, and for the target as a vector or a point of a
// ray and its map.
func (l fenchelYoung[T]) WorkLen(k int) int { return 3*k + l.workLen(k) }

func (l fenchelYoung[T]) Eval(dz, z []T, t Target[T], work []T) T {
	k := len(z)
	m, _ := Peak(z)
	if m != m {
		return nan[T]()
	}
	x, p, s, work := work[:k], work[k:2*k], work[2*k:3*k], work[3*k:]
	if l.shift {
		for j, v := range z {
			s[j] = T(float64(v) - m)
		}
		z = s
	}
	l.Map(dz, z, work)
	var loss float64
	if l.Omega == nil {
		// A float32 map is right to 1e-7 of the scores it is multiplied with.
		tol := 1e-12
		if _, ok := any(dz).([]float32); ok {
			tol = 1e-7
		}
		path := ray[T]{reg: l.Regulariser, x: x, p: p, z: z, work: work, t: t}
		// Panels that shrink towards 0 until the scores are small there: a map turns
		// from p(0) to p(z) while θz is of the size of 1.
		size := 0.0
		for _, s := range z {
			if !Masked(s) {
				size = max(size, math.Abs(float64(s)))
			}
		}
		hi := 1.0
		for ; hi*size > 1; hi /= 4 {
			loss += path.integrate(hi/4, hi, path.kronrod(hi/4, hi).sum, tol, 40)
		}
		loss += path.integrate(0, hi, path.kronrod(0, hi).sum, tol, 40)
	} else {
		clear(x)
		for i, y := range t.Pos {
			x[y] = t.Weight[i]
		}
		loss = l.Omega(x) - l.Omega(dz)
		for j, s := range z {
			if d := float64(dz[j]) - float64(x[j]); d != 0 { // 0 at a mask
				loss += d * float64(s)
			}
		}
	}
	for i, y := range t.Pos {
		dz[y] = T(float64(dz[y]) - float64(t.Weight[i]))
	}
	return T(loss)
}

// A ray is the function θ ↦ ⟨p(θz) − t, z⟩ on memory of its own.
type ray[T Float] struct {
	reg        Regulariser[T]
	x, p, work []T // θz, p(θz), scratch
	z          []T
	t          Target[T]
	halved     int // intervals
}

// maxHalved bounds the intervals of a row that are halved: a map whose rounding is larger
// than the tolerance would have every one halved to the last depth.
const maxHalved = 1 << 14

func (r *ray[T]) at(theta float64) float64 {
	for j, s := range r.z {
		r.x[j] = T(theta * float64(s)) // a mask stays one: θ > 0
	}
	r.reg.Map(r.p, r.x, r.work)
	var v float64
	for j, q := range r.p {
		if q != 0 {
			v += float64(q) * float64(r.z[j])
		}
	}
	for i, y := range r.t.Pos {
		v -= float64(r.t.Weight[i]) * float64(r.z[y])
	}
	return v
}

// A quadrature is the integral over an interval by the 15 points of Kronrod, how
// far the 7 points of Gauss among them are off, and the mean size of the
// integrand.
type quadrature struct{ sum, err, size float64 }

// kronrodNodes are the positive nodes of the 15-point rule on [−1,1] with its
// weights and those of the 7-point Gauss rule, which uses every other node.
// Source: Piessens, de Doncker-Kapenga, Überhuber & Kahaner 1983, QUADPACK,
// routine QK15.
var kronrodNodes = [8][3]float64{
	{0.991455371120812639206854697526329, 0.022935322010529224963732008058970, 0},
	{0.949107912342758524526189684047851, 0.063092092629978553290700663189204, 0.129484966168869693270611432679082},
	{0.864864423359769072789712788640926, 0.104790010322250183839876322541518, 0},
	{0.741531185599394439863864773280788, 0.140653259715525918745189590510238, 0.279705391489276667901467771423780},
	{0.586087235467691130294144691693013, 0.169004726639267902826583426598550, 0},
	{0.405845151377397166906606412076961, 0.190350578064785409913256402421014, 0.381830050505118944950369775488975},
	{0.207784955007898467600689403773245, 0.204432940075298892414161999234649, 0},
	{0, 0.209482141084727828012999174891714, 0.417959183673469387755102040816327},
}

func (r *ray[T]) kronrod(lo, hi float64) quadrature {
	mid, half := (lo+hi)/2, (hi-lo)/2
	var q quadrature
	var gauss float64
	for _, n := range kronrodNodes {
		f := r.at(mid + half*n[0])
		size := math.Abs(f)
		if n[0] != 0 {
			g := r.at(mid - half*n[0])
			f, size = f+g, size+math.Abs(g)
		}
		q.sum += n[1] * f
		gauss += n[2] * f
		q.size += n[1] * size / 2
	}
	q.sum *= half
	q.err = math.Abs(q.sum - gauss*half)
	return q
}

// integrate halves [lo,hi], whose integral is about whole, until the rules agree
// to tol of the integrand's size, at most depth times.
func (r *ray[T]) integrate(lo, hi, whole, tol float64, depth int) float64 {
	mid := (lo + hi) / 2
	a, b := r.kronrod(lo, mid), r.kronrod(mid, hi)
	sum := a.sum + b.sum
	r.halved++
	if sum != sum || r.halved > maxHalved { // no halving makes a number of NaN
		return sum
	}
	if depth == 0 || math.Abs(sum-whole) <= tol*max(1, a.size+b.size) && a.err+b.err <= 1e3*tol*max(1, a.size+b.size) {
		return sum
	}
	return r.integrate(lo, mid, a.sum, tol, depth-1) + r.integrate(mid, hi, b.sum, tol, depth-1)
}

// dense returns the target as a distribution over k candidates.
func dense(t Target[float64], k int) []float64 {
	truth := make([]float64, k)
	for i, y := range t.Pos {
		truth[y] = t.Weight[i]
	}
	return truth
}

// fenchelYoungRef is Ω*(z) + Ω(t) − ⟨z,t⟩ term by term or, without Ω, the
// integral along the ray by Romberg's rule on the logarithm of θ, where the map
// changes slowly at scores of any size.
func fenchelYoungRef(l Regulariser[float64], z []float64, t Target[float64]) float64 {
	k := len(z)
	p, work := make([]float64, k), make([]float64, l.workLen(k))
	if l.Omega != nil {
		l.Map(p, z, work)
		var conjugate, at float64
		for i, y := range t.Pos {
			at += t.Weight[i] * z[y]
		}
		for j, s := range z {
			conjugate += p[j] * s
		}
		return conjugate - l.Omega(p) + l.Omega(dense(t, k)) - at
	}
	r := &ray[float64]{reg: l, x: make([]float64, k), p: p, z: z, work: work, t: t}
	// θ = e^u from where the rest, which is θ⟨p(0) − t, z⟩, is below rounding.
	const from = -45.0
	f := func(u float64) float64 { return math.Exp(u) * r.at(math.Exp(u)) }
	const levels = 11
	var row [levels]float64
	h := -from
	row[0] = h / 2 * (f(from) + f(0))
	for n := 1; n < levels; n++ {
		var mids float64
		for i := range 1 << (n - 1) {
			mids += f(from + h*(float64(i)+0.5))
		}
		last := row[0]
		row[0] = (last + h*mids) / 2
		h /= 2
		factor := 1.0
		for j := 1; j <= min(n, 6); j++ { // beyond, rounding gains nothing
			factor *= 4
			next := row[j-1] + (row[j-1]-last)/(factor-1)
			last, row[j] = row[j], next
		}
	}
	return row[6]
}
