package graph

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// A statedCase is an op that is stated twice, over operands of shapes that n rows ask for,
// and over ptr. Fused is the op, nodes the same as nodes; at a float32 run of many rows
// longest is that of its segments.
type statedCase struct {
	name   string
	shapes func(n int) [][]int
	fused  func(in []node, ptr node, longest int) (node, error)
	nodes  func(in []node, ptr node, longest int) (node, error)
}

// statedCases are all ops that are stated twice.
func statedCases() (all []statedCase) {
	attends := func(d int, s AttentionSetting) {
		all = append(all, statedCase{
			name:   fmt.Sprintf("attention of %d columns %+v", d, s),
			shapes: func(n int) [][]int { return [][]int{{n, d}, {n, d}, {n, d}} },
			fused: func(in []node, ptr node, longest int) (node, error) {
				s.Longest = longest
				return CausalAttention(in[0], in[1], in[2], ptr, s)
			},
			nodes: func(in []node, ptr node, _ int) (node, error) {
				a, err := newAttention(in[0], in[1], in[2], ptr, s)
				if err != nil {
					return nil, err
				}
				return a.nodes(append(gorgonia.Nodes(in[:3:3]), ptr))
			},
		})
	}
	attends(3, AttentionSetting{})
	attends(16, AttentionSetting{Scale: 0.7, Drop: 0.3, Seed: 5})
	attends(6, AttentionSetting{Heads: 3, Drop: 0.2})
	attends(32, AttentionSetting{Heads: 2})
	for _, c := range [][2]int{{3, 2}, {16, 16}} {
		d, h := c[0], c[1]
		weights := func(in []node) GRUWeights { return GRUWeights{WX: in[1], WH: in[2], BX: in[3], BH: in[4]} }
		all = append(all, statedCase{
			name:   fmt.Sprintf("gru %d of %d", h, d),
			shapes: func(n int) [][]int { return [][]int{{n, d}, {3 * h, d}, {3 * h, h}, {3 * h}, {3 * h}} },
			fused:  func(in []node, ptr node, longest int) (node, error) { return GRU(in[0], ptr, weights(in), longest) },
			nodes: func(in []node, ptr node, longest int) (node, error) {
				u, err := newGRU(in[0], ptr, weights(in), longest)
				if err != nil {
					return nil, err
				}
				return u.nodes(append(gorgonia.Nodes(in[:5:5]), ptr))
			},
		})
	}
	layer := func(k, m int, bias, residual bool, s AffineSetting) {
		operands := func(in []node) (b node, s2 AffineSetting) {
			s2 = s
			if bias {
				b = in[2]
			}
			if residual {
				s2.Residual = in[len(in)-1]
			}
			return b, s2
		}
		all = append(all, statedCase{
			name: fmt.Sprintf("affine %d to %d, bias %t, residual %t, %+v", k, m, bias, residual, s),
			shapes: func(n int) [][]int {
				shapes := [][]int{{n, k}, {m, k}}
				if bias {
					shapes = append(shapes, []int{m})
				}
				if residual {
					shapes = append(shapes, []int{n, m})
				}
				return shapes
			},
			fused: func(in []node, _ node, _ int) (node, error) {
				b, s := operands(in)
				return Affine(in[0], in[1], b, s)
			},
			nodes: func(in []node, _ node, _ int) (node, error) {
				b, s := operands(in)
				a, in, err := newAffine(in[0], in[1], b, s)
				if err != nil {
					return nil, err
				}
				return a.nodes(in)
			},
		})
	}
	for _, activation := range []Activation{NoActivation, ReluActivation, GELUActivation} {
		layer(3, 5, true, false, AffineSetting{Activation: activation})
		layer(7, 64, true, true, AffineSetting{Activation: activation, Drop: 0.4, Seed: 9})
		layer(16, 4, false, true, AffineSetting{Activation: activation})
		layer(5, 6, false, false, AffineSetting{Activation: activation, Drop: 0.5})
	}
	return all
}

// segmentations are bounds of segments of 13 rows: one of all of them, ragged ones with empty
// ones and padding among them, none that has rows, and rows before the first.
var segmentations = map[string][]int32{
	"one":    {0, 13},
	"ragged": {0, 1, 1, 6, 6, 10},
	"empty":  {0, 0, 0, 0},
	"each":   {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
	"inside": {2, 4, 9},
}

// statedRun is a program of the sum of a case's value, weighed, and of its params.
type statedRun[T Float] struct {
	*Program[T]
	params []node
}

// newStatedRun compiles that; second takes the sum of the first gradients, weighed, for the
// cost.
func newStatedRun[T Float](t *testing.T, c statedCase, make func(in []node, ptr node, longest int) (node, error), n, longest int, bounds []int32, second bool) statedRun[T] {
	t.Helper()
	b := NewBuilder[T]()
	var in gorgonia.Nodes
	for i, s := range c.shapes(n) {
		x := normals[T](uint64(i), size(s))
		for j := range x {
			x[j] *= 0.7
		}
		in = append(in, b.Param(fmt.Sprint("p", i), x, s...))
	}
	ptr, data := b.Indices("ptr", len(bounds))
	copy(data, bounds)
	var e Expr
	y := e.N(make(in, ptr, longest))
	require.NoError(t, e.Err)
	weighed := func(y node, seed uint64) node {
		w, data := b.Input(fmt.Sprint("w", seed), y.Shape()...)
		copy(data, normals[T](seed, len(data)))
		return e.N(Sum(e.N(Mul(y, w))))
	}
	cost := weighed(y, 50)
	if second {
		grads, err := Grad(cost, in...)
		require.NoError(t, err)
		cost = nil
		for i, g := range grads {
			term := e.N(Add(weighed(g, 60+uint64(i)), weighed(e.N(Square(in[i])), 70+uint64(i)))) // on which p depends in any case
			if cost == nil {
				cost = term
			} else {
				cost = e.N(Add(cost, term))
			}
		}
	}
	require.NoError(t, e.Err)
	p, err := b.Train(cost, y)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	p.SetStep(3)
	return statedRun[T]{p, in}
}

// TestStated: every op that is stated twice has one value, one gradient and one derivative
// of the gradient by both statements, and by central differences, whatever the segments.
func TestStated(t *testing.T) {
	const n = 13
	cases := statedCases()
	require.NotEmpty(t, cases)
	for _, c := range cases {
		for name, bounds := range segmentations {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				longest := 1
				for i, hi := range bounds[1:] {
					longest = max(longest, int(hi-bounds[i]))
				}
				for _, second := range []bool{false, true} {
					if second && (testing.Short() && name != "ragged" || longest > 5 && strings.HasPrefix(c.name, "gru")) {
						continue // of units these are thousands of nodes
					}
					fused, nodes := newStatedRun[float64](t, c, c.fused, n, longest, bounds, second), newStatedRun[float64](t, c, c.nodes, n, longest, bounds, second)
					for range 2 { // the second run must not see the first
						require.NoError(t, fused.Run())
						require.NoError(t, nodes.Run())
						requireSameRun(t, fused, nodes, 1e-12)
					}
					probes := 3
					if second {
						probes = 2
					}
					_, err := CheckGradient(fused.Program, GradientCheck{Probes: probes})
					require.NoError(t, err, "second: %t", second)
				}
			})
		}
	}
}

// requireSameRun fails unless cost and gradients of two runs are one, by the largest entry.
func requireSameRun[T, U Float](t *testing.T, got statedRun[T], want statedRun[U], tol float64) {
	t.Helper()
	require.True(t, check.Near(float64(got.Cost()), float64(want.Cost()), tol, tol), "cost %v; want %v", got.Cost(), want.Cost())
	for i, p := range want.params {
		n, rows := p.Shape().TotalSize(), p.Shape()[0]
		g, w := got.Grad(got.params[i]).Dense(n, rows), want.Grad(p).Dense(n, rows)
		top := 1.0
		for _, v := range w {
			top = max(top, math.Abs(float64(v)))
		}
		for j, v := range w {
			if !(math.Abs(float64(g[j])-float64(v)) <= tol*top) {
				require.Failf(t, "not near", "gradient %d, entry %d: %v; want %v", i, j, g[j], v)
			}
		}
	}
}

// TestStatedAtFloat32 holds many rows in ragged segments, which several goroutines share,
// against float64, and their bits against those at other numbers of threads.
func TestStatedAtFloat32(t *testing.T) {
	const n, longest = 700, 120
	bounds := []int32{0}
	for i := range 40 {
		bounds = append(bounds, min(bounds[i]+int32((i*i*7)%(longest+1)), n-20))
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, c := range statedCases() {
		t.Run(c.name, func(t *testing.T) {
			want := newStatedRun[float64](t, c, c.fused, n, longest, bounds, false)
			require.NoError(t, want.Run())
			var first statedRun[float32]
			for _, procs := range []int{1, 2, 4} {
				runtime.GOMAXPROCS(procs)
				got := newStatedRun[float32](t, c, c.fused, n, longest, bounds, false)
				for range 2 {
					require.NoError(t, got.Run())
				}
				requireSameRun(t, got, want, 1e-4)
				if first.Program == nil {
					first = got
				}
				requireSameRun(t, got, first, 0)
			}
		})
	}
}

// TestStatedBytes holds the memory that programs of one op say they take against the heap:
// no less than there is, and not much more.
func TestStatedBytes(t *testing.T) {
	const n, segments, longest = 6400, 128, 50
	for name, make := range map[string]func(x, ptr node, b *Builder[float32]) (node, error){
		"attention": func(x, ptr node, _ *Builder[float32]) (node, error) {
			return CausalAttention(x, x, x, ptr, AttentionSetting{Longest: longest, Heads: 2})
		},
		"gru": func(x, ptr node, b *Builder[float32]) (node, error) {
			leaf := func(name string, shape ...int) node {
				return b.Param(name, normals[float32](3, size(shape)), shape...)
			}
			return GRU(x, ptr, GRUWeights{leaf("wx", 192, 64), leaf("wh", 192, 64), leaf("bx", 192), leaf("bh", 192)}, longest)
		},
		"affine": func(x, _ node, b *Builder[float32]) (node, error) {
			return Affine(x, b.Param("w", normals[float32](3, 64*64), 64, 64), b.Param("b", normals[float32](4, 64), 64), AffineSetting{Activation: GELUActivation, Drop: 0.1, Residual: x})
		},
	} {
		for _, training := range []bool{true, false} {
			data := normals[float32](1, n*64)
			before := liveHeap()
			b := NewBuilder[float32]()
			x := b.Param("x", data, n, 64)
			ptr, bounds := b.Indices("ptr", segments+1)
			for i := range bounds {
				bounds[i] = int32(i * longest)
			}
			var e Expr
			y := e.N(make(x, ptr, b))
			cost := e.N(Sum(y))
			require.NoError(t, e.Err)
			compile := b.Eval
			if training {
				compile = func(outs ...node) (*Program[float32], error) { return b.Train(outs[0]) }
			}
			p, err := compile(cost)
			require.NoError(t, err)
			require.NoError(t, p.Run())
			got := float64(liveHeap() - before)
			said := float64(p.Bytes())
			t.Logf("%s, training %t: %.1f MB said, %.1f MB held", name, training, said/1e6, got/1e6)
			require.GreaterOrEqual(t, said+1e6, got, "products keep some memory for all")
			require.LessOrEqual(t, said, 1.4*got)
			require.NoError(t, p.Close())
			runtime.KeepAlive(data)
		}
	}
}

func TestStatedFaults(t *testing.T) {
	b := NewBuilder[float64]()
	x, w, v := b.Param("x", make([]float64, 6), 2, 3), b.Param("w", make([]float64, 12), 4, 3), b.Param("v", make([]float64, 3), 3)
	ptr, _ := b.Indices("ptr", 2)
	one, _ := b.Indices("one", 1)
	wh, gates := b.Param("wh", make([]float64, 12), 6, 2), b.Param("gates", make([]float64, 6), 6)
	wx := b.Param("wx", make([]float64, 18), 6, 3)
	attend := func(q, k, v, ptr node, s AttentionSetting) func() (node, error) {
		return func() (node, error) { return CausalAttention(q, k, v, ptr, s) }
	}
	layer := func(x, w, b node, s AffineSetting) func() (node, error) {
		return func() (node, error) { return Affine(x, w, b, s) }
	}
	unit := func(x, ptr node, w GRUWeights, longest int) func() (node, error) {
		return func() (node, error) { return GRU(x, ptr, w, longest) }
	}
	for want, f := range map[string]func() (node, error){
		"causal attention: k is nil":                             attend(x, nil, x, ptr, AttentionSetting{}),
		"causal attention: q is (2, 3) and v is (4, 3)":          attend(x, x, w, ptr, AttentionSetting{}),
		"causal attention: ptr is float64; want Int32":           attend(x, x, x, v, AttentionSetting{}),
		"causal attention: ptr is (1); want the bounds":          attend(x, x, x, one, AttentionSetting{}),
		"causal attention: 2 heads of 3 columns":                 attend(x, x, x, ptr, AttentionSetting{Heads: 2}),
		"causal attention: -1 heads":                             attend(x, x, x, ptr, AttentionSetting{Heads: -1}),
		"causal attention: scale = NaN":                          attend(x, x, x, ptr, AttentionSetting{Scale: math.NaN()}),
		"causal attention: longest = -1":                         attend(x, x, x, ptr, AttentionSetting{Longest: -1}),
		"causal attention: p = 1; want 0 ≤ p < 1":                attend(x, x, x, ptr, AttentionSetting{Drop: 1}),
		"affine: x is (2, 3) and w is (6, 2)":                    layer(x, wh, nil, AffineSetting{}),
		"affine: x is (3); want a matrix":                        layer(v, w, nil, AffineSetting{}),
		"affine: w is (4, 3) and b is (3); want [M,K] and [M]":   layer(x, w, v, AffineSetting{}),
		"affine: the residual is (2, 3); want [2,4]":             layer(x, w, nil, AffineSetting{Residual: x}),
		"affine: activation 3; want one of NoActivation":         layer(x, w, nil, AffineSetting{Activation: 3}),
		"affine: p = -0.1; want 0 ≤ p < 1":                       layer(x, w, nil, AffineSetting{Drop: -0.1}),
		"gru: WX is (6, 2); want (6, 3)":                         unit(x, ptr, GRUWeights{wh, wh, gates, gates}, 0),
		"gru: WH is (4, 3); want (9, 3)":                         unit(x, ptr, GRUWeights{b.Param("w9", make([]float64, 27), 9, 3), w, gates, gates}, 0),
		"gru: BH is (3); want (6)":                               unit(x, ptr, GRUWeights{wx, wh, gates, v}, 0),
		"gru: BX is nil":                                         unit(x, ptr, GRUWeights{wx, wh, nil, gates}, 0),
		"gru: longest = -2":                                      unit(x, ptr, GRUWeights{wx, wh, gates, gates}, -2),
		"gru: ptr is (1); want the bounds of the segments [S+1]": unit(x, one, GRUWeights{wx, wh, gates, gates}, 0),
	} {
		_, err := f()
		require.ErrorContains(t, err, want)
	}
	// Of data that do not fit a run says so, and goes on with those that do.
	for _, c := range statedCases() {
		if !strings.Contains(c.name, "attention") && !strings.Contains(c.name, "gru") {
			continue
		}
		for want, bounds := range map[string][]int32{
			"segment 1 is [2:1] of 13 rows":                    {0, 2, 1},
			"segment 1 is [2:14] of 13 rows":                   {0, 2, 14},
			"segment 0 is [-1:2] of 13 rows":                   {-1, 2, 3},
			"segment 1 has 5 rows; the longest was to have 4":  {0, 1, 6},
			"segment 0 has 13 rows; the longest was to have 4": {0, 13, 13},
		} {
			r := newStatedRun[float64](t, c, c.fused, 13, 4, bounds, false)
			require.ErrorContains(t, r.Run(), want)
		}
	}
	// Steps of a unit are unrolled up to a number.
	big := NewBuilder[float64]()
	rows := big.Param("x", make([]float64, 303), 101, 3)
	y := gorgonia.Must(GRU(rows, ptrOf(big), GRUWeights{big.Param("wx", make([]float64, 18), 6, 3), big.Param("wh", make([]float64, 12), 6, 2), big.Param("bx", make([]float64, 6), 6), big.Param("bh", make([]float64, 6), 6)}, 0))
	grads, err := Grad(gorgonia.Must(Sum(y)), rows)
	require.NoError(t, err)
	_, err = Grad(gorgonia.Must(Sum(grads[0])), rows)
	require.ErrorContains(t, err, "of 101 steps; want at most 100 as the longest segment")
}

func ptrOf(b *Builder[float64]) node {
	n, _ := b.Indices("ptr", 2)
	return n
}
