package als

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas/blas64"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Positives are the positives of each row, in compressed rows: row i has
// Col[Ptr[i]:Ptr[i+1]], with the weights Weight[Ptr[i]:Ptr[i+1]], which are at least 0.
type Positives struct {
	Ptr    []int
	Col    []int32
	Weight []float32 // nil: 1 each
}

func (x Positives) rows() int        { return len(x.Ptr) - 1 }
func (x Positives) of(i int) []int32 { return x.Col[x.Ptr[i]:x.Ptr[i+1]] }
func (x Positives) count(i int) int  { return x.Ptr[i+1] - x.Ptr[i] }

// weights returns those of row i, nil where all are 1.
func (x Positives) weights(i int) []float32 {
	if x.Weight == nil {
		return nil
	}
	return x.Weight[x.Ptr[i]:x.Ptr[i+1]]
}

// weight returns the sum of those of row i.
func (x Positives) weight(i int) float64 {
	if x.Weight == nil {
		return float64(x.count(i))
	}
	sum := 0.0
	for _, w := range x.weights(i) {
		sum += float64(w)
	}
	return sum
}

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

// weightOf returns ω_u.
func (o Objective) weightOf(users Positives, u int) float64 {
	if o.byCount {
		return o.omega * users.weight(u)
	}
	return o.omega
}

// RG returns the objective of RG×_β (β = 0 is RG²) for that many classes, plus
// a·Σ_P (o−1)². With code it is the variant of the authors' published program,
// which shrinks the quadratic term to (1−β)/2·mean(o²) in place of subtracting
// (β/2)·mean(o)². At β = 0 the two are one.
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
	Dim       int       // d ≥ 1
	Objective Objective // by RG or IALS
	Lambda    float64   // λ ≥ 0
	Nu        float64   // ν ∈ [0,1]
	Init      float64   // standard deviation of the first factors
	Seed      uint64    // of the first factors

	// Float64 sets up and solves the systems in float64, which is some twenty times
	// slower than in float32. The objective and what all systems share are float64 in
	// either case. So is the coupling of the classes: for β > 0 and c > 0 their systems
	// are set up in float64 once.
	Float64 bool

	// userReg and itemReg, if positive, are λ_u and λ_j themselves, because golden
	// vectors are stated in these.
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

// New returns a solver for the positives of users [U] over that many classes. Its
// factors are drawn from N(0, Init²) by PCG of the seed.
func New(cfg Config, users Positives, classes int) *Solver {
	s := &Solver{cfg: cfg, users: users, classes: transpose(users, classes), value: math.MaxFloat64}
	s.omega = make([]float64, users.rows())
	for u := range s.omega {
		s.omega[u] = cfg.Objective.weightOf(users, u)
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
	if x.Weight != nil {
		t.Weight = make([]float32, len(x.Col))
	}
	next := slices.Clone(t.Ptr[:cols])
	for i := range x.rows() {
		for o := x.Ptr[i]; o < x.Ptr[i+1]; o++ {
			to := next[x.Col[o]]
			next[x.Col[o]]++
			t.Col[to] = int32(i)
			if x.Weight != nil {
				t.Weight[to] = x.Weight[o]
			}
		}
	}
	return t
}

// Sweep solves for all users, then for all classes, and returns the objective. It is
// an error if the objective has risen beyond rounding, or is not a number. If ctx is
// cancelled, Sweep ends after the side under way with ctx's error, and the factors are
// usable.
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
	// solution is off by some 1e-6 of itself. As it is at a minimum, the objective
	// feels only the square of that.
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

// Value returns the objective after the last sweep. Before the first one it is the
// largest number.
func (s *Solver) Value() float64 { return s.value }

// SetValue makes value what the next sweep may not rise above, beside what the
// caller writes into User and Class.
func (s *Solver) SetValue(value float64) { s.value = value }

// regUser returns λ_u, and regClass returns λ_j.
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

// solveUsers sets every p_u to its minimiser
//
//	[ω_u(κQᵀQ − (β/C)q̄q̄ᵀ) + c Q_PᵀQ_P + λ_uI]⁻¹ [r Σ_P q − sω_u q̄],  q̄ = Σ_j q_j.
func (s *Solver) solveUsers() error {
	x := &side{name: "user", x: s.User, rows: s.users, lambda: s.lambda[0], weight: s.omega, f: s.Class, moments: s.gram(s.Class, nil)}
	size := trace(x.gram, s.cfg.Dim)
	s.couple(x.moments)
	if s.cfg.Float64 {
		return s.each(x, nil)
	}
	r, err := s.rotate(x, size)
	if err != nil {
		return err
	}
	return r.solve(nil)
}

// ofUsers returns what the systems of all users share.
func (s *Solver) ofUsers() moments {
	m := s.gram(s.Class, nil)
	s.couple(m)
	return m
}

// couple makes the Gram matrix of the classes that of the systems of users, κQᵀQ − (β/C)q̄q̄ᵀ.
func (s *Solver) couple(m moments) {
	d, o := s.cfg.Dim, s.cfg.Objective
	for a := range d {
		for b := range d {
			m.gram[a*d+b] = o.square*m.gram[a*d+b] - o.beta/float64(s.classes.rows())*m.sum[a]*m.sum[b]
		}
	}
}

// solveClasses sets all q_j to their joint minimiser. With G = Σ_uω_u p_up_uᵀ,
// B_j = κG + cΣ_{u∋j}p_up_uᵀ + λ_jI and c_j = rΣ_{u∋j}p_u − sΣ_uω_u p_u it is
// q_j = B_j⁻¹c_j for β = 0. For β > 0 the classes couple through ρ = Σ_j q_j:
// (I − (β/C)(ΣB_j⁻¹)G) ρ = ΣB_j⁻¹c_j, then q_j = B_j⁻¹(c_j + (β/C)Gρ). Where c = 0
// all B_j are one matrix and, with r = s and ω_u = m_u/C, Σc_j = 0, so ρ = 0 and
// nothing couples. users are the moments of the users at ω.
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

func dot(a, b []float64) float64 { return kernel.Dot(a, b) }
