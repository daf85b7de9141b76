package kernel

import "unsafe"

const (
	hugePage = 2 << 20      // bytes of a huge page on amd64, and on arm64 with pages of 4 KiB
	hugeFrom = 2 * hugePage // bytes from which a slice holds a huge page wherever it begins
)

// Make returns n zeros, as make does, for what a training step passes through from end to
// end or reads at random: tables, what an optimizer keeps of them, gradients, scores. On
// Linux the whole pages of 2 MiB inside a slice of 4 MiB or more are asked to be huge
// pages: a processor follows addresses ahead within one page alone, and finds the place
// of 512 times as much memory without a walk of the page table. What lies beside the whole
// pages stays in small ones, so the memory is that of make. Where the system has no huge
// pages, or none left, it is make.
func Make[T any](n int) []T {
	x := make([]T, n)
	var one T
	if size := uintptr(n) * unsafe.Sizeof(one); size >= hugeFrom {
		lo, hi := wholePages(uintptr(unsafe.Pointer(&x[0])), size)
		adviseHuge(unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(&x[0]), lo)), hi-lo))
	}
	return x
}

// wholePages returns the part of the size bytes at an address that is whole huge pages, as
// offsets from the address; size is hugeFrom or more.
func wholePages(address, size uintptr) (lo, hi uintptr) {
	return -address % hugePage, size - (address+size)%hugePage
}

// enlarge is grow for what Make is for.
func enlarge[T any](s []T, n int) []T {
	if cap(s) < n {
		return Make[T](n)
	}
	return s[:n]
}
