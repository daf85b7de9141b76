//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// coarseOf returns the kinds of coarse products that a path has here, fastest first.
func coarseOf(p path) []*coarseKind {
	switch {
	case p == pathAVX512 && cpu.X86.HasAVX512VNNI:
		return []*coarseKind{coarseVNNI, coarseInt8}
	case p != pathGo:
		return []*coarseKind{coarseInt8}
	}
	return nil
}

func quantize(q []byte, par, x []float32, ld, d, n int, limit, length, reach, slack float32, offset int) {
	if n == 0 {
		return
	}
	_, _, _ = q[n*d-1], par[4*parRows-1], x[(n-1)*ld+d-1]
	switch active {
	case pathAVX512:
		quantize512(ptr(q), ptr(par), ptr(x), ld, d, n, limit, length, reach, slack, offset)
	case pathAVX2:
		quantize256(ptr(q), ptr(par), ptr(x), ld, d, n, limit, length, reach, slack, offset)
	default:
		quantizeGo(q, par, x, ld, d, n, limit, length, reach, slack, offset)
	}
}

func coarseAbove(k *coarseKind, mask []uint64, n int, u []byte, d int, s []int8, start []int32, blocks int, par, thr, kappa, room []float32, bias bool, next []float32) {
	if active == pathGo {
		coarseAboveGo(k, mask, n, u, d, s, start, blocks, par, thr, kappa, bias)
		return
	}
	_, _, _, _, _ = mask[n-1], u[n*d-1], s[d*tileRows-1], start[blocks*tileRows-1], par[4*parRows-1]
	_, _, _ = thr[tileRows-1], kappa[tileRows-1], room[coarseRoom-1]
	asks, last := n/6, (d-(blocks-1)*coarseBlock)/4
	if active == pathAVX2 {
		asks *= 4
	}
	p := newStream(next, asks, thr)
	switch {
	case k.wide:
		coarseVNNIx512(ptr(mask), n, ptr(u), d, ptr(s), ptr(start), last, blocks, ptr(par), ptr(thr), ptr(kappa), ptr(room), flag(bias), p.at, p.step)
	case active == pathAVX512:
		coarseInt8x512(ptr(mask), n, ptr(u), d, ptr(s), ptr(start), last, blocks, ptr(par), ptr(thr), ptr(kappa), ptr(room), flag(bias), p.at, p.step)
	default:
		coarseInt8x256(ptr(mask), n, ptr(u), d, ptr(s), ptr(start), last, blocks, ptr(par), ptr(thr), ptr(kappa), ptr(room), flag(bias), p.at, p.step)
	}
}

func pairDots(z []float32, idx []uint32, w []float32, ldw, d int, h []float32, ldh int, scale float32, room *[16]uintptr) {
	if active == pathGo {
		pairDotsGo(z, idx, w, ldw, d, h, ldh, scale)
		return
	}
	for _, id := range idx {
		_, _ = w[int(id/tileRows)*ldw+d-1], h[int(id%tileRows)*ldh+d-1]
	}
	pairDots256(ptr(z), ptr(idx), len(idx), ptr(w), ldw, d, ptr(h), ldh, scale, &room[0])
}
