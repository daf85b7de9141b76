package losstest

import (
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// A layer is a batch of rows whose scores z = h·wᵀ + bias stay float32 numbers when
// every one is shifted by up to 2²⁰: they are multiples of 1/8, or of unit/8. The
// last column of h is 1, so a shift of all scores is one of the last column of w, or
// of the bias. The last class is masked where there is room for it.
type layer struct {
	k          int
	h, w, bias []float64
	target     []losses.Target[float64]
}

const (
	layerRows  = 4
	layerWidth = 3
)

var layerUp = []float64{0.5, 1.25, 2, 0.75} // upstream gradients: no two alike

// newLayer returns a layer of k classes, and of equal scores if flat.
func newLayer(rng *rand.Rand, k int, unit float64, flat bool) *layer {
	l := &layer{k: k, h: make([]float64, layerRows*layerWidth), w: make([]float64, k*layerWidth), bias: make([]float64, k)}
	grid := func(most int, step float64) float64 {
		if flat {
			return 0
		}
		return float64(rng.IntN(2*most+1)-most) * step
	}
	for i := range layerRows {
		for q := range layerWidth - 1 {
			l.h[i*layerWidth+q] = grid(8, 0.25)
		}
		l.h[(i+1)*layerWidth-1] = 1
	}
	for j := range k {
		for q := range layerWidth - 1 {
			l.w[j*layerWidth+q] = grid(4, unit/2)
		}
		l.w[(j+1)*layerWidth-1] = grid(16, unit/8)
		l.bias[j] = grid(8, unit/8)
	}
	open := k
	if k > 2 && !flat {
		open--
		l.bias[open] = math.Inf(-1)
	}
	for i := range layerRows {
		if i%2 == 0 {
			l.target = append(l.target, label(rng.IntN(open)))
		} else {
			l.target = append(l.target, soft(rng, open))
		}
	}
	return l
}

// scores returns z of row i, shifted by c.
func (l *layer) scores(i int, c float64) []float64 {
	z := make([]float64, l.k)
	for j := range z {
		z[j] = l.bias[j] + c
		for q := range layerWidth {
			z[j] += l.h[i*layerWidth+q] * l.w[j*layerWidth+q]
		}
	}
	return z
}

// offsets holds that a common offset of the scores changes nothing in a loss that is
// declared shift-invariant: Eval, the graph of Node and the fused form give at z + c
// what Eval gives at z, at both precisions, for c from 10² to 10⁶, and for equal
// scores at 10⁹. The scores are such that z + c has no rounding, so nothing else can
// be excused by it. In a loss that is not declared so, an offset changes something,
// and all forms agree on what: no form may leave it out.
//
// 1e-9 is what float64 keeps of 10⁶ and some; 1e-5 is a float32, whatever the offset.
func (r *rig) offsets(t *check.T) {
	invariant := r.theory.Props.Has(losses.ShiftInvariant)
	shifts, unit := []float64{1e2, 1e4, 1e6}, 1.0
	if !invariant {
		shifts = shifts[:1]
	}
	if r.bounded() { // scores and shift stay in the domain
		unit = (r.hi - r.lo) / 128
		shifts = []float64{(r.hi - r.lo) / 8}
	}
	rng := rand.New(rand.NewPCG(18, 1))
	changed := false
	for _, k := range []int{2, 33} {
		changed = r.offset(t, newLayer(rng, k, unit, false), shifts) || changed
	}
	if invariant && !r.bounded() {
		r.offset(t, newLayer(rng, 2, unit, true), []float64{1e9})
	}
	if !invariant {
		t.True(changed, "%s is not declared, and no offset changes anything", losses.ShiftInvariant)
	}
}

// offset holds the forms of the loss against Eval on one layer, and reports whether a
// shift changes the value or leaves a gradient that does not sum to 0.
func (r *rig) offset(t *check.T, l *layer, shifts []float64) (changed bool) {
	invariant := r.theory.Props.Has(losses.ShiftInvariant)
	node64, node32 := newOffsetNode[float64](t, r, l), newOffsetNode[float32](t, r, l)
	defer node64.Close()
	defer node32.Close()
	var fused *offsetLayer
	if r.Analytic.Fused() {
		fused = newOffsetLayer(t, r, l)
		defer fused.Close()
	}
	for _, c := range shifts {
		cost := 0.0
		dz := make([][]float64, layerRows)
		for i, target := range l.target {
			base, dbase := r.row(l.scores(i, 0), target)
			z := l.scores(i, c)
			loss, d := r.row(z, target)
			sum := 0.0
			for _, g := range d {
				sum += g
			}
			changed = changed || !check.Near(loss, base, 1e-9, 1e-9) || !(math.Abs(sum) <= 1e-9)
			if invariant {
				same(t, "Row at float64", c, i, loss, base, d, dbase, 1e-9)
				loss32, d32 := r.row32(z, target)
				same(t, "Row at float32", c, i, loss32, base, d32, dbase, 1e-5)
				loss, d = base, dbase
			}
			dz[i] = d
			cost += layerUp[i] * loss
		}
		tol := 1e-5
		if !invariant {
			tol = 1e-3 // the offset takes digits, as it must
		}
		for name, form := range map[string]func() (float64, [][]float64){
			"Node at float64": func() (float64, [][]float64) { return node64.run(t, l, c) },
			"Node at float32": func() (float64, [][]float64) { return node32.run(t, l, c) },
		} {
			got, dgot := form()
			tol := tol
			if name == "Node at float64" {
				tol = 1e-8 // as in the check of nodes
			}
			t.True(check.Near(got, cost, tol, tol), "%s, offset %g: cost %.9g, want %.9g", name, c, got, cost)
			for i := range layerRows {
				want := make([]float64, l.k)
				for j, g := range dz[i] {
					want[j] = layerUp[i] * g
				}
				same(t, name, c, i, 0, 0, dgot[i], want, 10*tol)
			}
		}
		if fused == nil {
			continue
		}
		dh, dw, db := l.chain(dz)
		for _, inBias := range []bool{false, true} {
			got, gh, gw, gb := fused.run(t, l, c, inBias)
			t.True(check.Near(got, cost, tol, tol), "fused, offset %g (of the bias: %v): cost %.9g, want %.9g", c, inBias, got, cost)
			want := dh
			if !invariant && !inBias { // then w is what it is
				want = axpy(1, dh, l.chainShift(dz, c))
			}
			size := 1.0
			if !invariant {
				for _, g := range want {
					size = max(size, math.Abs(g))
				}
			}
			within(t, "dH", c, inBias, gh, want, 10*tol*size)
			within(t, "dW", c, inBias, gw, dw, 10*tol)
			within(t, "dbias", c, inBias, gb, db, 10*tol)
		}
	}
	return changed
}

// same holds one row's loss and gradient against another's. Gradients have the
// tolerance of the largest entry of the row.
func same(t *check.T, name string, c float64, i int, loss, want float64, dz, dwant []float64, tol float64) {
	t.True(check.Near(loss, want, tol, tol), "%s, offset %g, row %d: %.17g, without it %.17g", name, c, i, loss, want)
	within(t, name, c, false, dz, dwant, tol)
}

// within holds a gradient against another to tol of the largest entry and of 1.
func within(t *check.T, name string, c float64, inBias bool, got, want []float64, tol float64) {
	size := 1.0
	for _, g := range want {
		size = max(size, math.Abs(g))
	}
	for j := range want {
		t.True(math.Abs(got[j]-want[j]) <= tol*size, "%s, offset %g (of the bias: %v): entry %d is %.9g, want %.9g", name, c, inBias, j, got[j], want[j])
	}
}

// chain takes the gradients by z to those by h, w and bias of the layer without offset.
func (l *layer) chain(dz [][]float64) (dh, dw, db []float64) {
	dh, dw, db = make([]float64, len(l.h)), make([]float64, len(l.w)), make([]float64, l.k)
	for i, d := range dz {
		for j, g := range d {
			g *= layerUp[i]
			db[j] += g
			for q := range layerWidth {
				dh[i*layerWidth+q] += g * l.w[j*layerWidth+q]
				dw[j*layerWidth+q] += g * l.h[i*layerWidth+q]
			}
		}
	}
	return dh, dw, db
}

// chainShift returns what an offset in the last column of w adds to the gradient by h.
func (l *layer) chainShift(dz [][]float64, c float64) []float64 {
	dh := make([]float64, len(l.h))
	for i, d := range dz {
		for _, g := range d {
			dh[(i+1)*layerWidth-1] += layerUp[i] * g * c
		}
	}
	return dh
}

// An offsetNode is the graph of Node over scores that move between runs.
type offsetNode[T losses.Float] struct {
	*graph.Program[T]
	z    *gorgonia.Node
	data []T
}

// targetsOf adds the layer's targets and upstream gradients to a graph and returns the
// cost of the losses that f makes.
func targetsOf[T losses.Float](t *check.T, b *graph.Builder[T], l *layer, f func(tg *graph.Targets) (*gorgonia.Node, error)) *gorgonia.Node {
	tg, data := b.Targets("t", layerRows, 3*layerRows)
	t.NoError(data.Set(cast[T](l.target)), "the graph of a layer")
	u, up := b.Input("u", layerRows)
	for i, v := range layerUp {
		up[i] = T(v)
	}
	var e graph.Expr
	cost := e.N(graph.Sum(e.N(graph.Mul(e.N(f(tg)), u))))
	t.NoError(e.Err, "the graph of a layer")
	return cost
}

func newOffsetNode[T losses.Float](t *check.T, r *rig, l *layer) *offsetNode[T] {
	b := graph.NewBuilder[T]()
	n := &offsetNode[T]{data: make([]T, layerRows*l.k)}
	n.z = b.Param("z", n.data, layerRows, l.k)
	p, err := b.Train(targetsOf(t, b, l, func(tg *graph.Targets) (*gorgonia.Node, error) { return r.Node(n.z, tg) }))
	t.NoError(err, "the graph of a layer")
	n.Program = p
	return n
}

func (n *offsetNode[T]) run(t *check.T, l *layer, c float64) (cost float64, dz [][]float64) {
	for i := range layerRows {
		for j, v := range l.scores(i, c) {
			n.data[i*l.k+j] = T(v)
		}
	}
	t.NoError(n.Run(), "the graph of a layer")
	g := widen(n.Grad(n.z), layerRows, l.k)
	for i := range layerRows {
		dz = append(dz, g[i*l.k:][:l.k])
	}
	return float64(n.Cost()), dz
}

// An offsetLayer is the fused form over classes that move between runs.
type offsetLayer struct {
	*graph.Program[float32]
	lin     graph.Linear
	w, bias []float32
}

func newOffsetLayer(t *check.T, r *rig, l *layer) *offsetLayer {
	b := graph.NewBuilder[float32]()
	o := &offsetLayer{w: narrow(l.w), bias: narrow(l.bias)}
	o.lin = graph.Linear{H: b.Param("h", narrow(l.h), layerRows, layerWidth), W: b.Param("w", o.w, l.k, layerWidth), Bias: b.Param("bias", o.bias, l.k)}
	p, err := b.Train(targetsOf(t, b, l, func(tg *graph.Targets) (*gorgonia.Node, error) { return graph.LinearLoss(r.Analytic, o.lin, tg) }))
	t.NoError(err, "the graph of a layer")
	o.Program = p
	return o
}

func (o *offsetLayer) run(t *check.T, l *layer, c float64, inBias bool) (cost float64, dh, dw, db []float64) {
	copy(o.w, narrow(l.w))
	copy(o.bias, narrow(l.bias))
	for j := range l.k {
		if inBias {
			o.bias[j] = float32(l.bias[j] + c)
		} else {
			o.w[(j+1)*layerWidth-1] = float32(l.w[(j+1)*layerWidth-1] + c)
		}
	}
	t.NoError(o.Run(), "the graph of a layer")
	return float64(o.Cost()), widen(o.Grad(o.lin.H), layerRows, layerWidth), widen(o.Grad(o.lin.W), l.k, layerWidth), widen(o.Grad(o.lin.Bias), l.k, 1)
}

// widen returns a gradient of n rows as a dense one at float64.
func widen[T losses.Float](g graph.Gradient[T], n, width int) []float64 {
	dense := make([]float64, n*width)
	for j, v := range g.Data {
		at := j
		if g.Rows != nil {
			at = int(g.Rows[j/width])*width + j%width
		}
		dense[at] = float64(v)
	}
	return dense
}
