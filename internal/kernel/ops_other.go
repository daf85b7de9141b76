//go:build (!amd64 && !arm64) || purego

package kernel

func dot(x, y []float32) float32              { return dotGo(x, y) }
func axpy(a float32, x, y []float32)          { axpyGo(a, x, y) }
func sum(x []float32) float32                 { return sumGo(x) }
func sumSquares(x []float32) float32          { return dotGo(x, x) }
func maximum(x []float32) float32             { return maxGo(x) }
func exp(dst, x []float32, s float32) float32 { return expGo(dst, x, s) }
func logs(dst, x []float32)                   { logGo(dst, x) }
func pow(dst, x []float32, p float32)         { powGo(dst, x, p) }

func divideRows(dst []float32, ldd int, w []float32, n, d int) { divideRowsGo(dst, ldd, w, n, d) }
func unitGrads(g, w []float32, n, d int)                       { unitGradsGo(g, w, n, d) }

func unitSGD(_, _ []float32, _ int, _ float32) (float32, bool)                 { return 0, false }
func unitAdagrad(_, _, _ []float32, _ int, _, _ float32) (float32, bool)       { return 0, false }
func unitAdam(_, _, _, _ []float32, _ int, _, _, _, _ float32) (float32, bool) { return 0, false }

func gemmBlock(a []float32, ra, ka, nr, nk int, b []float32, ldb int, c []float32, ldc, nc int, add bool) {
	gemmGo(a, ra, ka, nr, nk, b, ldb, c, ldc, nc, add)
}

func gemmAhead(a []float32, ra, ka, nr, nk int, b []float32, ldb int, c []float32, ldc, nc int, add bool, _, _ []float32) {
	gemmGo(a, ra, ka, nr, nk, b, ldb, c, ldc, nc, add)
}

func tileMax(z []float32, ldz, n int, m []float32)       { tileMaxGo(z, ldz, n, m) }
func tileExpSum(z []float32, ldz, n int, m, s []float32) { tileExpSumGo(z, ldz, n, m, s) }
func tileExpMap(p []float32, ldp int, z []float32, ldz, n int, l, g, u []float32) {
	tileExpMapGo(p, ldp, z, ldz, n, l, g, u)
}
func tileHingeSum(z []float32, ldz, n int, tau, f, g, h []float32, e float32) {
	tileHingeSumGo(z, ldz, n, tau, f, g, h, e)
}
func tileHingeMap(p []float32, ldp int, z []float32, ldz, n int, tau, g []float32, e float32) {
	tileHingeMapGo(p, ldp, z, ldz, n, tau, g, e)
}
func tileSoftplusSum(z []float32, ldz, n int, m, prod, s []float32) {
	tileSoftplusSumGo(z, ldz, n, m, prod, s)
}
func tileSigmoidMap(p []float32, ldp int, z []float32, ldz, n int, m, g []float32) {
	tileSigmoidMapGo(p, ldp, z, ldz, n, m, g)
}
func tileTaylorSum(z []float32, ldz, n, order int, s []float32) {
	tileTaylorSumGo(z, ldz, n, order, s)
}
func tileTaylorMap(p []float32, ldp int, z []float32, ldz, n, order int, g []float32) {
	tileTaylorMapGo(p, ldp, z, ldz, n, order, g)
}
func tileFilter(z []float32, ldz, n int, thr, val []float32, idx []uint32, base int) int {
	return tileFilterGo(z, ldz, n, thr, val, idx, base)
}

func probe(int) (chains, lanes int) { return 0, 0 }

func pause() {}

func gatherDot[T Float](out, h, tab []T, ids []int32)  { gatherDotGo(out, h, tab, ids) }
func gatherAxpy(acc, coef, tab []float32, ids []int32) { gatherAxpyGo(acc, coef, tab, ids) }
func addRows(dst []float32, d int, bounds, src []int32, coef, from []float32) {
	addRowsGo(dst, d, bounds, src, coef, from)
}
func adagrad(w, s, g []float32, d int, ids []int32, n int, lr, eps float32) {
	adagradGo(w, s, g, d, ids[:n], lr, eps)
}
func rowAdagrad(w, s, g []float32, d int, ids []int32, n int, lr, eps float32) {
	rowAdagradGo(w, s, g, d, ids[:n], lr, eps)
}
func adam(w, m, v, g []float32, d int, ids []int32, n int, lr, eps, b1, b2 float32) {
	adamGo(w, m, v, g, d, ids[:n], lr, eps, b1, b2)
}
func prefetchRow([]float32)                               {}
func addBias(dst, x, b []float32)                         { addBiasGo(dst, x, b) }
func colSum(acc, x []float32)                             { colSumGo(acc, x) }
func layerNorm(dst, x, gain, bias []float32, eps float32) { layerNormGo(dst, x, gain, bias, eps) }
func layerNormBack(dx, dgain, dbias, x, gain, g []float32, eps float32) {
	layerNormBackGo(dx, dgain, dbias, x, gain, g, eps)
}
func causalSoftmax(p []float32, ld, rows, n int)        { softmaxRowsGo(p, ld, rows, n) }
func causalSoftmaxBack(g, p []float32, ld, rows, n int) { softmaxBackRowsGo(g, p, ld, rows, n) }
func dropout(dst, x []float32, first, key, cut uint32, scale float32) {
	dropoutGo(dst, x, first, key, cut, scale)
}
