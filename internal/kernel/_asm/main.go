// Command asm writes the assembly of package kernel and its Go stubs.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
)

func main() {
	ConstraintExpr("amd64,!purego")
	// Eight set lanes, then eight clear: a load ending n lanes after the middle
	// is the mask of the first n lanes.
	tailTable = GLOBL("tailTable", RODATA|NOPTR)
	for i := range 16 {
		x := uint32(0xffffffff)
		if i >= 8 {
			x = 0
		}
		DATA(4*i, U32(x))
	}
	for _, v := range []isa{{bits: 512}, {bits: 256}} {
		gemms(v)
		vectors(v)
		wideSums(v)
		functions(v)
		tiles(v)
		elementwises(v)
		activations(v)
		layers(v)
		attention(v)
		probes(v)
		coarse(v)
		rowKernels(v)
		unitKernels(v)
		unitMoves(v)
		spdKernels(v)
		double := isa{bits: v.bits, double: true}
		gatherDot(double)
		gram(double, false)
	}
	prefetch()
	pauses()
	amx(isa{bits: 512})
	pass.Compile = pass.Concat(pass.FunctionPass(weaveStrands), pass.Compile, pass.FunctionPass(lowRegisters))
	Generate()
}
