package kernel

import "unsafe"

// bf16Operands are the matrices of one product of bfloat16; see bf16Product.
type bf16Operands struct{ a, b []uint16 }

// line returns n numbers that begin at a line of the cache, as tiles are loaded from fast.
func line(n int) []uint16 {
	const size = 64 / 2
	x := make([]uint16, n+size)
	off := int(-uintptr(unsafe.Pointer(unsafe.SliceData(x)))/2) & (size - 1)
	return x[off:][:n:n]
}
