package graph

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
)

// twoParams is softmax of scores times a, and b² times the log-sum-exp of scores.
func twoParams(z node, t *Targets, p []node) (node, error) {
	var e Expr
	return e.N(Add(e.N(testNode(1, e.N(MulRow(z, p[0])), t)), e.N(Mul(e.N(Square(p[1])), e.N(LogSumExp(z)))))), e.Err
}

// A trainedCase is an op over leaves of b: its losses, of so many rows.
type trainedCase struct {
	rows int
	op   func(b *Builder[float64], l Analytic, rng *rand.Rand) (node, error)
}

// numbers returns n draws.
func numbers(rng *rand.Rand, n int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = rng.NormFloat64()
	}
	return x
}

// trainedCases are the ops that end a graph, with padding rows and several positives.
func trainedCases() map[string]trainedCase {
	targets := func(b *Builder[float64], rows, k int, rng *rand.Rand) *Targets {
		t, td := b.Targets("t", rows, 2*rows)
		for i := range rows {
			first := rng.IntN(k - 1)
			switch i % 3 {
			case 0:
				td.Append([]int32{int32(first)}, nil)
			case 1:
				td.Append([]int32{int32(first), int32(first + 1)}, []float64{0.3, 0.7})
			case 2:
				td.Append(nil, nil)
			}
		}
		return t
	}
	sampled := func(ids func(b *Builder[float64]) node) func(b *Builder[float64], l Analytic, rng *rand.Rand) (node, error) {
		return func(b *Builder[float64], l Analytic, rng *rand.Rand) (node, error) {
			c := Classes{H: b.Param("h", numbers(rng, 6*2), 6, 2), W: b.Param("w", numbers(rng, 9*2), 9, 2)}
			return SampledLinearLoss(l, c, Sampled{IDs: ids(b), Correction: Uncorrected, DropHits: true}, targets(b, 6, 9, rng))
		}
	}
	return map[string]trainedCase{
		"loss": {5, func(b *Builder[float64], l Analytic, rng *rand.Rand) (node, error) {
			return Loss(l, b.Param("z", numbers(rng, 5*4), 5, 4), targets(b, 5, 4, rng))
		}},
		"linear": {7, func(b *Builder[float64], l Analytic, rng *rand.Rand) (node, error) {
			lin := Linear{H: b.Param("h", numbers(rng, 7*2), 7, 2), W: b.Param("w", numbers(rng, 5*2), 5, 2), Bias: b.Param("bias", numbers(rng, 5), 5)}
			return LinearLoss(l, lin, targets(b, 7, 5, rng))
		}},
		"sampled, shared": {6, sampled(func(b *Builder[float64]) node {
			n, ids := b.Indices("ids", 4)
			copy(ids, []int32{1, 3, 3, -1})
			return n
		})},
		"sampled, of each row": {6, sampled(func(b *Builder[float64]) node {
			n, ids := b.IndexMatrix("ids", 6, 3)
			for i := range ids {
				ids[i] = int32(i % 9)
			}
			return n
		})},
		"ragged": {3, func(b *Builder[float64], l Analytic, rng *rand.Rand) (node, error) {
			ptr, bounds := b.Indices("ptr", 4)
			copy(bounds, []int32{0, 2, 9, 12})
			return RaggedLoss(l, b.Param("z", numbers(rng, 13), 13), ptr, targets(b, 3, 2, rng))
		}},
		"binary": {5, func(b *Builder[float64], l Analytic, rng *rand.Rand) (node, error) {
			bit, bits := b.Indices("bit", 5)
			copy(bits, []int32{1, 0, -1, 0, 1})
			return BinaryLoss(l, b.Param("z", numbers(rng, 5), 5), bit)
		}},
	}
}

// weighted returns Σ w ℓ under weights that differ from row to row.
func weighted(b *Builder[float64], loss node, rows int) (node, error) {
	n, w := b.Input("upstream", rows)
	for i := range w {
		w[i] = 0.5 + float64(i)
	}
	var e Expr
	return e.N(Sum(e.N(Mul(loss, n)))), e.Err
}

// TestTrainedParameters: under every op, in one block and in many, the gradient by the
// parameters of a definition, and by all else, is the central difference of the cost, and
// the cost is that of the definition with the parameters' values as constants. So is the
// gradient where nothing but the parameters is differentiated.
func TestTrainedParameters(t *testing.T) {
	for name, c := range trainedCases() {
		for _, many := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/many=%t", name, many), func(t *testing.T) {
				if many {
					lowBlocks(t)
				}
				at := []float64{0.7, 1.3}
				made := func(constant bool) (*Program[float64], *Builder[float64], gorgonia.Nodes) {
					b := NewBuilder[float64]()
					leaf := b.Param
					if constant {
						leaf = b.Constant
					}
					params := gorgonia.Nodes{leaf("a", at[:1], 1), leaf("b", at[1:], 1)}
					loss, err := c.op(b, FromTrained("two", twoParams, params...), rand.New(rand.NewPCG(1, 2)))
					require.NoError(t, err)
					cost, err := weighted(b, loss, c.rows)
					require.NoError(t, err)
					p, err := b.Train(cost)
					require.NoError(t, err)
					return p, b, params
				}
				p, _, params := made(false)
				defer p.Close()
				report, err := CheckGradient(p, GradientCheck{})
				require.NoError(t, err)
				require.Greater(t, len(report.Rows), 2)
				require.NoError(t, p.Run())
				for _, n := range params {
					require.NotZero(t, p.Grad(n).Data[0])
				}
				q, _, _ := made(true)
				defer q.Close()
				require.NoError(t, q.Run())
				require.InDelta(t, p.Cost(), q.Cost(), 1e-13)

				// Of a plain definition with these numbers in it.
				b := NewBuilder[float64]()
				plain := FromNode("plain", func(z node, t *Targets) (node, error) {
					var e Expr
					return e.N(Add(e.N(testNode(1, e.N(Scale(z, at[0])), t)), e.N(Scale(e.N(LogSumExp(z)), at[1]*at[1])))), e.Err
				})
				loss, err := c.op(b, plain, rand.New(rand.NewPCG(1, 2)))
				require.NoError(t, err)
				cost, err := weighted(b, loss, c.rows)
				require.NoError(t, err)
				r, err := b.Eval(cost)
				require.NoError(t, err)
				defer r.Close()
				require.NoError(t, r.Run())
				require.InDelta(t, r.Value(cost)[0], p.Cost(), 1e-12)
			})
		}
	}
}

// TestTrainedAlone: where nothing but a parameter is trained, it has its gradient too, and
// two ops that share it give it the sum.
func TestTrainedAlone(t *testing.T) {
	b := NewBuilder[float64]()
	alpha := b.Param("a", []float64{0.7}, 1)
	l := FromTrained("one", func(z node, t *Targets, p []node) (node, error) {
		var e Expr
		return e.N(testNode(1, e.N(MulRow(z, p[0])), t)), e.Err
	}, alpha)
	rng := rand.New(rand.NewPCG(3, 4))
	h, hv := b.Input("h", 3, 2)
	w, wv := b.Input("w", 4, 2)
	copy(hv, numbers(rng, 6))
	copy(wv, numbers(rng, 8))
	tg, td := b.Targets("t", 3, 3)
	for i := range 3 {
		require.NoError(t, td.Append([]int32{int32(i)}, nil))
	}
	var e Expr
	x := e.N(LinearLoss(l, Linear{H: h, W: w}, tg))
	y := e.N(Loss(l, e.N(MatMul(h, w, false, true)), tg))
	cost := e.N(Sum(e.N(Add(e.N(Scale(x, 2)), y))))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	_, err = CheckGradient(p, GradientCheck{})
	require.NoError(t, err)
	require.NoError(t, p.Run())
	require.NotZero(t, p.Grad(alpha).Data[0])
}

// TestTrainedInAnyGraph: in a graph and a machine that a caller made, by gorgonia.Grad,
// the gradient by a parameter is that of a Program.
func TestTrainedInAnyGraph(t *testing.T) {
	c := trainedCases()["loss"]
	b := NewBuilder[float64]()
	params := gorgonia.Nodes{b.Param("a", []float64{0.7}, 1), b.Param("b", []float64{1.3}, 1)}
	loss, err := c.op(b, FromTrained("two", twoParams, params...), rand.New(rand.NewPCG(1, 2)))
	require.NoError(t, err)
	cost, err := weighted(b, loss, c.rows)
	require.NoError(t, err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	require.NoError(t, p.Run())
	want := []float64{p.Grad(params[0]).Data[0], p.Grad(params[1]).Data[0]}

	b = NewBuilder[float64]()
	params = gorgonia.Nodes{b.Param("a", []float64{0.7}, 1), b.Param("b", []float64{1.3}, 1)}
	loss, err = c.op(b, FromTrained("two", twoParams, params...), rand.New(rand.NewPCG(1, 2)))
	require.NoError(t, err)
	cost, err = weighted(b, loss, c.rows)
	require.NoError(t, err)
	grads, err := gorgonia.Grad(cost, params...)
	require.NoError(t, err)
	m := gorgonia.NewTapeMachine(cost.Graph(), gorgonia.BindDualValues(params...))
	defer m.Close()
	require.NoError(t, m.RunAll())
	for i, g := range grads {
		require.InDelta(t, want[i], g.Value().Data().([]float64)[0], 1e-12)
	}
}

// TestTrainedIsDeterministic: the bits of the gradient by a parameter do not depend on the
// number of threads.
func TestTrainedIsDeterministic(t *testing.T) {
	saved, blocks := runtime.GOMAXPROCS(0), blockBytes
	defer func() { runtime.GOMAXPROCS(saved); blockBytes = blocks }()
	blockBytes = 1 << 20
	var first []float32
	for _, n := range []int{1, 4, 3} {
		runtime.GOMAXPROCS(n)
		b := NewBuilder[float32]()
		rng := rand.New(rand.NewPCG(5, 6))
		floats := func(n int) []float32 {
			x := make([]float32, n)
			for i := range x {
				x[i] = float32(rng.NormFloat64())
			}
			return x
		}
		params := gorgonia.Nodes{b.Param("a", []float32{0.7}, 1), b.Param("b", []float32{0.2}, 1)}
		h, w := b.Param("h", floats(60*8), 60, 8), b.Param("w", floats(3000*8), 3000, 8)
		tg, td := b.Targets("t", 60, 60)
		for i := range 60 {
			require.NoError(t, td.Append([]int32{int32(i)}, nil))
		}
		var e Expr
		cost := e.N(MeanRows(e.N(LinearLoss(FromTrained("two", twoParams, params...), Linear{H: h, W: w}, tg)), tg))
		require.NoError(t, e.Err)
		p, err := b.Train(cost)
		require.NoError(t, err)
		require.NoError(t, p.Run())
		got := slices.Concat([]float32{p.Cost()}, p.Grad(params[0]).Data, p.Grad(params[1]).Data, p.Grad(h).Data)
		require.NoError(t, p.Close())
		if first == nil {
			first = got
		}
		require.Equal(t, first, got)
	}
}

// TestTrainedFaults: parameters that are no number, that nobody reads, and positives taken
// one by one are errors when the op is made; outside of ops there is no value.
func TestTrainedFaults(t *testing.T) {
	for want, c := range map[string]struct {
		d     TrainedDefinition
		shape []int
	}{
		"number 1 is (2); want [1]":   {twoParams, []int{2}},
		"number 1 is (1, 1); want a ": {twoParams, []int{1, 1}},
		"does not depend on": {func(z node, t *Targets, p []node) (node, error) {
			var e Expr
			return e.N(testNode(1, e.N(MulRow(z, p[0])), t)), e.Err
		}, []int{1}},
		"state it by the whole target": {func(z node, t *Targets, p []node) (node, error) {
			return EachPositive(z, t, func(z node, t *Targets) (node, error) { return twoParams(z, t, p) })
		}, []int{1}},
	} {
		b := NewBuilder[float64]()
		a, _ := b.Input("a", 1)
		other, _ := b.Input("b", c.shape...)
		z, _ := b.Input("z", 3, 4)
		tg, _ := b.Targets("t", 3, 6)
		_, err := Loss(FromTrained("own", c.d, a, other), z, tg)
		require.ErrorContains(t, err, want)
	}
	b := NewBuilder[float64]()
	a, _ := b.Input("a", 1)
	dz := make([]float64, 2)
	loss := FromTrained("own", twoParams, a, a).F64.Eval(dz, []float64{1, 2}, Target[float64]{Pos: []int32{0}, Weight: []float64{1}}, nil)
	require.True(t, loss != loss && dz[0] != dz[0] && dz[1] != dz[1])
}
