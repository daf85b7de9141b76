package kernel

import "syscall"

// Of madvise(2): MADV_HUGEPAGE has pages that are not there yet come as huge pages,
// MADV_COLLAPSE (Linux 6.1) makes one of small pages that are there, as they are of memory
// that the runtime uses again.
const (
	adviceHugePage = 14
	adviceCollapse = 25
)

// adviseHuge asks for huge pages. A system that has none, or does not know of them, refuses;
// nothing but speed depends on the answer.
func adviseHuge(x []byte) {
	if syscall.Madvise(x, adviceHugePage) == nil {
		_ = syscall.Madvise(x, adviceCollapse)
	}
}
