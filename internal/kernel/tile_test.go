package kernel

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// tileCase is a tile of n classes with a row stride, with special scores in
// some entries, inside guard bands.
func tileCase(seed uint64, n, ldz, offset int, special bool) guarded {
	r := source(seed)
	z := normal(r, max(0, (n-1)*ldz+tileRows), 3)
	if special {
		for i, v := range []float32{inf, -inf, nan, 0, 200, -200, 127.9, -126.2} {
			if len(z) > 0 {
				z[(i*131+7)%len(z)] = v
			}
		}
	}
	if n == 0 {
		z = nil
	}
	return guard(z, offset)
}

// eachTile ranges over class counts, strides and alignments, without and with
// special scores.
func eachTile(t *testing.T, f func(t *testing.T, z guarded, ldz, n, offset int)) {
	onPaths(t, func(t *testing.T) {
		for _, special := range []bool{false, true} {
			for n := range 20 {
				for _, ldz := range []int{tileRows, tileRows + 16, tileRows + 5} {
					offset := (n*7 + ldz) % 16
					f(t, tileCase(uint64(n), n, ldz, offset, special), ldz, n, offset)
				}
			}
		}
	})
}

func rowVector(seed uint64, sd float64, offset int) guarded {
	return guard(normal(source(seed), tileRows, sd), offset)
}

func requireSame(t *testing.T, want, got guarded, rtol, atol float64, what string) {
	t.Helper()
	requireNear(t, want.x, got.x, rtol, atol, "%s", what)
	got.requireIntact(t, what)
}

func TestTileReductionsMatchTheirDefinition(t *testing.T) {
	eachTile(t, func(t *testing.T, z guarded, ldz, n, offset int) {
		m, want := rowVector(1, 1, offset), rowVector(1, 1, offset)
		tileMax(z.x, ldz, n, m.x)
		tileMaxGo(z.x, ldz, n, want.x)
		requireSame(t, want, m, 0, 0, fmt.Sprintf("tileMax, %d", n))

		s, want := rowVector(2, 1, offset), rowVector(2, 1, offset)
		tileExpSum(z.x, ldz, n, m.x, s.x)
		tileExpSumGo(z.x, ldz, n, m.x, want.x)
		requireSame(t, want, s, 3e-6, 1e-6, fmt.Sprintf("tileExpSum, %d", n))

		q, want := rowVector(3, 1, offset), rowVector(3, 1, offset)
		positive, wantPositive := rowVector(4, 1, offset), rowVector(4, 1, offset)
		tileSoftplusSum(z.x, ldz, n, m.x, q.x, positive.x)
		tileSoftplusSumGo(z.x, ldz, n, m.x, want.x, wantPositive.x)
		requireSame(t, want, q, 5e-6, 1e-5, fmt.Sprintf("tileSoftplusSum, %d, product", n))
		requireSame(t, wantPositive, positive, 3e-6, 1e-6, fmt.Sprintf("tileSoftplusSum, %d, sum", n))

		for _, order := range []int{4, 6, 8} {
			s, want := rowVector(2, 1, offset), rowVector(2, 1, offset)
			tileTaylorSum(z.x, ldz, n, order, s.x)
			tileTaylorSumGo(z.x, ldz, n, order, want.x)
			requireSame(t, want, s, 3e-6, 1e-5, fmt.Sprintf("tileTaylorSum, %d, order %d", n, order))
		}

		for _, e := range []float32{0, 1, 0.5, 3, -0.5} {
			for _, tau := range []guarded{m, rowVector(5, 1, offset)} { // nothing above it; about half
				var got, want [3]guarded
				for k := range got {
					got[k], want[k] = rowVector(uint64(k), 1, offset), rowVector(uint64(k), 1, offset)
				}
				tileHingeSum(z.x, ldz, n, tau.x, got[0].x, got[1].x, got[2].x, e)
				tileHingeSumGo(z.x, ldz, n, tau.x, want[0].x, want[1].x, want[2].x, e)
				for k := range got {
					requireSame(t, want[k], got[k], 1e-5, 1e-5, fmt.Sprintf("tileHingeSum, %d, e=%v, sum %d", n, e, k))
				}
			}
		}
		z.requireIntact(t, "z")
	})
}

func TestTileMapsMatchTheirDefinition(t *testing.T) {
	eachTile(t, func(t *testing.T, z guarded, ldz, n, offset int) {
		l, g, u := rowVector(1, 2, offset), rowVector(2, 1, offset), rowVector(3, 0.1, offset)
		p, want := guard(make([]float32, len(z.x)), (offset+1)%16), guard(make([]float32, len(z.x)), offset)
		tileExpMap(p.x, ldz, z.x, ldz, n, l.x, g.x, u.x)
		tileExpMapGo(want.x, ldz, z.x, ldz, n, l.x, g.x, u.x)
		requireSame(t, want, p, 2e-6, 1e-6, fmt.Sprintf("tileExpMap, %d", n))
		inPlace := guard(z.x, offset)
		tileExpMap(inPlace.x, ldz, inPlace.x, ldz, n, l.x, g.x, u.x)
		for c := range n { // between the rows z stays
			requireNear(t, want.x[c*ldz:][:tileRows], inPlace.x[c*ldz:][:tileRows], 2e-6, 1e-6, "tileExpMap in place, %d", n)
		}
		inPlace.requireIntact(t, "in place")
		tileSigmoidMap(p.x, ldz, z.x, ldz, n, l.x, g.x)
		tileSigmoidMapGo(want.x, ldz, z.x, ldz, n, l.x, g.x)
		requireSame(t, want, p, 3e-6, 1e-37, fmt.Sprintf("tileSigmoidMap, %d", n))
		for _, order := range []int{3, 5, 7} {
			tileTaylorMap(p.x, ldz, z.x, ldz, n, order, g.x)
			tileTaylorMapGo(want.x, ldz, z.x, ldz, n, order, g.x)
			requireSame(t, want, p, 3e-6, 1e-5, fmt.Sprintf("tileTaylorMap, %d, order %d", n, order))
		}
		for _, e := range []float32{0, 1, 2, 0.5, 3} {
			tileHingeMap(p.x, ldz, z.x, ldz, n, l.x, g.x, e)
			tileHingeMapGo(want.x, ldz, z.x, ldz, n, l.x, g.x, e)
			requireSame(t, want, p, 4e-6, 1e-6, fmt.Sprintf("tileHingeMap, %d, e=%v", n, e))
		}
		z.requireIntact(t, "z")
	})
}

func TestTileFilterMatchesItsDefinition(t *testing.T) {
	eachTile(t, func(t *testing.T, z guarded, ldz, n, offset int) {
		for _, high := range []float32{-100, 0, 5} { // nearly all, half, few
			thr := rowVector(1, 1, offset)
			for i := range thr.x {
				thr.x[i] += high
			}
			val, idx := guard(make([]float32, n*tileRows+16), offset), make([]uint32, n*tileRows+16)
			wantVal, wantIdx := make([]float32, n*tileRows), make([]uint32, n*tileRows)
			hits := tileFilter(z.x, ldz, n, thr.x, val.x, idx, 1000)
			require.Equal(t, tileFilterGo(z.x, ldz, n, thr.x, wantVal, wantIdx, 1000), hits)
			requireNear(t, wantVal[:hits], val.x[:hits], 0, 0, "tileFilter, %d", n)
			require.Equal(t, wantIdx[:hits], idx[:hits])
			val.requireIntact(t, "val")
		}
	})
}

func TestTileExpAccuracy(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		zero, one := make([]float32, tileRows), make([]float32, tileRows)
		for i := range one {
			one[i] = 1
		}
		z := make([]float32, 64*tileRows)
		for i := range z {
			z[i] = -126 + 254*float32(i)/float32(len(z))
		}
		p := make([]float32, len(z))
		tileExpMap(p, tileRows, z, tileRows, 64, zero, one, zero)
		for i, x := range z {
			require.LessOrEqual(t, ulps(p[i], math.Exp2(float64(x))), 2.0, "2^%v", x)
		}
	})
}
