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

	// Float64 sets up and solves the systems in float64, some twenty times slower than
	// in float32. The objective and what is shared by all systems are float64 in
	// either case, and so is how classes couple: for β > 0 and c > 0 that takes their
	// systems in float64 once.
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
	omega   []float64    // ω_u
	total   float64      // Σ_u ω_u
	lambda  [2][]float64 // λ_u, λ_j
	table   []float32    // scratch: the fixed side in float32
	value   float64      // objective after the last sweep; the largest number before the first
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
	for side, f := range []func(int) float64{s.regUser, s.regClass} {
		s.lambda[side] = make([]float64, []int{users.rows(), classes}[side])
		for i := range s.lambda[side] {
			s.lambda[side][i] = f(i)
		}
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
	users := s.gram(s.User, s.omega)
	if err := s.solveClasses(users); err != nil {
		return 0, err
	}
	value, scale := s.objective(users)
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

// SetValue makes value what the next sweep may not rise above, beside what the
// caller writes into User and Class.
func (s *Solver) SetValue(value float64) { s.value = value }

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

// A side is a half-sweep: the rows to solve for, and the fixed side as their systems
// read it. That of row i is
//
//	[w_i·gram + c Σ_j f_jf_jᵀ + λ_iI]·x = r Σ_j f_j − s·w_i·sum,  j over its positives.
type side struct {
	name   string    // of a row
	x      []float64 // [rows,d], the solutions
	rows   Positives
	lambda []float64 // [rows]
	weight []float64 // [rows], w; nil is 1

	f []float64 // [n,d]
	moments
}

// moments are Σ_i w_i f_if_iᵀ [d,d] and Σ_i w_i f_i [d] over the rows of a side.
type moments struct {
	gram []float64
	sum  []float64
}

func (x *side) w(i int) float64 {
	if x.weight == nil {
		return 1
	}
	return x.weight[i]
}

// zero reports whether the right side of row i is 0; then 0 is its solution, even
// where its matrix is singular.
func (x *side) zero(i int, o Objective) bool {
	return x.rows.count(i) == 0 && (o.linear == 0 || x.w(i) == 0)
}

// solveUsers sets every p_u to its minimiser
//
//	[ω_u(κQᵀQ − (β/C)q̄q̄ᵀ) + c Q_PᵀQ_P + λ_uI]⁻¹ [r Σ_P q − sω_u q̄],  q̄ = Σ_j q_j.
func (s *Solver) solveUsers() error {
	d, o := s.cfg.Dim, s.cfg.Objective
	x := &side{name: "user", x: s.User, rows: s.users, lambda: s.lambda[0], weight: s.omega, f: s.Class, moments: s.gram(s.Class, nil)}
	size := trace(x.gram, d)
	for a := range d {
		for b := range d {
			x.gram[a*d+b] = o.square*x.gram[a*d+b] - o.beta/float64(s.classes.rows())*x.sum[a]*x.sum[b]
		}
	}
	if s.cfg.Float64 {
		return s.each(x, nil)
	}
	r, err := s.rotate(x, size)
	if err != nil {
		return err
	}
	return r.solve(nil)
}

// solveClasses sets all q_j to their joint minimiser. With G = Σ_uω_u p_up_uᵀ,
// B_j = κG + cΣ_{u∋j}p_up_uᵀ + λ_jI and c_j = rΣ_{u∋j}p_u − sΣ_uω_u p_u it is
// q_j = B_j⁻¹c_j for β = 0. For β > 0 the classes couple through ρ = Σ_j q_j:
// (I − (β/C)(ΣB_j⁻¹)G) ρ = ΣB_j⁻¹c_j, then q_j = B_j⁻¹(c_j + (β/C)Gρ). Where c = 0
// all B_j are one matrix and, with r = s and ω_u = m_u/C, Σc_j = 0, so ρ = 0: no
// coupling. users are the moments of the users at ω.
func (s *Solver) solveClasses(users moments) error {
	d, o := s.cfg.Dim, s.cfg.Objective
	x := &side{name: "class", x: s.Class, rows: s.classes, lambda: s.lambda[1], f: s.User}
	x.gram, x.sum = slices.Clone(users.gram), users.sum
	blas64.Implementation().Dscal(d*d, o.square, x.gram, 1)
	var shift []float64
	if o.beta > 0 && o.positive > 0 {
		var err error
		if shift, err = s.coupling(x, users.gram); err != nil {
			return err
		}
	}
	if s.cfg.Float64 {
		return s.each(x, shift)
	}
	r, err := s.rotate(x, trace(users.gram, d))
	if err != nil {
		return err
	}
	return r.solve(shift)
}

// coupling returns (β/C)Gρ. With a step of β near 1 and little regularisation the
// matrix before ρ is a small difference, so it is found in float64.
func (s *Solver) coupling(x *side, g []float64) ([]float64, error) {
	d, o, classes := s.cfg.Dim, s.cfg.Objective, len(x.lambda)
	// Sums over classes go part by part, the parts then in order.
	size := matrixRows(classes)
	inverses, firsts := make([][]float64, parts(classes, size)), make([][]float64, parts(classes, size))
	err := eachPart(classes, size, s.newWork, func(part, lo, hi int, w *work) error {
		inv, first := make([]float64, d*d), make([]float64, d)
		for j := lo; j < hi; j++ {
			if err := w.solve(x, j, o, nil); err != nil {
				return err
			}
			w.addInverse(inv)
			for a := range d {
				first[a] += x.x[j*d+a]
			}
		}
		inverses[part], firsts[part] = inv, first
		return nil
	})
	if err != nil {
		return nil, err
	}
	gram := mat.NewDense(d, d, g)
	var lhs mat.Dense
	lhs.Mul(mat.NewDense(d, d, addAll(inverses)), gram)
	lhs.Scale(-o.beta/float64(classes), &lhs)
	for a := range d {
		lhs.Set(a, a, lhs.At(a, a)+1)
	}
	var rho, shift mat.VecDense
	if err := rho.SolveVec(&lhs, mat.NewVecDense(d, addAll(firsts))); err != nil {
		return nil, fmt.Errorf("als: the coupling of the classes cannot be solved: %w; raise reg", err)
	}
	shift.MulVec(gram, &rho)
	shift.ScaleVec(o.beta/float64(classes), &shift)
	return shift.RawVector().Data, nil
}

// objective returns the objective and the sum of the sizes of its terms, or a bound
// of it; user are the moments of the users at ω. With G = Σ_uω_u p_up_uᵀ the sums
// over all pairs are κ/2·⟨G, QᵀQ⟩, s·⟨Σ_uω_u p_u, q̄⟩ and β/2C·q̄ᵀGq̄.
func (s *Solver) objective(user moments) (value, scale float64) {
	d, o, classes, users := s.cfg.Dim, s.cfg.Objective, s.classes.rows(), s.users.rows()
	add := func(x, size float64) {
		value += x
		scale += size
	}
	class := s.gram(s.Class, nil)
	squares, all := dot(user.gram, class.gram), 0.0
	for a, v := range class.sum {
		all += v * dot(user.gram[a*d:(a+1)*d], class.sum)
	}
	add(o.square/2*squares, o.square/2*squares)
	add(-o.beta/(2*float64(classes))*all, o.beta/(2*float64(classes))*all)
	// |Σ ω_u p_u·q̄| ≤ √(Σω_u · Σω_u(p_u·q̄)²)
	add(o.linear*dot(user.sum, class.sum), o.linear*math.Sqrt(s.total*max(all, 0)))

	values, scales := make([]float64, parts(users, partRows)), make([]float64, parts(users, partRows))
	_ = eachPart(users, partRows, func() []float64 { return make([]float64, 256) }, func(part, lo, hi int, z []float64) error {
		for u := lo; u < hi; u++ {
			p := s.User[u*d : (u+1)*d]
			norm := s.lambda[0][u] / 2 * dot(p, p)
			values[part] += norm + o.constant*s.users.weight(u)
			scales[part] += norm + o.constant*s.users.weight(u)
			for some := range slices.Chunk(s.users.of(u), len(z)) {
				kernel.GatherDot(z[:len(some)], p, s.Class, some)
				for _, x := range z[:len(some)] {
					square := o.positive / 2 * x * x
					values[part] += square - o.reward*x
					scales[part] += square + math.Abs(o.reward*x)
				}
			}
		}
		return nil
	})
	for i := range values {
		add(values[i], scales[i])
	}
	for j := range classes {
		q := s.Class[j*d : (j+1)*d]
		norm := s.lambda[1][j] / 2 * dot(q, q)
		add(norm, norm)
	}
	return value, scale
}

func dot(a, b []float64) float64 { return kernel.Dot(a, b) }

// gram returns the moments of the rows f at weights w; nil w is all ones.
func (s *Solver) gram(f, w []float64) moments {
	d := s.cfg.Dim
	ld := kernel.Stride(d)
	n := len(f) / d
	size := matrixRows(n)
	grams, sums := make([][]float64, parts(n, size)), make([][]float64, parts(n, size))
	type scratch struct{ rows, weighted []float64 } // [some,ld], zero beyond d
	some := max(4, 2048/ld)                         // rows that the first-level cache holds
	_ = eachPart(n, size, func() scratch {
		return scratch{make([]float64, some*ld), make([]float64, some*ld)}
	}, func(part, lo, hi int, x scratch) error {
		g, sm := make([]float64, ld*ld), make([]float64, d)
		for ; lo < hi; lo += some {
			m := min(some, hi-lo)
			for i := range m {
				row, weighted := f[(lo+i)*d:][:d], x.rows[i*ld:][:d]
				copy(weighted, row)
				if w != nil {
					weighted = x.weighted[i*ld:][:d]
					for a, v := range row {
						weighted[a] = w[lo+i] * v
					}
				}
				for a, v := range weighted {
					sm[a] += v
				}
			}
			a := x.rows
			if w != nil {
				a = x.weighted
			}
			kernel.Gram(g, a[:m*ld], x.rows[:m*ld], ld)
		}
		grams[part], sums[part] = g, sm
		return nil
	})
	wide, gram := addAll(grams), make([]float64, d*d)
	for a := range d {
		for b := a; b < d; b++ {
			gram[a*d+b] = wide[a*ld+b]
			gram[b*d+a] = wide[a*ld+b]
		}
	}
	return moments{gram, addAll(sums)}
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

// sumParts bounds the parts that each have a matrix of their own, and so their memory.
const sumParts = 64

func parts(n, size int) int { return max(1, (n+size-1)/size) }

// matrixRows is the number of rows of a part that has a matrix of its own.
func matrixRows(n int) int { return max(partRows, (n+sumParts-1)/sumParts) }

// each solves in float64 for every row of x.
func (s *Solver) each(x *side, shift []float64) error {
	return eachPart(len(x.lambda), partRows, s.newWork, func(_, lo, hi int, w *work) error {
		for i := lo; i < hi; i++ {
			if err := w.solve(x, i, s.cfg.Objective, shift); err != nil {
				return err
			}
		}
		return nil
	})
}

// eachPart calls f for every part of size rows of n, on all processors, each with a
// scratch of its own, and returns the error of the first part that has one.
func eachPart[W any](n, size int, scratch func() W, f func(part, lo, hi int, w W) error) error {
	errs := make([]error, parts(n, size))
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(errs)) {
		wg.Go(func() {
			w := scratch()
			for {
				part := int(next.Add(1)) - 1
				if part >= len(errs) {
					return
				}
				lo := part * size
				errs[part] = f(part, lo, min(lo+size, n), w)
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

// work is the scratch of one goroutine for systems in float64.
type work struct {
	d    int
	a    []float64 // [d,d], upper triangle: the system, then its Cholesky factor
	rhs  []float64 // [d]
	rows []float64 // [≤ gatherRows, d], positives' factors side by side
}

// gatherRows bounds the scratch of a row with very many positives.
const gatherRows = 512

func (s *Solver) newWork() *work {
	d := s.cfg.Dim
	return &work{d: d, a: make([]float64, d*d), rhs: make([]float64, d), rows: make([]float64, gatherRows*d)}
}

func (w *work) symmetric() blas64.Symmetric {
	return blas64.Symmetric{N: w.d, Stride: w.d, Uplo: blas.Upper, Data: w.a}
}

var errDefinite = errors.New("its system is not positive definite; raise reg")

// solve solves for row i in float64, with shift added to its right side, and leaves
// the factor of its matrix in a.
func (w *work) solve(x *side, i int, o Objective, shift []float64) error {
	d := w.d
	dst := x.x[i*d : (i+1)*d]
	if x.zero(i, o) {
		clear(dst)
		return nil
	}
	for k, g := range x.gram {
		w.a[k] = x.w(i) * g
	}
	for k := range d {
		w.a[k*d+k] += x.lambda[i]
	}
	clear(w.rhs)
	for block := range slices.Chunk(x.rows.of(i), gatherRows) {
		for k, j := range block {
			row := x.f[int(j)*d : int(j+1)*d]
			copy(w.rows[k*d:], row)
			for l, v := range row {
				w.rhs[l] += v
			}
		}
		if o.positive != 0 {
			blas64.Syrk(blas.Trans, o.positive,
				blas64.General{Rows: len(block), Cols: d, Stride: d, Data: w.rows}, 1, w.symmetric())
		}
	}
	for k := range d {
		w.rhs[k] = o.reward*w.rhs[k] - o.linear*x.w(i)*x.sum[k]
		if shift != nil {
			w.rhs[k] += shift[k]
		}
	}
	t, ok := lapack64.Potrf(w.symmetric())
	if !ok {
		return fmt.Errorf("%s %d: %w", x.name, i, errDefinite)
	}
	lapack64.Potrs(t, blas64.General{Rows: d, Cols: 1, Stride: 1, Data: w.rhs})
	copy(dst, w.rhs)
	return nil
}

// addInverse adds a⁻¹ to sum [d,d] after a solve, and spends the factor.
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
