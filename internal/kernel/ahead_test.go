package kernel

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAheadChangesNothing: a product that asks for memory has the bits of one that does not,
// and the memory stays as it was, however long it is.
func TestAheadChangesNothing(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(41)
		for _, s := range [][3]int{{1, 16, 1}, {6, 16, 3}, {6, 64, 4}, {96, 64, 17}, {97, 48, 64}, {23, 112, 9}, {200, 64, 300}} {
			m, n, k := s[0], s[1], s[2]
			a, b, c := normal(r, m*k, 1), normal(r, k*n, 1), normal(r, m*n, 1)
			for _, length := range [][2]int{{0, 0}, {1, 0}, {0, 1}, {100, 7}, {50_000, 20_000}} {
				p, q := normal(r, length[0], 1), normal(r, length[1], 1)
				p0, q0 := slices.Clone(p), slices.Clone(q)
				want, got := slices.Clone(c), guard(c, 1)
				gemmBlock(a, k, 1, m, k, b, n, want, n, n, true)
				gemmAhead(a, k, 1, m, k, b, n, got.x, n, n, true, p, q)
				requireEqual(t, want, got.x, "%v %v", s, length)
				got.requireIntact(t, "C")
				requireEqual(t, p0, p)
				requireEqual(t, q0, q)
			}
		}
	})
}

// TestFollowing: what follows a part is where the next part begins, and ends with the whole.
func TestFollowing(t *testing.T) {
	x := []int{0, 1, 2, 3, 4, 5, 6}
	f := make([]float32, len(x))
	for i := range f {
		f[i] = float32(i)
	}
	require.Equal(t, []float32{3, 4}, following(f, f[1:3]))
	require.Equal(t, []float32{6}, following(f, f[3:6]))
	require.Empty(t, following(f, f[5:7]))
	require.Equal(t, []float32{2, 3}, following(f[:6], f[:2]))

	// Parts are all of it, in order.
	for n := 1; n < 9; n++ {
		var all []float32
		for i := range n {
			all = append(all, share(f, i, n)...)
		}
		require.Equal(t, f, all)
	}
	ws := Workspace{tileClasses: tileClasses, x: &Linear{D: 2}}
	m := make([]float32, 2*300)
	require.Len(t, ws.classesFrom(m, 0, 300), 2*tileClasses)
	require.Len(t, ws.classesFrom(m, 290, 300), 2*10)
	require.Empty(t, ws.classesFrom(m, 300, 300))
	require.Same(t, &m[2*96], &ws.classesFrom(m, 96, 300)[0])
}

// TestMergeExp: the sum of two summaries is that of their powers of two, with equal
// references as with others.
func TestMergeExp(t *testing.T) {
	r := source(42)
	state := func() State {
		s := State{make([]float32, tileRows), make([]float64, tileRows)}
		for i := range s.F {
			s.F[i], s.D[i] = float32(r.IntN(3)), r.Float64()
		}
		return s
	}
	a, b := state(), state()
	b.F[0], b.F[1] = a.F[0], a.F[1]+1
	f, d := slices.Clone(a.F), slices.Clone(a.D)
	mergeExp(a, b)
	for i := range f {
		top := max(f[i], b.F[i])
		require.Equal(t, top, a.F[i])
		want := d[i]*math.Exp2(float64(f[i]-top)) + b.D[i]*math.Exp2(float64(b.F[i]-top))
		require.Equal(t, want, a.D[i], "row %d: powers of whole numbers are exact", i)
	}
}

// TestChunks: chunks are all classes in order, and each but the last ends at a whole block,
// which the order of sums depends on.
func TestChunks(t *testing.T) {
	for _, c := range []int{1, 191, 192, 193, 5000} {
		for _, chunks := range []int{1, 2, ceil(c, blockClasses)} {
			ws := Workspace{x: &Linear{C: c}, chunks: min(chunks, ceil(c, blockClasses)), blockClasses: blockClasses}
			at := 0
			for i := range ws.chunks {
				lo, hi := ws.chunk(i)
				require.Equal(t, at, lo)
				require.Zero(t, lo%192)
				require.Greater(t, hi, lo)
				at = hi
			}
			require.Equal(t, c, at)
		}
	}
}

// TestPartIsKept: where a budget has room for some of the scores, these are kept, and no bit
// of the results shows it; where that is less than half, none are.
func TestPartIsKept(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		p := newProblem(source(43), problemConfig{b: 130, c: 1001, d: 12, sd: 0.05, bias: true, positives: 2})
		row := 4 * tileRows * 3 // bytes of the scores of a class
		for _, l := range []Loss{Softmax{Tau: 0.7}, Entmax{Alpha: 1.5}, Stream(Pairwise{}), mappedEntmax(1.5)} {
			run := func(ws *Workspace) (all [][]float32) {
				loss := make([]float32, p.B)
				g := Grad{H: make([]float32, p.B*p.D), W: make([]float32, p.C*p.D), Bias: make([]float32, p.C)}
				require.NoError(t, l.Forward(ws, &p.Linear, loss))
				require.NoError(t, l.Backward(ws, &p.Linear, p.g, &g))
				return append(all, loss, g.H, g.W, g.Bias)
			}
			want := run(new(Workspace))
			for budget, kept := range map[int]int{
				row*1001 - 1: 960, row * 700: 672, row * 576: 576, row * 575: 0, row * 400: 0, row * 1001: 1001,
			} {
				ws := Workspace{Budget: budget}
				for j, got := range run(&ws) {
					requireBits(t, want[j], got, "%v with %d bytes", l, budget)
				}
				require.Equal(t, kept, ws.keptClasses, "%v with %d bytes", l, budget)
				require.LessOrEqual(t, 4*len(ws.kept), budget)
			}
		}
	})
}

// TestRankCut: groups of rows are large where that leaves every processor several tasks.
func TestRankCut(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cfg := range []struct{ procs, b, c, group int }{
		{1, 1, 10, tileRows}, {1, 1024, 1_000_000, rankRows}, {2, 1024, 1_000_000, rankRows}, {64, 1024, 1_000_000, tileRows},
		{1, 1024, 10, rankRows / 2}, {2, 1024, 10, tileRows}, {2, 2048, 10, rankRows / 2}, {4, 1024, 1_000_000, rankRows / 2}, {16, 100_000, 10, rankRows},
	} {
		runtime.GOMAXPROCS(cfg.procs)
		chunks, group := rankCut(cfg.b, cfg.c)
		require.Equal(t, cfg.group, group, "%+v", cfg)
		if group > tileRows {
			require.GreaterOrEqual(t, chunks*ceil(cfg.b, group), 4*cfg.procs, fmt.Sprint(cfg))
		}
	}
}
