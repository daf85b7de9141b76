package losstest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/gradcheck"
)

// Check checks the loss at each of its probed settings and returns every fault that it
// finds, joined, each named by setting and check; nil is a loss that passes. A short run
// leaves out rows of 400 candidates, and the searches of the last point at settings other
// than the default. A panic of the loss is a fault.
//
//   - Eval at float64 and float32, the graph of Node and Ref state one loss, and
//     their gradients agree with each other and with central differences;
//   - the same at the ends of the parameters' ranges, in all combinations;
//   - the contract of graph.RowLoss: masks equal deletion, NaN in gives NaN out, no
//     allocation, no write outside dz and work, safe in parallel;
//   - every declared fact holds and every undeclared one fails somewhere;
//   - a common offset of the scores up to 10⁶ changes nothing in any form of a loss that
//     is declared shift-invariant, and something in the others;
//   - the declared formulas, evaluated, are Ref, Eval, its gradient, Predict and Link, and
//     map and minimiser have one exactly where there is a map and a link;
//   - every entry of Theory is observed, by search where it speaks of a supremum
//     and by minimisation where it speaks of a minimiser.
//
// What a loss does not declare is not checked. Without New it is Node that has to satisfy
// the contract, but for what it allocates and for the last bits of masked rows; without Ref
// gradients are held against differences of Node; without Theory the last three checks
// are left out but for Rank, which must be declared where Predict turns the order of
// scores round.
func Check(spec *losses.Spec, short bool) error {
	whole := *spec
	spec = &whole
	if err := spec.Complete(); err != nil {
		return fmt.Errorf("losstest: %s: %w", spec.Name, err)
	}
	return check.Suite(func(t *check.T) {
		for i, b := range spec.Probes() {
			t.Run(b.String(), func(t *check.T) {
				r := &rig{Loss: b, theory: b.Theory(), short: short}
				r.lo, r.hi = spec.Domain.Bounds()
				t.Run("values", r.values)
				t.Run("gradient", r.gradient)
				t.Run("node", r.node)
				t.Run("masks", r.masks)
				t.Run("not-a-number", r.notANumber)
				t.Run("purity", r.purity)
				t.Run("permutation", r.permutation)
				t.Run("map", r.predict)
				t.Run("formulas", r.formulas)
				if !b.HasTheory() {
					return // nothing is declared, and nothing said of the loss
				}
				t.Run("props", r.props)
				t.Run("offsets", r.offsets)
				t.Run("margin", r.margin)
				t.Run("support", r.support)
				if i > 0 && short {
					return // the searches of the default setting stand for the others
				}
				t.Run("smoothness", r.smoothness)
				t.Run("population", r.population)
			})
		}
		t.Run("corners", func(t *check.T) { corners(t, spec) })
		t.Run("side-by-side", func(t *check.T) { sideBySide(t, spec.Probes()) })
	})
}

// corners holds that at the ends of the parameters' ranges, too, the statements of
// the loss and their gradients agree.
func corners(t *check.T, spec *losses.Spec) {
	for _, k := range []int{1, 2, 3, 7, 33} {
		results, err := gradcheck.Run(spec.Corners(), gradcheck.Config{K: k, Scale: 1, Seed: 16})
		t.NoError(err, "the gradient check")
		for _, r := range results {
			r = r.AtCorner()
			t.True(r.OK(), "%s at K=%d: %+v", r.Loss, k, r.Worst())
		}
	}
}

// A rig is one loss at one setting under test.
type rig struct {
	losses.Loss
	theory losses.Theory
	lo, hi float64 // domain of the scores
	short  bool
}

// A sample is one row. Scores and weights are float32 numbers, so that both
// precisions see the same row.
type sample struct {
	z     []float64
	t     losses.Target[float64]
	scale float64
}

// sizes are the candidate counts of the tests; the last is left out of short runs.
func (r *rig) sizes() []int {
	ks := []int{1, 2, 3, 7, 33, 400}
	if r.short {
		return ks[:5]
	}
	return ks
}

// scales are the spreads of the scores: a fresh model's, a trained one's, and
// beyond what any model gives.
func (r *rig) scales() []float64 {
	if r.bounded() {
		return []float64{1e-3, 0.3, 0.99}
	}
	return []float64{1e-3, 1, 30, 1e4}
}

func (r *rig) bounded() bool { return !math.IsInf(r.hi, 0) }

// scores returns k random scores of that spread inside the domain.
func (r *rig) scores(rng *rand.Rand, k int, scale float64) []float64 {
	z := make([]float64, k)
	for j := range z {
		x := rng.NormFloat64() * scale
		if r.bounded() {
			x = (r.lo+r.hi)/2 + (2*rng.Float64()-1)*scale*(r.hi-r.lo)/2
		}
		z[j] = float64(float32(x))
	}
	return z
}

// label is the target of one class.
func label(y int) losses.Target[float64] {
	return losses.Target[float64]{Pos: []int32{int32(y)}, Weight: []float64{1}}
}

// soft is a random target over min(k,3) classes with weights in sixteenths.
func soft(rng *rand.Rand, k int) losses.Target[float64] {
	switch {
	case k == 1:
		return label(0)
	case k == 2:
		return losses.Target[float64]{Pos: []int32{0, 1}, Weight: []float64{0.3125, 0.6875}}
	}
	a := rng.IntN(k - 2)
	b := a + 1 + rng.IntN(k-a-2)
	c := b + 1 + rng.IntN(k-b-1)
	return losses.Target[float64]{Pos: []int32{int32(a), int32(b), int32(c)}, Weight: []float64{0.25, 0.625, 0.125}}
}

// behind is a target of the class y and two others, or of two others alone, of as
// many as there are.
func behind(rng *rand.Rand, k, y int, with bool) losses.Target[float64] {
	var pos []int32
	for _, j := range rng.Perm(k) {
		if j != y && len(pos) < 2 {
			pos = append(pos, int32(j))
		}
	}
	if with {
		pos = append(pos, int32(y))
	}
	slices.Sort(pos)
	return losses.Target[float64]{Pos: pos, Weight: [][]float64{{1}, {0.3125, 0.6875}, {0.25, 0.625, 0.125}}[len(pos)-1]}
}

// each calls f on rows of every size and scale, with one label, several
// positives, the label in the lead, and positives far behind a leader that is one of
// them or is not; with ties there are rows of equal scores too.
func (r *rig) each(seed uint64, ks []int, ties bool, f func(s sample)) {
	rng := rand.New(rand.NewPCG(seed, 1))
	for _, k := range ks {
		for _, scale := range r.scales() {
			f(sample{r.scores(rng, k, scale), label(rng.IntN(k)), scale})
			f(sample{r.scores(rng, k, scale), soft(rng, k), scale})
			z, y := r.scores(rng, k, scale), rng.IntN(k)
			z[y] = float64(float32(0.99 * r.clip(z[y]+3*scale))) // inside the domain: differences go both ways
			f(sample{z, label(y), scale})
			if k == 1 {
				continue
			}
			z = slices.Clone(z)
			for j := range z {
				if j != y {
					z[j] = -math.Abs(z[j])
				}
			}
			f(sample{z, behind(rng, k, y, true), scale})
			f(sample{z, behind(rng, k, y, false), scale})
		}
		if !ties {
			continue
		}
		if r.bounded() { // the corners of the domain
			z := make([]float64, k)
			for j := range z {
				z[j] = []float64{r.lo, r.hi}[rng.IntN(2)]
			}
			f(sample{z, label(rng.IntN(k)), 1})
		}
		// Two values with a gap of a half: inside every domain, on many kinks.
		z := make([]float64, k)
		f(sample{append([]float64(nil), z...), label(rng.IntN(k)), 1})
		f(sample{append([]float64(nil), z...), soft(rng, k), 1})
		for j := range z {
			z[j] = float64(rng.IntN(2)) / 2
		}
		f(sample{append([]float64(nil), z...), label(rng.IntN(k)), 1})
		f(sample{z, soft(rng, k), 1})
	}
}

func (r *rig) clip(x float64) float64 { return min(max(x, r.lo), r.hi) }

// row runs the float64 form on fresh memory.
func (r *rig) row(z []float64, t losses.Target[float64]) (float64, []float64) {
	dz := make([]float64, len(z))
	return r.Analytic.F64.Eval(dz, z, t, make([]float64, r.Analytic.F64.WorkLen(len(z)))), dz
}

// row32 runs the float32 form on fresh memory and widens the result.
func (r *rig) row32(z []float64, t losses.Target[float64]) (float64, []float64) {
	dz := make([]float32, len(z))
	t32 := losses.Target[float32]{Pos: t.Pos, Weight: narrow(t.Weight)}
	loss := r.Analytic.F32.Eval(dz, narrow(z), t32, make([]float32, r.Analytic.F32.WorkLen(len(z))))
	wide := make([]float64, len(dz))
	for j, d := range dz {
		wide[j] = float64(d)
	}
	return float64(loss), wide
}

func narrow(x []float64) []float32 {
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return y
}

// values holds Eval at both precisions against Ref, ties included.
//
// 1e-10 leaves room for Ref, which takes the textbook's route and loses digits to
// cancellation; 1e-5 is a float32 with room for its sums.
func (r *rig) values(t *check.T) {
	r.each(1, r.sizes(), true, func(s sample) {
		want := r.Ref(s.z, s.t)
		got, dz := r.row(s.z, s.t)
		finite(t, s, got, dz)
		t.True(check.Near(got, want, 1e-10, 1e-10), "K=%d scale=%g: Row at float64 is %.17g, Ref %.17g", len(s.z), s.scale, got, want)
		got32, dz32 := r.row32(s.z, s.t)
		t.True(check.Near(got32, want, 1e-5, 1e-5), "K=%d scale=%g: Row at float32 is %.9g, Ref %.9g", len(s.z), s.scale, got32, want)
		worst, at := check.Worst(dz32, dz, 1)
		t.True(worst <= 1e-5, "K=%d scale=%g: dz[%d] is %.9g at float32, %.9g at float64", len(s.z), s.scale, at, dz32[at], dz[at])
	})
}

func finite(t *check.T, s sample, loss float64, dz []float64) {
	t.True(check.Finite(loss), "K=%d scale=%g: loss %g", len(s.z), s.scale, loss)
	for j, d := range dz {
		t.True(check.Finite(d), "K=%d scale=%g: dz[%d] = %g", len(s.z), s.scale, j, d)
	}
}

// gradient holds dz of Eval against central differences of Ref: entry by entry
// for few candidates, along a random direction for many.
//
// The step is 1e-6 of max(1, |z|); truncation and rounding of the difference
// leave about 1e-5 where the loss has a kink or a large third derivative nearby.
//
// Differences are of the loss with what Spec.Hold declares held at the row: it has the
// value of the loss there, and some row must show that the gradient is another than
// that of the value.
func (r *rig) gradient(t *check.T) {
	const step, tol = 1e-6, 3e-5
	holds, shown := false, false
	r.each(2, r.sizes(), false, func(s sample) {
		_, dz := r.row(s.z, s.t)
		size := 1.0
		for _, d := range dz {
			size = max(size, math.Abs(d))
		}
		held := r.Held(s.z)
		ref := func(z []float64) float64 { return held.Ref(z, s.t) }
		if held.String() != r.String() {
			holds = true
			t.True(check.Near(ref(s.z), r.Ref(s.z, s.t), 1e-12, 1e-12), "K=%d scale=%g: %s is %g where it holds what %s does, which is %g", len(s.z), s.scale, held, ref(s.z), r, r.Ref(s.z, s.t))
			free := make([]float64, len(s.z))
			check.CentralDifference(free, func(z []float64) float64 { return r.Ref(z, s.t) }, s.z, step)
			worst, _ := check.Worst(dz, free, size)
			shown = shown || worst > 100*tol
		}
		if len(s.z) <= 7 {
			want := make([]float64, len(s.z))
			check.CentralDifference(want, ref, s.z, step)
			for j := range dz {
				t.True(check.Near(dz[j], want[j], 0, tol*size), "K=%d scale=%g: dz[%d] = %g, central difference of Ref %g", len(s.z), s.scale, j, dz[j], want[j])
			}
			return
		}
		rng := rand.New(rand.NewPCG(3, uint64(len(s.z))))
		v := make([]float64, len(s.z))
		var along float64
		for j := range v {
			v[j] = rng.NormFloat64() / math.Sqrt(float64(len(v)))
			along += v[j] * dz[j]
		}
		h := step * max(1, s.scale)
		want := (ref(axpy(h, v, s.z)) - ref(axpy(-h, v, s.z))) / (2 * h)
		t.True(check.Near(along, want, 0, tol*size), "K=%d scale=%g: ⟨dz,v⟩ = %g, difference quotient of Ref %g", len(s.z), s.scale, along, want)
	})
	t.Equal(holds, shown, "Hold is declared, and the gradient is that of the value")
}

// axpy returns a·x + y.
func axpy(a float64, x, y []float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = a*x[i] + y[i]
	}
	return out
}
