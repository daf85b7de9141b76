//go:build amd64 && !purego

package kernel

import "unsafe"

// The functions of the files *_amd64.go choose the path. They check every bound
// that the assembly relies on, because it checks none.

func ptr[T any](s []T) *T { return unsafe.SliceData(s) }

// step returns p + n elements.
func step(p *float32, n int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}

// probe runs the loop n times and returns the chains and lanes of a round.
func probe(n int) (chains, lanes int) {
	switch active {
	case pathAVX512:
		probe512(n)
		return 24, 16
	case pathAVX2:
		probe256(n)
		return 12, 8
	}
	return 0, 0
}

// flag is the boolean argument of an assembly function.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
