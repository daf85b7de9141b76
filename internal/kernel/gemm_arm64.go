//go:build !purego

package kernel

// gemmTile calls the kernel of mr rows and 16 columns.
func gemmTile(mr, _ int, a *float32, ra, ka, nr, nk int, b *float32, ldb int, c *float32, ldc, add int, p, q stream) {
	switch mr {
	case 6:
		gemm6x16x128(a, ra, ka, nr, nk, b, ldb, c, ldc, add, p.at, q.at, p.step, q.step)
	case 4:
		gemm4x16x128(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	case 1:
		gemm1x16x128(a, ra, ka, nr, nk, b, ldb, c, ldc, add)
	default:
		panic("kernel: no such matrix kernel")
	}
}
