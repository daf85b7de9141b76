package graph

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// candidateCase is one way to read rows of W, and the pairs that it reads.
type candidateCase struct {
	name       string
	b, d, c    int
	unit, bias bool
	k          int        // ids of a row; 0 for pairs
	shared     bool       //
	pairs      [][2]int32 // of pair scores
}

func candidateCases() []candidateCase {
	var cases []candidateCase
	for _, unit := range []bool{false, true} {
		for _, bias := range []bool{false, true} {
			cases = append(cases,
				candidateCase{name: "own", b: 5, d: 7, c: 11, unit: unit, bias: bias, k: 9},
				candidateCase{name: "shared", b: 5, d: 7, c: 11, unit: unit, bias: bias, k: 9, shared: true},
				candidateCase{name: "pairs", b: 4, d: 3, c: 6, unit: unit, bias: bias, pairs: [][2]int32{{0, 5}, {0, 5}, {0, 1}, {2, 5}, {2, -1}, {3, 0}}},
				candidateCase{name: "one", b: 1, d: 1, c: 1, unit: unit, bias: bias, k: 1})
		}
	}
	return cases
}

// candidateGraph builds the scores of a case with a cost that weighs each score
// differently, tanh(z) u, and the pair of each score. W is read twice: by the
// scores and, with other ids, by scores of one class for each row.
type candidateGraph[T Float] struct {
	b       *Builder[T]
	h, w    *gorgonia.Node
	bias    *gorgonia.Node
	z, cost *gorgonia.Node
	z2      *gorgonia.Node
	pairs   [][2]int32
	again   []int32
}

func newCandidateGraph[T Float](t *testing.T, c candidateCase) *candidateGraph[T] {
	rng := rand.New(rand.NewPCG(3, 4))
	normal := func(n int) []T {
		x := make([]T, n)
		for i := range x {
			x[i] = T(rng.NormFloat64())
		}
		return x
	}
	g := &candidateGraph[T]{b: NewBuilder[T]()}
	g.h = g.b.Param("h", normal(c.b*c.d), c.b, c.d)
	g.w = g.b.Param("w", normal(c.c*c.d), c.c, c.d)
	if c.bias {
		g.bias = g.b.Param("bias", normal(c.c), c.c)
	}
	cl := Classes{H: g.h, W: g.w, Bias: g.bias, Unit: c.unit}
	var err error
	var m int
	switch {
	case c.k == 0:
		m = len(c.pairs) + 2 // two empty places at the end
		rows, r := g.b.Indices("rows", m)
		ids, id := g.b.Indices("ids", m)
		for i := range m {
			r[i], id[i] = -1, -1
			if i < len(c.pairs) {
				r[i], id[i] = c.pairs[i][0], c.pairs[i][1]
			}
		}
		g.pairs = append(c.pairs, [2]int32{-1, -1}, [2]int32{-1, -1})
		g.z, err = PairScores(cl, rows, ids)
	case c.shared:
		m = c.b * c.k
		ids, id := g.b.Indices("ids", c.k)
		for j := range id {
			id[j] = int32(rng.IntN(c.c))
		}
		if c.k > 3 {
			id[3] = -1
		}
		for i := range c.b {
			for j := range id {
				g.pairs = append(g.pairs, [2]int32{int32(i), id[j]})
			}
		}
		g.z, err = RowScores(cl, ids)
	default:
		m = c.b * c.k
		ids, id := g.b.IndexMatrix("ids", c.b, c.k)
		for j := range id {
			id[j] = int32(rng.IntN(c.c))
			if j%7 == 3 {
				id[j] = -1
			}
			g.pairs = append(g.pairs, [2]int32{int32(j / c.k), id[j]})
		}
		g.z, err = RowScores(cl, ids)
	}
	require.NoError(t, err)
	again, id2 := g.b.IndexMatrix("again", c.b, 1)
	for i := range id2 {
		id2[i] = int32((i * 3) % c.c)
	}
	g.again = id2
	g.z2, err = RowScores(cl, again)
	require.NoError(t, err)
	u, up := g.b.Input("u", m)
	for i := range up {
		up[i] = T(0.3 + 0.1*float64(i%13))
	}
	var e Expr
	flat := e.N(Reshape(g.z, m))
	g.cost = e.N(Add(
		e.N(Sum(e.N(Mul(e.N(Tanh(e.N(FillMasked(flat, 0)))), u)))),
		e.N(Sum(e.N(Square(g.z2))))))
	require.NoError(t, e.Err)
	return g
}

// TestCandidateScores holds values against dot products, one at a time, and
// gradients against central differences; W and Bias get rows, each once.
func TestCandidateScores(t *testing.T) {
	for _, c := range candidateCases() {
		t.Run(c.name, func(t *testing.T) {
			g := newCandidateGraph[float64](t, c)
			p, err := g.b.Train(g.cost)
			require.NoError(t, err)
			defer p.Close()
			_, err = CheckGradient(p, GradientCheck{Probes: 200})
			require.NoError(t, err)

			require.NoError(t, p.Run())
			var want []int32
			for _, pair := range g.pairs {
				if pair[1] >= 0 {
					want = append(want, pair[1])
				}
			}
			want = append(want, g.again...)
			slices.Sort(want)
			want = slices.Compact(want)
			require.Equal(t, want, p.Grad(g.w).Rows)
			require.Len(t, p.Grad(g.w).Data, len(want)*c.d)
			require.Nil(t, p.Grad(g.h).Rows)
			if c.bias {
				require.Equal(t, want, p.Grad(g.bias).Rows)
				require.Len(t, p.Grad(g.bias).Data, len(want))
			}

			eval, err := g.b.Eval(g.z)
			require.NoError(t, err)
			defer eval.Close()
			require.NoError(t, eval.Run())
			h, w := g.h.Value().Data().([]float64), g.w.Value().Data().([]float64)
			for m, got := range eval.Value(g.z) {
				i, id := int(g.pairs[m][0]), int(g.pairs[m][1])
				z, norm := 0.0, 0.0
				switch {
				case i < 0:
					require.Zero(t, got)
					continue
				case id < 0:
					require.Equal(t, math.Inf(-1), got)
					continue
				}
				for j := range c.d {
					z += h[i*c.d+j] * w[id*c.d+j]
					norm += w[id*c.d+j] * w[id*c.d+j]
				}
				if c.unit {
					z /= math.Sqrt(norm)
				}
				if c.bias {
					z += g.bias.Value().Data().([]float64)[id]
				}
				require.Truef(t, check.Near(got, z, 1e-12, 1e-12), "score %d is %g, want %g", m, got, z)
			}
		})
	}
}

// TestCandidateScoresAtFloat32 holds float32 against float64.
func TestCandidateScoresAtFloat32(t *testing.T) {
	for _, c := range candidateCases() {
		g, g32 := newCandidateGraph[float64](t, c), newCandidateGraph[float32](t, c)
		p, err := g.b.Train(g.cost)
		require.NoError(t, err)
		p32, err := g32.b.Train(g32.cost)
		require.NoError(t, err)
		require.NoError(t, p.Run())
		require.NoError(t, p32.Run())
		pairs := [][2]Gradient[float64]{{p.Grad(g.w), widen(p32.Grad(g32.w))}, {p.Grad(g.h), widen(p32.Grad(g32.h))}}
		if c.bias {
			pairs = append(pairs, [2]Gradient[float64]{p.Grad(g.bias), widen(p32.Grad(g32.bias))})
		}
		for _, pair := range pairs {
			require.Equal(t, pair[0].Rows, pair[1].Rows)
			worst, at := check.Worst(pair[1].Data, pair[0].Data, 1)
			require.Truef(t, worst <= 1e-5, "%s: entry %d", c.name, at)
		}
		require.NoError(t, p.Close())
		require.NoError(t, p32.Close())
	}
}

func widen(g Gradient[float32]) Gradient[float64] {
	out := Gradient[float64]{Rows: g.Rows}
	for _, v := range g.Data {
		out.Data = append(out.Data, float64(v))
	}
	return out
}

// TestCandidateScoresSameBits runs a step at several GOMAXPROCS.
func TestCandidateScoresSameBits(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, share := range []bool{false, true} {
		c := candidateCase{b: 40, d: 24, c: 300, k: 90, unit: true, bias: true, shared: share}
		var want [3]Gradient[float32]
		for i, procs := range []int{1, 2, 7} {
			runtime.GOMAXPROCS(procs)
			g := newCandidateGraph[float32](t, c)
			p, err := g.b.Train(g.cost)
			require.NoError(t, err)
			require.NoError(t, p.Run())
			for j, n := range []*gorgonia.Node{g.h, g.w, g.bias} {
				got := p.Grad(n)
				got = Gradient[float32]{Rows: slices.Clone(got.Rows), Data: slices.Clone(got.Data)}
				if i == 0 {
					want[j] = got
				}
				require.Equal(t, want[j], got)
			}
			require.NoError(t, p.Close())
		}
	}
}

// TestCandidateScoresTouchNothingOfSizeC gives W of 2²⁴ rows, of which the
// operating system backs only what is written: a pass over them would show in
// the time and the allocations.
func TestCandidateScoresTouchNothingOfSizeC(t *testing.T) {
	const c, d, b, k = 1 << 22, 8, 4, 6
	build := NewBuilder[float32]()
	h := build.Param("h", make([]float32, b*d), b, d)
	w := build.Param("w", make([]float32, c*d), c, d)
	ids, id := build.IndexMatrix("ids", b, k)
	z, err := RowScores(Classes{H: h, W: w}, ids)
	require.NoError(t, err)
	cost, err := Sum(z)
	require.NoError(t, err)
	p, err := build.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	rng := rand.New(rand.NewPCG(5, 6))
	step := func() {
		for i := range id {
			id[i] = int32(rng.IntN(c))
		}
		require.NoError(t, p.Run())
		require.NotEmpty(t, p.Grad(w).Rows)
	}
	step()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 50 {
		step()
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(c), "bytes in 50 steps over a table of %d bytes", c*d*4)
}

// TestRowSparseMeetsDense adds a row-sparse gradient to a dense one, and passes
// one through a node.
func TestRowSparseMeetsDense(t *testing.T) {
	build := NewBuilder[float64]()
	rng := rand.New(rand.NewPCG(7, 8))
	data := make([]float64, 5*3)
	for i := range data {
		data[i] = rng.NormFloat64()
	}
	h := build.Param("h", []float64{1, 2, 3, 4, 5, 6}, 2, 3)
	w := build.Param("w", data, 5, 3)
	ids, id := build.Indices("ids", 3)
	copy(id, []int32{4, 1, 4})
	var e Expr
	direct := e.N(RowScores(Classes{H: h, W: w}, ids))
	through := e.N(RowScores(Classes{H: h, W: e.N(Square(w))}, ids))
	whole := e.N(MatMul(h, w, false, true))
	cost := e.N(Add(e.N(Sum(e.N(Square(direct)))), e.N(Add(e.N(Sum(e.N(Sigmoid(through)))), e.N(Sum(e.N(Tanh(whole))))))))
	require.NoError(t, e.Err)
	p, err := build.Train(cost)
	require.NoError(t, err)
	defer p.Close()
	_, err = CheckGradient(p, GradientCheck{Probes: 50})
	require.NoError(t, err)
	require.NoError(t, p.Run())
	require.Nil(t, p.Grad(w).Rows)
}

// TestCandidateFaults names what does not fit.
func TestCandidateFaults(t *testing.T) {
	build := NewBuilder[float32]()
	h := build.Param("h", make([]float32, 4), 2, 2)
	w := build.Param("w", make([]float32, 6), 3, 2)
	wide := build.Param("wide", make([]float32, 9), 3, 3)
	own, _ := build.IndexMatrix("own", 2, 2)
	three, _ := build.IndexMatrix("three", 3, 2)
	rows, _ := build.Indices("rows", 3)
	_, err := RowScores(Classes{H: h, W: wide}, own)
	require.ErrorContains(t, err, "want [B,d] and [C,d]")
	_, err = RowScores(Classes{H: h, W: w}, three)
	require.ErrorContains(t, err, "want [B,d] and [B,K] or [K]")
	_, err = RowScores(Classes{H: h, W: w, Bias: build.Param("b", make([]float32, 2), 2)}, own)
	require.ErrorContains(t, err, "bias")
	_, err = RowScores(Classes{H: h, W: w}, h)
	require.ErrorContains(t, err, "Int32")
	_, err = PairScores(Classes{H: h, W: w}, rows, own)
	require.ErrorContains(t, err, "two Int32 vectors")

	build = NewBuilder[float32]()
	h, w = build.Param("h", make([]float32, 4), 2, 2), build.Param("w", make([]float32, 6), 3, 2)
	own, id := build.IndexMatrix("own", 2, 2)
	rows, r := build.Indices("rows", 3)
	ids, _ := build.Indices("ids", 3)
	z, err := RowScores(Classes{H: h, W: w}, own)
	require.NoError(t, err)
	pz, err := PairScores(Classes{H: h, W: w}, rows, ids)
	require.NoError(t, err)
	p, err := build.Eval(z)
	require.NoError(t, err)
	defer p.Close()
	id[3] = 3
	require.ErrorContains(t, p.Run(), "id 3 at place 3 is outside [0,3)")
	pp, err := build.Eval(pz)
	require.NoError(t, err)
	defer pp.Close()
	copy(r, []int32{1, 0, -1})
	require.ErrorContains(t, pp.Run(), "row 0 at place 1")
	copy(r, []int32{0, 1, 2})
	require.ErrorContains(t, pp.Run(), "row 2 at place 2")
}
