//go:build amd64 && !purego

package kernel

// gemmTile calls the kernel of mr rows and w columns of the active path.
func gemmTile(mr, w int, a *float32, ra, ka, nr, nk int, b *float32, ldb int, c *float32, ldc, add int, p, q stream) {
	if active == pathAVX2 {
		w = 0
	}
	switch 10*w + mr {
	case 646:
		gemm6x64x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add, p.at, q.at, p.step, q.step)
	case 644:
		gemm4x64x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 641:
		gemm1x64x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 326:
		gemm6x32x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add, p.at, q.at, p.step, q.step)
	case 324:
		gemm4x32x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 321:
		gemm1x32x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 166:
		gemm6x16x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add, p.at, q.at, p.step, q.step)
	case 164:
		gemm4x16x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 161:
		gemm1x16x512(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 6:
		gemm6x16x256(a, ra, ka, nr, nk, b, ldb, c, ldc, add, p.at, q.at, p.step, q.step)
	case 4:
		gemm4x16x256(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 1:
		gemm1x16x256(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	default:
		panic("kernel: no such matrix kernel")
	}
}
