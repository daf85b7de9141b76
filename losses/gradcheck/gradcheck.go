// Package gradcheck holds the statements of one loss against each other and
// reports how far they are apart.
//
// A loss is stated as a graph, whose gradient is symbolic differentiation
// (Node), as a closed form (Analytic, which graph.Loss and the fused
// graph.LinearLoss carry), and as a textbook value (Ref). The gradient of Analytic
// at float64 is the reference; the others are measured by their distance from
// it.
package gradcheck

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// Tolerances on Entry.Error. At float64, symbolic differentiation and a
// difference quotient lose up to half of the digits beyond 1e-8 to cancellation;
// 1e-4 is float32's 6e-8 after sums over a thousand candidates of temperature 0.2.
const (
	Tolerance64 = 1e-8
	Tolerance32 = 1e-4
)

// MaxK is the largest K: all settings of a loss stand in one graph, each with arrays of
// rows·K and width·K numbers at both precisions.
const MaxK = 1 << 20

// Config is the size of a check. Fields have no defaults.
type Config struct {
	K     int     // candidates of a row, from 1 to MaxK
	Scale float64 // standard deviation of the scores, > 0
	Seed  uint64  // of scores, targets and upstream gradients
}

// Validate reports all faults.
func (c Config) Validate() error {
	var faults []error
	if c.K < 1 || c.K > MaxK {
		faults = append(faults, fmt.Errorf("gradcheck: K = %d; want at least 1 and at most %d", c.K, MaxK))
	}
	if !(c.Scale > 0) || math.IsInf(c.Scale, 0) {
		faults = append(faults, fmt.Errorf("gradcheck: scale = %g; want a positive number", c.Scale))
	}
	return errors.Join(faults...)
}

// An Entry is the distance of one statement from the reference: the largest
// |got − want| / (size + |want|) over the entries of a gradient, and where it is.
// size is what an entry of dz of size 1 contributes: 1, and for dh and dW, the
// sums of such entries times w and h, the largest |w| and |h| if above 1.
type Entry struct {
	Against   string // "value", "symbolic", "analytic", "fused" or "difference"
	Bits      int    // 64 or 32: the precision of got
	Error     float64
	Where     string // e.g. "dz[2,17]"; "" where every entry is equal
	Got, Want float64
	Tolerance float64
}

// OK reports whether the error is within the tolerance; false for NaN.
func (e Entry) OK() bool { return e.Error <= e.Tolerance }

// A Result is what was found of one loss at one size.
type Result struct {
	Loss    losses.Loss
	Config  Config
	Entries []Entry
}

// OK reports whether every entry is within its tolerance.
func (r Result) OK() bool {
	return len(r.Entries) > 0 && !slices.ContainsFunc(r.Entries, func(e Entry) bool { return !e.OK() })
}

// AtCorner returns r with the tolerance of float32 that suits the ends of a loss's
// parameters, Spec.Corners: scores over temperature reach hundreds there, and
// exponentials of them lose a digit more.
func (r Result) AtCorner() Result {
	r.Entries = slices.Clone(r.Entries)
	for i := range r.Entries {
		if e := &r.Entries[i]; e.Bits == 32 {
			e.Tolerance = 10 * Tolerance32
		}
	}
	return r
}

// Worst returns the entry that comes closest to its tolerance, or exceeds it
// most.
func (r Result) Worst() Entry {
	worst := r.Entries[0]
	for _, e := range r.Entries[1:] {
		if !(e.Error/e.Tolerance <= worst.Error/worst.Tolerance) {
			worst = e
		}
	}
	return worst
}

// Run checks all of bounds at one size, side by side in one graph, so that
// losses that differ in a parameter alone cannot be taken for each other. The
// graph runs twice, and a second run that differs from the first in one bit is
// an error.
//
// Rows have one label or several positives, some far behind a class that leads, one
// row is padding, and each row has its own upstream gradient. Every candidate's entry
// is compared, but central differences of Ref for many candidates are taken at the
// targets, the highest scores and some others only. Differences are of what
// Loss.Held returns at the row.
func Run(bounds []losses.Loss, c Config) ([]Result, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	samples := make([]*sample, len(bounds))
	results := make([]Result, len(bounds))
	for i, b := range bounds {
		samples[i] = newSample(b, c)
		results[i] = Result{Loss: b, Config: c}
		results[i].Entries = samples[i].reference(b)
	}
	for _, run := range []func([]losses.Loss, []*sample) ([][]Entry, error){runGraph[float64], runGraph[float32]} {
		entries, err := run(bounds, samples)
		if err != nil {
			return nil, err
		}
		for i := range results {
			results[i].Entries = append(results[i].Entries, entries[i]...)
		}
	}
	return results, nil
}

const (
	rows    = 7
	padding = 3 // the padding row: neither first nor last
	led     = 5 // from this row on the highest score is far above the others
	width   = 6 // d of the fused op's h [B,d]
)

// A sample is the rows on which one loss is checked. All numbers are float32
// numbers, so that both precisions see the same rows.
type sample struct {
	c        Config
	h, w     []float64 // [rows,width], [K,width]
	bias     []float64 // [K]
	z        []float64 // [rows,K] = h wᵀ + bias, in float64
	target   []losses.Target[float64]
	upstream []float64 // [rows], 0 at padding

	value  []float64 // [rows]: reference ℓ
	dz     []float64 // [rows,K]: reference upstream ∘ ∂ℓ/∂z
	dh, dw []float64 // as h and w
	dbias  []float64
}

func newSample(b losses.Loss, c Config) *sample {
	rng := rand.New(rand.NewPCG(c.Seed, uint64(c.K)))
	k := c.K
	s := &sample{c: c, h: make([]float64, rows*width), w: make([]float64, k*width), bias: make([]float64, k),
		upstream: make([]float64, rows), z: make([]float64, rows*k)}
	// On grids so coarse that every product and sum of h wᵀ + bias is a float32
	// number: then both precisions, in whatever order an op adds, see the same
	// scores, and what differs is the loss. |h| < 2 and |w| < 16·step·512 take
	// 6 and 13 bits, six products 22 of the 24.
	step := math.Exp2(math.Round(math.Log2(c.Scale))) / 512
	grid(s.h, rng, 1/math.Sqrt(width), 1.0/32)
	grid(s.w, rng, c.Scale, step)
	grid(s.bias, rng, c.Scale/4, step)
	s.lead(k/2, step)
	s.multiply()
	// Into the domain, with room for the steps of differences, and near its ends; a
	// few quarters of a power of two keep to a grid.
	if _, hi := b.Spec.Domain.Bounds(); !math.IsInf(hi, 0) {
		top := 0.0
		for _, z := range s.z {
			top = max(top, math.Abs(z))
		}
		if room := 0.9 * hi / top; room < 1 {
			power := math.Exp2(math.Floor(math.Log2(room)))
			room = power / 4 * math.Floor(4*room/power)
			scaleBy(s.w, room)
			scaleBy(s.bias, room)
			s.multiply()
		}
	}
	for i := range rows {
		if i != padding {
			s.upstream[i] = float64(float32(0.5 + 1.5*rng.Float64()))
		}
		s.target = append(s.target, s.pick(rng, i))
	}
	return s
}

// lead makes the last rows of h the first unit vector and gives it a class, of which
// the other rows of h see little: it leads these rows by several standard deviations.
func (s *sample) lead(y int, step float64) {
	s.w[y*width] = math.Round(10*s.c.Scale/step) * step
	for i := range rows {
		h := s.h[i*width : (i+1)*width]
		h[0] = math.Round(8*h[0]) / 32
		if i >= led {
			clear(h)
			h[0] = 1
		}
	}
}

// pick returns the target of row i: the highest score, the lowest, several
// positives, none (padding), any class, or, in rows that a class leads, the leader
// with others far behind and others far behind alone.
func (s *sample) pick(rng *rand.Rand, i int) losses.Target[float64] {
	z := s.row(s.z, i)
	label := func(y int) losses.Target[float64] {
		return losses.Target[float64]{Pos: []int32{int32(y)}, Weight: []float64{1}}
	}
	switch {
	case i == padding:
		return losses.Target[float64]{}
	case i == 0:
		return label(argmax(z, 1))
	case i == 1:
		return label(argmax(z, -1))
	case i == 2 && len(z) == 2:
		return losses.Target[float64]{Pos: []int32{0, 1}, Weight: []float64{0.3125, 0.6875}}
	case i == 2 && len(z) > 2:
		pos := rng.Perm(len(z))[:3]
		slices.Sort(pos)
		return losses.Target[float64]{Pos: []int32{int32(pos[0]), int32(pos[1]), int32(pos[2])}, Weight: []float64{0.25, 0.625, 0.125}}
	case i >= led && len(z) > 2:
		down := s.order(i)
		pos := []int32{int32(down[i-led]), int32(down[len(z)/2]), int32(down[len(z)-1])}
		slices.Sort(pos)
		pos = slices.Compact(pos)
		weight := [][]float64{{1}, {0.3125, 0.6875}, {0.25, 0.625, 0.125}}[len(pos)-1]
		return losses.Target[float64]{Pos: pos, Weight: weight}
	case i == led && len(z) == 2:
		return losses.Target[float64]{Pos: []int32{0, 1}, Weight: []float64{0.5, 0.5}}
	}
	return label(rng.IntN(len(z)))
}

// order returns the classes of row i by score, the highest first.
func (s *sample) order(i int) []int {
	z := s.row(s.z, i)
	order := make([]int, len(z))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(z[b], z[a]) })
	return order
}

func argmax(z []float64, sign float64) int {
	at := 0
	for j := range z {
		if sign*z[j] > sign*z[at] {
			at = j
		}
	}
	return at
}

func scaleBy(x []float64, c float64) {
	for i := range x {
		x[i] *= c
	}
}

// grid draws normal numbers of standard deviation sd, rounded to multiples of
// step and cut at four standard deviations.
func grid(x []float64, rng *rand.Rand, sd, step float64) {
	for i := range x {
		x[i] = math.Round(min(max(rng.NormFloat64(), -4), 4)*sd/step) * step
	}
}

// multiply sets z = h wᵀ + bias.
func (s *sample) multiply() {
	for i := range rows {
		for j := range s.c.K {
			z := s.bias[j]
			for q := range width {
				z += s.h[i*width+q] * s.w[j*width+q]
			}
			s.z[i*s.c.K+j] = z
		}
	}
}

// row returns row i of x [rows,K].
func (s *sample) row(x []float64, i int) []float64 { return x[i*s.c.K : (i+1)*s.c.K] }

// reference fills in the reference by Eval at float64, and holds its value and
// gradient against Ref.
func (s *sample) reference(b losses.Loss) []Entry {
	k := s.c.K
	s.value, s.dz = make([]float64, rows), make([]float64, rows*k)
	s.dh, s.dw, s.dbias = make([]float64, rows*width), make([]float64, k*width), make([]float64, k)
	work := make([]float64, b.Analytic.F64.WorkLen(k))
	value := newWorst("value", 64, Tolerance64)
	difference := newWorst("difference", 64, Tolerance64)
	for i, t := range s.target {
		if i == padding {
			continue
		}
		z, dz, u := s.row(s.z, i), s.row(s.dz, i), s.upstream[i]
		s.value[i] = b.Analytic.F64.Eval(dz, z, t, work)
		value.see(b.Ref(z, t), s.value[i], 1, "ℓ[%d]", i)
		held := b.Held(z)
		for _, j := range s.probed(i) {
			zj := z[j]
			d := derivative(func(h float64) float64 { z[j] = zj + h; return held.Ref(z, t) }, dz[j])
			z[j] = zj
			difference.see(d, dz[j], 1, "dz[%d,%d]", i, j)
		}
		// The chain rule through z = h wᵀ + bias.
		for j := range k {
			g := u * dz[j]
			dz[j] = g
			s.dbias[j] += g
			for q := range width {
				s.dh[i*width+q] += g * s.w[j*width+q]
				s.dw[j*width+q] += g * s.h[i*width+q]
			}
		}
	}
	return []Entry{value.Entry, difference.Entry}
}

// few is the number of candidates up to which central differences are taken at
// all of them.
const few = 12

// probed returns the candidates of row i at which a difference is taken.
func (s *sample) probed(i int) []int {
	k := s.c.K
	at := []int{}
	if k <= few {
		for j := range k {
			at = append(at, j)
		}
		return at
	}
	for _, y := range s.target[i].Pos {
		at = append(at, int(y))
	}
	order := s.order(i)
	at = append(at, order[0], order[1], order[k/2])
	slices.Sort(at)
	return slices.Compact(at)
}

// derivative returns f'(0) by extrapolated central differences. Where they do not
// meet want and the slopes of the two sides are apart, f has a kink at 0: any
// value between the slopes is a derivative then, and the one nearest want is
// returned.
func derivative(f func(step float64) float64, want float64) float64 {
	d, _ := check.Derivative(f, 1.0/16, Tolerance64/4)
	if math.Abs(d-want) <= Tolerance64*(1+math.Abs(want)) {
		return d
	}
	// One-sided, of second order; smooth losses come within 1e-7.
	slope := func(h float64) float64 { return (4*f(h) - f(2*h) - 3*f(0)) / (2 * h) }
	right, left := slope(1e-6), slope(-1e-6)
	if math.Abs(right-left) > 1e-5*(1+math.Abs(want)) {
		return min(max(want, min(left, right)), max(left, right))
	}
	return d
}

// worst keeps the largest error seen. It starts at 0.
type worst struct{ Entry }

func newWorst(against string, bits int, tolerance float64) *worst {
	return &worst{Entry{Against: against, Bits: bits, Tolerance: tolerance}}
}

// see compares two entries; see Entry.
func (w *worst) see(got, want, size float64, where string, at ...any) {
	e := math.Abs(got-want) / (size + math.Abs(want))
	if got == want { // equal infinities
		e = 0
	}
	if math.IsNaN(e) {
		e = math.Inf(1)
	}
	if e > w.Error {
		w.Error, w.Got, w.Want, w.Where = e, got, want, fmt.Sprintf(where, at...)
	}
}

// see2 compares matrices of n columns.
func see2[T graph.Float](w *worst, got []T, want []float64, size float64, n int, name string) {
	for i := range want {
		w.see(float64(got[i]), want[i], size, name+"[%d,%d]", i/n, i%n)
	}
}

// largest returns the largest |x_i|, at least 1.
func largest(x []float64) float64 {
	top := 1.0
	for _, v := range x {
		top = max(top, math.Abs(v))
	}
	return top
}

// nodes are the leaves of one loss in the common graph.
type nodes struct {
	symbolic, analytic *gorgonia.Node // z [B,K]
	h, w, bias         *gorgonia.Node
}

// runGraph checks all losses at precision T in one graph.
func runGraph[T graph.Float](bounds []losses.Loss, samples []*sample) ([][]Entry, error) {
	b := graph.NewBuilder[T]()
	var e graph.Expr
	var cost *gorgonia.Node
	leaves := make([]nodes, len(bounds))
	for i, bound := range bounds {
		s, l := samples[i], &leaves[i]
		k := s.c.K
		name := func(what string) string { return fmt.Sprintf("%s of %s #%d", what, bound, i) }
		l.symbolic = b.Param(name("z"), as[T](s.z), rows, k)
		l.analytic = b.Param(name("z again"), as[T](s.z), rows, k)
		l.h = b.Param(name("h"), as[T](s.h), rows, width)
		l.w = b.Param(name("W"), as[T](s.w), k, width)
		l.bias = b.Param(name("bias"), as[T](s.bias), k)
		targets, data := b.Targets(name("targets"), rows, 3*rows)
		for _, t := range s.target {
			if err := data.Append(t.Pos, as[T](t.Weight)); err != nil {
				return nil, fmt.Errorf("gradcheck: %w", err)
			}
		}
		upstream, u := b.Input(name("upstream"), rows)
		copy(u, as[T](s.upstream))
		for _, loss := range []*gorgonia.Node{
			e.N(bound.Node(l.symbolic, targets)),
			e.N(graph.Loss(bound.Analytic, l.analytic, targets)),
			e.N(graph.LinearLoss(bound.Analytic, graph.Linear{H: l.h, W: l.w, Bias: l.bias}, targets)),
		} {
			term := e.N(graph.Sum(e.N(graph.Mul(loss, upstream))))
			if cost != nil {
				term = e.N(graph.Add(cost, term))
			}
			cost = term
		}
		if e.Err != nil {
			return nil, fmt.Errorf("gradcheck: %s: %w", bound, e.Err)
		}
	}
	p, err := b.Train(cost)
	if err != nil {
		return nil, fmt.Errorf("gradcheck: %w", err)
	}
	defer p.Close()
	bits, tolerance := 64, Tolerance64
	if _, single := any(T(0)).(float32); single {
		bits, tolerance = 32, Tolerance32
	}
	gradients := func() [][]T {
		var all [][]T
		for _, l := range leaves {
			for _, n := range []*gorgonia.Node{l.symbolic, l.analytic, l.h, l.w, l.bias} {
				all = append(all, dense(p.Grad(n), n.Shape()))
			}
		}
		return all
	}
	if err := p.Run(); err != nil {
		return nil, fmt.Errorf("gradcheck: %w", err)
	}
	first := gradients()
	if err := p.Run(); err != nil {
		return nil, fmt.Errorf("gradcheck: second run: %w", err)
	}
	second := gradients()
	entries := make([][]Entry, len(bounds))
	for i, bound := range bounds {
		s := samples[i]
		g := second[5*i:]
		for n := range 5 {
			if !slices.EqualFunc(first[5*i+n], g[n], func(x, y T) bool { return x == y || x != x && y != y }) {
				return nil, fmt.Errorf("gradcheck: %s at K = %d: a second run of the same graph gives another gradient", bound, s.c.K)
			}
		}
		symbolic := newWorst("symbolic", bits, tolerance)
		analytic := newWorst("analytic", bits, tolerance)
		fused := newWorst("fused", bits, tolerance)
		see2(symbolic, g[0], s.dz, 1, s.c.K, "dz")
		see2(analytic, g[1], s.dz, 1, s.c.K, "dz")
		see2(fused, g[2], s.dh, largest(s.w), width, "dh")
		see2(fused, g[3], s.dw, largest(s.h), width, "dW")
		see2(fused, g[4], s.dbias, 1, 1, "dbias")
		entries[i] = []Entry{symbolic.Entry, analytic.Entry, fused.Entry}
	}
	return entries, nil
}

// dense copies the gradient of a leaf, which may hold some rows only.
func dense[T graph.Float](g graph.Gradient[T], shape []int) []T {
	if g.Rows == nil {
		return slices.Clone(g.Data)
	}
	wide := 1
	for _, n := range shape[1:] {
		wide *= n
	}
	all := make([]T, shape[0]*wide)
	for i, r := range g.Rows {
		copy(all[int(r)*wide:(int(r)+1)*wide], g.Data[i*wide:])
	}
	return all
}

// as converts x.
func as[T graph.Float](x []float64) []T {
	y := make([]T, len(x))
	for i, v := range x {
		y[i] = T(v)
	}
	return y
}
