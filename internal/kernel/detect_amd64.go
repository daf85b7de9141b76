//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// detect returns the best path. Package cpu reports AVX and AVX-512 only where
// the operating system saves their registers.
func detect() path {
	x := cpu.X86
	switch {
	case x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL && x.HasBMI2 && x.HasPOPCNT:
		return pathAVX512
	case x.HasAVX2 && x.HasFMA && x.HasBMI1:
		return pathAVX2
	}
	return pathGo
}
