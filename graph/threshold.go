package graph

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// EntmaxThreshold returns the ξ [B] of α-entmax: for each row of z [B,K] the number
// with Σ_k [(α−1)z_k − ξ]₊^{1/(α−1)} = 1, for α > 1. The prediction map is
// p_k = [(α−1)z_k − ξ]₊^{1/(α−1)}; α = 2 is sparsemax.
//
// Exact, by sorting, at α = 2 and 1.5; a safeguarded Newton iteration in
// float64 else. Masked candidates do not enter; ξ is −Inf where all are masked.
// At float32 the result is rounded to float32, so shift large scores by their
// RowMax first. The gradient is (α−1)u/Σu with u = p^{2−α} on the support.
//
// Source: Peters, Niculae & Martins 2019, arXiv:1905.05702, eqs. 9 and 11.
func EntmaxThreshold(z *gorgonia.Node, alpha float64) (*gorgonia.Node, error) {
	if !(alpha > 1) || math.IsInf(alpha, 1) {
		return nil, fmt.Errorf("graph: threshold: alpha = %g; want a number above 1", alpha)
	}
	q := 1 / (alpha - 1)
	return threshold("threshold", z, alpha-1, q, func(e *Expr, z, xi node) node {
		return e.N(PowPositive(e.N(SubRow(e.N(Scale(z, alpha-1)), xi)), q-1))
	})
}

// NormThreshold returns the ξ [B] of α-normmax: for each row of z [B,K] the
// number with Σ_k [z_k − ξ]₊^{α/(α−1)} = 1, for α > 1, which is also the value
// Ω*(z) of its conjugate. The prediction map, and so the gradient, is
// p_k ∝ [z_k − ξ]₊^{1/(α−1)}. Masks and precision are as for [EntmaxThreshold].
//
// Source: Blondel, Martins & Niculae 2020, arXiv:1901.02324, §4.2.
func NormThreshold(z *gorgonia.Node, alpha float64) (*gorgonia.Node, error) {
	if !(alpha > 1) || math.IsInf(alpha, 1) {
		return nil, fmt.Errorf("graph: normthreshold: alpha = %g; want a number above 1", alpha)
	}
	return threshold("normthreshold", z, 1, alpha/(alpha-1), func(e *Expr, z, xi node) node {
		return e.N(PowPositive(e.N(SubRow(z, xi)), 1/(alpha-1)))
	})
}

// threshold solves Σ[c·z−ξ]₊^q = 1 for ξ. slope gives f'(ξ) of each candidate
// up to a factor of the row: dξ/dz_k = c·slope_k/Σ slope by the implicit
// function theorem.
func threshold(name string, z node, c, q float64, slope func(e *Expr, z, xi node) node) (node, error) {
	if err := wantDims(name, "z", z, 2); err != nil {
		return nil, err
	}
	k := z.Shape()[1]
	return apply(spec{name: name, shape: z.Shape()[:1].Clone(), f32: thresholdBody[float32](k, c, q), f64: thresholdBody[float64](k, c, q),
		diff: func(in gorgonia.Nodes, xi, g node) (gorgonia.Nodes, error) {
			var e Expr
			u := slope(&e, in[0], xi)
			return e.grads(e.N(MulRow(u, e.N(Scale(e.N(Div(g, e.N(RowSum(u)))), c)))))
		}}, z)
}

func thresholdBody[T Float](k int, c, q float64) body[T] {
	var work scratch[float64]
	return func(dst []T, in []any) error {
		z := vec[T](in[0])
		work.grow(k)
		return work.parallel(len(dst), costMath*len(z), func(worker, lo, hi int) error {
			w := work.of(worker)
			for i := lo; i < hi; i++ {
				dst[i] = T(rowThreshold(w, z[i*k:(i+1)*k], c, q))
			}
			return nil
		})
	}
}

// rowThreshold returns the ξ with Σ[c·z−ξ]₊^q = 1 for one row; w is scratch of its
// length.
func rowThreshold[T Float](w []float64, row []T, c, q float64) float64 {
	top := float64(kernel.Max(row))
	if math.IsNaN(top) || math.IsInf(top, 0) {
		return top // NaN, all masked, or +Inf
	}
	// ξ lies in [−1, 0) after the shift by the maximum, so only scores within 1 of
	// it can be in the support.
	n := 0
	for _, v := range row {
		if x := c * (float64(v) - top); x > -1 {
			w[n] = x
			n++
		}
	}
	return c*top + solve(w[:n], q)
}

// solve returns the ξ with Σ[x_i−ξ]₊^q = 1 for x whose maximum is 0. It
// reorders x.
func solve(x []float64, q float64) float64 {
	switch q {
	case 1:
		return solveLinear(x)
	case 2:
		return solveSquare(x)
	}
	return solveNewton(x, q)
}

// solveLinear: with the ρ largest in the support, ξ = (Σ−1)/ρ, and ρ is the
// last k whose x_k exceeds the ξ of the k largest.
func solveLinear(x []float64) float64 {
	slices.Sort(x)
	var sum, xi float64
	for n := 1; n <= len(x); n++ {
		v := x[len(x)-n]
		if n > 1 && v <= xi {
			break
		}
		sum += v
		xi = (sum - 1) / float64(n)
	}
	return xi
}

// solveSquare: with the ρ largest in the support, of mean M and sum of squared
// deviations V, ξ = M − √((1−V)/ρ).
func solveSquare(x []float64) float64 {
	slices.Sort(x)
	var mean, dev, xi float64
	for n := 1; n <= len(x); n++ {
		v := x[len(x)-n]
		if n > 1 && v <= xi {
			break
		}
		d := v - mean // Welford's update
		mean += d / float64(n)
		dev += d * (v - mean)
		xi = mean - math.Sqrt(max(1-dev, 0)/float64(n))
	}
	return xi
}

// solveNewton keeps the root bracketed, so that it is safe at q < 1 too, where
// f(ξ) = Σ[x−ξ]₊^q − 1 is not convex. For q ≥ 1 the steps ascend to the root
// from the left and never leave the bracket.
func solveNewton(x []float64, q float64) float64 {
	// At −1 the largest alone gives 1; at −n^{−1/q} none gives more than 1/n.
	lo, hi := -1.0, -math.Pow(float64(len(x)), -1/q)
	xi := lo
	for range 200 {
		var f, df float64
		for _, v := range x {
			if d := v - xi; d > 0 {
				p := math.Pow(d, q)
				f += p
				df += p / d
			}
		}
		f--
		if f >= 0 {
			lo = xi
		} else {
			hi = xi
		}
		next := xi + f/(q*df)
		if !(next >= lo && next <= hi) {
			next = lo + (hi-lo)/2
		}
		if math.Abs(next-xi) <= 1e-16 || hi <= lo {
			return next
		}
		xi = next
	}
	return xi
}
