package losstest

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// masks holds that masking candidates equals deleting them, at both precisions: bit for
// bit, or, of a loss that is stated as nodes, whose sums are cut by the length of a row, but
// for rounding.
func (r *rig) masks(t *check.T) {
	inf := math.Inf(-1)
	forms := map[string]func([]float64, losses.Target[float64]) (float64, []float64){"float64": r.row, "float32": r.row32}
	r.each(4, []int{1, 2, 7, 33}, true, func(s sample) {
		// A mask before the first, after the last and somewhere between.
		at := []int{0, len(s.z) / 2, len(s.z)}
		z := make([]float64, 0, len(s.z)+3)
		var home []int // home[j] is where candidate j went
		for j := 0; j <= len(s.z); j++ {
			for _, a := range at {
				if a == j {
					z = append(z, inf)
				}
			}
			if j < len(s.z) {
				home = append(home, len(z))
				z = append(z, s.z[j])
			}
		}
		target := losses.Target[float64]{Weight: s.t.Weight}
		for _, k := range s.t.Pos {
			target.Pos = append(target.Pos, int32(home[k]))
		}
		for name, row := range forms {
			want, dwant := row(s.z, s.t)
			got, dgot := row(z, target)
			tol := 0.0
			if r.Spec.New == nil {
				tol = map[string]float64{"float64": 1e-12, "float32": 1e-5}[name]
			}
			t.True(check.Near(got, want, tol, tol), "%s K=%d scale=%g: masked the value is %g, deleted %g", name, len(s.z), s.scale, got, want)
			for j, h := range home {
				t.True(check.Near(dgot[h], dwant[j], tol, tol), "%s K=%d scale=%g: masked dz[%d] is %g, deleted %g", name, len(s.z), s.scale, j, dgot[h], dwant[j])
			}
			for j := range z {
				if math.IsInf(z[j], -1) {
					t.True(dgot[j] == 0, "%s K=%d scale=%g: gradient of a masked candidate", name, len(s.z), s.scale)
				}
			}
		}
	})
}

// notANumber holds that NaN or +Inf anywhere in the scores makes the value NaN.
func (r *rig) notANumber(t *check.T) {
	rng := rand.New(rand.NewPCG(5, 1))
	for _, bad := range []float64{math.NaN(), math.Inf(1)} {
		for _, target := range []losses.Target[float64]{label(2), soft(rng, 6)} {
			for j := range 6 {
				for _, scale := range []float64{0.1, 0.9} {
					z := r.scores(rng, 6, scale)
					z[j] = bad
					got, _ := r.row(z, target)
					t.True(math.IsNaN(got), "z[%d] = %g, target %v: float64 value %g", j, bad, target.Pos, got)
					got, _ = r.row32(z, target)
					t.True(math.IsNaN(got), "z[%d] = %g, target %v: float32 value %g", j, bad, target.Pos, got)
				}
			}
		}
	}
}

// purity holds that Eval reads and writes nothing but its arguments.
func (r *rig) purity(t *check.T) {
	pure(t, "float64", r.Analytic.F64, r)
	pure(t, "float32", r.Analytic.F32, r)
}

func pure[T losses.Float](t *check.T, name string, row losses.RowLoss[T], r *rig) {
	r.each(6, []int{1, 3, 33}, true, func(s sample) {
		k := len(s.z)
		z, w := make([]T, k), make([]T, len(s.t.Weight))
		for j, x := range s.z {
			z[j] = T(x)
		}
		for i, x := range s.t.Weight {
			w[i] = T(x)
		}
		target := losses.Target[T]{Pos: s.t.Pos, Weight: w}
		z0, w0, pos0 := slices.Clone(z), slices.Clone(w), slices.Clone(s.t.Pos)
		// Exact lengths: a loss that needs more than WorkLen fails here. Garbage in
		// dz and work must not show.
		run := func(garbage T) (T, []T) {
			dz, work := make([]T, k), make([]T, row.WorkLen(k))
			for j := range dz {
				dz[j] = garbage
			}
			for j := range work {
				work[j] = garbage
			}
			return row.Eval(dz, z, target, work), dz
		}
		loss, dz := run(T(math.NaN()))
		again, dz2 := run(7)
		t.Equal(loss, again, "%s K=%d: the value depends on what dz or work held", name, k)
		t.Equal(dz, dz2, "%s K=%d: the gradient depends on what dz or work held", name, k)
		t.Equal(z0, z, "%s K=%d: Row wrote to z", name, k)
		t.Equal(w0, w, "%s K=%d: Row wrote to the target's weights", name, k)
		t.Equal(pos0, s.t.Pos, "%s K=%d: Row wrote to the target's positions", name, k)

		if r.Spec.New != nil && !underRace {
			work := make([]T, row.WorkLen(k))
			n := testing.AllocsPerRun(5, func() { row.Eval(dz2, z, target, work) })
			t.True(n == 0, "%s K=%d: Row allocates %g times", name, k, n)
		}

		var wg sync.WaitGroup
		var together [4]T
		for i := range together {
			wg.Go(func() { together[i], _ = run(0) })
		}
		wg.Wait()
		for _, got := range together {
			t.True(got == loss, "%s K=%d: %v in parallel, %v alone", name, k, got, loss)
		}
	})
}

// permutation holds that the candidates' order is of no account.
func (r *rig) permutation(t *check.T) {
	rng := rand.New(rand.NewPCG(7, 1))
	r.each(7, []int{2, 3, 7, 33}, false, func(s sample) {
		k := len(s.z)
		to := rng.Perm(k)
		z := make([]float64, k)
		for j, h := range to {
			z[h] = s.z[j]
		}
		type pair struct {
			pos int32
			w   float64
		}
		var ps []pair
		for i, p := range s.t.Pos {
			ps = append(ps, pair{int32(to[p]), s.t.Weight[i]})
		}
		slices.SortFunc(ps, func(a, b pair) int { return int(a.pos - b.pos) })
		var target losses.Target[float64]
		for _, p := range ps {
			target.Pos, target.Weight = append(target.Pos, p.pos), append(target.Weight, p.w)
		}
		want, dwant := r.row(s.z, s.t)
		got, dgot := r.row(z, target)
		t.True(check.Near(got, want, 1e-11, 1e-11), "K=%d scale=%g: %.17g after a permutation, %.17g before", k, s.scale, got, want)
		for j, h := range to {
			t.True(check.Near(dgot[h], dwant[j], 1e-9, 1e-9), "K=%d scale=%g: dz[%d] is %g after a permutation, %g before", k, s.scale, j, dgot[h], dwant[j])
		}
	})
}
