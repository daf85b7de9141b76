package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// A primitive is a function of one matrix x [B,K] and constants, for the tests
// that range over all of them.
type primitive struct {
	name   string
	at     func(x float64) float64 // moves a standard normal into the domain
	f      func(x, v node, t *Targets) (node, error)
	smooth int // derivatives that central differences can check
	mask   bool
}

var inf = math.Inf(1)

func primitives() []primitive {
	same := func(x float64) float64 { return x }
	pos := func(x float64) float64 { return 0.3 + math.Abs(x) }
	// away from 0, where the kinks are
	off := func(x float64) float64 { return x + math.Copysign(0.05, x) }
	one := func(f func(node) (node, error)) func(x, v node, t *Targets) (node, error) {
		return func(x, _ node, _ *Targets) (node, error) { return f(x) }
	}
	ps := []primitive{
		{"neg", same, one(Neg), 2, false},
		{"scale", same, one(func(x node) (node, error) { return Scale(x, -1.7) }), 2, false},
		{"addscalar", same, one(func(x node) (node, error) { return AddScalar(x, 3) }), 2, false},
		{"exp", same, one(Exp), 2, false},
		{"expm1", same, one(Expm1), 2, false},
		{"log", pos, one(Log), 2, false},
		{"log1p", pos, one(Log1p), 2, false},
		{"square", same, one(Square), 2, false},
		{"sqrt", pos, one(Sqrt), 2, false},
		{"abs", off, one(Abs), 2, false},
		{"tanh", same, one(Tanh), 2, false},
		{"atan", same, one(Atan), 2, false},
		{"sigmoid", same, one(Sigmoid), 2, false},
		{"softplus", same, one(Softplus), 2, false},
		{"relu", off, one(Relu), 2, false},
		{"gelu", same, one(GELU), 2, false},
		{"mulcols", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(MulCols(e.N(Square(x)), e.N(ColSum(x)))), e.Err
		}), 2, false},
		{"layer norm", same, one(func(x node) (node, error) {
			var e Expr // gain and bias depend on x, so that their gradients count
			return e.N(LayerNorm(e.N(Exp(x)), e.N(ColSum(x)), e.N(ColSum(e.N(Square(x)))), 0.1)), e.Err
		}), 2, false},
		{"segment softmax", same, one(func(x node) (node, error) {
			var e Expr // an empty segment, one of one score, and scores that are nobody's
			return e.N(SegmentSoftmax(e.N(Reshape(x, benchB*benchK)), e.N(constantInts(x, 1, 2, 2, 9, 19)))), e.Err
		}), 2, false},
		{"identity", same, one(Identity), 2, false},
		{"fillmasked", same, one(func(x node) (node, error) { return FillMasked(x, 0.5) }), 2, false},
		{"clamp", off, one(func(x node) (node, error) { return Clamp(x, -10, 0) }), 2, false},
		{"pow3", same, one(func(x node) (node, error) { return Pow(x, 3) }), 2, false},
		{"pow-1/2", pos, one(func(x node) (node, error) { return Pow(x, -0.5) }), 2, false},
		{"softmax", same, one(Softmax), 2, true},
		{"logsumexp", same, one(LogSumExp), 2, true},
		{"logpositive", off, one(LogPositive), 2, false},
		{"powpositiveby", off, func(x, _ node, _ *Targets) (node, error) {
			var e Expr // exponents from 2.3 on: two derivatives exist at the kink
			return e.N(PowPositiveBy(x, e.N(AddScalar(e.N(Sigmoid(e.N(RowMax(x)))), 2.3)))), e.Err
		}, 2, true},
		{"thresholdby", same, func(x, _ node, _ *Targets) (node, error) {
			var e Expr
			return e.N(ThresholdBy(x, e.N(AddScalar(e.N(Sigmoid(e.N(RowMax(x)))), 1.05)))), e.Err
		}, 2, true},
		{"mulscalar", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(MulScalar(x, e.N(total(e.N(RowMean(x)))))), e.Err
		}), 2, false},
		{"rowsum", same, one(RowSum), 2, true},
		{"rowmean", same, one(RowMean), 2, true},
		{"rowmax", same, one(RowMax), 2, true},
		{"rowkth", same, one(func(x *gorgonia.Node) (*gorgonia.Node, error) { return RowKth(x, 2) }), 2, true},
		{"logsoftmax", same, one(func(x node) (node, error) {
			// the −Inf of a masked candidate must meet weight 0
			var e Expr
			return e.N(RowDot(e.N(LogSoftmax(x)), e.N(Softmax(x)))), e.Err
		}), 2, true},
		{"l2normalize", same, one(L2Normalize), 2, false},
		{"l2normalize of exp", same, one(func(x node) (node, error) {
			var e Expr // upstream of the gradient is a function of the operand too
			return e.N(L2Normalize(e.N(Exp(x)))), e.Err
		}), 2, false},
		{"l2normalize inside", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(Softmax(e.N(L2Normalize(x)))), e.Err
		}), 2, false},
		{"colsum", same, one(ColSum), 2, false},
		{"sum", same, one(Sum), 2, false},
		{"addbias", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(AddBias(e.N(Square(x)), e.N(ColSum(x)))), e.Err
		}), 2, false},
		{"rowdot", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(RowDot(x, e.N(Exp(x)))), e.Err
		}), 2, true},
		{"mul", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(Mul(x, e.N(Mul(x, x)))), e.Err
		}), 2, false},
		{"div", pos, one(func(x node) (node, error) {
			var e Expr
			return e.N(Div(e.N(Exp(x)), x)), e.Err
		}), 2, false},
		{"add sub", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(Add(e.N(Exp(x)), e.N(Sub(x, e.N(Square(x)))))), e.Err
		}), 2, false},
		{"targetdot", same, func(x, _ node, t *Targets) (node, error) {
			var e Expr
			return e.N(TargetDot(e.N(Exp(x)), t)), e.Err
		}, 2, true},
		{"mean", same, func(x, _ node, t *Targets) (node, error) {
			var e Expr
			return e.N(MeanRows(e.N(LogSumExp(x)), t)), e.Err
		}, 2, true},
		{"weighted mean", same, func(x, v node, t *Targets) (node, error) {
			var e Expr
			return e.N(WeightedMean(e.N(LogSumExp(x)), e.N(Exp(v)), t)), e.Err
		}, 2, true},
		{"each positive", same, func(x, _ node, t *Targets) (node, error) {
			return EachPositive(x, t, func(z node, t *Targets) (node, error) {
				var e Expr
				return e.N(Sub(e.N(LogSumExp(z)), e.N(TargetDot(e.N(Square(z)), t)))), e.Err
			})
		}, 2, true},
		{"matmul nn", same, one(func(x node) (node, error) { return matmulTwice(x, false, false) }), 2, false},
		{"matmul nt", same, one(func(x node) (node, error) { return matmulTwice(x, false, true) }), 2, false},
		{"matmul tn", same, one(func(x node) (node, error) { return matmulTwice(x, true, false) }), 2, false},
		{"matmul tt", same, one(func(x node) (node, error) { return matmulTwice(x, true, true) }), 2, false},
		{"reshape", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(Softmax(e.N(Reshape(e.N(Reshape(x, benchB*benchK)), benchK, benchB)))), e.Err
		}), 2, false},
		{"concat slice 0", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(Concat(0, e.N(Square(x)), e.N(Slice(x, 0, 1, 3)), x)), e.Err
		}), 2, false},
		{"concat slice 1", same, one(func(x node) (node, error) {
			var e Expr
			return e.N(Concat(1, e.N(Slice(x, 1, 2, 5)), e.N(Square(x)), e.N(Slice(x, 1, 0, 1)))), e.Err
		}), 2, false},
		{"targetmatrix", same, func(x, _ node, t *Targets) (node, error) {
			var e Expr
			return e.N(RowDot(e.N(Square(e.N(FillMasked(x, 0)))), e.N(TargetMatrix(t, x)))), e.Err
		}, 2, true},
	}
	read := func(f func(e *Expr, x, ids node) node) func(x, v node, _ *Targets) (node, error) {
		return func(x, _ node, _ *Targets) (node, error) {
			var e Expr
			return f(&e, x, e.N(constantInts(x, 2, -1, 0, 2, 1, 0))), e.Err
		}
	}
	ps = append(ps,
		primitive{"lookup", same, read(func(e *Expr, x, ids node) node {
			return e.N(Lookup(e.N(Square(x)), ids))
		}), 2, false},
		primitive{"lookup inside", same, read(func(e *Expr, x, ids node) node {
			return e.N(Softmax(e.N(Lookup(e.N(Exp(x)), ids))))
		}), 2, false},
		primitive{"bag", same, read(func(e *Expr, x, ids node) node {
			return e.N(Square(e.N(Bag(e.N(Square(x)), e.N(constantInts(x, 0, 3, 3, 5)), ids, nil))))
		}), 2, false},
		primitive{"bag values", same, read(func(e *Expr, x, ids node) node {
			values := e.N(Reshape(e.N(Exp(e.N(Slice(x, 1, 0, 2)))), 6)) // as many as ids
			return e.N(Square(e.N(Bag(x, e.N(constantInts(x, 0, 2, 5)), ids, values))))
		}), 2, false})
	for _, r := range []struct {
		name string
		f    func(x, v *gorgonia.Node) (*gorgonia.Node, error)
	}{{"addrow", AddRow}, {"subrow", SubRow}, {"mulrow", MulRow}, {"divrow", DivRow}} {
		ps = append(ps, primitive{r.name, pos, func(x, _ node, _ *Targets) (node, error) {
			var e Expr
			return e.N(r.f(e.N(Square(x)), e.N(RowSum(x)))), e.Err
		}, 2, false})
	}
	for _, q := range []float64{0.5, 1, 1.5, 2, 3} {
		ps = append(ps, primitive{fmt.Sprintf("powpositive%g", q), off, one(func(x node) (node, error) { return PowPositive(x, q) }), 2, true})
	}
	for _, alpha := range []float64{1.1, 1.25, 1.5, 1.75, 2, 3} {
		smooth := 2
		if alpha > 2 { // the map is not Lipschitz at the border of its support
			smooth = 1
		}
		ps = append(ps,
			primitive{fmt.Sprintf("threshold%g", alpha), same, one(func(x node) (node, error) { return EntmaxThreshold(x, alpha) }), smooth, true},
			primitive{fmt.Sprintf("normthreshold%g", alpha), same, one(func(x node) (node, error) { return NormThreshold(x, alpha) }), smooth, true})
	}
	return ps
}

// constantInts returns a node of these numbers in the graph of x.
func constantInts(x node, numbers ...int32) (node, error) {
	f := func(dst []int32) { copy(dst, numbers) }
	if x.Dtype() == tensor.Float32 {
		return HostIntsOf(x, func(dst []int32, _ []float32) error { f(dst); return nil }, len(numbers))
	}
	return HostIntsOf(x, func(dst []int32, _ []float64) error { f(dst); return nil }, len(numbers))
}

// matmulTwice multiplies x and exp x, transposed so that the shapes fit.
func matmulTwice(x node, ta, tb bool) (node, error) {
	var e Expr
	a, b := x, e.N(Exp(x))
	if ta == tb { // [B,K]·[K,B] needs a transposed operand
		b = e.N(Reshape(b, benchK, benchB))
	}
	return e.N(MatMul(a, b, ta, tb)), e.Err
}

// A bench is one primitive under the cost Σ w∘f(x), with w not uniform, and the
// curvature ⟨u, ∇cost⟩ whose gradient is the Hessian times u.
type bench[T Float] struct {
	x          []T
	cost, curv *Program[T]
	xn, xc     node
}

const benchB, benchK = 3, 7

func newBench[T Float](t *testing.T, p primitive, x []float64) *bench[T] {
	t.Helper()
	bn := &bench[T]{x: make([]T, len(x))}
	for i := range x {
		bn.x[i] = T(x[i])
	}
	make1 := func(second bool) (*Program[T], node) {
		b := NewBuilder[T]()
		rng := rand.New(rand.NewPCG(7, 11))
		xn := b.Param("x", bn.x, benchB, benchK)
		tg, td := b.Targets("t", benchB, 8)
		require.NoError(t, td.Append([]int32{0, 2, 6}, []T{0.5, 0.25, 0.25}))
		require.NoError(t, td.Append(nil, nil)) // padding
		require.NoError(t, td.Append([]int32{1}, nil))
		v, vd := b.Input("v", benchB)
		for i := range vd {
			vd[i] = T(rng.NormFloat64())
		}
		y, err := p.f(xn, v, tg)
		require.NoError(t, err)
		cost := y
		if y.Dims() > 0 {
			w, wd := b.Input("w", y.Shape()...)
			for i := range wd {
				wd[i] = T(rng.NormFloat64())
			}
			var e Expr
			cost = e.N(Sum(e.N(Mul(y, w))))
			require.NoError(t, e.Err)
		}
		if second {
			g, err := Grad(cost, xn)
			require.NoError(t, err)
			u, ud := b.Input("u", benchB, benchK)
			for i := range ud {
				ud[i] = T(rng.NormFloat64())
			}
			var e Expr
			// the cost itself rides along, so that a constant gradient still depends on x
			cost = e.N(Add(e.N(Sum(e.N(Mul(g[0], u)))), cost))
			require.NoError(t, e.Err)
		}
		prog, err := b.Train(cost)
		require.NoError(t, err)
		return prog, xn
	}
	bn.cost, bn.xn = make1(false)
	bn.curv, bn.xc = make1(true)
	t.Cleanup(func() { require.NoError(t, bn.cost.Close()); require.NoError(t, bn.curv.Close()) })
	return bn
}

// input returns a test point of p: distinct scores that keep off the kinks.
func input(p primitive, seed uint64) []float64 {
	rng := rand.New(rand.NewPCG(seed, 5))
	x := make([]float64, benchB*benchK)
	for i := range x {
		x[i] = p.at(rng.NormFloat64())
	}
	return x
}

func TestPrimitivesAgainstCentralDifferences(t *testing.T) {
	for _, p := range primitives() {
		t.Run(p.name, func(t *testing.T) {
			for seed := range uint64(3) {
				b := newBench[float64](t, p, input(p, seed))
				for order, prog := range []*Program[float64]{b.cost, b.curv} {
					if order+1 > p.smooth {
						continue
					}
					n := []node{b.xn, b.xc}[order]
					want := make([]float64, len(b.x))
					check.CentralDifference(want, func([]float64) float64 {
						require.NoError(t, prog.Run())
						return prog.Cost()
					}, b.x, 1e-6)
					for range 2 { // the second run must not see the first
						require.NoError(t, prog.Run())
						worst, at := check.Worst(prog.Grad(n).Data, want, 1)
						require.LessOrEqual(t, worst, 1e-7, "derivative %d, seed %d, entry %d: %v, want %v", order+1, seed, at, prog.Grad(n).Data[at], want[at])
					}
				}
			}
		})
	}
}

// TestDetach: the gradient of x·detach(x) is the detached value, not 2x.
func TestDetach(t *testing.T) {
	b := NewBuilder[float64]()
	x := b.Param("x", []float64{3, -2, 0.5}, 3)
	var e Expr
	held := e.N(Detach(x))
	cost := e.N(Sum(e.N(Mul(x, held))))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	require.Equal(t, 13.25, p.Cost())
	require.Equal(t, []float64{3, -2, 0.5}, p.Grad(x).Data)
	_, err = Detach(nil)
	require.ErrorContains(t, err, "detach")
}

func TestPrimitivesAtFloat32(t *testing.T) {
	for _, p := range primitives() {
		t.Run(p.name, func(t *testing.T) {
			x := input(p, 1)
			for i := range x {
				x[i] = float64(float32(x[i]))
			}
			b32, b64 := newBench[float32](t, p, x), newBench[float64](t, p, x)
			require.NoError(t, b32.cost.Run())
			require.NoError(t, b64.cost.Run())
			require.True(t, check.Near(float64(b32.cost.Cost()), b64.cost.Cost(), 1e-5, 1e-5), "%v, want %v", b32.cost.Cost(), b64.cost.Cost())
			got := make([]float64, len(x))
			for i, g := range b32.cost.Grad(b32.xn).Data {
				got[i] = float64(g)
			}
			worst, at := check.Worst(got, b64.cost.Grad(b64.xn).Data, 1)
			require.LessOrEqual(t, worst, 2e-5, "entry %d", at)
		})
	}
}

// TestMaskEqualsDeletion runs each row primitive on K−1 candidates and on K of
// which one is masked.
func TestMaskEqualsDeletion(t *testing.T) {
	for _, p := range primitives() {
		if !p.mask {
			continue
		}
		t.Run(p.name, func(t *testing.T) {
			x := input(p, 2)
			const dead = 4 // outside every target of the bench
			far := append([]float64{}, x...)
			for i := range benchB {
				x[i*benchK+dead] = -inf
				far[i*benchK+dead] = -700 // e^{−700} is next to nothing: all but deleted
			}
			b, want := newBench[float64](t, p, x), newBench[float64](t, p, far)
			for order, prog := range []*Program[float64]{b.cost, b.curv} {
				if order == 1 && (p.name == "logsoftmax" || p.name == "rowdot") {
					continue // their second derivatives add products with −Inf of both signs
				}
				require.NoError(t, prog.Run())
				n := []node{b.xn, b.xc}[order]
				for i, g := range prog.Grad(n).Data {
					require.False(t, math.IsNaN(g), "derivative %d, entry %d", order+1, i)
					if i%benchK == dead {
						require.Zero(t, g, "entry %d", i)
					}
				}
			}
			switch p.name {
			case "rowsum", "rowmean": // linear: a far score is no deletion
				return
			}
			require.NoError(t, want.cost.Run())
			require.True(t, check.Near(b.cost.Cost(), want.cost.Cost(), 1e-12, 1e-12), "%v, want %v", b.cost.Cost(), want.cost.Cost())
		})
	}
}

func TestSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	if testing.Short() {
		t.Skip("runs shapes large enough for several goroutines")
	}
	const B, K = 64, 2000
	rng := rand.New(rand.NewPCG(3, 4))
	x := make([]float32, B*K)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var cost float32
	var grad []float32
	for _, procs := range []int{1, 2, 4} {
		runtime.GOMAXPROCS(procs)
		b := NewBuilder[float32]()
		xn := b.Param("x", x, B, K)
		var e Expr
		p := e.N(PowPositive(e.N(SubRow(e.N(Scale(xn, 0.5)), e.N(EntmaxThreshold(xn, 1.5)))), 2))
		all := e.N(AddRow(e.N(MulRow(e.N(Softmax(xn)), e.N(LogSumExp(xn)))), e.N(RowMax(xn))))
		prog, err := b.Train(e.N(Sum(e.N(RowDot(all, p)))))
		require.NoError(t, e.Err)
		require.NoError(t, err)
		require.NoError(t, prog.Run())
		if grad == nil {
			cost, grad = prog.Cost(), append(grad, prog.Grad(xn).Data...)
		}
		require.Equal(t, math.Float32bits(cost), math.Float32bits(prog.Cost()))
		for i, g := range prog.Grad(xn).Data {
			require.Equal(t, math.Float32bits(grad[i]), math.Float32bits(g), "entry %d at GOMAXPROCS %d", i, procs)
		}
		require.NoError(t, prog.Close())
	}
}

// TestPowersOfAnotherExponent: an exponent that float32 would round to 0 or to infinity is
// none of the two.
func TestPowersOfAnotherExponent(t *testing.T) {
	x := []float32{float32(math.NaN()), 0, float32(math.Copysign(0, -1)), 1, -1, 2, 0.5, float32(inf), float32(-inf)}
	for _, q := range []float64{1e-50, -1e-50, 1e50, -1e50} {
		got := make([]float32, len(x))
		powers(got, x, q)
		for i, v := range x {
			want := float32(math.Pow(float64(v), q))
			require.True(t, got[i] == want || got[i] != got[i] && want != want, "%v^%v is %v, want %v", v, q, got[i], want)
		}
	}
}
