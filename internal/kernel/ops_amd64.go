//go:build amd64 && !purego

package kernel

import (
	"math/bits"
	"unsafe"
)

// The functions of this file choose the path. They check every bound that the
// assembly relies on, because it checks none.

// vectorPiece is the most floats that one call takes: what lies in memory streams
// by in under 60 µs, and what is computed takes less.
const vectorPiece = 1 << 16

func ptr[T any](s []T) *T { return unsafe.SliceData(s) }

func dot(x, y []float32) (s float32) {
	y = y[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		s += dot(x[:vectorPiece], y[:vectorPiece])
		x, y = x[vectorPiece:], y[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		return s + dot512(ptr(x), ptr(y), len(x))
	case pathAVX2:
		return s + dot256(ptr(x), ptr(y), len(x))
	}
	return dotGo(x, y)
}

func axpy(a float32, x, y []float32) {
	y = y[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		axpy(a, x[:vectorPiece], y[:vectorPiece])
		x, y = x[vectorPiece:], y[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		axpy512(a, ptr(x), ptr(y), len(x))
	case pathAVX2:
		axpy256(a, ptr(x), ptr(y), len(x))
	default:
		axpyGo(a, x, y)
	}
}

func sum(x []float32) (s float32) {
	for active != pathGo && len(x) > vectorPiece {
		s += sum(x[:vectorPiece])
		x = x[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		return s + sum512(ptr(x), len(x))
	case pathAVX2:
		return s + sum256(ptr(x), len(x))
	}
	return sumGo(x)
}

func sumSquares(x []float32) (s float32) {
	for active != pathGo && len(x) > vectorPiece {
		s += sumSquares(x[:vectorPiece])
		x = x[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		return s + sumSquares512(ptr(x), len(x))
	case pathAVX2:
		return s + sumSquares256(ptr(x), len(x))
	}
	return dotGo(x, x)
}

func maximum(x []float32) float32 {
	if active != pathGo && len(x) > vectorPiece {
		return max(maximum(x[:vectorPiece]), maximum(x[vectorPiece:]))
	}
	var lanes [16]float32
	switch n := len(x); {
	case active == pathAVX512 && n >= 16:
		n -= n % 16
		max512(ptr(x), n, &lanes[0])
		return max(maxGo(lanes[:16]), maxGo(x[n:]))
	case active == pathAVX2 && n >= 8:
		n -= n % 8
		max256(ptr(x), n, &lanes[0])
		return max(maxGo(lanes[:8]), maxGo(x[n:]))
	}
	return maxGo(x)
}

func exp(dst, x []float32, shift float32) (s float32) {
	dst = dst[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		s += exp(dst[:vectorPiece], x[:vectorPiece], shift)
		dst, x = dst[vectorPiece:], x[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		return s + exp512(ptr(dst), ptr(x), len(x), shift)
	case pathAVX2:
		return s + exp256(ptr(dst), ptr(x), len(x), shift)
	}
	return expGo(dst, x, shift)
}

func logs(dst, x []float32) {
	dst = dst[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		logs(dst[:vectorPiece], x[:vectorPiece])
		x, dst = x[vectorPiece:], dst[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		log512(ptr(dst), ptr(x), len(x))
	case pathAVX2:
		log256(ptr(dst), ptr(x), len(x))
	default:
		logGo(dst, x)
	}
}

func pow(dst, x []float32, p float32) {
	dst = dst[:len(x)]
	for active != pathGo && len(x) > vectorPiece {
		pow(dst[:vectorPiece], x[:vectorPiece], p)
		x, dst = x[vectorPiece:], dst[vectorPiece:]
	}
	switch active {
	case pathAVX512:
		pow512(ptr(dst), ptr(x), len(x), p)
	case pathAVX2:
		pow256(ptr(dst), ptr(x), len(x), p)
	default:
		powGo(dst, x, p)
	}
}

// gemmBlock is gemmGo for nc a multiple of 16. It takes as many rows at a time as
// let one call last under 60 µs, so that the collector, which cannot stop
// assembly, is not held back.
func gemmBlock(a []float32, ra, ka, nr, nk int, b []float32, ldb int, c []float32, ldc, nc int, add bool) {
	if nr == 0 || nc == 0 {
		return
	}
	if active == pathGo {
		gemmGo(a, ra, ka, nr, nk, b, ldb, c, ldc, nc, add)
		return
	}
	if most := max(6, blockM*blockK/max(1, nk)/6*6); nr > most {
		gemmBlock(a, ra, ka, most, nk, b, ldb, c, ldc, nc, add)
		gemmBlock(a[most*ra:], ra, ka, nr-most, nk, b, ldb, c[most*ldc:], ldc, nc, add)
		return
	}
	if nk > 0 {
		_, _ = a[(nr-1)*ra+(nk-1)*ka], b[(nk-1)*ldb+nc-1]
	}
	_ = c[(nr-1)*ldc+nc-1]
	acc := flag(add)
	// Whole groups of six rows, then of four, then one by one.
	r6 := nr / 6 * 6
	r4 := r6 + (nr-r6)/4*4
	for j := 0; j < nc; {
		w := 16
		if active == pathAVX512 {
			w = min(64, 1<<(bits.Len(uint(nc-j))-1)) // 64, 32 or 16
		}
		bj := step(ptr(b), j)
		for _, g := range [...]struct{ lo, hi, size int }{{0, r6, 6}, {r6, r4, 4}, {r4, nr, 1}} {
			if g.lo == g.hi {
				continue
			}
			gemmTile(g.size, w, step(ptr(a), g.lo*ra), ra, ka, g.hi-g.lo, nk, bj, ldb, step(ptr(c), g.lo*ldc+j), ldc, acc)
		}
		j += w
	}
}

// gemmTile calls the kernel of mr rows and w columns of the active path.
func gemmTile(mr, w int, a *float32, ra, ka, nr, nk int, b *float32, ldb int, c *float32, ldc, add int) {
	if active == pathAVX2 {
		w = 0
	}
	switch 10*w + mr {
	case 646:
		gemm6x64x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 644:
		gemm4x64x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 641:
		gemm1x64x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 326:
		gemm6x32x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 324:
		gemm4x32x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 321:
		gemm1x32x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 166:
		gemm6x16x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 164:
		gemm4x16x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 161:
		gemm1x16x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 6:
		gemm6x16x256(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 4:
		gemm4x16x256(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 1:
		gemm1x16x256(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	default:
		panic("kernel: no such matrix kernel")
	}
}

// step returns p + n elements.
func step(p *float32, n int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}

// tileOK panics unless the tile z holds n classes of stride ldz.
func tileOK(z []float32, ldz, n int) {
	if n > 0 {
		_ = z[(n-1)*ldz+tileRows-1]
	}
}

func tileMax(z []float32, ldz, n int, m []float32) {
	tileOK(z, ldz, n)
	m = m[:tileRows]
	switch active {
	case pathAVX512:
		tileMax512(ptr(z), ldz, n, ptr(m))
	case pathAVX2:
		tileMax256(ptr(z), ldz, n, ptr(m))
	default:
		tileMaxGo(z, ldz, n, m)
	}
}

func tileExpSum(z []float32, ldz, n int, m, s []float32) {
	tileOK(z, ldz, n)
	m, s = m[:tileRows], s[:tileRows]
	switch active {
	case pathAVX512:
		tileExpSum512(ptr(z), ldz, n, ptr(m), ptr(s))
	case pathAVX2:
		tileExpSum256(ptr(z), ldz, n, ptr(m), ptr(s))
	default:
		tileExpSumGo(z, ldz, n, m, s)
	}
}

func tileExpMap(p []float32, ldp int, z []float32, ldz, n int, l, g, u []float32) {
	tileOK(z, ldz, n)
	tileOK(p, ldp, n)
	l, g, u = l[:tileRows], g[:tileRows], u[:tileRows]
	switch active {
	case pathAVX512:
		tileExpMap512(ptr(p), ldp, ptr(z), ldz, n, ptr(l), ptr(g), ptr(u))
	case pathAVX2:
		tileExpMap256(ptr(p), ldp, ptr(z), ldz, n, ptr(l), ptr(g), ptr(u))
	default:
		tileExpMapGo(p, ldp, z, ldz, n, l, g, u)
	}
}

func tileHingeSum(z []float32, ldz, n int, tau, f, g, h []float32, e float32) {
	const most = 256 // classes a call
	for active != pathGo && n > most {
		tileHingeSum(z, ldz, most, tau, f, g, h, e)
		z, n = z[most*ldz:], n-most
	}
	tileOK(z, ldz, n)
	tau, f, g, h = tau[:tileRows], f[:tileRows], g[:tileRows], h[:tileRows]
	switch {
	case active == pathAVX512 && e == 0:
		tileHingeSum0x512(ptr(z), ldz, n, ptr(tau), ptr(f), ptr(g), ptr(h))
	case active == pathAVX512 && e == 1:
		tileHingeSum1x512(ptr(z), ldz, n, ptr(tau), ptr(f), ptr(g), ptr(h))
	case active == pathAVX512:
		tileHingeSumPowx512(ptr(z), ldz, n, ptr(tau), ptr(f), ptr(g), ptr(h), e)
	case active == pathAVX2 && e == 0:
		tileHingeSum0x256(ptr(z), ldz, n, ptr(tau), ptr(f), ptr(g), ptr(h))
	case active == pathAVX2 && e == 1:
		tileHingeSum1x256(ptr(z), ldz, n, ptr(tau), ptr(f), ptr(g), ptr(h))
	case active == pathAVX2:
		tileHingeSumPowx256(ptr(z), ldz, n, ptr(tau), ptr(f), ptr(g), ptr(h), e)
	default:
		tileHingeSumGo(z, ldz, n, tau, f, g, h, e)
	}
}

func tileHingeMap(p []float32, ldp int, z []float32, ldz, n int, tau, g []float32, e float32) {
	tileOK(z, ldz, n)
	tileOK(p, ldp, n)
	tau, g = tau[:tileRows], g[:tileRows]
	switch {
	case active == pathAVX512 && e == 0:
		tileHingeMap0x512(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g))
	case active == pathAVX512 && e == 1:
		tileHingeMap1x512(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g))
	case active == pathAVX512 && e == 2:
		tileHingeMap2x512(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g))
	case active == pathAVX512:
		tileHingeMapPowx512(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g), e)
	case active == pathAVX2 && e == 0:
		tileHingeMap0x256(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g))
	case active == pathAVX2 && e == 1:
		tileHingeMap1x256(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g))
	case active == pathAVX2 && e == 2:
		tileHingeMap2x256(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g))
	case active == pathAVX2:
		tileHingeMapPowx256(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g), e)
	default:
		tileHingeMapGo(p, ldp, z, ldz, n, tau, g, e)
	}
}

func tileSoftplusSum(z []float32, ldz, n int, m, prod, s []float32) {
	tileOK(z, ldz, n)
	m, prod, s = m[:tileRows], prod[:tileRows], s[:tileRows]
	switch active {
	case pathAVX512:
		tileSoftplusSum512(ptr(z), ldz, n, ptr(m), ptr(prod), ptr(s))
	case pathAVX2:
		tileSoftplusSum256(ptr(z), ldz, n, ptr(m), ptr(prod), ptr(s))
	default:
		tileSoftplusSumGo(z, ldz, n, m, prod, s)
	}
}

func tileSigmoidMap(p []float32, ldp int, z []float32, ldz, n int, m, g []float32) {
	tileOK(z, ldz, n)
	tileOK(p, ldp, n)
	m, g = m[:tileRows], g[:tileRows]
	switch active {
	case pathAVX512:
		tileSigmoidMap512(ptr(p), ldp, ptr(z), ldz, n, ptr(m), ptr(g))
	case pathAVX2:
		tileSigmoidMap256(ptr(p), ldp, ptr(z), ldz, n, ptr(m), ptr(g))
	default:
		tileSigmoidMapGo(p, ldp, z, ldz, n, m, g)
	}
}

// tileTaylorSum takes the orders 4, 6 and 8, of which there is assembly.
func tileTaylorSum(z []float32, ldz, n, order int, s []float32) {
	tileOK(z, ldz, n)
	s = s[:tileRows]
	switch {
	case active == pathAVX512 && order == 4:
		tileTaylorSum4x512(ptr(z), ldz, n, ptr(s))
	case active == pathAVX512 && order == 6:
		tileTaylorSum6x512(ptr(z), ldz, n, ptr(s))
	case active == pathAVX512 && order == 8:
		tileTaylorSum8x512(ptr(z), ldz, n, ptr(s))
	case active == pathAVX2 && order == 4:
		tileTaylorSum4x256(ptr(z), ldz, n, ptr(s))
	case active == pathAVX2 && order == 6:
		tileTaylorSum6x256(ptr(z), ldz, n, ptr(s))
	case active == pathAVX2 && order == 8:
		tileTaylorSum8x256(ptr(z), ldz, n, ptr(s))
	default:
		tileTaylorSumGo(z, ldz, n, order, s)
	}
}

// tileTaylorMap takes the orders 3, 5 and 7, of which there is assembly.
func tileTaylorMap(p []float32, ldp int, z []float32, ldz, n, order int, g []float32) {
	tileOK(z, ldz, n)
	tileOK(p, ldp, n)
	g = g[:tileRows]
	switch {
	case active == pathAVX512 && order == 3:
		tileTaylorMap3x512(ptr(p), ldp, ptr(z), ldz, n, ptr(g))
	case active == pathAVX512 && order == 5:
		tileTaylorMap5x512(ptr(p), ldp, ptr(z), ldz, n, ptr(g))
	case active == pathAVX512 && order == 7:
		tileTaylorMap7x512(ptr(p), ldp, ptr(z), ldz, n, ptr(g))
	case active == pathAVX2 && order == 3:
		tileTaylorMap3x256(ptr(p), ldp, ptr(z), ldz, n, ptr(g))
	case active == pathAVX2 && order == 5:
		tileTaylorMap5x256(ptr(p), ldp, ptr(z), ldz, n, ptr(g))
	case active == pathAVX2 && order == 7:
		tileTaylorMap7x256(ptr(p), ldp, ptr(z), ldz, n, ptr(g))
	default:
		tileTaylorMapGo(p, ldp, z, ldz, n, order, g)
	}
}

// tileFilter needs room for n·64 entries and 16 more in val and idx.
func tileFilter(z []float32, ldz, n int, thr, val []float32, idx []uint32, base int) int {
	tileOK(z, ldz, n)
	thr = thr[:tileRows]
	_, _ = val[n*tileRows+15], idx[n*tileRows+15]
	switch active {
	case pathAVX512:
		return tileFilter512(ptr(z), ldz, n, ptr(thr), ptr(val), ptr(idx), uint32(base))
	case pathAVX2:
		return tileFilter256(ptr(z), ldz, n, ptr(thr), ptr(val), ptr(idx), uint32(base))
	}
	return tileFilterGo(z, ldz, n, thr, val, idx, base)
}

// probe runs the loop n times and returns the chains and lanes of a round.
func probe(n int) (chains, lanes int) {
	switch active {
	case pathAVX512:
		probe512(n)
		return 24, 16
	case pathAVX2:
		probe256(n)
		return 12, 8
	}
	return 0, 0
}

// gatherDot and gatherAxpy rely on ids that checkIDs has checked. A call covers
// at most gatherFloats, so that it stays short even where every row misses the
// cache.

const gatherFloats = 1 << 17

func gatherDot[T Float](out, h, tab []T, ids []int32) {
	d := len(h)
	if active == pathGo || d == 0 {
		gatherDotGo(out, h, tab, ids)
		return
	}
	for n := max(1, gatherFloats/d); len(ids) > 0; {
		n = min(n, len(ids))
		switch out := any(out[:n]).(type) {
		case []float32:
			h, _ := f32(h)
			tab, _ := f32(tab)
			if active == pathAVX512 {
				gatherDot512(ptr(out), ptr(h), ptr(tab), d, ptr(ids), n)
			} else {
				gatherDot256(ptr(out), ptr(h), ptr(tab), d, ptr(ids), n)
			}
		case []float64:
			h, tab := any(h).([]float64), any(tab).([]float64)
			if active == pathAVX512 {
				gatherDot512d(ptr(out), ptr(h), ptr(tab), d, ptr(ids), n)
			} else {
				gatherDot256d(ptr(out), ptr(h), ptr(tab), d, ptr(ids), n)
			}
		}
		out, ids = out[n:], ids[n:]
	}
}

func gatherAxpy(acc, coef, tab []float32, ids []int32) {
	d := len(acc)
	if active == pathGo || d == 0 {
		gatherAxpyGo(acc, coef, tab, ids)
		return
	}
	for n := max(1, gatherFloats/d); len(ids) > 0; {
		n = min(n, len(ids))
		if active == pathAVX512 {
			gatherAxpy512(ptr(acc), ptr(coef[:n]), ptr(tab), d, ptr(ids), n)
		} else {
			gatherAxpy256(ptr(acc), ptr(coef[:n]), ptr(tab), d, ptr(ids), n)
		}
		coef, ids = coef[n:], ids[n:]
	}
}

func addRows(dst []float32, d int, bounds, src []int32, coef, from []float32) {
	if active == pathGo || d == 0 || coef == nil {
		addRowsGo(dst, d, bounds, src, coef, from)
		return
	}
	most := gatherFloats / d // terms of a call
	for u, n := 0, len(bounds)-1; u < n; {
		lo, few := int(bounds[u]), 0
		for u+few < n && int(bounds[u+few+1])-lo <= most {
			few++
		}
		switch {
		case few == 0:
			few = 1
			hi := bounds[u+1]
			gatherAxpy(dst[u*d:][:d], coef[lo:hi], from, src[lo:hi])
		case active == pathAVX512:
			addRows512(ptr(dst[u*d:]), ptr(coef), ptr(from), d, ptr(bounds[u:]), ptr(src), few)
		default:
			addRows256(ptr(dst[u*d:]), ptr(coef), ptr(from), d, ptr(bounds[u:]), ptr(src), few)
		}
		u += few
	}
}

func adagrad(w, s, g []float32, d int, ids []int32, n int, lr, eps float32) {
	if active == pathGo {
		adagradGo(w, s, g, d, ids[:n], lr, eps)
		return
	}
	for i := 0; i < n; {
		few := min(max(1, vectorPiece/d), n-i)
		if active == pathAVX512 {
			adagrad512(ptr(w), ptr(s), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps)
		} else {
			adagrad256(ptr(w), ptr(s), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps)
		}
		i += few
	}
}

func adam(w, m, v, g []float32, d int, ids []int32, n int, lr, eps, b1, b2 float32) {
	if active == pathGo {
		adamGo(w, m, v, g, d, ids[:n], lr, eps, b1, b2)
		return
	}
	for i := 0; i < n; {
		few := min(max(1, vectorPiece/d), n-i)
		if active == pathAVX512 {
			adam512(ptr(w), ptr(m), ptr(v), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps, b1, b2)
		} else {
			adam256(ptr(w), ptr(m), ptr(v), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps, b1, b2)
		}
		i += few
	}
}

// ridgeLanes returns the size of the blocks that gatherGram, gram, gatherT, ldlPanel
// and ldlBack are called with for a system. Small ones gain more from fitting their
// size than from wide vectors.
func ridgeLanes(small bool) int {
	if active == pathAVX512 && !small {
		return 16
	}
	return 8
}

// gatherGram relies on ids that checkIDs has checked, and callers give it few: a
// call takes len(ids)·width²/2 multiply-adds.
func gatherGram(lanes int, c []float32, ldc, width int, tab []float32, ld int, ids []int32, add bool) {
	_ = c[(width-1)*(ldc+1)]
	switch {
	case active == pathGo:
		gatherGramGo(lanes, c, ldc, width, tab, ld, ids, add)
	case lanes == 16:
		gatherGram512(ptr(c), ldc, width, ptr(tab), ld, ptr(ids), len(ids), flag(add))
	default:
		gatherGram256(ptr(c), ldc, width, ptr(tab), ld, ptr(ids), len(ids), flag(add))
	}
}

func gram(lanes int, c []float32, ldc, width int, a, b []float32, ld, n int, add bool) {
	_, _, _ = c[(width-1)*(ldc+1)], a[(n-1)*ld+width-1], b[(n-1)*ld+width-1]
	switch {
	case active == pathGo:
		gramGo(lanes, c, ldc, width, a, b, ld, n, add)
	case lanes == 16:
		gram512(ptr(c), ldc, width, ptr(a), ptr(b), ld, n, flag(add))
	default:
		gram256(ptr(c), ldc, width, ptr(a), ptr(b), ld, n, flag(add))
	}
}

func gramDouble(c []float64, ldc, width int, a, b []float64, ld, n int, add bool) {
	_, _, _ = c[(width-1)*(ldc+1)], a[(n-1)*ld+width-1], b[(n-1)*ld+width-1]
	switch active {
	case pathAVX512:
		gram512d(ptr(c), ldc, width, ptr(a), ptr(b), ld, n, flag(add))
	case pathAVX2:
		gram256d(ptr(c), ldc, width, ptr(a), ptr(b), ld, n, flag(add))
	default:
		gramGo(8, c, ldc, width, a, b, ld, n, add)
	}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// gatherT relies on ids that checkIDs has checked: one to lanes of them.
func gatherT(lanes int, dst []float32, ldd int, tab []float32, ld, width int, scale []float32, ids []int32) {
	_, _, _ = dst[(width-1)*ldd+lanes-1], scale[width-1], ids[0]
	switch {
	case active == pathGo:
		gatherTGo(lanes, dst, ldd, tab, ld, width, scale, ids)
	case lanes == 16:
		gatherT512(ptr(dst), ldd, ptr(tab), ld, width, ptr(scale), ptr(ids), len(ids))
	default:
		gatherT256(ptr(dst), ldd, ptr(tab), ld, width, ptr(scale), ptr(ids), len(ids))
	}
}

func ldlPanel(lanes int, a []float32, lda, width int, r, inv, b []float32) {
	last := (lanes-1)*lda + width - 1
	_, _, _, _ = a[last], r[last], inv[lanes-1], b[width-1]
	switch {
	case active == pathGo:
		ldlPanelGo(lanes, a, lda, width, r, inv, b)
	case lanes == 16:
		ldlPanel512(ptr(a), lda, width, ptr(r), ptr(inv), ptr(b))
	default:
		ldlPanel256(ptr(a), lda, width, ptr(r), ptr(inv), ptr(b))
	}
}

func ldlBack(lanes int, a []float32, lda, n int, inv, b []float32) {
	_, _, _ = a[(n-1)*(lda+1)], inv[n-1], b[n-1]
	switch {
	case active == pathGo:
		ldlBackGo(a, lda, n, inv, b)
	case lanes == 16:
		ldlBack512(ptr(a), lda, n, ptr(inv), ptr(b))
	default:
		ldlBack256(ptr(a), lda, n, ptr(inv), ptr(b))
	}
}

func prefetchRow(x []float32) {
	if active != pathGo && len(x) > 0 {
		prefetch(ptr(x), len(x))
	}
}
