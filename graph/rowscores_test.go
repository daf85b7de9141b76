package graph

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"
)

func TestGrouping(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var g grouping
	for _, c := range []struct{ n, top int }{{0, 1}, {1, 1}, {5, 1}, {100, 7}, {1000, 3000}, {500, 1 << 22}, {700, math.MaxInt32}, {3, 2}} {
		ids := make([]int32, c.n)
		for i := range ids {
			ids[i] = int32(rng.IntN(c.top))
			if i%7 == 3 {
				ids[i] = -1
			}
		}
		g.of(ids)
		require.NotNil(t, g.ids)
		require.True(t, slices.IsSorted(g.ids))
		seen := 0
		for i, id := range g.ids {
			require.True(t, i == 0 || g.ids[i-1] < id)
			places := g.places[g.start[i]:g.start[i+1]]
			require.NotEmpty(t, places)
			require.True(t, slices.IsSorted(places))
			for _, at := range places {
				require.Equal(t, id, ids[at])
				seen++
			}
		}
		for _, id := range ids {
			if id < 0 {
				seen++
			}
		}
		require.Equal(t, c.n, seen)
	}
}

// candidates is a graph of sampled scores under a softmax loss.
type candidates struct {
	b          *Builder[float64]
	h, w, bias node
	ids        []int32
	z          node
	cost       node
}

func newCandidates(t *testing.T, b, k, c, d int) *candidates {
	t.Helper()
	rng := rand.New(rand.NewPCG(6, 6))
	normal := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		return x
	}
	s := &candidates{b: NewBuilder[float64]()}
	s.h, s.w, s.bias = s.b.Param("h", normal(b*d), b, d), s.b.Param("w", normal(c*d), c, d), s.b.Param("bias", normal(c), c)
	ids, data := s.b.Indices("ids", b*k)
	for i := range data {
		data[i] = int32(rng.IntN(c)) // with duplicates
		if i%k == 2 {
			data[i] = -1
		}
	}
	s.ids = data
	label, _ := s.b.Indices("y", b) // candidate 0
	tg, err := LabelTargets(label)
	require.NoError(t, err)
	var e Expr
	s.z = e.N(RowScores(Linear{s.h, s.w, s.bias}, ids))
	s.cost = e.N(MeanRows(e.N(testNode(0.8, s.z, tg)), tg))
	require.NoError(t, e.Err)
	return s
}

func TestRowScores(t *testing.T) {
	const B, K, C, d = 4, 5, 9, 3
	s := newCandidates(t, B, K, C, d)
	z := value(t, s.b, s.z)
	h, w, bias := s.h.Value().Data().([]float64), s.w.Value().Data().([]float64), s.bias.Value().Data().([]float64)
	for i, c := range s.ids {
		if c < 0 {
			require.Equal(t, math.Inf(-1), z[i])
			continue
		}
		want := bias[c]
		for j := range d {
			want += h[i/K*d+j] * w[int(c)*d+j]
		}
		require.InDelta(t, want, z[i], 1e-14)
	}
	prog, err := s.b.Train(s.cost)
	require.NoError(t, err)
	_, err = CheckGradient(prog, GradientCheck{Probes: 100, Tolerance: 1e-9})
	require.NoError(t, err)
	unique := slices.Clone(s.ids)
	slices.Sort(unique)
	unique = slices.Compact(unique)[1:] // without −1
	require.Equal(t, unique, prog.Grad(s.w).Rows)
	require.Equal(t, unique, prog.Grad(s.bias).Rows)
	require.Len(t, prog.Grad(s.w).Data, len(unique)*d)
	require.Nil(t, prog.Grad(s.h).Rows)

	s.ids[1] = C
	require.ErrorContains(t, prog.Run(), "row 0: candidate 1 is class 9 outside [0,9)")
	s.ids[1] = 0
	for i := range s.ids { // no candidate at all: no row, and not a dense gradient
		s.ids[i] = -1
	}
	require.NoError(t, prog.Run())
	require.NotNil(t, prog.Grad(s.w).Rows)
	require.Empty(t, prog.Grad(s.w).Rows)
}

// TestRowScoresDense: a gradient that others read has all rows, here behind a
// normalisation of W.
func TestRowScoresDense(t *testing.T) {
	s := newCandidates(t, 4, 5, 9, 3)
	b := s.b
	ids, data := b.Indices("ids again", 20)
	copy(data, s.ids)
	var e Expr
	z := e.N(RowScores(Linear{H: s.h, W: e.N(L2Normalize(s.w))}, ids))
	cost := e.N(Add(s.cost, e.N(Sum(e.N(LogSumExp(z))))))
	require.NoError(t, e.Err)
	prog, err := b.Train(cost)
	require.NoError(t, err)
	_, err = CheckGradient(prog, GradientCheck{Probes: 100, Tolerance: 1e-9})
	require.NoError(t, err)
	require.Nil(t, prog.Grad(s.w).Rows)
}

func TestRowScoresSecondDerivative(t *testing.T) {
	s := newCandidates(t, 3, 4, 6, 2)
	g, err := Grad(s.cost, s.h, s.w)
	require.NoError(t, err)
	var e Expr
	// a function of both gradients
	cost := e.N(Add(e.N(Sum(e.N(Square(g[0])))), e.N(Sum(e.N(Exp(g[1]))))))
	bias := e.N(Sum(s.bias)) // the scores' second derivative leaves the bias out
	require.NoError(t, e.Err)
	_, err = Grad(cost, s.h, s.w)
	require.NoError(t, err)
	prog, err := s.b.Train(gorgonia.Must(Add(cost, bias)))
	require.NoError(t, err)
	_, err = CheckGradient(prog, GradientCheck{Probes: 100, Tolerance: 1e-8})
	require.NoError(t, err)
}

func TestRowScoresSameBitsAtAnyGOMAXPROCS(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	var want []float64
	for _, procs := range []int{1, 2, 4} {
		runtime.GOMAXPROCS(procs)
		s := newCandidates(t, 64, 100, 500, 16)
		prog, err := s.b.Train(s.cost)
		require.NoError(t, err)
		require.NoError(t, prog.Run())
		got := slices.Concat(prog.Grad(s.h).Data, prog.Grad(s.w).Data, prog.Grad(s.bias).Data)
		if want == nil {
			want = got
		}
		for i := range want {
			require.Equal(t, math.Float64bits(want[i]), math.Float64bits(got[i]), "entry %d", i)
		}
	}
}

func TestRowScoresErrors(t *testing.T) {
	b := NewBuilder[float32]()
	h, w := b.Param("h", make([]float32, 6), 2, 3), b.Param("w", make([]float32, 12), 4, 3)
	v := b.Param("v", make([]float32, 3), 3)
	ids, _ := b.Indices("ids", 4)
	odd, _ := b.Indices("odd", 3)
	for _, err := range []error{
		second(RowScores(Linear{H: h}, ids)), second(RowScores(Linear{H: h, W: w}, nil)), second(RowScores(Linear{H: h, W: w}, odd)),
		second(RowScores(Linear{H: h, W: w}, v)), second(RowScores(Linear{H: h, W: w, Bias: v}, ids)), second(RowScores(Linear{H: v, W: w}, ids)),
	} {
		require.ErrorContains(t, err, "graph: row scores")
	}
}
