//go:build amd64 && !purego

package kernel

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
