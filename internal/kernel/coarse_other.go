//go:build !amd64 || purego

package kernel

func coarseOf(path) []*coarseKind { return nil }

func quantize(q []byte, par, x []float32, ld, d, n int, limit, length, reach, slack float32, offset int) {
	quantizeGo(q, par, x, ld, d, n, limit, length, reach, slack, offset)
}

func coarseAbove(k *coarseKind, mask []uint64, n int, u []byte, d int, s []int8, start []int32, blocks int, par, thr, kappa, _ []float32, bias bool, _ []float32) {
	coarseAboveGo(k, mask, n, u, d, s, start, blocks, par, thr, kappa, bias)
}

func pairDots(z []float32, idx []uint32, w []float32, ldw, d int, h []float32, ldh int, scale float32, _ *[16]uintptr) {
	pairDotsGo(z, idx, w, ldw, d, h, ldh, scale)
}
