// Command asm writes the assembly of package kernel and its Go stubs.
package main

import (
	"flag"
	"log"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
)

func main() {
	arch := flag.String("arch", "amd64", "processors to write for: amd64 or arm64")
	flag.Parse()
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
	switch *arch {
	case "amd64":
		amd64()
	case "arm64":
		arm64()
	default:
		log.Fatalf("-arch=%s is neither amd64 nor arm64", *arch)
	}
	Generate()
}

func amd64() {
	ConstraintExpr("amd64,!purego")
	kernels(isa{bits: 512})
	kernels(isa{bits: 256})
	prefetch()
	pauses()
	amx(isa{bits: 512})
	pass.Compile = pass.Concat(pass.FunctionPass(weaveStrands), pass.Compile, pass.FunctionPass(lowRegisters))
}

func arm64() {
	ConstraintExpr("arm64,!purego")
	kernels(isa{bits: 128})
	prefetch()
	pauses()
	pass.Compile = pass.Concat(pass.FunctionPass(weaveStrands), pass.Compile, pass.FunctionPass(neon), pass.Func(dropConstants))
}

// kernels writes those of one width. What arm64 does without is products of 8-bit integers and
// small linear systems.
func kernels(v isa) {
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
	if v.bits > 128 {
		coarse(v)
	}
	rowKernels(v)
	unitKernels(v)
	unitMoves(v)
	if v.bits > 128 {
		spdKernels(v)
	}
	double := isa{bits: v.bits, double: true}
	gatherDot(double)
	if v.bits > 128 {
		gram(double, false)
	}
}
