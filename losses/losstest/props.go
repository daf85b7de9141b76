package losstest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// props holds the declared facts on every sample and finds a counter-example to
// every undeclared one.
func (r *rig) props(t *check.T) {
	broken := map[losses.Props]string{}
	report := func(p losses.Props, format string, args ...any) {
		if r.theory.Props.Has(p) {
			t.Fail("%s is declared: %s", p, fmt.Sprintf(format, args...))
		}
		broken[p] = format
	}
	rng := rand.New(rand.NewPCG(8, 1))
	var ratio float64 // the constant c of FenchelYoungForm
	for _, s := range r.propSamples(rng) {
		k := len(s.z)
		loss, _ := r.row(s.z, s.t)
		top := 1.0
		for _, x := range s.z {
			top = max(top, math.Abs(x))
		}
		if !(loss >= -1e-12*top) {
			report(losses.NonNegative, "K=%d z=%v: loss %g", k, s.z, loss)
		}

		// A shift that stays in the domain.
		shift := 0.7
		base := s.z
		if r.bounded() {
			shift = 0.25 * (r.hi - r.lo) / 2
			base = axpy(0.5, s.z, make([]float64, k))
		}
		moved := make([]float64, k)
		for j := range moved {
			moved[j] = base[j] + shift
		}
		a, ga := r.row(base, s.t)
		b, _ := r.row(moved, s.t)
		var sum, abs float64
		for _, g := range ga {
			sum += g
			abs += math.Abs(g)
		}
		if !check.Near(b, a, 1e-10, 1e-10) || !(math.Abs(sum) <= 1e-11*max(1, abs)) {
			report(losses.ShiftInvariant, "K=%d: shifting by %g gives %g from %g; Σdz = %g", k, shift, b, a, sum)
		}

		if k >= 2 {
			c := r.fenchelYoung(s.z, rng)
			if ratio == 0 {
				ratio = c
			}
			if !(c > 0) || !check.Near(c, ratio, 1e-9, 0) {
				report(losses.FenchelYoungForm, "K=%d z=%v: ratio %g, elsewhere %g", k, s.z, c, ratio)
			}
		}
		if len(s.t.Pos) > 1 {
			other := r.scores(rng, k, s.scale)
			turned := losses.Target[float64]{Pos: s.t.Pos, Weight: slices.Clone(s.t.Weight)}
			slices.Reverse(turned.Weight)
			again, gb := r.row(s.z, turned)
			_, ga := r.row(s.z, s.t)
			if again != loss || !slices.Equal(ga, gb) {
				report(losses.HotLabels, "K=%d z=%v: loss %g and gradient %v become %g and %v with other weights of the same labels", k, s.z, loss, ga, again, gb)
			}
			here, apart := r.split(s.z, s.t)
			there, _ := r.split(other, s.t)
			if !check.Near(there, here, 1e-10*top, 1e-10) || !(apart <= 1e-10) {
				report(losses.AffineInTarget, "K=%d z=%v: the labels' losses are together %g above the target's, at z=%v %g; gradients differ by %g", k, s.z, here, other, there, apart)
			}
		}
		p := make([]float64, k)
		sum = 0
		least := 0.0
		ok := r.Predict(p, s.z)
		for _, x := range p {
			sum += x
			least = min(least, x)
		}
		if !ok || !check.Near(sum, 1, 0, 1e-12) || least < 0 {
			report(losses.Simplex, "K=%d: p=%v", k, p)
		}

		other := r.scores(rng, k, s.scale)
		lo, _ := r.row(other, s.t)
		mid, _ := r.row(axpy(0.5, s.z, axpy(0.5, other, make([]float64, k))), s.t)
		if !(mid <= (loss+lo)/2+1e-10*max(1, math.Abs(loss)+math.Abs(lo))) {
			report(losses.Convex, "K=%d: %g at the midpoint of %g and %g", k, mid, loss, lo)
		}
	}

	// A class far below the rest. 30 is more than the margin of the probed sparse
	// losses and far from where e^{−x} underflows.
	gap := 30.0
	if m := r.theory.Margin; !math.IsInf(m, 0) {
		gap = m + 1
	}
	for range 20 {
		z := r.scores(rng, 6, 0.5)
		y := rng.IntN(5)
		z[5] = -gap - 3
		if r.bounded() {
			z[5] = r.lo
		}
		if _, dz := r.row(z, label(y)); dz[5] != 0 {
			report(losses.SparseGradient, "gradient %g at a class far below the top", dz[5])
		}
	}
	for _, p := range losses.AllProps() {
		if !r.theory.Props.Has(p) {
			t.True(broken[p] != "", "%s is not declared, and nothing speaks against it", p)
		}
	}
}

// propSamples are rows at which facts fail if they can: random ones, and rows in
// which the label leads by much or little.
func (r *rig) propSamples(rng *rand.Rand) []sample {
	var out []sample
	for _, k := range []int{1, 2, 3, 7, 33} {
		scales := []float64{0.1, 1, 5}
		if r.bounded() {
			scales = []float64{0.1, 0.5, 0.99}
		}
		for _, scale := range scales {
			for range 12 {
				out = append(out, sample{r.scores(rng, k, scale), label(rng.IntN(k)), scale})
				out = append(out, sample{r.scores(rng, k, scale), soft(rng, k), scale})
			}
		}
		for _, lead := range []float64{0.5, 1, 2, 5, 10} {
			z, y := make([]float64, k), rng.IntN(k)
			z[y] = r.clip(lead)
			out = append(out, sample{z, label(y), r.clip(5)})
		}
	}
	return out
}

// split returns what the losses of a target's labels, by their weights, are above the
// target's, and how far the largest entry of their gradients is from its, of the size of
// the gradients.
func (r *rig) split(z []float64, t losses.Target[float64]) (gap, apart float64) {
	loss, want := r.row(z, t)
	gap = -loss
	got, size := make([]float64, len(z)), 1.0
	for i, y := range t.Pos {
		l, dz := r.row(z, label(int(y)))
		gap += t.Weight[i] * l
		for j, d := range dz {
			got[j] += t.Weight[i] * d
			size = max(size, math.Abs(d))
		}
	}
	for j := range got {
		apart = max(apart, math.Abs(got[j]-want[j])/size)
	}
	return gap, apart
}

// fenchelYoung returns the c for which ∂ℓ/∂z + c·t is the same for every target
// of the row, or NaN if there is none.
func (r *rig) fenchelYoung(z []float64, rng *rand.Rand) float64 {
	k := len(z)
	a, b := 0, 1+rng.IntN(k-1)
	_, ga := r.row(z, label(a))
	_, gb := r.row(z, label(b))
	c := gb[a] - ga[a]
	s := soft(rand.New(rand.NewPCG(9, 9)), k)
	_, gs := r.row(z, s)
	dense := make([]float64, k)
	for i, p := range s.Pos {
		dense[p] = s.Weight[i]
	}
	for j := range k {
		base := ga[j] // + c·e_a
		if j == a {
			base += c
		}
		fromB := gb[j]
		if j == b {
			fromB += c
		}
		tol := 1e-9 * max(1, math.Abs(c), math.Abs(base))
		if !(math.Abs(fromB-base) <= tol) || !(math.Abs(gs[j]+c*dense[j]-base) <= tol) {
			return math.NaN()
		}
	}
	return c
}

// support holds which classes have a gradient, at the declared number and on both
// sides of it. Rows have one label.
func (r *rig) support(t *check.T) {
	sp := r.theory.Support
	t.Equal(r.theory.Props.Has(losses.SparseGradient), sp.Of != losses.Everywhere && sp.Of != losses.ButSigns, "%s is declared %q", losses.SparseGradient, sp)
	rng := rand.New(rand.NewPCG(12, 1))
	in, out, signs := 0, 0, [2]int{}
	see := func(z []float64, y int) {
		top, rival := math.Inf(-1), -1 // the largest score, the first best class but y
		for j, s := range z {
			top = max(top, s)
			if j != y && (rival < 0 || s > z[rival]) {
				rival = j
			}
		}
		_, dz := r.row(z, label(y))
		_, dz32 := r.row32(z, label(y))
		for j, g := range dz {
			if j == y {
				continue
			}
			var has, certain bool
			if g != 0 {
				signs[int(math.Copysign(0.5, g)+0.5)]++
			}
			switch sp.Of {
			case losses.Everywhere:
				has, certain = true, true
			case losses.ButSigns:
				has = true
			case losses.NearTop:
				has = z[j] > top-sp.Reach
			case losses.NearLabel:
				has, certain = z[j] > z[y]-sp.Reach, true
			case losses.AboveScore:
				has, certain = z[j] > sp.Reach, true
			case losses.BestRival:
				has, certain = j == rival && z[j] > z[y]-sp.Reach, true
			}
			switch {
			case !has:
				out++
				t.True(g == 0, "z=%v, label %d: class %d has a gradient; declared is %s", z, y, j, sp)
				t.True(dz32[j] == 0, "z=%v, label %d: class %d has a gradient at float32; declared is %s", z, y, j, sp)
			case certain:
				in++
				t.True(g != 0, "z=%v, label %d: class %d has no gradient; declared is %s", z, y, j, sp)
			}
		}
	}
	// Scores of the size at which the declared number decides, and far below the top
	// as well, as far as no float64 vanishes.
	scale := 1.0
	if sp.Of != losses.AboveScore {
		scale = max(scale, sp.Reach)
	}
	for _, k := range []int{2, 3, 7, 33} {
		for range 40 {
			z, y := r.scores(rng, k, min(scale, 1)), rng.IntN(k)
			if !r.bounded() {
				z = r.scores(rng, k, scale)
			}
			see(z, y)
			z = slices.Clone(z)
			z[(y+1)%k] = r.clip(slices.Max(z) - 10 - sp.Reach)
			see(z, y)
		}
	}
	switch sp.Of {
	case losses.Everywhere:
		t.True(signs[0]*signs[1] == 0, "gradients of both signs, %v: 0 is between them", signs)
	case losses.ButSigns:
		t.True(signs[0]*signs[1] != 0, "no gradient changes its sign, %v: the support is everywhere", signs)
	default:
		t.True(out != 0, "nothing is out of reach of %s", sp)
		// A thousandth of the reach decides.
		at := func(distance float64) float64 {
			z := []float64{0.25, 0.25 - distance}
			if sp.Of == losses.AboveScore {
				z[1] = sp.Reach + 1e-3 - distance
			}
			_, dz := r.row(z, label(0))
			return dz[1]
		}
		edge := max(sp.Reach, 1e-3)
		inside, outside := sp.Reach-1e-3*edge, sp.Reach+1e-3*edge
		if sp.Of == losses.AboveScore {
			inside, outside = 0, 2e-3
		}
		t.True(at(inside) != 0, "a class just within reach of %s has no gradient", sp)
		t.True(at(outside) == 0, "a class just out of reach of %s has a gradient", sp)
	}
}

// margin holds that the label's lead makes the loss 0 from Margin on and not
// before.
func (r *rig) margin(t *check.T) {
	m := r.theory.Margin
	rng := rand.New(rand.NewPCG(10, 1))
	for _, k := range []int{2, 3, 8} {
		reached := map[float64]int{} // how often a lead gave loss 0
		const rounds = 30
		for range rounds {
			// The runner-up is z[1]; nothing but the lead may count.
			z := make([]float64, k)
			z[1] = rng.Float64() - 0.5
			if r.bounded() {
				z[1] = r.lo + rng.Float64()*(r.hi-r.lo)
			}
			for j := 2; j < k; j++ {
				z[j] = r.clip(z[1] - rng.Float64())
			}
			at := func(lead float64) float64 {
				z[0] = r.clip(z[1] + lead)
				loss, _ := r.row(z, label(0))
				return loss
			}
			if math.IsInf(m, 1) {
				for _, lead := range []float64{0.5, 1, 10} {
					if at(lead) == 0 {
						reached[lead]++
					}
				}
				continue
			}
			t.AtMost(math.Abs(at(m+1e-9)), 1e-12, "K=%d: at the declared margin %g", k, m)
			t.AtMost(math.Abs(at(2*m+1)), 1e-12, "K=%d: beyond the declared margin %g", k, m)
			t.Above(at(m/2-0.05), 1e-9, "K=%d: below the declared margin %g", k, m)
		}
		for lead, n := range reached {
			t.True(n < rounds, "K=%d: no margin is declared, yet the loss is 0 at a lead of %g", k, lead)
		}
	}
}
