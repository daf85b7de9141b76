package graph

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// The tests named Trap fence off one defect of Gorgonia v0.9.18 each.

// value evaluates n once.
func value(t *testing.T, b *Builder[float64], n node) []float64 {
	t.Helper()
	prog, err := b.Eval(n)
	require.NoError(t, err)
	require.NoError(t, prog.Run())
	return slices.Clone(prog.Value(n))
}

func TestTrapStockOpsAreRejected(t *testing.T) {
	for _, c := range []struct {
		use string
		f   func(x, v, ids node) (node, error)
	}{
		{"graph.Softmax", func(x, _, _ node) (node, error) { return gorgonia.SoftMax(x, 1) }},
		{"graph.LogSoftmax", func(x, _, _ node) (node, error) { return gorgonia.LogSoftMax(x, 1) }},
		{"graph.EntmaxThreshold", func(x, _, _ node) (node, error) { return gorgonia.Sparsemax(x, 1) }},
		{"graph.Dropout", func(x, _, _ node) (node, error) { return gorgonia.Dropout(x, 0.5) }},
		{"graph.Reshape", func(x, _, _ node) (node, error) { return gorgonia.Reshape(x, tensor.Shape{3, 2}) }},
		{"graph.MatMul", func(_, v, _ node) (node, error) { return gorgonia.OuterProd(v, v) }},
		{"graph.Pow", func(x, _, _ node) (node, error) { return gorgonia.InverseSqrt(x) }},
		{"graph.Lookup", func(x, _, ids node) (node, error) { return gorgonia.ByIndices(x, ids, 0) }},
	} {
		t.Run(c.use, func(t *testing.T) {
			b := NewBuilder[float64]()
			x, v := b.Param("x", []float64{1, 2, 3, 4, 5, 6}, 2, 3), b.Param("v", []float64{1, 2}, 2)
			ids := gorgonia.NewVector(b.Graph(), tensor.Int, gorgonia.WithShape(1), gorgonia.WithName("ids"),
				gorgonia.WithValue(tensor.New(tensor.WithShape(1), tensor.WithBacking([]int{1}))))
			y, err := c.f(x, v, ids)
			require.NoError(t, err)
			_, err = b.Eval(y)
			require.ErrorContains(t, err, c.use)
			_, err = b.Train(gorgonia.Must(Sum(y)))
			require.ErrorContains(t, err, c.use)
		})
	}
	b := NewBuilder[float64]()
	_, err := gorgonia.LogSumExp(b.Param("x", make([]float64, 6), 2, 3), 1)
	require.Error(t, err, "LogSumExp builds now: reject it in Verify")
}

func TestTrapLeavesOfOneName(t *testing.T) {
	b := NewBuilder[float64]()
	x := b.Param("x", []float64{1, 2}, 2)
	foreign := gorgonia.NewVector(b.Graph(), tensor.Float64, gorgonia.WithShape(3), gorgonia.WithName("x"),
		gorgonia.WithValue(tensor.New(tensor.WithShape(3), tensor.WithBacking([]float64{1, 2, 3}))))
	_, err := b.Eval(x, foreign)
	require.ErrorContains(t, err, `two leaves have the name "x"`)
}

// TestTrapMergedOps: two ops of one kind over one node stay two, also where
// stock ops agree in their hash (slices whose bounds agree modulo 256; softmax
// and its logarithm).
func TestTrapMergedOps(t *testing.T) {
	b := NewBuilder[float64]()
	d := make([]float64, 300)
	for i := range d {
		d[i] = float64(i)
	}
	x := b.Param("x", d, 300)
	var e Expr
	y := e.N(Add(e.N(Slice(x, 0, 0, 2)), e.N(Slice(x, 0, 256, 258))))
	require.NoError(t, e.Err)
	require.Equal(t, []float64{256, 258}, value(t, b, y))

	z := b.Param("z", []float64{0, 0, 100, 0, 200, 0}, 3, 2)
	p, l := e.N(Softmax(z)), e.N(LogSoftmax(z))
	require.NoError(t, e.Err)
	// stable where row 0 is far below the others, and not merged
	got, log := value(t, b, p), value(t, b, l)
	for i, want := range []float64{0.5, 0.5, 1, math.Exp(-100), 1, math.Exp(-200)} {
		require.True(t, check.Near(got[i], want, 1e-14, 0))
		require.True(t, check.Near(log[i], math.Log(want), 1e-14, 0))
	}
}

// TestTrapHashCollision finds two instance ids that give two nodes over one leaf
// the same hash.
func TestTrapHashCollision(t *testing.T) {
	if testing.Short() {
		t.Skip("hashes some hundred thousand ids")
	}
	b := NewBuilder[float64]()
	x := b.Param("x", []float64{1, 2}, 2)
	hash := func(id uint64) uint32 { // Node.WriteHash, with the op's
		h := fnv.New32a()
		fmt.Fprintf(h, "%v%v", x.Type(), x.Shape())
		(&op{name: "scale", id: id}).WriteHash(h)
		h.Write([]byte{1})
		c := x.Hashcode()
		h.Write([]byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)})
		return h.Sum32()
	}
	first := map[uint32]uint64{}
	i, j := uint64(0), opIDs.Load()+1
	for ; ; j++ {
		var ok bool
		if i, ok = first[hash(j)]; ok {
			break
		}
		first[hash(j)] = j
	}
	opIDs.Store(i - 1)
	y := gorgonia.Must(Scale(x, 2))
	require.Equal(t, hash(i), y.Hashcode())
	opIDs.Store(j - 1)
	z := gorgonia.Must(Scale(x, 3))
	require.NotEqual(t, y.Hashcode(), z.Hashcode())
	require.Equal(t, []float64{5, 10}, value(t, b, gorgonia.Must(Add(y, z))))
}

// TestTrapSecondGrad: gorgonia.Grad called for a second cost over a shared node
// returns the first cost's gradient.
func TestTrapSecondGrad(t *testing.T) {
	b := NewBuilder[float64]()
	x := b.Param("x", []float64{1, 2}, 2)
	var e Expr
	sq := e.N(Square(x))
	g1, err := Grad(e.N(Sum(sq)), x)
	require.NoError(t, err)
	g2, err := Grad(e.N(Sum(e.N(Square(sq)))), x)
	require.NoError(t, err)
	require.Equal(t, []float64{2, 4}, value(t, b, g1[0]))
	require.Equal(t, []float64{4, 32}, value(t, b, g2[0]))
}

// TestTrapInPlace mixes stock elementwise ops, which write into operands that
// they are the last to read, with nodes that are outputs, parameters or
// gradients.
func TestTrapInPlace(t *testing.T) {
	b := NewBuilder[float64]()
	ad, cd, xd := []float64{1, 2}, []float64{3, 4}, []float64{5, 6}
	a, c, x := b.Param("a", ad, 2), b.Param("c", cd, 2), b.Param("x", xd, 2)
	// h = a∘c is an output, and the last reader of it is a stock op
	h := gorgonia.Must(Mul(a, c))
	y := gorgonia.Must(gorgonia.HadamardProd(h, x))
	s := gorgonia.Must(gorgonia.Add(gorgonia.Must(Reshape(y, 2)), x))
	prog, err := b.Eval(h, y, s)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, prog.Run())
		require.Equal(t, []float64{3, 8}, prog.Value(h))
		require.Equal(t, []float64{15, 48}, prog.Value(y))
		require.Equal(t, []float64{20, 54}, prog.Value(s))
	}
	// ∂/∂a of a + c∘x is the upstream gradient, which ∂/∂c = g∘x reads in a stock op
	sum := gorgonia.Must(gorgonia.Add(a, gorgonia.Must(gorgonia.HadamardProd(c, x))))
	up, ud := b.Input("up", 2)
	copy(ud, []float64{10, 100})
	train, err := b.Train(gorgonia.Must(Sum(gorgonia.Must(Mul(sum, up)))))
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, train.Run())
		require.Equal(t, []float64{10, 100}, train.Grad(a).Data)
		require.Equal(t, []float64{50, 600}, train.Grad(c).Data)
		require.Equal(t, []float64{30, 400}, train.Grad(x).Data)
	}
	require.Equal(t, [][]float64{{1, 2}, {3, 4}, {5, 6}}, [][]float64{ad, cd, xd}, "a run modified a parameter")
}

// TestTrapStockModel trains stock ops whose derivatives use Reshape inside.
func TestTrapStockModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	b := NewBuilder[float64]()
	normal := func(n int) []float64 {
		d := make([]float64, n)
		for i := range d {
			d[i] = rng.NormFloat64()
		}
		return d
	}
	wd, vd := normal(12), normal(4)
	x, xd := b.Input("x", 5, 3)
	copy(xd, normal(15))
	w, v := b.Param("w", wd, 3, 4), b.Param("v", vd, 4)
	h := gorgonia.Must(gorgonia.Tanh(gorgonia.Must(gorgonia.Mul(x, w))))
	h = gorgonia.Must(AddBias(h, v))
	h = gorgonia.Must(gorgonia.HadamardProd(h, gorgonia.Must(gorgonia.Sigmoid(h))))
	rows := gorgonia.Must(gorgonia.Square(gorgonia.Must(gorgonia.Sum(h, 1))))
	prog, err := b.Train(gorgonia.Must(Sum(gorgonia.Must(Add(rows, gorgonia.Must(LogSumExp(h)))))))
	require.NoError(t, err)
	for _, p := range []struct {
		n node
		d []float64
	}{{w, wd}, {v, vd}} {
		want := make([]float64, len(p.d))
		check.CentralDifference(want, func([]float64) float64 { require.NoError(t, prog.Run()); return prog.Cost() }, p.d, 1e-5)
		require.NoError(t, prog.Run())
		worst, at := check.Worst(prog.Grad(p.n).Data, want, 1)
		require.LessOrEqual(t, worst, 1e-8, "entry %d", at)
	}
}

// TestTrapReshapeThenInPlace: what stock derivatives put behind a Reshape must
// not write into a leaf or into what others read.
func TestTrapReshapeThenInPlace(t *testing.T) {
	b := NewBuilder[float64]()
	x, c := b.Param("x", []float64{1, 2}, 2), b.Param("c", []float64{3, 4}, 1, 2)
	flat := tensor.Shape{1, 2}
	direct := gorgonia.Must(gorgonia.Add(gorgonia.Must(gorgonia.Reshape(x, flat)), c))
	require.ErrorContains(t, verifyCompiled(direct), `may write into leaf "x"`)
	h := gorgonia.Must(Exp(x))
	shared := gorgonia.Must(gorgonia.Add(gorgonia.Must(gorgonia.Reshape(h, flat)), c))
	require.NoError(t, verifyCompiled(shared))
	require.ErrorContains(t, verifyCompiled(shared, gorgonia.Must(Square(h))), "may write into exp")
}

func TestTrapPanickingOp(t *testing.T) {
	b := NewBuilder[float64]()
	x := b.Param("x", []float64{1}, 1)
	n, err := apply(spec{name: "broken", shape: tensor.Shape{1}, f64: func([]float64, []any) error { panic("boom") }}, x)
	require.NoError(t, err)
	prog, err := b.Eval(n)
	require.NoError(t, err)
	err = prog.Run()
	require.EqualError(t, err, "graph: run: broken: boom")
}
