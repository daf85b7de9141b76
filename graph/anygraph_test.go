package graph

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// A plain is a graph that was made without a Builder.
type plain struct {
	*gorgonia.ExprGraph
	t *testing.T
}

func newPlain(t *testing.T) plain { return plain{gorgonia.NewGraph(), t} }

// leaf returns a leaf of that shape over data, []float32, []float64, []int32 or []int.
func (p plain) leaf(name string, data any, shape ...int) node {
	return p.bound(name, tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data)))
}

func (p plain) bound(name string, v tensor.Tensor) node {
	n := gorgonia.NewTensor(p.ExprGraph, v.Dtype(), v.Dims(), gorgonia.WithShape(v.Shape()...), gorgonia.WithName(name))
	require.NoError(p.t, gorgonia.Let(n, v))
	return n
}

// labels are targets of one label a row.
func (p plain) labels(y ...int32) *Targets {
	t, err := LabelTargets(p.leaf("y", y, len(y)))
	require.NoError(p.t, err)
	return t
}

// run runs the whole graph once.
func (p plain) run(opts ...gorgonia.VMOpt) error {
	vm := gorgonia.NewTapeMachine(p.ExprGraph, opts...)
	defer vm.Close()
	return vm.RunAll()
}

// differentiators are the two who make gradients.
var differentiators = map[string]func(cost *gorgonia.Node, wrt ...*gorgonia.Node) (gorgonia.Nodes, error){"Grad": Grad, "gorgonia.Grad": gorgonia.Grad}

// TestAnyGraphLayouts: a leaf may hold a transposed tensor, a slice of one, or one in
// Fortran's order, as stock ops allow it; an op reads entries, not memory.
func TestAnyGraphLayouts(t *testing.T) {
	z := []float64{1, 3, 5, 2, 4, 9}
	slice := func(v *tensor.Dense, s ...tensor.Slice) tensor.Tensor {
		x, err := v.Slice(s...)
		require.NoError(t, err)
		return x
	}
	from := func(data any, shape ...int) *tensor.Dense {
		return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
	}
	transposed := from([]float64{1, 2, 3, 4, 5, 9}, 3, 2)
	require.NoError(t, transposed.T())
	for name, v := range map[string]tensor.Tensor{
		"rows":             from(z, 2, 3),
		"transposed":       transposed,
		"Fortran":          tensor.New(tensor.WithShape(2, 3), tensor.AsFortran(slices.Clone(z))),
		"slice of columns": slice(from([]float64{77, 1, 3, 5, 77, 2, 4, 9}, 2, 4), nil, gorgonia.S(1, 4)),
		"slice of rows":    slice(from([]float64{77, 77, 77, 1, 3, 5, 2, 4, 9}, 3, 3), gorgonia.S(1, 3)),
	} {
		labels := map[string]tensor.Tensor{
			"label":        from([]int32{0, 1}, 2),
			"label column": slice(from([]int32{0, 7, 1, 7}, 2, 2), nil, gorgonia.S(0)),
		}
		for kind, y := range labels {
			t.Run(name+"/"+kind, func(t *testing.T) {
				p := newPlain(t)
				x := p.bound("z", v)
				targets, err := LabelTargets(p.bound("y", y))
				require.NoError(t, err)
				cost := gorgonia.Must(MeanRows(gorgonia.Must(Loss(testAnalytic(1), x, targets)), targets))
				grads, err := Grad(cost, x)
				require.NoError(t, err)
				want, sum := make([]float64, 6), 0.0
				for i, label := range []int32{0, 1} {
					sum += testSoftmax[float64]{1}.Eval(want[i*3:i*3+3], z[i*3:i*3+3], Target[float64]{Pos: []int32{label}, Weight: []float64{1}}, make([]float64, 3)) / 2
				}
				for range 2 {
					require.NoError(t, p.run())
					require.InDelta(t, sum, cost.Value().Data(), 1e-14)
					for i, g := range grads[0].Value().Data().([]float64) {
						require.InDelta(t, want[i]/2, g, 1e-15)
					}
				}
			})
		}
	}
}

// TestAnyGraphGradientsStand: a stock op may not write into a gradient that Grad
// returned, although it is the last to read it.
func TestAnyGraphGradientsStand(t *testing.T) {
	for name, f := range map[string]func(*gorgonia.Node) (*gorgonia.Node, error){
		"log": gorgonia.Log, "sqrt": gorgonia.Sqrt, "tanh": gorgonia.Tanh, "square": gorgonia.Square, "neg": gorgonia.Neg,
		"cube": gorgonia.Cube, "exp": gorgonia.Exp, "rectify": gorgonia.Rectify, "softplus": gorgonia.Softplus,
	} {
		for by, grad := range differentiators {
			t.Run(name+"/"+by, func(t *testing.T) {
				p := newPlain(t)
				a, c, up := p.leaf("a", []float64{1, 2}, 2), p.leaf("c", []float64{3, 4}, 2), p.leaf("up", []float64{10, 100}, 2)
				var e Expr
				cost := e.N(Sum(e.N(Mul(e.N(gorgonia.Add(a, e.N(f(c)))), up))))
				require.NoError(t, e.Err)
				grads, err := grad(cost, a, c)
				require.NoError(t, err)
				require.NoError(t, p.run())
				require.Equal(t, []float64{10, 100}, grads[0].Value().Data())
				total := func(x []float64) float64 {
					q := newPlain(t)
					y := gorgonia.Must(f(q.leaf("c", x, 2)))
					require.NoError(t, q.run())
					v := y.Value().Data().([]float64)
					return 10*v[0] + 100*v[1]
				}
				want := make([]float64, 2)
				check.CentralDifference(want, total, []float64{3, 4}, 1e-5)
				require.InDeltaSlice(t, want, grads[1].Value().Data(), 1e-4)
			})
		}
	}
	p := newPlain(t)
	a := p.leaf("a", []float64{1, 2}, 2)
	grads, err := Grad(gorgonia.Must(Sum(gorgonia.Must(Square(a)))), a)
	require.NoError(t, err)
	gorgonia.Must(gorgonia.Sqrt(grads[0]))
	_, err = ValueGrads(gorgonia.Nodes{a}, grads)
	require.ErrorContains(t, err, `may write into the gradient of leaf "a"; have it read graph.Identity of that`)
}

// TestAnyGraphSolvers: ValueGrads gives every solver of Gorgonia the gradients of all
// leaves, also where two of them have one gradient, and of a scalar.
func TestAnyGraphSolvers(t *testing.T) {
	for name, solver := range map[string]gorgonia.Solver{
		"vanilla": gorgonia.NewVanillaSolver(gorgonia.WithLearnRate(0.1)), "momentum": gorgonia.NewMomentum(gorgonia.WithLearnRate(0.01)),
		"adam": gorgonia.NewAdamSolver(gorgonia.WithLearnRate(0.1)), "rmsprop": gorgonia.NewRMSPropSolver(gorgonia.WithLearnRate(0.1)),
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlain(t)
			a, c := p.leaf("a", []float32{1, 2}, 2), p.leaf("c", []float32{3, 4}, 2)
			s := gorgonia.NewScalar(p.ExprGraph, gorgonia.Float32, gorgonia.WithName("s"), gorgonia.WithValue(float32(2)))
			var e Expr
			cost := e.N(Add(e.N(Sum(e.N(Square(e.N(Add(a, c)))))), e.N(Square(s))))
			require.NoError(t, e.Err)
			params := gorgonia.Nodes{a, c, s}
			grads, err := Grad(cost, params...)
			require.NoError(t, err)
			pairs, err := ValueGrads(params, grads)
			require.NoError(t, err)
			require.Error(t, solver.Step(pairs), "no run yet")
			vm := gorgonia.NewTapeMachine(p.ExprGraph)
			defer vm.Close()
			var first float32
			for step := range 20 {
				vm.Reset()
				require.NoError(t, vm.RunAll())
				for i, want := range []any{[]float32{8, 12}, []float32{8, 12}, float32(4)} {
					g, err := pairs[i].Grad()
					require.NoError(t, err)
					if step == 0 {
						require.Equal(t, want, g.Data())
					}
				}
				if step == 0 {
					first = cost.Value().Data().(float32)
				}
				if err := solver.Step(pairs); err != nil {
					t.Fatal(err)
				}
			}
			require.Less(t, cost.Value().Data(), first)
			x, y := a.Value().Data().([]float32), c.Value().Data().([]float32)
			require.InDelta(t, 2, y[0]-x[0], 1e-4, "two leaves of one gradient move alike")
			require.Less(t, s.Value().Data(), float32(2))
		})
	}
}

// TestAnyGraphWatches: the ops run under the options with which a caller looks for faults.
func TestAnyGraphWatches(t *testing.T) {
	p := newPlain(t)
	h, w := p.leaf("h", []float64{1, 2, 3, 4}, 2, 2), p.leaf("w", []float64{1, 0, 0, 1, 1, 1}, 3, 2)
	targets := p.labels(0, 2)
	cost := gorgonia.Must(MeanRows(gorgonia.Must(SampledLinearLoss(testAnalytic(1), Classes{H: h, W: w}, Sampled{IDs: p.leaf("ids", []int32{0, 1}, 2)}, targets)), targets))
	grads, err := Grad(cost, h, w)
	require.NoError(t, err)
	require.NoError(t, p.run())
	want := []any{cost.Value().Data(), slices.Clone(grads[0].Value().Data().([]float64)), slices.Clone(grads[1].Value().Data().([]float64))}
	require.NoError(t, p.run(gorgonia.TraceExec(), gorgonia.WithNaNWatch(), gorgonia.WithInfWatch()))
	require.Equal(t, want, []any{cost.Value().Data(), grads[0].Value().Data(), grads[1].Value().Data()})
}

// A formFault is what a loss node is given.
type formFault struct {
	z, h, w, pos, neg, ids node
	t                      *Targets
}

// TestAnyGraphFaults: what cannot work is an error when the node is made, and names what
// is wrong, in every form of a loss.
func TestAnyGraphFaults(t *testing.T) {
	l := testAnalytic(1)
	forms := map[string]func(x formFault) (node, error){
		"Loss":       func(x formFault) (node, error) { return Loss(l, x.z, x.t) },
		"LinearLoss": func(x formFault) (node, error) { return LinearLoss(l, Linear{H: x.h, W: x.w}, x.t) },
		"SampledLoss": func(x formFault) (node, error) {
			return SampledLoss(l, Sampled{Pos: x.pos, Neg: x.neg, IDs: x.ids, Classes: 3}, x.t)
		},
		"SampledLinearLoss": func(x formFault) (node, error) {
			return SampledLinearLoss(l, Classes{H: x.h, W: x.w}, Sampled{IDs: x.ids}, x.t)
		},
	}
	good := func(p plain) formFault {
		return formFault{z: p.leaf("z", make([]float64, 6), 2, 3), h: p.leaf("h", make([]float64, 4), 2, 2), w: p.leaf("w", make([]float64, 6), 3, 2),
			pos: p.leaf("pos", make([]float64, 2), 2), neg: p.leaf("neg", make([]float64, 8), 2, 4), ids: p.leaf("ids", make([]int32, 8), 2, 4), t: p.labels(0, 1)}
	}
	set := func(f func(x *formFault, n node), n func(p, q plain) node) func(p, q plain, x *formFault) {
		return func(p, q plain, x *formFault) { f(x, n(p, q)) }
	}
	main := map[string]func(x *formFault, n node){ // its scores or its encodings
		"Loss": func(x *formFault, n node) { x.z = n }, "LinearLoss": func(x *formFault, n node) { x.h = n },
		"SampledLoss": func(x *formFault, n node) { x.neg = n }, "SampledLinearLoss": func(x *formFault, n node) { x.h = n },
	}
	other := map[string]func(x *formFault, n node){ // what they meet
		"LinearLoss": func(x *formFault, n node) { x.w = n }, "SampledLoss": func(x *formFault, n node) { x.pos = n },
		"SampledLinearLoss": func(x *formFault, n node) { x.w = n },
	}
	shapeOfMain := map[string][]int{"Loss": {2, 3}, "LinearLoss": {2, 2}, "SampledLoss": {2, 4}, "SampledLinearLoss": {2, 2}}
	zeros := func(shape []int) []float64 { return make([]float64, size(shape)) }
	for name, form := range forms {
		sampled := name == "SampledLoss" || name == "SampledLinearLoss"
		shape := shapeOfMain[name]
		type fault struct {
			want string
			make func(p, q plain, x *formFault)
		}
		faults := map[string]fault{
			"unknown shape": {"axes of unknown size", set(main[name], func(p, _ plain) node {
				return gorgonia.NewMatrix(p.ExprGraph, tensor.Float64, gorgonia.WithName("late"))
			})},
			"vector": {"want a matrix", set(main[name], func(p, _ plain) node { return p.leaf("v", zeros(shape[:1]), shape[0]) })},
			"three axes": {"want a matrix", set(main[name], func(p, _ plain) node {
				return p.leaf("cube", zeros(shape), append(slices.Clone(shape), 1)...)
			})},
			"integers":      {"Int32", set(main[name], func(p, _ plain) node { return p.leaf("int", make([]int32, size(shape)), shape...) })},
			"words":         {"want Float32, Float64 or Int32", set(main[name], func(p, _ plain) node { return p.leaf("word", make([]int, size(shape)), shape...) })},
			"nil":           {"", set(main[name], func(plain, plain) node { return nil })},
			"another graph": {"another graph", set(main[name], func(_, q plain) node { return q.leaf("foreign", zeros(shape), shape...) })},
			"rows": {"targets of 2 rows for 4 rows", set(main[name], func(p, _ plain) node {
				return p.leaf("tall", zeros([]int{4, shape[1]}), 4, shape[1])
			})},
			"targets of another graph": {"another graph", func(_, q plain, x *formFault) { x.t = q.labels(0, 1) }},
			"too many targets":         {"targets of 5 rows for 2 rows", func(p, _ plain, x *formFault) { x.t, _ = LabelTargets(p.leaf("five", make([]int32, 5), 5)) }},
			"no targets":               {"no targets", func(_, _ plain, x *formFault) { x.t = nil }},
			"empty targets":            {"no targets", func(_, _ plain, x *formFault) { x.t = &Targets{} }},
		}
		if put := other[name]; put != nil {
			faults["two precisions"] = fault{"float32", set(put, func(p, _ plain) node { return p.leaf("few", make([]float32, 6), 3, 2) })}
			if name == "SampledLoss" {
				faults["two precisions"] = fault{"float32", set(put, func(p, _ plain) node { return p.leaf("few", make([]float32, 2), 2) })}
			}
			faults["other of another graph"] = fault{"another graph", set(put, func(_, q plain) node {
				if name == "SampledLoss" {
					return q.leaf("foreign", make([]float64, 2), 2)
				}
				return q.leaf("foreign", make([]float64, 6), 3, 2)
			})}
			faults["other of the wrong size"] = fault{"(9)", set(put, func(p, _ plain) node { return p.leaf("wide", make([]float64, 9), 9) })}
			faults["other of unknown shape"] = fault{"", set(put, func(p, _ plain) node {
				return gorgonia.NewMatrix(p.ExprGraph, tensor.Float64, gorgonia.WithName("late"))
			})}
		}
		if sampled {
			ids := func(x *formFault, n node) { x.ids = n }
			faults["draws of another graph"] = fault{"another graph", set(ids, func(_, q plain) node { return q.leaf("foreign", make([]int32, 8), 2, 4) })}
			faults["no draws"] = fault{"", set(ids, func(plain, plain) node { return nil })}
			faults["draws of words"] = fault{"int", set(ids, func(p, _ plain) node { return p.leaf("word", make([]int, 8), 2, 4) })}
			faults["draws of numbers"] = fault{"float64", set(ids, func(p, _ plain) node { return p.leaf("float", make([]float64, 8), 2, 4) })}
			faults["draws of the wrong size"] = fault{"(3, 4)", set(ids, func(p, _ plain) node { return p.leaf("draws", make([]int32, 12), 3, 4) })}
			faults["draws of unknown shape"] = fault{"", set(ids, func(p, _ plain) node { return gorgonia.NewMatrix(p.ExprGraph, tensor.Int32, gorgonia.WithName("late")) })}
		}
		t.Run(name, func(t *testing.T) {
			_, err := form(good(newPlain(t)))
			require.NoError(t, err)
			for fault, f := range faults {
				t.Run(fault, func(t *testing.T) {
					p, q := newPlain(t), newPlain(t)
					x := good(p)
					f.make(p, q, &x)
					n, err := form(x)
					require.ErrorContains(t, err, f.want)
					require.ErrorContains(t, err, "graph: ")
					require.Nil(t, n)
				})
			}
		})
	}
}

// TestAnyGraphTargetFaults: so it is of targets, and of what differentiates.
func TestAnyGraphTargetFaults(t *testing.T) {
	p, q := newPlain(t), newPlain(t)
	ints := func(name string, n int) node { return p.leaf(name, make([]int32, n), n) }
	floats := func(name string, n int) node { return p.leaf(name, make([]float64, n), n) }
	late := gorgonia.NewVector(p.ExprGraph, tensor.Int32, gorgonia.WithName("late"))
	for want, make := range map[string]func() (*Targets, error){
		"label is nil":                     func() (*Targets, error) { return LabelTargets(nil) },
		"label is int; want Int32":         func() (*Targets, error) { return LabelTargets(p.leaf("word", []int{0, 1}, 2)) },
		"label is float64; want":           func() (*Targets, error) { return LabelTargets(floats("float", 2)) },
		"label is (2, 1)":                  func() (*Targets, error) { return LabelTargets(p.leaf("column", []int32{0, 1}, 2, 1)) },
		"label has 1 axes of unknown size": func() (*Targets, error) { return LabelTargets(late) },
		"ptr has 1 axes of unknown size":   func() (*Targets, error) { return SparseTargets(late, ints("i", 2), floats("w", 2)) },
		"ptr is (1)":                       func() (*Targets, error) { return SparseTargets(ints("p1", 1), ints("i", 2), floats("w", 2)) },
		"ptr is nil":                       func() (*Targets, error) { return SparseTargets(nil, ints("i", 2), floats("w", 2)) },
		"pos is float64; want Int32":       func() (*Targets, error) { return SparseTargets(ints("p3", 3), floats("w", 2), floats("w", 2)) },
		"weight is Int32":                  func() (*Targets, error) { return SparseTargets(ints("p3", 3), ints("i", 2), ints("i", 2)) },
		"(3) weights for (2) positions":    func() (*Targets, error) { return SparseTargets(ints("p3", 3), ints("i", 2), floats("w3", 3)) },
	} {
		t.Run(want, func(t *testing.T) {
			_, err := make()
			require.ErrorContains(t, err, want)
		})
	}
	z := p.leaf("z", make([]float64, 6), 2, 3)
	few, err := SparseTargets(ints("p3", 3), ints("i", 2), p.leaf("few", make([]float32, 2), 2))
	require.NoError(t, err)
	_, err = Loss(testAnalytic(1), z, few)
	require.ErrorContains(t, err, "float32")

	cost := gorgonia.Must(Sum(gorgonia.Must(Loss(testAnalytic(1), z, p.labels(0, 1)))))
	for want, f := range map[string]func() error{
		"cost is nil":                        func() error { _, err := Grad(nil, z); return err },
		"by is nil":                          func() error { _, err := Grad(cost, nil); return err },
		"cost is (2, 3)":                     func() error { _, err := Grad(z, z); return err },
		`not depend on leaf "w"`:             func() error { _, err := Grad(cost, floats("w", 2)); return err },
		`not depend on leaf "foreign"`:       func() error { _, err := Grad(cost, q.leaf("foreign", make([]float64, 6), 2, 3)); return err },
		`not depend on leaf "y"`:             func() error { _, err := Grad(cost, p.leaf("y", []int32{0, 1}, 2)); return err },
		"1 parameters and 0":                 func() error { _, err := ValueGrads(gorgonia.Nodes{z}, nil); return err },
		"parameter 0 or its gradient is nil": func() error { _, err := ValueGrads(gorgonia.Nodes{z}, gorgonia.Nodes{nil}); return err },
		"parameter 0 is ":                    func() error { _, err := ValueGrads(gorgonia.Nodes{cost}, gorgonia.Nodes{cost}); return err },
		"are of two graphs": func() error {
			_, err := ValueGrads(gorgonia.Nodes{q.leaf("z", make([]float64, 6), 2, 3)}, gorgonia.Nodes{z})
			return err
		},
		"its gradient float64 ()": func() error { _, err := ValueGrads(gorgonia.Nodes{z}, gorgonia.Nodes{cost}); return err },
		"operand 0 is Int32": func() error {
			y := ints("i", 2)
			_, err := ValueGrads(gorgonia.Nodes{y}, gorgonia.Nodes{y})
			return err
		},
	} {
		t.Run(want, func(t *testing.T) { require.ErrorContains(t, f(), want) })
	}

	// A solver that comes before a value, or before a run.
	x := gorgonia.NewVector(p.ExprGraph, tensor.Float64, gorgonia.WithShape(2), gorgonia.WithName("x"))
	grads, err := Grad(gorgonia.Must(Sum(gorgonia.Must(Square(x)))), x)
	require.NoError(t, err)
	pairs, err := ValueGrads(gorgonia.Nodes{x}, grads)
	require.NoError(t, err)
	require.ErrorContains(t, gorgonia.NewVanillaSolver().Step(pairs), `leaf "x" has no value`)
	require.NoError(t, gorgonia.Let(x, tensor.New(tensor.WithShape(2), tensor.WithBacking([]float64{1, 2}))))
	require.ErrorContains(t, gorgonia.NewVanillaSolver().Step(pairs), "run the machine first")
}

// TestAnyGraphSecondDerivatives: a fused form has none, and a second gorgonia.Grad, which
// would return the gradients of the first, is an error.
func TestAnyGraphSecondDerivatives(t *testing.T) {
	l := testAnalytic(1)
	for name, form := range map[string]func(p plain) (loss, x node, err error){
		"Loss": func(p plain) (loss, x node, err error) {
			x = p.leaf("z", []float64{1, 2, 3, 4, 5, 7}, 2, 3)
			loss, err = Loss(l, x, p.labels(0, 1))
			return loss, x, err
		},
		"LinearLoss": func(p plain) (loss, x node, err error) {
			x = p.leaf("h", []float64{1, 2, 3, 4}, 2, 2)
			loss, err = LinearLoss(l, Linear{H: x, W: p.leaf("w", []float64{1, 2, 3, 4, 5, 7}, 3, 2)}, p.labels(0, 1))
			return loss, x, err
		},
		"SampledLinearLoss": func(p plain) (loss, x node, err error) {
			x = p.leaf("h", []float64{1, 2, 3, 4}, 2, 2)
			loss, err = SampledLinearLoss(l, Classes{H: x, W: p.leaf("w", []float64{1, 2, 3, 4, 5, 7}, 3, 2)},
				Sampled{IDs: p.leaf("ids", make([]int32, 8), 2, 4)}, p.labels(0, 1))
			return loss, x, err
		},
		"SampledLoss": func(p plain) (loss, x node, err error) {
			x = p.leaf("neg", []float64{1, 2, 3, 4, 5, 7, 8, 9}, 2, 4)
			loss, err = SampledLoss(l, Sampled{Pos: p.leaf("pos", []float64{1, 2}, 2), Neg: x, IDs: p.leaf("ids", make([]int32, 8), 2, 4), Classes: 3}, p.labels(0, 1))
			return loss, x, err
		},
		"RaggedLoss": func(p plain) (loss, x node, err error) {
			x = p.leaf("z", []float64{1, 2, 3, 4}, 4)
			loss, err = RaggedLoss(l, x, p.leaf("ptr", []int32{0, 2, 4}, 3), p.labels(0, 1))
			return loss, x, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlain(t)
			loss, x, err := form(p)
			require.NoError(t, err)
			grads, err := Grad(gorgonia.Must(Sum(loss)), x)
			require.NoError(t, err)
			_, err = Grad(gorgonia.Must(Sum(gorgonia.Must(Square(grads[0])))), x)
			require.ErrorContains(t, err, "has no derivative; for second derivatives compose the loss from nodes")

			q := newPlain(t)
			loss, x, err = form(q)
			require.NoError(t, err)
			_, err = gorgonia.Grad(gorgonia.Must(Sum(loss)), x)
			require.NoError(t, err)
			for what, cost := range map[string]node{
				"another cost":      gorgonia.Must(Sum(gorgonia.Must(Square(loss)))),
				"another of leaves": gorgonia.Must(Sum(gorgonia.Must(Square(x)))),
			} {
				_, err = gorgonia.Grad(cost, x)
				require.ErrorContains(t, err, "gorgonia.Grad was called before for a cost", what)
			}
			// Grad remembers nothing, and may come after.
			grads, err = Grad(gorgonia.Must(Sum(gorgonia.Must(Square(loss)))), x)
			require.NoError(t, err)
			require.NoError(t, q.run())
			for _, v := range grads[0].Value().Data().([]float64) {
				require.False(t, v != v, fmt.Sprint(grads[0].Value()))
			}
		})
	}
}
