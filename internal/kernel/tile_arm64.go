//go:build !purego

package kernel

func tileMax(z []float32, ldz, n int, m []float32) {
	tileOK(z, ldz, n)
	m = m[:tileRows]
	if active == pathGo {
		tileMaxGo(z, ldz, n, m)
		return
	}
	tileMax128(ptr(z), ldz, n, ptr(m))
}

func tileExpSum(z []float32, ldz, n int, m, s []float32) {
	tileOK(z, ldz, n)
	m, s = m[:tileRows], s[:tileRows]
	if active == pathGo {
		tileExpSumGo(z, ldz, n, m, s)
		return
	}
	tileExpSum128(ptr(z), ldz, n, ptr(m), ptr(s))
}

func tileExpMap(p []float32, ldp int, z []float32, ldz, n int, l, g, u []float32) {
	tileOK(z, ldz, n)
	tileOK(p, ldp, n)
	l, g, u = l[:tileRows], g[:tileRows], u[:tileRows]
	if active == pathGo {
		tileExpMapGo(p, ldp, z, ldz, n, l, g, u)
		return
	}
	tileExpMap128(ptr(p), ldp, ptr(z), ldz, n, ptr(l), ptr(g), ptr(u))
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
	case active == pathGo:
		tileHingeSumGo(z, ldz, n, tau, f, g, h, e)
	case e == 0:
		tileHingeSum0x128(ptr(z), ldz, n, ptr(tau), ptr(f), ptr(g), ptr(h))
	case e == 1:
		tileHingeSum1x128(ptr(z), ldz, n, ptr(tau), ptr(f), ptr(g), ptr(h))
	default:
		tileHingeSumPowx128(ptr(z), ldz, n, ptr(tau), ptr(f), ptr(g), ptr(h), e)
	}
}

func tileHingeMap(p []float32, ldp int, z []float32, ldz, n int, tau, g []float32, e float32) {
	tileOK(z, ldz, n)
	tileOK(p, ldp, n)
	tau, g = tau[:tileRows], g[:tileRows]
	switch {
	case active == pathGo:
		tileHingeMapGo(p, ldp, z, ldz, n, tau, g, e)
	case e == 0:
		tileHingeMap0x128(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g))
	case e == 1:
		tileHingeMap1x128(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g))
	case e == 2:
		tileHingeMap2x128(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g))
	default:
		tileHingeMapPowx128(ptr(p), ldp, ptr(z), ldz, n, ptr(tau), ptr(g), e)
	}
}

func tileSoftplusSum(z []float32, ldz, n int, m, prod, s []float32) {
	tileOK(z, ldz, n)
	m, prod, s = m[:tileRows], prod[:tileRows], s[:tileRows]
	if active == pathGo {
		tileSoftplusSumGo(z, ldz, n, m, prod, s)
		return
	}
	tileSoftplusSum128(ptr(z), ldz, n, ptr(m), ptr(prod), ptr(s))
}

func tileSigmoidMap(p []float32, ldp int, z []float32, ldz, n int, m, g []float32) {
	tileOK(z, ldz, n)
	tileOK(p, ldp, n)
	m, g = m[:tileRows], g[:tileRows]
	if active == pathGo {
		tileSigmoidMapGo(p, ldp, z, ldz, n, m, g)
		return
	}
	tileSigmoidMap128(ptr(p), ldp, ptr(z), ldz, n, ptr(m), ptr(g))
}

// tileTaylorSum takes the orders 4, 6 and 8, of which there is assembly.
func tileTaylorSum(z []float32, ldz, n, order int, s []float32) {
	tileOK(z, ldz, n)
	s = s[:tileRows]
	switch {
	case active == pathNEON && order == 4:
		tileTaylorSum4x128(ptr(z), ldz, n, ptr(s))
	case active == pathNEON && order == 6:
		tileTaylorSum6x128(ptr(z), ldz, n, ptr(s))
	case active == pathNEON && order == 8:
		tileTaylorSum8x128(ptr(z), ldz, n, ptr(s))
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
	case active == pathNEON && order == 3:
		tileTaylorMap3x128(ptr(p), ldp, ptr(z), ldz, n, ptr(g))
	case active == pathNEON && order == 5:
		tileTaylorMap5x128(ptr(p), ldp, ptr(z), ldz, n, ptr(g))
	case active == pathNEON && order == 7:
		tileTaylorMap7x128(ptr(p), ldp, ptr(z), ldz, n, ptr(g))
	default:
		tileTaylorMapGo(p, ldp, z, ldz, n, order, g)
	}
}

// tileFilter needs room for n·64 entries and 16 more in val and idx.
func tileFilter(z []float32, ldz, n int, thr, val []float32, idx []uint32, base int) int {
	tileOK(z, ldz, n)
	thr = thr[:tileRows]
	_, _ = val[n*tileRows+15], idx[n*tileRows+15]
	if active == pathGo {
		return tileFilterGo(z, ldz, n, thr, val, idx, base)
	}
	return tileFilter128(ptr(z), ldz, n, ptr(thr), ptr(val), ptr(idx), uint32(base))
}
