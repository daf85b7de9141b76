package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

type (
	loadFunc  = func(m Mem, r VecVirtual)
	storeFunc = func(r VecVirtual, m Mem)
)

func vectors(v isa) {
	reduce(v, "dot", "(x, y *float32, n int) float32", []string{"returns Σ x[i]·y[i]:", "", "\tfor i := range n { s += x[i] * y[i] }"},
		[]string{"x", "y"}, func(ld loadFunc, p []GPVirtual, disp int, acc VecVirtual) {
			a, b := v.reg(), v.reg()
			ld(at(p[0], disp), a)
			ld(at(p[1], disp), b)
			VFMADD231PS(a, b, acc)
		})
	reduce(v, "sum", "(x *float32, n int) float32", []string{"returns Σ x[i]:", "", "\tfor i := range n { s += x[i] }"},
		[]string{"x"}, func(ld loadFunc, p []GPVirtual, disp int, acc VecVirtual) {
			a := v.reg()
			ld(at(p[0], disp), a)
			VADDPS(a, acc, acc)
		})
	reduce(v, "sumSquares", "(x *float32, n int) float32", []string{"returns Σ x[i]²:", "", "\tfor i := range n { s += x[i] * x[i] }"},
		[]string{"x"}, func(ld loadFunc, p []GPVirtual, disp int, acc VecVirtual) {
			a := v.reg()
			ld(at(p[0], disp), a)
			VFMADD231PS(a, a, acc)
		})
	maximum(v)
	axpy(v)
}

// reduce writes a sum over n floats in four interleaved accumulators, which
// hide the latency of the addition; they are added as (0+1)+(2+3).
func reduce(v isa, name, sig string, doc, args []string, step func(ld loadFunc, p []GPVirtual, disp int, acc VecVirtual)) {
	v.text(name, sig, doc...)
	var p []GPVirtual
	for _, a := range args {
		p = append(p, ptr(a))
	}
	n := ptr("n")
	acc := v.regs(4)
	for _, a := range acc {
		v.zero(a)
	}
	Label("loop4")
	CMPQ(n, U8(4*v.lanes()))
	JLT(LabelRef("loop"))
	for i, a := range acc {
		step(func(m Mem, r VecVirtual) { VMOVUPS(m, r) }, p, i*v.bytes(), a)
	}
	for _, q := range p {
		ADDQ(I32(4*v.bytes()), q)
	}
	SUBQ(U8(4*v.lanes()), n)
	JMP(LabelRef("loop4"))
	v.each(n, p, func(ld loadFunc, _ storeFunc, _ *mask) { step(ld, p, 0, acc[0]) })
	VADDPS(acc[1], acc[0], acc[0])
	VADDPS(acc[3], acc[2], acc[2])
	VADDPS(acc[2], acc[0], acc[0])
	Store(v.hsum(acc[0]), ReturnIndex(0))
	ret()
}

// maximum writes max over n floats, n a positive multiple of the lanes. The
// running maximum drops NaN, so unordered lanes are gathered beside it.
func maximum(v isa) {
	v.text("max", "(x *float32, n int, out *float32)",
		"stores the maximum of each lane in out, and NaN in a lane that met one; n is a positive multiple of the lanes:", "",
		"\tfor i := range n { out[i%lanes] = max(out[i%lanes], x[i]) }")
	x, n := ptr("x"), ptr("n")
	m, nan, a, t := v.reg(), v.reg(), v.reg(), v.reg()
	VMOVUPS(at(x, 0), m)
	// x+x−x… would raise infinities to NaN, so NaN is kept by adding x·0 only
	// where x is unordered.
	v.zero(nan)
	Label("loop")
	VMOVUPS(at(x, 0), a)
	if v.bits == 512 {
		k := K()
		VCMPPS(U8(3), a, a, k)
		VMOVAPS(a, k, nan)
	} else {
		VCMPPS(U8(3), a, a, t)
		VANDPS(a, t, t)
		VORPS(t, nan, nan)
	}
	VMAXPS(a, m, m)
	ADDQ(U8(v.bytes()), x)
	SUBQ(U8(v.lanes()), n)
	JNZ(LabelRef("loop"))
	VADDPS(nan, m, m) // nan is 0 or NaN in each lane
	VMOVUPS(m, at(ptr("out"), 0))
	ret()
}

func axpy(v isa) {
	v.text("axpy", "(a float32, x, y *float32, n int)", "adds a·x to y:", "", "\tfor i := range n { y[i] += a * x[i] } // fused")
	a := v.param("a")
	x, y, n := ptr("x"), ptr("y"), ptr("n")
	v.each(n, []GPVirtual{x, y}, func(ld loadFunc, st storeFunc, _ *mask) {
		xv, yv := v.reg(), v.reg()
		ld(at(x, 0), xv)
		ld(at(y, 0), yv)
		VFMADD231PS(xv, a, yv)
		st(yv, at(y, 0))
	})
	ret()
}
