package als

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// moments are Σ_i w_i f_if_iᵀ [d,d] and Σ_i w_i f_i [d] over the rows of a side.
type moments struct {
	gram []float64
	sum  []float64
}

// coupling returns (β/C)Gρ. With a step of β near 1 and little regularisation the
// matrix before ρ is a small difference, so it is found in float64.
func (s *Solver) coupling(x *side, g []float64) ([]float64, error) {
	d, o, classes := s.cfg.Dim, s.cfg.Objective, len(x.lambda)
	// Sums over classes are taken part by part, and the parts are then added in order.
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
			weights := s.users.weights(u)
			for some := range slices.Chunk(s.users.of(u), len(z)) {
				kernel.GatherDot(z[:len(some)], p, s.Class, some)
				for i, x := range z[:len(some)] {
					square, linear := o.positive/2*x*x, o.reward*x
					if weights != nil {
						square, linear = float64(weights[i])*square, float64(weights[i])*linear
					}
					values[part] += square - linear
					scales[part] += square + math.Abs(linear)
				}
				if weights != nil {
					weights = weights[len(some):]
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

// gram returns the moments of the rows f at weights w. A nil w stands for ones.
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

// partRows is the number of rows of a part. Sums over rows are taken part by part, so
// the result's bits depend on it, and it must not depend on the machine.
const partRows = 256

// sumParts bounds the parts that each have a matrix of their own, and so their memory.
const sumParts = 64

func parts(n, size int) int { return max(1, (n+size-1)/size) }

// matrixRows is the number of rows of a part that has a matrix of its own.
func matrixRows(n int) int { return max(partRows, (n+sumParts-1)/sumParts) }
