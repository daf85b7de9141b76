package graph_test

import (
	"errors"
	"fmt"
	"log"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/graph"
)

// each makes the function of an Op of one that takes the numbers of its operands one by one.
func each[T graph.Float](f func(x, y float64) float64) func(graph.Run, []T, []graph.Operand[T]) error {
	return func(_ graph.Run, dst []T, in []graph.Operand[T]) error {
		for i, x := range in[0].Floats {
			var y T
			if len(in) > 1 {
				y = in[1].Floats[i]
			}
			dst[i] = T(f(float64(x), float64(y)))
		}
		return nil
	}
}

// softClip returns c·tanh(x/c), a fused op of a stranger to package graph. Its derivative is
// a fused op again, which nodes differentiate further.
func softClip(x *gorgonia.Node, c float64) (*gorgonia.Node, error) {
	name := fmt.Sprintf("soft clip:c=%g", c)
	value := func(x, _ float64) float64 { return c * math.Tanh(x/c) }
	slope := func(g, x float64) float64 { return g * (1 - math.Tanh(x/c)*math.Tanh(x/c)) }
	return graph.Apply(graph.Op{
		Name: name, Shape: x.Shape(), F32: each[float32](value), F64: each[float64](value),
		Diff: func(in []*gorgonia.Node, out, g *gorgonia.Node) ([]*gorgonia.Node, error) {
			dx, err := graph.Apply(graph.Op{
				Name: name + " gradient", Shape: x.Shape(), F32: each[float32](slope), F64: each[float64](slope),
				Diff: func(in []*gorgonia.Node, _, gg *gorgonia.Node) ([]*gorgonia.Node, error) {
					var e graph.Expr
					y := e.N(graph.Tanh(e.N(graph.Scale(in[1], 1/c))))
					rest := e.N(graph.AddScalar(e.N(graph.Neg(e.N(graph.Square(y)))), 1))
					turn := e.N(graph.Mul(e.N(graph.Scale(y, -2/c)), rest))
					return []*gorgonia.Node{e.N(graph.Mul(gg, rest)), e.N(graph.Mul(gg, e.N(graph.Mul(in[0], turn))))}, e.Err
				},
			}, g, in[0])
			return []*gorgonia.Node{dx}, err
		},
	}, x)
}

// An op of one's own, c·tanh(x/c), in a program.
func ExampleApply() {
	const c = 2
	value := func(_ graph.Run, dst []float64, in []graph.Operand[float64]) error {
		for i, x := range in[0].Floats {
			dst[i] = c * math.Tanh(x/c)
		}
		return nil
	}
	gradient := func(_ graph.Run, dst []float64, in []graph.Operand[float64]) error {
		for i, g := range in[0].Floats {
			t := math.Tanh(in[1].Floats[i] / c)
			dst[i] = g * (1 - t*t)
		}
		return nil
	}
	b := graph.NewBuilder[float64]()
	x := b.Param("x", []float64{0, 1, 10}, 3)
	y, err := graph.Apply(graph.Op{
		Name: "soft clip:c=2", Shape: []int{3}, F64: value,
		Diff: func(in []*gorgonia.Node, _, g *gorgonia.Node) ([]*gorgonia.Node, error) {
			dx, err := graph.Apply(graph.Op{Name: "soft clip gradient:c=2", Shape: []int{3}, F64: gradient}, g, in[0])
			return []*gorgonia.Node{dx}, err
		},
	}, x)
	if err != nil {
		log.Fatal(err)
	}
	cost, err := graph.Sum(y)
	if err != nil {
		log.Fatal(err)
	}
	p, err := b.Train(cost)
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	report, err := graph.CheckGradient(p, graph.GradientCheck{})
	if err != nil {
		log.Fatal(err)
	}
	if err := p.Run(); err != nil {
		log.Fatal(err)
	}
	fmt.Printf("cost %.4f, gradient %.4f, %d parameter checked\n", p.Cost(), p.Grad(x).Data, len(report.Rows))
	// Output:
	// cost 2.9241, gradient [1.0000 0.7864 0.0002], 1 parameter checked
}

// TestOwnOp: a stranger's op has a hash of its own, whatever its numbers; its gradients of
// first and second order are those of differences.
func TestOwnOp(t *testing.T) {
	b := graph.NewBuilder[float64]()
	x := b.Param("x", []float64{0.3, -1, 2, 5}, 2, 2)
	hashes := map[uint32]float64{}
	var e graph.Expr
	var sum *gorgonia.Node
	for _, c := range []float64{1, 2, 2, 3} {
		y := e.N(softClip(x, c))
		require.NoError(t, e.Err)
		other, twice := hashes[y.Op().Hashcode()]
		require.False(t, twice, "c = %g and %g", c, other)
		require.Contains(t, fmt.Sprint(y.Op()), fmt.Sprintf("soft clip:c=%g", c))
		hashes[y.Op().Hashcode()] = c
		if sum == nil {
			sum = y
		} else {
			sum = e.N(graph.Add(sum, e.N(graph.Square(y))))
		}
	}
	cost := e.N(graph.Sum(sum))
	require.NoError(t, e.Err)
	grads, err := graph.Grad(cost, x)
	require.NoError(t, err)
	for _, cost := range []*gorgonia.Node{cost, e.N(graph.Sum(e.N(graph.Square(grads[0]))))} {
		p, err := b.Train(cost)
		require.NoError(t, err)
		report, err := graph.CheckGradient(p, graph.GradientCheck{})
		require.NoError(t, err)
		require.Len(t, report.Rows, 1)
		require.NoError(t, p.Close())
	}
}

// TestOwnOpIsCounted: value and scratch are in Program.Bytes.
func TestOwnOpIsCounted(t *testing.T) {
	bytes := func(scratch func() int64, n int) int64 {
		b := graph.NewPlan[float32]()
		x := b.Param("x", nil, n)
		y, err := graph.Apply(graph.Op{Name: "same", Shape: []int{n}, F32: each[float32](func(x, _ float64) float64 { return x }), Scratch: scratch}, x)
		require.NoError(t, err)
		p, err := b.Eval(y)
		require.NoError(t, err)
		defer p.Close()
		return p.Bytes()
	}
	require.Equal(t, int64(4*1000), bytes(nil, 2000)-bytes(nil, 1000))
	require.Equal(t, int64(12345), bytes(func() int64 { return 12345 }, 10)-bytes(nil, 10))
}

// TestOwnOpKnowsItsRun: whether it trains, and at which step, in programs and in machines of
// the caller's.
func TestOwnOpKnowsItsRun(t *testing.T) {
	var seen graph.Run
	look := func(x *gorgonia.Node) *gorgonia.Node {
		n, err := graph.Apply(graph.Op{Name: "look", F64: func(r graph.Run, dst []float64, in []graph.Operand[float64]) error {
			seen, dst[0] = r, in[0].Floats[0]
			return nil
		}, Diff: func(in []*gorgonia.Node, _, g *gorgonia.Node) ([]*gorgonia.Node, error) {
			dx, err := graph.Apply(graph.Op{Name: "look gradient", Shape: []int{1}, F64: func(_ graph.Run, dst []float64, in []graph.Operand[float64]) error {
				dst[0] = in[0].Floats[0]
				return nil
			}}, g)
			return []*gorgonia.Node{dx}, err
		}}, x)
		require.NoError(t, err)
		return n
	}
	b := graph.NewBuilder[float64]()
	y := look(b.Param("x", []float64{2}, 1))
	train, err := b.Train(y)
	require.NoError(t, err)
	eval, err := b.Eval(y)
	require.NoError(t, err)
	train.SetStep(7)
	require.NoError(t, train.Run())
	require.Equal(t, graph.Run{Train: true, Step: 7}, seen)
	require.NoError(t, eval.Run())
	require.Equal(t, graph.Run{}, seen)

	for _, training := range []bool{true, false} {
		g := gorgonia.NewGraph()
		x := gorgonia.NewTensor(g, tensor.Float64, 1, gorgonia.WithShape(1), gorgonia.WithName("x"), gorgonia.WithValue(tensor.New(tensor.WithShape(1), tensor.WithBacking([]float64{3}))))
		y := look(x)
		var opts []gorgonia.VMOpt
		grads := gorgonia.Nodes{}
		if training {
			grads, err = gorgonia.Grad(y, x)
			require.NoError(t, err)
			opts = append(opts, gorgonia.BindDualValues(x))
		} else {
			opts = append(opts, gorgonia.EvalMode())
		}
		vm := gorgonia.NewTapeMachine(g, opts...)
		graph.SetStep(g, 4)
		require.NoError(t, vm.RunAll())
		require.Equal(t, graph.Run{Train: training, Step: 4}, seen)
		require.Equal(t, 3.0, y.Value().Data())
		for _, d := range grads {
			require.Equal(t, []float64{1}, d.Value().Data())
		}
		require.NoError(t, vm.Close())
	}
}

func TestOwnOpFaults(t *testing.T) {
	b := graph.NewBuilder[float64]()
	x := b.Param("x", []float64{1, 2}, 2)
	ids, _ := b.Indices("ids", 2)
	same := each[float64](func(x, _ float64) float64 { return x })
	for want, f := range map[string]func() (*gorgonia.Node, error){
		"an op without a name": func() (*gorgonia.Node, error) { return graph.Apply(graph.Op{F64: same}, x) },
		"own: no operands":     func() (*gorgonia.Node, error) { return graph.Apply(graph.Op{Name: "own", F64: same}) },
		"own: operand 0 is nil": func() (*gorgonia.Node, error) {
			return graph.Apply(graph.Op{Name: "own", F64: same, Shape: []int{2}}, nil)
		},
		"own: shape [2 0] is empty": func() (*gorgonia.Node, error) {
			return graph.Apply(graph.Op{Name: "own", F64: same, Shape: []int{2, 0}}, x)
		},
		"own: operand 1 of 1 is fixed": func() (*gorgonia.Node, error) {
			return graph.Apply(graph.Op{Name: "own", F64: same, Shape: []int{2}, Fixed: []int{1}}, x)
		},
		"own: operand 0 is float64, at which the op has no function": func() (*gorgonia.Node, error) {
			return graph.Apply(graph.Op{Name: "own", F32: each[float32](nil), Shape: []int{2}}, x)
		},
		"own: no floating-point operand": func() (*gorgonia.Node, error) {
			return graph.Apply(graph.Op{Name: "own", F64: same, Shape: []int{2}}, ids)
		},
	} {
		_, err := f()
		require.ErrorContains(t, err, want)
	}
	cost := func(diff func(in []*gorgonia.Node, out, g *gorgonia.Node) ([]*gorgonia.Node, error), f func(graph.Run, []float64, []graph.Operand[float64]) error) (*graph.Program[float64], error) {
		b := graph.NewBuilder[float64]()
		x := b.Param("x", []float64{1, 2}, 2)
		ids, _ := b.Indices("ids", 2)
		y, err := graph.Apply(graph.Op{Name: "own", Shape: []int{2}, F64: f, Diff: diff}, x, ids)
		require.NoError(t, err)
		sum, err := graph.Sum(y)
		require.NoError(t, err)
		return b.Train(sum)
	}
	type nodes = []*gorgonia.Node
	for want, diff := range map[string]func(in nodes, out, g *gorgonia.Node) (nodes, error){
		"own has no derivative":                                 nil,
		"own: 1 gradients for 2 operands":                       func(_ nodes, _, g *gorgonia.Node) (nodes, error) { return nodes{g}, nil },
		"own: no gradient of operand 0":                         func(nodes, *gorgonia.Node, *gorgonia.Node) (nodes, error) { return nodes{nil, nil}, nil },
		"own: a gradient of operand 1, which has no derivative": func(_ nodes, _, g *gorgonia.Node) (nodes, error) { return nodes{g, g}, nil },
		"leaf \"x\" is float64 (2) and its gradient float64 (1)": func(_ nodes, _, g *gorgonia.Node) (nodes, error) {
			s, err := graph.Slice(g, 0, 0, 1)
			return nodes{s, nil}, err
		},
		"what a caller says": func(nodes, *gorgonia.Node, *gorgonia.Node) (nodes, error) {
			return nil, errors.New("what a caller says")
		},
	} {
		_, err := cost(diff, same)
		require.ErrorContains(t, err, want)
	}
	through := func(_ nodes, _, g *gorgonia.Node) (nodes, error) { return nodes{g, nil}, nil }
	for want, f := range map[string]func(graph.Run, []float64, []graph.Operand[float64]) error{
		"own: runtime error: index out of range": func(_ graph.Run, dst []float64, in []graph.Operand[float64]) error {
			dst[0] = in[0].Floats[len(in[1].Ints)]
			return nil
		},
		"own: no luck": func(graph.Run, []float64, []graph.Operand[float64]) error { return errors.New("no luck") },
	} {
		p, err := cost(through, f)
		require.NoError(t, err)
		require.ErrorContains(t, p.Run(), want)
		require.NoError(t, p.Close())
	}
}
