//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// detect returns the paths that this processor has, fastest first. Package cpu reports AVX and AVX-512 only where
// the operating system saves their registers.
func detect() []path {
	x := cpu.X86
	avx2 := x.HasAVX2 && x.HasFMA && x.HasBMI1 // which small systems take on either path
	switch {
	case avx2 && x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL && x.HasBMI2 && x.HasPOPCNT:
		return []path{pathAVX512, pathAVX2, pathGo}
	case avx2:
		return []path{pathAVX2, pathGo}
	}
	return []path{pathGo}
}

// detectTiles reports whether the processor has tiles of bfloat16, and the operating system
// saves them and lets this process use them, which it asks for. It needs AVX-512, with
// which there is XGETBV.
func detectTiles() bool {
	const tileConfig, tileData = 1 << 17, 1 << 18 // of XCR0
	x := cpu.X86
	return x.HasAMXTile && x.HasAMXBF16 && xgetbv()&(tileConfig|tileData) == tileConfig|tileData && allowTiles()
}
