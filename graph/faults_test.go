package graph

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// A faulty builds a graph that must be refused, when it is built or when it runs.
type faulty struct {
	*Builder[float64]
	Expr
}

func (f *faulty) ints(name string, x ...int32) node {
	n, d := f.Indices(name, len(x))
	copy(d, x)
	return n
}

func (f *faulty) floats(name string, x ...float64) node {
	n, d := f.Input(name, len(x))
	copy(d, x)
	return n
}

func (f *faulty) param(name string, shape ...int) node {
	x := make([]float64, size(shape))
	for i := range x {
		x[i] = math.Sin(float64(i + len(name)))
	}
	return f.Param(name, x, shape...)
}

func (f *faulty) intMatrix(name string, rows, cols int) node {
	n, _ := f.IndexMatrix(name, rows, cols)
	return n
}

func (f *faulty) labels(t *testing.T, y ...int32) *Targets {
	tg, d := f.Targets("t", len(y), len(y))
	require.NoError(t, d.SetLabels(y))
	return tg
}

// run trains the sum of n once.
func (f *faulty) run(n node) error {
	if f.Expr.Err != nil {
		return f.Expr.Err
	}
	cost := n
	if n.Dims() > 0 {
		cost = f.N(Sum(n))
	}
	p, err := f.Train(cost)
	if err != nil {
		return err
	}
	defer p.Close()
	return p.Run()
}

// TestFaultsAreErrors: what a graph cannot mean, and what an op would compute wrongly
// without a word, is an error that names it. None is a panic, and none an answer.
func TestFaultsAreErrors(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	loss := testAnalytic(1)
	none := func([]int32) error { return nil }
	linear := func(f *faulty, bias node) Linear {
		return Linear{H: f.param("h", 3, 2), W: f.param("w", 4, 2), Bias: bias}
	}
	mean := func(t *testing.T, f *faulty, weight node) node {
		return f.N(WeightedMean(f.param("l", 2), weight, f.labels(t, 0, 0)))
	}
	for want, build := range map[string]func(t *testing.T, f *faulty) node{
		// Operands of the wrong kind: Int32 for numbers, which a body must not skip.
		"bag: values is Int32; want floating-point": func(_ *testing.T, f *faulty) node {
			return f.N(Bag(f.param("w", 3, 2), f.ints("p", 0, 2), f.ints("i", 0, 1), f.ints("v", 5, 7)))
		},
		"bag: w is Int32": func(_ *testing.T, f *faulty) node {
			return f.N(Bag(f.intMatrix("w", 3, 2), f.ints("p", 0, 2), f.ints("i", 0, 1), f.param("v", 2)))
		},
		"mean: weight is Int32": func(t *testing.T, f *faulty) node { return mean(t, f, f.ints("weight", 1, 2)) },
		"W is Int32; want floating-point": func(t *testing.T, f *faulty) node {
			return f.N(LinearLoss(loss, Linear{H: f.param("h", 3, 2), W: f.intMatrix("w", 4, 2)}, f.labels(t, 0, 1, 2)))
		},
		"z is Int32; want floating-point": func(t *testing.T, f *faulty) node {
			return f.N(RaggedLoss(loss, f.ints("z", 1, 2, 3), f.ints("p", 0, 2, 3), f.labels(t, 0, 0)))
		},
		"segment sum: weight is Int32": func(_ *testing.T, f *faulty) node {
			return f.N(SegmentSum(f.param("x", 2), f.ints("weight", 1, 1), f.ints("row", 0, 0), 1))
		},
		"mul: operand 1 is Int32": func(_ *testing.T, f *faulty) node { return f.N(Mul(f.param("x", 2), f.ints("y", 1, 2))) },
		"concat: operand 1 is Int32": func(_ *testing.T, f *faulty) node {
			return f.N(Concat(0, f.param("x", 2), f.ints("y", 1, 2)))
		},
		"rowdot: b is Int32": func(_ *testing.T, f *faulty) node {
			return f.N(RowDot(f.param("x", 2, 2), f.intMatrix("y", 2, 2)))
		},
		"host ints of: h is float64, and the function takes float32": func(_ *testing.T, f *faulty) node {
			return f.N(HostIntsOf(f.param("h", 2, 2), func([]int32, []float32) error { return nil }, 2))
		},

		// Shapes that nothing has.
		"host ints: no shape":           func(_ *testing.T, f *faulty) node { return f.N(HostInts(f.ints("d", 1), none)) },
		"host ints: shape (0) is empty": func(_ *testing.T, f *faulty) node { return f.N(HostInts(f.ints("d", 1), none, 0)) },
		"host ints: shape (-1) is empty": func(_ *testing.T, f *faulty) node {
			return f.N(HostInts(f.ints("d", 1), none, -1))
		},
		"host ints: the function is nil": func(_ *testing.T, f *faulty) node { return f.N(HostInts(f.ints("d", 1), nil, 2)) },
		"segment sum: a sum to -1 rows": func(_ *testing.T, f *faulty) node {
			return f.N(SegmentSum(f.param("x", 2), f.floats("weight", 1, 1), f.ints("row", 0, 0), -1))
		},
		"lookup: w has 2 axes of unknown size": func(_ *testing.T, f *faulty) node {
			g := gorgonia.NewGraph()
			return f.N(Lookup(gorgonia.NewMatrix(g, tensor.Float64, gorgonia.WithName("w")), gorgonia.NewVector(g, tensor.Int32, gorgonia.WithName("i"))))
		},
		"exp: operand 0 has 2 axes of unknown size": func(_ *testing.T, f *faulty) node {
			return f.N(Exp(gorgonia.NewMatrix(gorgonia.NewGraph(), tensor.Float64, gorgonia.WithName("w"))))
		},

		// Targets that nobody made.
		"linear loss test:tau=1: targets without leaves": func(_ *testing.T, f *faulty) node {
			return f.N(LinearLoss(loss, linear(f, nil), &Targets{Rows: 3}))
		},
		"each positive: targets without leaves": func(_ *testing.T, f *faulty) node {
			return f.N(EachPositive(f.param("z", 3, 2), &Targets{Rows: 3}, func(z node, _ *Targets) (node, error) { return LogSumExp(z) }))
		},

		// Weights and labels of a mean.
		"row 1 has weight NaN, want above 0 and finite":  func(t *testing.T, f *faulty) node { return mean(t, f, f.floats("weight", 1, nan)) },
		"row 1 has weight +Inf, want above 0 and finite": func(t *testing.T, f *faulty) node { return mean(t, f, f.floats("weight", 1, inf)) },
		"the weights of 2 rows sum to +Inf":              func(t *testing.T, f *faulty) node { return mean(t, f, f.floats("weight", 1e308, 1e308)) },
		"row 0 has label -7; want a class, or -1": func(t *testing.T, f *faulty) node {
			tg, err := LabelTargets(f.ints("y", -7, 0))
			require.NoError(t, err)
			return f.N(MeanRows(f.param("l", 2), tg))
		},

		// Masked targets, as of Loss.
		"row 1: class 3 has a target and is masked: its bias is -Inf": func(t *testing.T, f *faulty) node {
			return f.N(LinearLoss(loss, linear(f, f.floats("bias", 0, 0, 0, -inf)), f.labels(t, 0, 3, 2)))
		},
		"row 1: position 0 has a target and is masked": func(t *testing.T, f *faulty) node {
			return f.N(RaggedLoss(loss, f.Param("z", []float64{1, 2, -inf, 3}, 4), f.ints("p", 0, 2, 4), f.labels(t, 0, 0)))
		},

		"row -9 at place 1 is outside [-1,1)": func(_ *testing.T, f *faulty) node {
			return f.N(SegmentSum(f.param("x", 2), f.floats("weight", 1, 1), f.ints("row", 0, -9), 1))
		},
	} {
		t.Run(want, func(t *testing.T) {
			f := &faulty{Builder: NewBuilder[float64]()}
			require.ErrorContains(t, f.run(build(t, f)), want)
		})
	}
}

// drawsOf builds a loss of two rows over draws, of each row's own or shared, of which
// the first row is padding.
func drawsOf(t *testing.T, f *faulty, share bool, h []float64, s Sampled, ids ...int32) node {
	if share {
		s.IDs = f.ints("ids", ids...)
	} else {
		n, d := f.IndexMatrix("ids", 2, len(ids))
		copy(d, ids)
		copy(d[len(ids):], ids)
		s.IDs = n
	}
	c := Classes{H: f.Param("h", h, 2, 2), W: f.param("w", 4, 2), Bias: f.Param("bias", []float64{0, 1, math.Inf(-1), 2}, 4)}
	return f.N(SampledLinearLoss(testAnalytic(1), c, s, f.labels(t, -1, 1)))
}

// TestDrawFaultsAreErrors: so does what draws and their log q cannot be.
func TestDrawFaultsAreErrors(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	type c struct {
		s       Sampled // but LogQ and PosLogQ
		logQ    []float64
		posLogQ []float64
		ids     []int32
		from    []int32
		want    string
	}
	good := []float64{-1, -2}
	for _, c := range []c{
		{Sampled{Correction: 7}, good, good, []int32{0, 3}, nil, "correction 7; the choices are Uncorrected, CorrectLogQ and CorrectImportance"},
		{Sampled{Unit: nan}, good, good, []int32{0, 3}, nil, "unit NaN of the correction"},
		{Sampled{Unit: -1}, good, good, []int32{0, 3}, nil, "unit -1 of the correction"},
		{Sampled{Correction: CorrectLogQ}, []float64{nan, -1}, good, []int32{0, 3}, nil, "row 1: log q of its draw 0 is NaN"},
		{Sampled{Correction: CorrectImportance}, []float64{-1, -inf}, good, []int32{0, 3}, nil, "row 1: log q of its draw 1 is -Inf"},
		{Sampled{Correction: CorrectLogQ}, good, []float64{-inf, 0}, []int32{0, 3}, nil, "row 1: log q of its positive 0 is -Inf"},
		{Sampled{Correction: CorrectImportance}, good, []float64{nan, 0}, []int32{0, 3}, nil, "row 1: log q of its positive 0 is NaN"},
		{Sampled{}, nil, nil, []int32{0, 4}, nil, "id 4 at place 1 is outside ["},
		{Sampled{}, nil, nil, []int32{-2, 3}, nil, "id -2 at place 0 is outside ["},
		{Sampled{}, nil, nil, []int32{0, 3}, []int32{-5, 0}, "row -5 of draw 0 is outside [-1,2)"},
		{Sampled{}, nil, nil, []int32{0, 3}, []int32{0, 2}, "row 2 of draw 1 is outside [-1,2)"},
	} {
		for _, share := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/shared=%t", c.want, share), func(t *testing.T) {
				f := &faulty{Builder: NewBuilder[float64]()}
				s := c.s
				if c.logQ != nil {
					s.LogQ, s.PosLogQ = f.floats("logq", c.logQ...), f.floats("poslogq", c.posLogQ...)
				}
				if c.from != nil {
					s.From = f.ints("from", c.from...)
				}
				require.ErrorContains(t, f.run(drawsOf(t, f, share, []float64{1, 2, 3, 4}, s, c.ids...)), c.want)
			})
		}
	}
	t.Run("no classes", func(t *testing.T) {
		f := &faulty{Builder: NewBuilder[float64]()}
		s := Sampled{Pos: f.param("pos", 2), Neg: f.param("neg", 2, 2), IDs: f.ints("ids", 0, 1)}
		require.ErrorContains(t, f.run(f.N(SampledLoss(testAnalytic(1), s, f.labels(t, 0, 1)))), "0 classes; want at least 1")
	})
	t.Run("masked positive", func(t *testing.T) {
		for _, share := range []bool{false, true} {
			f := &faulty{Builder: NewBuilder[float64]()}
			ids := f.ints("ids", 0, 1)
			if !share {
				ids = f.intMatrix("ids2", 2, 2)
			}
			c := Classes{H: f.param("h", 2, 2), W: f.param("w", 3, 2), Bias: f.floats("bias", 0, 0, math.Inf(-1))}
			l := f.N(SampledLinearLoss(testAnalytic(1), c, Sampled{IDs: ids}, f.labels(t, 0, 2)))
			require.ErrorContains(t, f.run(l), "row 1: class 2 has a target and is masked: its score is -Inf")
		}
	})
}

// TestDrawsBesideNothing: what an empty place has as its log q, and what a row of padding
// holds as its encoding, changes neither the loss nor a gradient.
func TestDrawsBesideNothing(t *testing.T) {
	nan := math.NaN()
	for _, correction := range []Correction{Uncorrected, CorrectLogQ, CorrectImportance} {
		for _, share := range []bool{false, true} {
			for _, unit := range []bool{false, true} {
				run := func(h0, logQ float64) (cost float64, grads []Gradient[float64]) {
					f := &faulty{Builder: NewBuilder[float64]()}
					ids := f.ints("ids", -1, 3, 0)
					if !share {
						n, d := f.IndexMatrix("own", 2, 3)
						copy(d, []int32{-1, 3, 0, -1, 3, 0})
						ids = n
					}
					s := Sampled{IDs: ids, Correction: correction}
					if correction != Uncorrected {
						s.LogQ, s.PosLogQ = f.floats("logq", logQ, -1, -2), f.floats("poslogq", -1, -1)
					}
					params := []node{f.Param("h", []float64{h0, h0, 3, 4}, 2, 2), f.param("w", 4, 2), f.param("bias", 4)}
					c := Classes{H: params[0], W: params[1], Bias: params[2], Unit: unit}
					l := f.N(SampledLinearLoss(testAnalytic(1), c, s, f.labels(t, -1, 1)))
					p, err := f.Train(f.N(Sum(l)))
					require.NoError(t, f.Expr.Err)
					require.NoError(t, err)
					defer p.Close()
					require.NoError(t, p.Run())
					for _, n := range params {
						g := p.Grad(n)
						grads = append(grads, Gradient[float64]{slices.Clone(g.Rows), slices.Clone(g.Data)})
					}
					return p.Cost(), grads
				}
				cost, grads := run(0, 0)
				require.False(t, math.IsNaN(cost))
				for _, logQ := range []float64{nan, math.Inf(-1)} {
					c, g := run(nan, logQ)
					require.Equal(t, cost, c)
					require.Equal(t, grads, g, "correction %d, shared %t, unit %t", correction, share, unit)
				}
			}
		}
	}
}
