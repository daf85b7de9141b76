package kernel

import (
	"fmt"
	"math"
	"slices"
)

// A Ridge solves systems of one size, one after the other: the step of alternating
// least squares. With F the n rows of a table that a call names, the system is
//
//	(diag(v) + c·FᵀF)·x = b + r·Fᵀ1
//
// with v positive, or such that the matrix is positive definite even so. A common
// matrix in place of diag(v) is made diagonal by an orthogonal basis in which the
// table is, which costs a product of matrices for all systems. Where rows have weights
// w ≥ 0, FᵀF is Fᵀdiag(w)F and Fᵀ1 is Fᵀw: each row counts as w of it would.
//
// Where n is below d, by an eighth at least, it solves for n unknowns in place of d:
//
//	x = diag(v)⁻¹(b + Fᵀβ),  (I + c·F·diag(v)⁻¹Fᵀ)·β = r·1 − c·F·diag(v)⁻¹b
//
// which is the same x (Woodbury's identity), without a difference of large numbers.
// Either matrix is LDLᵀ, factored by blocks of rows.
//
// It is used by one goroutine at a time.
type Ridge struct {
	d, ld    int
	dual     int       // the largest n that is solved for in place of d
	a, r     []float32 // [ld][ld], [lanes][ld]: the matrix, then its factor; a panel
	inv, rhs []float32 // [ld]
	f        []float32 // [ld][ld], F·√(c/v) transposed
	coef     []float32 // [ld]

	// Rows with weights, each times the root of its own, and their numbers 0, 1, …; made
	// when they are first needed.
	scaled []float32 // [len(seq)][ld]
	seq    []int32
}

// Stride returns d rounded up to what rows and vectors of a [Ridge] have as
// length. What they hold beyond d is 0.
func Stride(d int) int { return sixteens(d) }

// NewRidge returns a solver for d ≥ 1 unknowns.
func NewRidge(d int) *Ridge {
	ld := Stride(d)
	s := &Ridge{d: d, ld: ld, dual: d * 7 / 8}
	s.a, s.f, s.r = make([]float32, ld*ld), make([]float32, ld*ld), make([]float32, maxLanes*ld)
	s.inv, s.rhs, s.coef = make([]float32, ld), make([]float32, ld), make([]float32, ld)
	return s
}

// maxLanes is the largest size of a block.
const maxLanes = 16

// gatherGramFloats bounds what a call sums, so that rows are still in the
// first-level cache when their next columns are taken.
const gatherGramFloats = 4096

// Solve stores the solution in x [Stride(d)]; v and b are as long, tab has rows of
// that length, ids names n ≥ 0 rows of it, and c ≥ 0. b nil is 0. It fails where the
// matrix is not positive definite to working precision; NaN in it counts as that.
func (s *Ridge) Solve(x, v, b []float32, c, r float32, tab []float32, ids []int32, w []float32) error {
	ld := s.ld
	if len(x) != ld || len(v) != ld || b != nil && len(b) != ld || w != nil && len(w) != len(ids) {
		panic("kernel: Solve: lengths differ from the size of the system")
	}
	checkIDs("Solve", len(ids), ld, len(tab), ids)
	definite := -1
	for k, vk := range v[:s.d] {
		if !(vk > 0) {
			definite = k
			break
		}
	}
	diagonal := c == 0 || len(ids) == 0
	switch {
	case diagonal && definite >= 0:
		return notDefinite(definite)
	case diagonal:
		fill(x, b)
		s.addRows(x, r, tab, ids, w)
	case definite < 0 && len(ids) <= s.dual:
		if w != nil {
			tab, ids = s.scale(tab, ids, w)
		}
		if err := s.dualRows(v, b, c, r, tab, ids, w); err != nil {
			return err
		}
		fill(x, b)
		gatherAxpy(x, s.rhs[:len(ids)], tab, ids)
	default:
		return s.solvePrimal(x, v, b, c, r, tab, ids, w)
	}
	for k, vk := range v[:s.d] {
		x[k] /= vk
	}
	return nil
}

// fill stores b in x, or 0 where b is nil.
func fill(x, b []float32) {
	if b == nil {
		clear(x)
	} else {
		copy(x, b)
	}
}

// addRows adds r times the sum of rows, each times its weight, to x.
func (s *Ridge) addRows(x []float32, r float32, tab []float32, ids []int32, w []float32) {
	for i := range s.coef {
		s.coef[i] = r
	}
	for some := range slices.Chunk(ids, len(s.coef)) {
		if w != nil {
			for i, wi := range w[:len(some)] {
				s.coef[i] = r * wi
			}
			w = w[len(some):]
		}
		gatherAxpy(x, s.coef[:len(some)], tab, some)
	}
}

// scale returns rows, at most d or most of them, each times the root
// of its weight, as the rows of another table.
func (s *Ridge) scale(tab []float32, ids []int32, w []float32) ([]float32, []int32) {
	ld := s.ld
	if s.seq == nil {
		s.seq = make([]int32, max(s.ld, s.most()))
		for i := range s.seq {
			s.seq[i] = int32(i)
		}
		s.scaled = make([]float32, len(s.seq)*ld)
	}
	for i, id := range ids {
		row := s.scaled[i*ld:][:ld]
		copy(row, tab[int(id)*ld:])
		Scale(sqrt(w[i]), row)
	}
	return s.scaled, s.seq[:len(ids)]
}

// most is how many rows a call sums.
func (s *Ridge) most() int { return max(16, gatherGramFloats/s.ld) }

func notDefinite(k int) error {
	return fmt.Errorf("kernel: the matrix is not positive definite at row %d", k)
}

// solvePrimal solves the system divided by c > 0.
func (s *Ridge) solvePrimal(x, v, b []float32, c, r float32, tab []float32, ids []int32, w []float32) error {
	d, ld := s.d, s.ld
	fill(s.rhs, b)
	s.addRows(s.rhs, r, tab, ids, w)
	Scale(1/c, s.rhs)
	most := s.most()
	for i := 0; i == 0 || i < len(ids); i += most {
		end := min(i+most, len(ids))
		from, some := tab, ids[i:end]
		if w != nil {
			from, some = s.scale(tab, some, w[i:end])
		}
		gatherGram(ridgeLanes(false), s.a, ld, ld, from, ld, some, i > 0)
	}
	for k := range d {
		s.a[k*ld+k] += v[k] / c
	}
	for k := d; k < ld; k++ {
		s.a[k*ld+k] = 1
	}
	if err := s.factor(ridgeLanes(false), ld, d); err != nil {
		return err
	}
	copy(x, s.rhs)
	return nil
}

// dualRows solves for β, for v > 0 and at most d rows, which have been scaled where they
// have weights: the 1 of a row is the root of its weight then.
func (s *Ridge) dualRows(v, b []float32, c, r float32, tab []float32, ids []int32, w []float32) error {
	d, ld, n, lanes := s.d, s.ld, len(ids), ridgeLanes(true)
	wide := ceil(n, lanes) * lanes
	beta := s.rhs[:n]
	clear(s.rhs[n:])
	if b != nil {
		for k, vk := range v[:d] {
			s.coef[k] = -c * b[k] / vk
		}
		clear(s.coef[d:])
		gatherDot(beta, s.coef, tab, ids)
	} else {
		clear(beta)
	}
	for i := range beta {
		if w != nil {
			beta[i] += r * sqrt(w[i])
		} else {
			beta[i] += r
		}
	}
	for k, vk := range v[:d] {
		s.coef[k] = sqrt(c / vk)
	}
	for i := 0; i < n; i += lanes {
		gatherT(lanes, s.f[i:], wide, tab, ld, ld, s.coef, ids[i:min(i+lanes, n)])
	}
	gram(lanes, s.a, wide, wide, s.f, s.f, wide, d, false)
	for i := range wide {
		s.a[i*wide+i]++
	}
	return s.factor(lanes, wide, n)
}

// factor solves the system in a and rhs by blocks of lanes: width unknowns of which
// the first n are to be definite.
func (s *Ridge) factor(lanes, width, n int) error {
	for k := 0; k < width; k += lanes {
		ldlPanel(lanes, s.a[k*width+k:], width, width-k, s.r, s.inv[k:], s.rhs[k:])
		if next := k + lanes; next < width {
			gram(lanes, s.a[next*width+next:], width, width-next, s.a[k*width+next:], s.r[lanes:], width, lanes, true)
		}
	}
	for k, v := range s.inv[:n] {
		if !(v < 0 && v >= -math.MaxFloat32) {
			return notDefinite(k)
		}
	}
	ldlBack(lanes, s.a, width, width, s.inv, s.rhs)
	return nil
}

// Gram adds AᵀB to C [ld,ld], in the upper triangle and wherever else it likes; A and
// B are [n,ld], ld is a multiple of 16, and AᵀB is symmetric: B is A with weights for
// its rows, or A.
func Gram(c, a, b []float64, ld int) {
	if ld < 1 || ld%16 != 0 || len(c) != ld*ld || len(a) != len(b) || len(a)%ld != 0 {
		panic("kernel: Gram: the lengths of the slices do not fit")
	}
	if len(a) > 0 {
		gramDouble(c, ld, ld, a, b, ld, len(a)/ld, true)
	}
}

func gatherGramGo(lanes int, c []float32, ldc, width int, tab []float32, ld int, ids []int32, add bool) {
	for i := range width {
		left := i / lanes * lanes
		ci := c[i*ldc:][left:width]
		if !add {
			clear(ci)
		}
		for _, id := range ids {
			row := tab[int(id)*ld:]
			axpyGo(row[i], row[left:width], ci)
		}
	}
}

func gramGo[T Float](lanes int, c []T, ldc, width int, a, b []T, ld, n int, add bool) {
	for i := 0; i < width; i += lanes {
		gemmGo(a[i:], 1, ld, lanes, n, b[i:], ld, c[i*ldc+i:], ldc, width-i, add)
	}
}

func gatherTGo(lanes int, dst []float32, ldd int, tab []float32, ld, width int, scale []float32, ids []int32) {
	for j := range width {
		row := dst[j*ldd:][:lanes]
		clear(row)
		for i, id := range ids {
			row[i] = tab[int(id)*ld+j] * scale[j]
		}
	}
}

func ldlPanelGo(lanes int, a []float32, lda, width int, r, inv, b []float32) {
	b = b[:width]
	for k := range lanes {
		row := a[k*lda:][:width]
		inv[k] = -1 / row[k]
		copy(r[k*lda:], row)
		for j := range row {
			row[j] *= inv[min(j, k)]
		}
		for i := k + 1; i < lanes; i++ {
			axpyGo(r[k*lda+i], row[k+1:], a[i*lda:][k+1:width])
		}
		axpyGo(b[k], row[k+1:], b[k+1:])
	}
}

func ldlBackGo(a []float32, lda, n int, inv, b []float32) {
	for k := n - 1; k >= 0; k-- {
		b[k] = dotGo(a[k*lda:][k+1:n], b[k+1:n]) - b[k]*inv[k]
	}
}
