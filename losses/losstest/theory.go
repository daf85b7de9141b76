package losstest

import (
	"math"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// smoothness searches for the largest curvature. No secant of the gradient may
// be steeper than the declared bound; the steepest must reach Tight of it; and
// where the bound is +Inf, secants must steepen without end.
func (r *rig) smoothness(t *check.T) {
	rng := rand.New(rand.NewPCG(11, 1))
	endless := false
	for _, k := range []int{2, 3, 5, 8} {
		bound := r.theory.Smoothness(k)
		t.AtLeast(bound, 0.0, "Smoothness(%d)", k)
		steepest, at := 0.0, make([]float64, k)
		see := func(slope float64, z []float64) {
			t.AtMost(slope, bound*(1+1e-6)+1e-9, "K=%d: a secant of the gradient near %v is steeper than Smoothness", k, z)
			if slope > steepest {
				steepest, at = slope, z
			}
		}
		for _, z := range r.curved(rng, k) {
			for _, target := range []losses.Target[float64]{label(0), label(k - 1), soft(rng, k)} {
				see(r.curvature(rng, z, target, 1e-5), z)
			}
		}
		// Climb from the best point.
		for step := 3.0; step > 1e-3; step *= 0.7 {
			for range 4 {
				z := make([]float64, k)
				for j := range z {
					z[j] = r.clip(at[j] + step*rng.NormFloat64())
				}
				see(r.curvature(rng, z, label(rng.IntN(k)), 1e-5), z)
			}
		}
		if !math.IsInf(bound, 1) {
			t.AtLeast(steepest, r.theory.Tight*bound, "K=%d: the search reaches %g of Smoothness %g, at %v", k, steepest, bound, at)
		}

		// Chase kinks: of the two halves of a segment one is at least as steep as
		// the whole.
		for range 60 {
			target := label(rng.IntN(k))
			scale := r.scales()[1+rng.IntN(2)]
			a, b := r.scores(rng, k, scale), r.scores(rng, k, scale)
			switch rng.IntN(4) {
			case 0: // end where all scores tie
				for j := range b {
					b[j] = b[0]
				}
			case 1: // touch the edge of the domain
				if r.bounded() {
					copy(b, a)
					b[target.Pos[0]] = r.hi
				}
			}
			wide, narrow := 0.0, 0.0
			for {
				slope, length := r.secant(a, b, target)
				if length > 1e-4 {
					wide = slope
				}
				if length < 3e-9 { // below, rounding of the gradient rules
					break
				}
				narrow = slope
				if !math.IsInf(bound, 1) {
					see(slope, b)
				}
				mid := axpy(0.5, a, axpy(0.5, b, make([]float64, k)))
				left, _ := r.secant(a, mid, target)
				right, _ := r.secant(mid, b, target)
				if left >= right {
					b = mid
				} else {
					a = mid
				}
			}
			endless = endless || narrow > 3*wide && narrow > 1e-3
		}
	}
	// Curvature can also grow where several classes enter the support at once.
	if m := r.theory.Margin; !math.IsInf(m, 1) {
		near := func(delta float64) float64 {
			// The step stays inside the support, whose width shrinks faster than δ.
			return r.curvature(rng, []float64{0, delta - m, delta - m}, label(1), 0.1*math.Pow(delta, 1.5))
		}
		endless = endless || near(1e-5) > 3*near(1e-2)
	}
	if math.IsInf(r.theory.Smoothness(5), 1) {
		t.True(endless, "Smoothness is declared +Inf, and no secant steepens without end")
	}
}

// secant returns ‖∇ℓ(a)−∇ℓ(b)‖/‖a−b‖, less what rounding of the gradients can
// add, and ‖a−b‖.
func (r *rig) secant(a, b []float64, t losses.Target[float64]) (slope, length float64) {
	_, ga := r.row(a, t)
	_, gb := r.row(b, t)
	length = norm(axpy(-1, a, b))
	return (norm(axpy(-1, ga, gb)) - 1e-15*(norm(ga)+norm(gb))) / length, length
}

// curvature returns a lower bound of ‖∇²ℓ‖₂ at z by power iteration on
// differences of the gradient with step h.
func (r *rig) curvature(rng *rand.Rand, z []float64, t losses.Target[float64], h float64) float64 {
	v := make([]float64, len(z))
	for j := range v {
		v[j] = rng.NormFloat64()
	}
	best := 0.0
	for range 6 {
		n := norm(v)
		if n == 0 {
			break
		}
		for j := range v {
			v[j] /= n
		}
		_, hi := r.row(axpy(h, v, z), t)
		_, lo := r.row(axpy(-h, v, z), t)
		v = axpy(-1, lo, hi)
		for j := range v {
			v[j] /= 2 * h
		}
		best = max(best, norm(v))
	}
	return best
}

// curved returns points where curvature tends to be large: m leaders and the
// rest behind by a little, by about what takes them out of the support, and by much, and
// random points.
func (r *rig) curved(rng *rand.Rand, k int) [][]float64 {
	gaps := []float64{0.05, 0.3, 1, 3, 20}
	edge := r.theory.Margin
	if math.IsInf(edge, 1) && r.theory.Props.Has(losses.SparseGradient) {
		edge = 1 // classes leave the support at a lead of this order, though the loss is never 0
	}
	if !math.IsInf(edge, 0) && edge > 0 {
		gaps = append(gaps, 0.9*edge, 0.99*edge, 0.9999*edge)
	}
	var points [][]float64
	for m := 1; m <= k; m++ {
		for _, gap := range gaps {
			z := make([]float64, k)
			for j := m; j < k; j++ {
				z[j] = r.clip(-gap)
			}
			points = append(points, z)
		}
	}
	for _, scale := range r.scales()[:2] {
		for range 10 {
			points = append(points, r.scores(rng, k, scale))
		}
	}
	return points
}

func norm(v []float64) float64 {
	var s float64
	for _, x := range v {
		s += x * x
	}
	return math.Sqrt(s)
}

// predict holds MapOrder against sampled pairs of scores, and Rank, which is declared
// where scores are not in the order of probabilities and nowhere else, against these.
// Where no Theory is declared it holds that what Predict gives are probabilities.
func (r *rig) predict(t *check.T) {
	by, err := r.Rank()
	t.NoError(err, "Rank")
	if r.HasTheory() {
		t.Equal(r.theory.MapOrder == losses.OrderNone, by != nil, "Rank is declared where MapOrder is none")
	}
	if by != nil {
		t.True(math.IsNaN(by(math.NaN())), "Rank of NaN")
	}
	if r.Spec.Predict == nil {
		t.Equal(losses.NoOrder, r.theory.MapOrder, "MapOrder is declared without Predict")
		t.True(!r.theory.Calibrated, "Calibrated is declared without Predict")
		return
	}
	rng := rand.New(rand.NewPCG(12, 1))
	ties, reversed := 0, 0
	scales := []float64{0.1, 1, 5}
	if r.bounded() {
		scales = []float64{0.1, 0.5, 0.99}
	}
	if m := r.theory.Margin; check.Finite(m) {
		scales = append(scales, m) // wide enough to leave the support
	}
	for _, scale := range scales {
		for range 40 {
			z := r.scores(rng, 5, scale)
			p := make([]float64, 5)
			t.True(r.Predict(p, z), "Predict reports that there is no map")
			for j, q := range p {
				t.True(r.HasTheory() || q >= 0 && q <= 1+1e-12, "z=%v: Predict gives p[%d] = %g", z, j, q)
			}
			for i := range z {
				for j := range z {
					if by != nil && p[i] > p[j]*(1+1e-12) {
						t.Above(by(z[i]), by(z[j]), "Rank: p is %g at %g and %g at %g", p[i], z[i], p[j], z[j])
					}
					switch {
					case z[i] <= z[j]:
					case p[i] == p[j]:
						ties++
					case p[i] < p[j]:
						reversed++
					}
				}
			}
			if r.theory.Calibrated && r.theory.Props.Has(losses.FenchelYoungForm) {
				// Then p is the map of the gradient: ∂ℓ/∂z = c(p − t).
				c := r.fenchelYoung(z, rng)
				_, dz := r.row(z, label(2))
				dz[2] += c
				for j := range p {
					t.True(check.Near(p[j], dz[j]/c, 0, 1e-10), "Predict gives p[%d] = %g, the gradient %g", j, p[j], dz[j]/c)
				}
			}
		}
	}
	if !r.HasTheory() {
		t.Equal(reversed > 0, by != nil, "Rank is declared where Predict turns the order of scores round, here of %d pairs", reversed)
		return
	}
	t.Equal(orderOf(ties, reversed).String(), r.theory.MapOrder.String(), "MapOrder: %d ties, %d reversals", ties, reversed)
}

func orderOf(ties, reversed int) losses.Order {
	switch {
	case reversed > 0:
		return losses.OrderNone
	case ties > 0:
		return losses.OrderWeak
	}
	return losses.OrderStrict
}

// population minimises the conditional risk of many true distributions, and
// holds PopulationOrder, ZeroOne, Link and Calibrated against the minimisers.
func (r *rig) population(t *check.T) {
	rng := rand.New(rand.NewPCG(13, 1))
	truths := [][]float64{ // counter-examples of the literature, then random ones
		{0.5, 0.26, 0.24}, {0.4, 0.35, 0.25}, {0.5, 0.3, 0.2}, {0.7, 0.2, 0.1},
	}
	for len(truths) < 9 {
		if p := apart(rng, 3+len(truths)%2); p != nil {
			truths = append(truths, p)
		}
	}
	if r.bounded() { // all but uniform, where what weighs the negatives more has all classes at the bound
		truths = append(truths, []float64{0.3395, 0.3325, 0.328})
	}
	r.counted(t, rng)
	ties, reversed, misled, miscalibrated := 0, 0, 0, 0
	for _, at := range r.held(truths) {
		truth, r := at.truth, at.rig
		k := len(truth)
		risk := func(z []float64) (sum float64) {
			for y, ty := range truth {
				loss, _ := r.row(z, label(y))
				sum += ty * loss
			}
			return sum
		}
		minima := r.minima(rng, risk, k)
		best := risk(minima[0])
		if r.theory.Link != nil {
			link := r.theory.Link(truth, nil)
			t.True(check.Near(risk(link), best, 1e-9, 1e-9), "t=%v: the risk is %.12g at Link %v and %.12g at the minimiser %v", truth, risk(link), link, best, minima[0])
		}
		const near = 1e-5 // scores as close as this tie: half the digits of a float64 are lost at a minimum
		for _, z := range minima {
			for i := range truth {
				for j := range truth {
					switch {
					case truth[i] <= truth[j]:
					case z[i] < z[j]-near:
						reversed++
					case z[i] <= z[j]+near:
						ties++
					}
				}
			}
			top, lead := 0, 0
			for j := range truth {
				if truth[j] > truth[top] {
					top = j
				}
				if z[j] > z[lead] {
					lead = j
				}
			}
			for j := range truth {
				if j != top && z[j] >= z[lead]-near {
					misled++
				}
			}
			p := make([]float64, k)
			if r.Predict(p, z) {
				for j := range p {
					if !(math.Abs(p[j]-truth[j]) <= 1e-4) {
						miscalibrated++
					}
				}
			}
		}
	}
	t.Equal(orderOf(ties, reversed).String(), r.theory.PopulationOrder.String(), "PopulationOrder: %d ties, %d reversals", ties, reversed)
	t.Equal(misled == 0, r.theory.ZeroOne, "ZeroOne: %d classes lead that should not", misled)
	if r.Spec.Predict != nil {
		t.Equal(miscalibrated == 0, r.theory.Calibrated, "Calibrated: %d probabilities are off", miscalibrated)
	}
}

// counted holds what Link says of levels with their counts against what it says of the
// classes one by one.
func (r *rig) counted(t *check.T, rng *rand.Rand) {
	if r.theory.Link == nil {
		return
	}
	count := []float64{1, 2, 3}
	level := positiveTruth(rng, len(count))
	var total float64
	for i, n := range count {
		total += n * level[i]
	}
	var each []float64
	for i, n := range count {
		level[i] /= total
		for range int(n) {
			each = append(each, level[i])
		}
	}
	short, long := r.theory.Link(level, count), r.theory.Link(each, nil)
	if len(short) != len(level) || len(long) != len(each) {
		t.True(false, "Link of %d levels has %d scores, and of %d classes %d", len(level), len(short), len(each), len(long))
		return
	}
	offset, at := 0.0, 0
	if r.theory.Props.Has(losses.ShiftInvariant) {
		offset = long[0] - short[0]
	}
	for i, n := range count {
		for range int(n) {
			t.True(check.Near(short[i]+offset, long[at], 1e-9, 1e-9), "Link of t=%v, %v classes each, is %v, and of the classes one by one %v", level, count, short, long)
			at++
		}
	}
}

// A setting of population: a truth, and the loss with what it holds constant held.
type setting struct {
	truth []float64
	rig   *rig
}

// held returns the loss at every truth or, where Spec.Hold is declared, what it becomes
// at several scores: where descent ends minimises the risk with what is held there, so
// what is declared has to hold of them all.
func (r *rig) held(truths [][]float64) []setting {
	var all []setting
	rng := rand.New(rand.NewPCG(17, 1))
	for _, truth := range truths {
		if r.Spec.Hold == nil {
			all = append(all, setting{truth, r})
			continue
		}
		for _, scale := range []float64{0, 0.3, 0.9, 0.9} {
			z := r.scores(rng, len(truth), scale)
			if scale == 0 && r.bounded() { // at the edges, too
				for _, edge := range []float64{r.lo, r.hi} {
					for j := range z {
						z[j] = edge
					}
					all = append(all, setting{truth, &rig{Loss: r.Held(z), theory: r.theory, lo: r.lo, hi: r.hi}})
				}
				clear(z)
			}
			all = append(all, setting{truth, &rig{Loss: r.Held(z), theory: r.theory, lo: r.lo, hi: r.hi}})
		}
	}
	return all
}

// apart returns a random distribution whose entries differ by 0.04 or more, or
// nil if this draw has none.
func apart(rng *rand.Rand, k int) []float64 {
	p := make([]float64, k)
	var sum float64
	for j := range p {
		p[j] = rng.ExpFloat64()
		sum += p[j]
	}
	for j := range p {
		p[j] /= sum
		if p[j] < 0.04 {
			return nil
		}
		for i := range j {
			if math.Abs(p[i]-p[j]) < 0.04 {
				return nil
			}
		}
	}
	return p
}

// minima returns points whose risk is within 1e-11 of the least found, from
// several starts, the best first.
//
// Each start is a pattern search along ± the indicators of all subsets of
// classes: derivative-free, so that kinks do not stop it, and exact on piecewise
// linear risks whose pieces meet where scores or differences of scores are equal.
func (r *rig) minima(rng *rand.Rand, risk func([]float64) float64, k int) [][]float64 {
	type end struct {
		z []float64
		v float64
	}
	var ends []end
	starts := []float64{0, 0.3, 0.9, 0.9, 3, 3}
	if r.bounded() {
		starts = []float64{0, 0.3, 0.3, 0.9, 0.9}
	}
	for _, spread := range starts {
		z := r.scores(rng, k, spread)
		v := risk(z)
		trial := make([]float64, k)
		step := 0.25
		for sweep := 0; step > 1e-9 && sweep < 500; sweep++ {
			moved := false
			for set := 1; set < 1<<k; set++ {
				for _, sign := range []float64{1, -1} {
					for j := range z {
						trial[j] = z[j]
						if set>>j&1 == 1 {
							trial[j] = r.clip(min(max(z[j]+sign*step, -50), 50)) // some risks have their infimum at infinity
						}
					}
					if w := risk(trial); w < v-1e-15*max(1, math.Abs(v)) {
						copy(z, trial)
						v, moved = w, true
					}
				}
			}
			if moved {
				step = min(2*step, 8)
			} else {
				step /= 2
			}
		}
		ends = append(ends, end{z, v})
	}
	best := ends[0]
	for _, e := range ends {
		if e.v < best.v {
			best = e
		}
	}
	points := [][]float64{best.z}
	for _, e := range ends {
		if e.v <= best.v+1e-11*max(1, math.Abs(best.v)) {
			points = append(points, e.z)
		}
	}
	return points
}
