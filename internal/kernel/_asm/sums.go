package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// halves stores the lanes of r as float64 in two registers.
func (v isa) halves(r VecVirtual) (lo, hi VecVirtual) {
	lo, hi = v.reg(), v.reg()
	switch v.bits {
	case 512:
		t := YMM()
		VEXTRACTF64X4(U8(1), r, t)
		VCVTPS2PD(t, hi)
		VCVTPS2PD(r.AsY(), lo)
	case 256:
		t := XMM()
		VEXTRACTF128(U8(1), r, t)
		VCVTPS2PD(t, hi)
		VCVTPS2PD(r.AsX(), lo)
	default:
		VPERMILPS(U8(0x4e), r, hi)
		VCVTPS2PD(hi, hi)
		VCVTPS2PD(r, lo)
	}
	return lo, hi
}

// wideSums writes the sums of float32 numbers in float64.
func wideSums(v isa) {
	double := isa{bits: v.bits, double: true}
	unmasked := func(x, ref, dst VecVirtual) {
		t := v.reg()
		v.set(math.Inf(-1), t)
		v.drop(v.cmp(equal, ref, t), x, dst)
	}
	for _, s := range []struct {
		name, doc, loop string
		operands        int
		step            func(x, y, lo, hi VecVirtual, k *mask) // adds to lo and hi
	}{
		{"sumWide", "returns Σ x[i] in float64", "s += float64(x[i])", 1, func(x, _, lo, hi VecVirtual, _ *mask) {
			a, b := v.halves(x)
			VADDPD(a, lo, lo)
			VADDPD(b, hi, hi)
		}},
		{"sumUnmasked", "returns Σ x[i] in float64 over the i at which y is not −Inf", "if y[i] != -Inf { s += float64(x[i]) }", 2, func(x, y, lo, hi VecVirtual, _ *mask) {
			unmasked(x, y, x)
			a, b := v.halves(x)
			VADDPD(a, lo, lo)
			VADDPD(b, hi, hi)
		}},
		{"countUnmasked", "counts the x that are not −Inf", "if x[i] != -Inf { s++ }", 1, func(x, _, lo, hi VecVirtual, k *mask) {
			one := v.reg()
			v.set(1, one)
			unmasked(one, x, one)
			if k != nil {
				v.keep(*k, one)
			}
			a, b := v.halves(one)
			VADDPD(a, lo, lo)
			VADDPD(b, hi, hi)
		}},
		{"dotWide", "returns Σ x[i]·y[i] in float64", "s += float64(x[i]) * float64(y[i])", 2, func(x, y, lo, hi VecVirtual, _ *mask) {
			a, b := v.halves(x)
			c, d := v.halves(y)
			VFMADD231PD(a, c, lo)
			VFMADD231PD(b, d, hi)
		}},
	} {
		v.text(s.name, "(x, y *float32, n int) float64", s.doc+":", "", "\tfor i := range n { "+s.loop+" }")
		ptrs := []GPVirtual{ptr("x")}
		if s.operands == 2 {
			ptrs = append(ptrs, ptr("y"))
		}
		n := ptr("n")
		acc := v.regs(4)
		for _, a := range acc {
			v.zero(a)
		}
		step := func(ld loadFunc, k *mask, disp int, lo, hi VecVirtual) {
			x, y := v.reg(), v.reg()
			ld(at(ptrs[0], disp), x)
			if s.operands == 2 {
				ld(at(ptrs[1], disp), y)
			}
			s.step(x, y, lo, hi, k)
		}
		Label("two")
		CMPQ(n, U8(2*v.lanes()))
		JLT(LabelRef("loop"))
		for i := range 2 {
			step(func(m Mem, r VecVirtual) { VMOVUPS(m, r) }, nil, i*v.bytes(), acc[2*i], acc[2*i+1])
		}
		for _, p := range ptrs {
			ADDQ(I32(2*v.bytes()), p)
		}
		SUBQ(U8(2*v.lanes()), n)
		JMP(LabelRef("two"))
		v.each(n, ptrs, func(ld loadFunc, _ storeFunc, k *mask) { step(ld, k, 0, acc[0], acc[1]) })
		VADDPD(acc[1], acc[0], acc[0])
		VADDPD(acc[3], acc[2], acc[2])
		VADDPD(acc[2], acc[0], acc[0])
		Store(double.hsum(acc[0]), ReturnIndex(0))
		ret()
	}
}
