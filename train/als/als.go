// Package als minimises the quadratic losses of matrix factorisation exactly,
// block by block: alternating least squares.
//
// Scores are o_uj = ⟨p_u, q_j⟩ for U users and C classes, P_u are the m_u
// positives of user u, and the objective is
//
//	Σ_u [ Σ_{j∈P_u} (½c o² − r o) + ω_u Σ_j (s o + ½κ o²) − (βω_u/2C)(Σ_j o)² ] + a Σ_u m_u
//	  + ½ Σ_u λ_u ‖p_u‖² + ½ Σ_j λ_j ‖q_j‖²
//
// with, for the losses that [RG] and [IALS] set up,
//
//	RG², RG×_β:  ω_u = m_u/C, c = 2a, r = 1+2a, s = 1, κ = 1        (a Σ_P (o−1)² added)
//	iALS:        ω_u = α₀,    c = 1,  r = 1,    s = 0, κ = 1, β = 0 (½Σ_P (o−1)² + ½α₀ Σ_j o², up to a constant)
//
// It is quadratic in all p and in all q. A sweep solves for all users, then for
// all classes, each exactly, so the objective never rises.
//
// Regularisation is frequency-scaled: λ_u = λ·n_u^ν with n_u the total weight of
// user u's squares, κω_uC + c m_u, and λ_j = λ·n_j^ν with n_j = κΣ_uω_u + c m_j.
// ν = 0 is one λ for all.
//
// Sources: Hu, Koren, Volinsky (2008) for alternating least squares on all
// pairs; Rendle, Krichene, Zhang, Koren: Revisiting the performance of iALS
// (2022) for α₀ and ν; Pu et al. (ICML 2024) for RG² and RG×.
package als

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
	"gonum.org/v1/gonum/mat"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Positives are the positives of each row, in compressed rows: row i has
// Col[Ptr[i]:Ptr[i+1]].
type Positives struct {
	Ptr []int
	Col []int32
}

func (x Positives) rows() int            { return len(x.Ptr) - 1 }
func (x Positives) of(i int) []int32     { return x.Col[x.Ptr[i]:x.Ptr[i+1]] }
func (x Positives) count(i int) int      { return x.Ptr[i+1] - x.Ptr[i] }
func (x Positives) weight(i int) float64 { return float64(x.count(i)) }

// An Objective is a member of the family in the package's doc.
type Objective struct {
	positive float64 // c
	reward   float64 // r
	linear   float64 // s
	square   float64 // κ
	beta     float64 // β
	constant float64 // a
	omega    float64 // ω_u = omega, or omega·m_u
	byCount  bool
}

// RG returns the objective of RG×_β (β = 0 is RG²) for classes classes, plus
// a·Σ_P (o−1)². With code it is the variant of the authors' published program,
// which shrinks the quadratic term to (1−β)/2·mean(o²) in place of subtracting
// (β/2)·mean(o)²; at β = 0 the two are one.
func RG(beta, a float64, classes int, code bool) Objective {
	o := Objective{
		positive: 2 * a, reward: 1 + 2*a, linear: 1, square: 1, beta: beta, constant: a,
		omega: 1 / float64(classes), byCount: true,
	}
	if code {
		o.square, o.beta = 1-beta, 0
	}
	return o
}

// IALS returns the objective ½Σ_P (o−1)² + ½α₀ Σ_j o².
func IALS(alpha0 float64) Objective {
	return Objective{positive: 1, reward: 1, square: 1, omega: alpha0, constant: 0.5}
}

// A Config says what to solve.
type Config struct {
	Dim       int // d ≥ 1
	Objective Objective
	Lambda    float64 // λ ≥ 0
	Nu        float64 // ν ∈ [0,1]
	Init      float64 // standard deviation of the first factors
	Seed      uint64

	// Float64 sets up and solves the systems in float64, some ten times slower than
	// in float32. The objective and what is shared by all systems are float64 in
	// either case, and so are the systems of classes that couple (β > 0).
	Float64 bool

	// userReg and itemReg, if positive, are λ_u and λ_j themselves: what golden
	// vectors are stated in.
	userReg, itemReg float64
}

// A Solver holds the factors. It is not safe for concurrent use; its sweeps use
// all processors, and their bits do not depend on how many those are.
type Solver struct {
	// User [U,d] and Class [C,d] are the factors.
	User, Class []float64

	cfg     Config
	users   Positives
	classes Positives
	omega   []float64 // ω_u
	total   float64   // Σ_u ω_u
	value   float64   // objective after the last sweep; the largest number before the first
}

// New returns a solver for positives users [U] over classes classes, with
// factors drawn from N(0, Init²) by PCG of the seed.
func New(cfg Config, users Positives, classes int) *Solver {
	s := &Solver{cfg: cfg, users: users, classes: transpose(users, classes), value: math.MaxFloat64}
	s.omega = make([]float64, users.rows())
	for u := range s.omega {
		s.omega[u] = cfg.Objective.omega
		if cfg.Objective.byCount {
			s.omega[u] *= users.weight(u)
		}
		s.total += s.omega[u]
	}
	rng := rand.New(rand.NewPCG(cfg.Seed, 0xa15))
	s.User = make([]float64, users.rows()*cfg.Dim)
	s.Class = make([]float64, classes*cfg.Dim)
	for _, f := range [][]float64{s.User, s.Class} {
		for i := range f {
			f[i] = cfg.Init * rng.NormFloat64()
		}
	}
	return s
}

func transpose(x Positives, cols int) Positives {
	t := Positives{Ptr: make([]int, cols+1), Col: make([]int32, len(x.Col))}
	for _, j := range x.Col {
		t.Ptr[j+1]++
	}
	for j := range cols {
		t.Ptr[j+1] += t.Ptr[j]
	}
	next := slices.Clone(t.Ptr[:cols])
	for i := range x.rows() {
		for _, j := range x.of(i) {
			t.Col[next[j]] = int32(i)
			next[j]++
		}
	}
	return t
}

// Sweep solves for all users, then for all classes, and returns the objective.
// The objective having risen beyond rounding, or not being a number, is an
// error. ctx cancelled ends it with ctx's error after the side under way, with
// factors that are usable.
func (s *Solver) Sweep(ctx context.Context) (float64, error) {
	if err := s.solveUsers(); err != nil {
		return 0, err
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := s.solveClasses(); err != nil {
		return 0, err
	}
	value, scale := s.objective()
	// Rounding moves a sum by some ε times the sum of its terms' sizes. A float32
	// solution is off by some 1e-6 of itself, at a minimum: the objective feels the
	// square of that.
	tol := 1e-10
	if !s.cfg.Float64 {
		tol = 1e-8
	}
	if !(value <= s.value+tol*scale) {
		return value, fmt.Errorf("als: the objective went from %.12g to %.12g: it may only fall", s.value, value)
	}
	s.value = value
	return value, nil
}

// Value returns the objective after the last sweep, the largest number before the first.
func (s *Solver) Value() float64 { return s.value }

// Resume makes value what the next sweep may not rise above, beside what the
// caller writes into User and Class.
func (s *Solver) Resume(value float64) { s.value = value }

// regUser returns λ_u, regClass λ_j.
func (s *Solver) regUser(u int) float64 {
	if s.cfg.userReg > 0 {
		return s.cfg.userReg
	}
	o := s.cfg.Objective
	n := o.square*s.omega[u]*float64(s.classes.rows()) + o.positive*s.users.weight(u)
	return s.cfg.Lambda * math.Pow(n, s.cfg.Nu)
}

func (s *Solver) regClass(j int) float64 {
	if s.cfg.itemReg > 0 {
		return s.cfg.itemReg
	}
	o := s.cfg.Objective
	return s.cfg.Lambda * math.Pow(o.square*s.total+o.positive*s.classes.weight(j), s.cfg.Nu)
}

// A side is the fixed side of a half-sweep as the systems of the other read it.
type side struct {
	f    []float64 // [n,d]
	gram []float64 // [d,d], what all systems share, before a row's weight
	sum  []float64 // [d], Σ_i w_i f_i

	f32, gram32 []float32 // nil for systems in float64
}

func (x *side) narrow() {
	x.f32, x.gram32 = make([]float32, len(x.f)), make([]float32, len(x.gram))
	for i, v := range x.f {
		x.f32[i] = float32(v)
	}
	for i, v := range x.gram {
		x.gram32[i] = float32(v)
	}
}

// solveUsers sets every p_u to its minimiser
//
//	[ω_u(κQᵀQ − (β/C)q̄q̄ᵀ) + c Q_PᵀQ_P + λ_uI]⁻¹ [r Σ_P q − sω_u q̄],  q̄ = Σ_j q_j.
func (s *Solver) solveUsers() error {
	d, o, classes := s.cfg.Dim, s.cfg.Objective, s.classes.rows()
	x := &side{f: s.Class}
	x.gram, x.sum = s.gram(s.Class, nil)
	for a := range d {
		for b := range d {
			x.gram[a*d+b] = o.square*x.gram[a*d+b] - o.beta/float64(classes)*x.sum[a]*x.sum[b]
		}
	}
	if !s.cfg.Float64 {
		x.narrow()
	}
	return s.each(s.users.rows(), func(u int, w *work) error {
		p := s.User[u*d : (u+1)*d]
		if s.users.count(u) == 0 && (o.byCount || o.linear == 0) {
			clear(p) // the right side is 0, and 0 solves it even where λ_u is 0 too
			return nil
		}
		w.system(x, s.omega[u], s.regUser(u), o.positive, s.users.of(u))
		for a := range d {
			w.rhs[a] = o.reward*w.sum[a] - o.linear*s.omega[u]*x.sum[a]
		}
		if err := w.solve(p, x); err != nil {
			return fmt.Errorf("user %d: %w", u, err)
		}
		return nil
	})
}

// solveClasses sets all q_j to their joint minimiser. With G = Σ_uω_u p_up_uᵀ,
// B_j = κG + cΣ_{u∋j}p_up_uᵀ + λ_jI and c_j = rΣ_{u∋j}p_u − sΣ_uω_u p_u it is
// q_j = B_j⁻¹c_j for β = 0. For β > 0 the classes couple through ρ = Σ_j q_j:
// (I − (β/C)(ΣB_j⁻¹)G) ρ = ΣB_j⁻¹c_j, then q_j = B_j⁻¹(c_j + (β/C)Gρ).
func (s *Solver) solveClasses() error {
	d, o, classes := s.cfg.Dim, s.cfg.Objective, s.classes.rows()
	x := &side{f: s.User}
	x.gram, x.sum = s.gram(s.User, s.omega)
	if !s.cfg.Float64 && o.beta == 0 {
		x.narrow()
	}
	solve := func(j int, w *work, shift []float64) error {
		w.system(x, o.square, s.regClass(j), o.positive, s.classes.of(j))
		for a := range d {
			w.rhs[a] = o.reward*w.sum[a] - o.linear*x.sum[a]
			if shift != nil {
				w.rhs[a] += shift[a]
			}
		}
		if err := w.solve(s.Class[j*d:(j+1)*d], x); err != nil {
			return fmt.Errorf("class %d: %w", j, err)
		}
		return nil
	}
	if o.beta == 0 {
		return s.each(classes, func(j int, w *work) error { return solve(j, w, nil) })
	}

	// Sums over classes go part by part, the parts then in order.
	inverses, firsts := make([][]float64, parts(classes)), make([][]float64, parts(classes))
	err := s.eachPart(classes, func(part, lo, hi int, w *work) error {
		inv, first := make([]float64, d*d), make([]float64, d)
		for j := lo; j < hi; j++ {
			if err := solve(j, w, nil); err != nil {
				return err
			}
			w.addInverse(inv)
			for a := range d {
				first[a] += s.Class[j*d+a]
			}
		}
		inverses[part], firsts[part] = inv, first
		return nil
	})
	if err != nil {
		return err
	}
	inverse, first := addAll(inverses), addAll(firsts)
	g := mat.NewDense(d, d, x.gram)
	var lhs mat.Dense
	lhs.Mul(mat.NewDense(d, d, inverse), g)
	lhs.Scale(-o.beta/float64(classes), &lhs)
	for a := range d {
		lhs.Set(a, a, lhs.At(a, a)+1)
	}
	var rho, shift mat.VecDense
	if err := rho.SolveVec(&lhs, mat.NewVecDense(d, first)); err != nil {
		return fmt.Errorf("als: the coupling of the classes cannot be solved: %w; raise reg", err)
	}
	shift.MulVec(g, &rho)
	shift.ScaleVec(o.beta/float64(classes), &shift)
	return s.each(classes, func(j int, w *work) error { return solve(j, w, shift.RawVector().Data) })
}

// objective returns the objective and the sum of the sizes of its terms.
func (s *Solver) objective() (value, scale float64) {
	d, o, classes := s.cfg.Dim, s.cfg.Objective, s.classes.rows()
	gram, sum := s.gram(s.Class, nil)
	users := s.users.rows()
	values, scales := make([]float64, parts(users)), make([]float64, parts(users))
	_ = s.eachPart(users, func(part, lo, hi int, w *work) error {
		for u := lo; u < hi; u++ {
			p := s.User[u*d : (u+1)*d]
			all := dot(p, sum)
			squares := 0.0
			for a := range d {
				squares += p[a] * dot(gram[a*d:(a+1)*d], p)
			}
			add := func(x float64) {
				values[part] += x
				scales[part] += math.Abs(x)
			}
			add(s.omega[u] * o.linear * all)
			add(s.omega[u] * o.square / 2 * squares)
			add(-s.omega[u] * o.beta / (2 * float64(classes)) * all * all)
			add(s.regUser(u) / 2 * dot(p, p))
			add(o.constant * s.users.weight(u))
			for _, j := range s.users.of(u) {
				z := dot(p, s.Class[int(j)*d:int(j+1)*d])
				add(o.positive / 2 * z * z)
				add(-o.reward * z)
			}
		}
		return nil
	})
	for i := range values {
		value += values[i]
		scale += scales[i]
	}
	for j := range classes {
		q := s.Class[j*d : (j+1)*d]
		x := s.regClass(j) / 2 * dot(q, q)
		value += x
		scale += x
	}
	return value, scale
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x * b[i])
	}
	return sum
}

// gram returns Σ_i w_i f_if_iᵀ [d,d] and Σ_i w_i f_i [d] over the rows of f; nil
// w is all ones.
func (s *Solver) gram(f, w []float64) (gram, sum []float64) {
	d := s.cfg.Dim
	n := len(f) / d
	grams, sums := make([][]float64, parts(n)), make([][]float64, parts(n))
	_ = s.eachPart(n, func(part, lo, hi int, _ *work) error {
		g, sm := make([]float64, d*d), make([]float64, d)
		for i := lo; i < hi; i++ {
			x, wi := f[i*d:(i+1)*d], 1.0
			if w != nil {
				wi = w[i]
			}
			for a, xa := range x {
				blas64.Implementation().Daxpy(d-a, wi*xa, x[a:], 1, g[a*d+a:], 1)
				sm[a] += wi * xa
			}
		}
		grams[part], sums[part] = g, sm
		return nil
	})
	gram, sum = addAll(grams), addAll(sums)
	for a := range d {
		for b := range a {
			gram[a*d+b] = gram[b*d+a]
		}
	}
	return gram, sum
}

// addAll returns the sum of xs, which it overwrites, in order.
func addAll(xs [][]float64) []float64 {
	for _, x := range xs[1:] {
		for i, v := range x {
			xs[0][i] += v
		}
	}
	return xs[0]
}

// partRows is the number of rows of a part. Sums over rows go part by part, so
// it is part of the result's bits: it must not depend on the machine.
const partRows = 256

func parts(n int) int { return max(1, (n+partRows-1)/partRows) }

// each calls f for every row of n.
func (s *Solver) each(n int, f func(i int, w *work) error) error {
	return s.eachPart(n, func(_, lo, hi int, w *work) error {
		for i := lo; i < hi; i++ {
			if err := f(i, w); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachPart calls f for every part of n rows, on all processors, and returns the
// error of the first part that has one.
func (s *Solver) eachPart(n int, f func(part, lo, hi int, w *work) error) error {
	errs := make([]error, parts(n))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(errs)) {
		wg.Go(func() {
			w := newWork(s.cfg.Dim)
			for {
				part := int(next.Add(1)) - 1
				if part >= len(errs) {
					return
				}
				lo := part * partRows
				errs[part] = f(part, lo, min(lo+partRows, n), w)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("als: %w", err)
		}
	}
	return nil
}

// work is the scratch of one goroutine: a d×d system and its solution, in the
// precision of the side.
type work struct {
	d    int
	a    []float64 // [d,d], upper triangle: the system, then its Cholesky factor
	rhs  []float64 // [d]
	sum  []float64 // [d], Σ of the positives' factors
	rows []float64 // [≤ gatherRows, d], positives' factors side by side

	a32, rhs32, rows32 []float32
	spd                *kernel.SPD
}

// gatherRows bounds the scratch of a row with very many positives.
const gatherRows = 512

func newWork(d int) *work {
	return &work{
		d: d, a: make([]float64, d*d), rhs: make([]float64, d), sum: make([]float64, d), rows: make([]float64, gatherRows*d),
		a32: make([]float32, d*d), rhs32: make([]float32, d), rows32: make([]float32, gatherRows*d), spd: kernel.NewSPD(d),
	}
}

// system sets the matrix to weight·gram + c Σ_j f_jf_jᵀ + reg·I and sum to Σ_j f_j
// over the positives j of a row.
func (w *work) system(x *side, weight, reg, c float64, positives []int32) {
	d := w.d
	clear(w.sum)
	if x.f32 != nil {
		copy(w.a32, x.gram32)
		kernel.Scale(float32(weight), w.a32)
		for a := range d {
			w.a32[a*d+a] += float32(reg)
		}
		sum := w.rhs32
		clear(sum)
		for block := range slices.Chunk(positives, gatherRows) {
			rows := w.rows32[:len(block)*d]
			for i, j := range block {
				row := x.f32[int(j)*d : int(j+1)*d]
				copy(rows[i*d:], row)
				kernel.Axpy(1, row, sum)
			}
			if c != 1 {
				kernel.Scale(float32(math.Sqrt(c)), rows)
			}
			if c != 0 {
				kernel.GemmTN(w.a32, rows, rows, d, d, len(block), true)
			}
		}
		for a, v := range sum {
			w.sum[a] = float64(v)
		}
		return
	}
	for i, g := range x.gram {
		w.a[i] = weight * g
	}
	for a := range d {
		w.a[a*d+a] += reg
	}
	for block := range slices.Chunk(positives, gatherRows) {
		for i, j := range block {
			row := x.f[int(j)*d : int(j+1)*d]
			copy(w.rows[i*d:], row)
			for a, v := range row {
				w.sum[a] += v
			}
		}
		if c != 0 {
			blas64.Syrk(blas.Trans, c,
				blas64.General{Rows: len(block), Cols: d, Stride: d, Data: w.rows}, 1, w.symmetric())
		}
	}
}

func (w *work) symmetric() blas64.Symmetric {
	return blas64.Symmetric{N: w.d, Stride: w.d, Uplo: blas.Upper, Data: w.a}
}

var errDefinite = errors.New("its system is not positive definite; raise reg")

// solve stores the solution for rhs in dst. In float64 it leaves the factor of a
// in a.
func (w *work) solve(dst []float64, x *side) error {
	if x.f32 != nil {
		for a, v := range w.rhs {
			w.rhs32[a] = float32(v)
		}
		if err := w.spd.Solve(w.rhs32, w.a32, w.rhs32); err != nil {
			return errDefinite
		}
		for a, v := range w.rhs32 {
			dst[a] = float64(v)
		}
		return nil
	}
	t, ok := lapack64.Potrf(w.symmetric())
	if !ok {
		return errDefinite
	}
	lapack64.Potrs(t, blas64.General{Rows: w.d, Cols: 1, Stride: 1, Data: w.rhs})
	copy(dst, w.rhs)
	return nil
}

// addInverse adds a⁻¹ to sum [d,d] after a solve in float64, and spends the
// factor.
func (w *work) addInverse(sum []float64) {
	d := w.d
	// The factor's diagonal is positive after a solve: this cannot fail.
	lapack64.Potri(blas64.Triangular{N: d, Stride: d, Uplo: blas.Upper, Diag: blas.NonUnit, Data: w.a})
	for a := range d {
		for b := range d {
			sum[a*d+b] += w.a[min(a, b)*d+max(a, b)]
		}
	}
}
