//go:build (amd64 || arm64) && !purego

package kernel

import "unsafe"

// The functions of the files *_amd64.go and *_arm64.go choose the path. They check every bound
// that the assembly relies on, because it checks none, and cut long work into calls of under
// 60 µs, because the collector cannot stop assembly. What both need is here.

func ptr[T any](s []T) *T { return unsafe.SliceData(s) }

// step returns p + n elements.
func step(p *float32, n int) *float32 {
	return (*float32)(unsafe.Add(unsafe.Pointer(p), 4*n))
}

// flag is the boolean argument of an assembly function.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// vectorPiece is the most floats that one call takes: what lies in memory streams
// by in under 60 µs, and what is computed takes less.
const vectorPiece = 1 << 16

// gatherFloats is the most that a call takes of rows of a table, so that it stays short even
// where every row misses the cache.
const gatherFloats = 1 << 17

// callNumbers is how many numbers a call of the kernels of layers takes.
const callNumbers = 1 << 14

// unitRowsMost is how many rows a kernel of unitMove is given room for.
const unitRowsMost = 32

// tileOK panics unless the tile z holds n classes of stride ldz.
func tileOK(z []float32, ldz, n int) {
	if n > 0 {
		_ = z[(n-1)*ldz+tileRows-1]
	}
}

// inCalls calls f on the numbers of pieces of n rows of k: of as many rows as have that many
// numbers, and one at least.
func inCalls(n, k, numbers int, f func(lo, hi int)) {
	most := max(1, numbers/k)
	for lo := 0; lo < n; lo += most {
		f(lo*k, min(lo+most, n)*k)
	}
}

// eachRowsOf calls f for pieces of rows of ld numbers.
func eachRowsOf(rows, ld int, f func(lo, n int)) {
	most := max(1, callNumbers/ld)
	for lo := 0; lo < rows; lo += most {
		f(lo, min(most, rows-lo))
	}
}
