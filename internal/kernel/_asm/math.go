package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The polynomials interpolate at Chebyshev nodes (math.go of package kernel
// names the functions and intervals, and its test recomputes them).
var (
	exp2Poly = []float64{1, 0.693147182, 0.240227208, 0.0554960221, 0.0096521955, 0.00126921665, 0.000208179146}
	expPoly  = []float64{1, 1, 0.5, 0.166665778, 0.0416665561, 0.00836317334, 0.00139261759}
	logPoly  = []float64{0.333333313, -0.24999997, 0.200007156, -0.166678026, 0.142490581, -0.124256872, 0.116854198, -0.114797339, 0.0697161108}
)

// ln2 in two parts: n·ln2Hi is exact for |n| < 2¹⁵ (Cody and Waite).
const (
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
)

func (v isa) horner(c []float64, r, dst VecVirtual) {
	v.set(c[len(c)-1], dst)
	for i := len(c) - 2; i >= 0; i-- {
		v.fma213c(c[i], r, dst)
	}
}

// exp2 stores 2^t in dst: the fraction through the polynomial, the floor into
// the exponent. AVX2 flushes results below 2⁻¹²⁶ to zero. t is overwritten, r is
// scratch.
func (v isa) exp2(dst, t, r VecVirtual) {
	if v.bits == 512 {
		VREDUCEPS(U8(0x09), t, r) // t − ⌊t⌋, and 0 for ±Inf
		v.horner(exp2Poly, r, dst)
		VSCALEFPS(t, dst, dst)
		return
	}
	// VSCALEFPS by hand: clamped so that the exponent field neither wraps at the
	// top (2¹²⁸ becomes +Inf) nor at the bottom.
	v.clamp(-127, 128, t, t, r)
	VROUNDPS(U8(0x09), t, r)
	VSUBPS(r, t, t)
	v.horner(exp2Poly, t, dst)
	v.scale(dst, r, t)
}

// exp2s is exp2 of several vectors. On AVX2 it takes each step of all of them before the next
// one: one vector is a chain of some fifteen operations, and of such chains, one behind the
// other, too few fit where the processor looks for what is ready. They share the constants,
// too.
func (v isa) exp2s(dst, t, r []VecVirtual) {
	if v.bits == 512 {
		for i := range dst {
			v.exp2(dst[i], t[i], r[i])
		}
		return
	}
	c := v.reg()
	each := func(x float64, f func(dst, t, r VecVirtual)) {
		v.set(x, c)
		for i := range dst {
			f(dst[i], t[i], r[i])
		}
	}
	each(-127, func(_, t, _ VecVirtual) { VMAXPS(t, c, t) })
	each(128, func(_, t, _ VecVirtual) { VMINPS(t, c, t) })
	last := len(exp2Poly) - 1
	each(exp2Poly[last], func(dst, t, r VecVirtual) {
		VROUNDPS(U8(0x09), t, r)
		VSUBPS(r, t, t)
		VMOVAPS(c, dst)
	})
	for i := last - 1; i >= 0; i-- {
		each(exp2Poly[i], func(dst, t, _ VecVirtual) { VFMADD213PS(c, t, dst) })
	}
	for i := range dst {
		v.scale(dst[i], r[i], t[i])
	}
}

// scale multiplies dst in [1,2) or NaN by 2^n, −127 ≤ n ≤ 128; zero for n < −126
// (AVX2 only). n and t are overwritten.
func (v isa) scale(dst, n, t VecVirtual) {
	VCMPPS(U8(1), v.mem(-126), n, t) // n < −126
	VCVTPS2DQ(n, n)                  // NaN gives 0x80000000, whose shift is 0: NaN stays
	VPSLLD(U8(23), n, n)
	VPADDD(n, dst, dst)
	VANDNPS(dst, t, dst)
}

// exp stores e^x in dst. x is overwritten.
func (v isa) exp(dst, x VecVirtual) {
	n, t := v.reg(), v.reg()
	v.clamp(-104, 89, x, x, t)
	v.mulc(math.Log2E, x, n)
	if v.bits == 512 {
		VRNDSCALEPS(U8(8), n, n)
	} else {
		VROUNDPS(U8(8), n, n)
	}
	v.fma231c(-ln2Hi, n, x)
	v.fma231c(-ln2Lo, n, x)
	v.horner(expPoly, x, dst)
	if v.bits == 512 {
		VSCALEFPS(n, dst, dst)
		return
	}
	// dst is in [0.7, 1.42]: scaled in two halves so that neither leaves the
	// exponent's range, then flushed.
	z := v.reg()
	v.set(-126, t)
	VCMPPS(U8(1), t, n, z)
	v.mulc(0.5, n, t)
	VROUNDPS(U8(8), t, t)
	VSUBPS(t, n, n)
	for _, e := range []VecVirtual{t, n} {
		v.addc(127, e, e)
		VCVTPS2DQ(e, e)
		VPSLLD(U8(23), e, e)
		VMULPS(e, dst, dst)
	}
	VANDNPS(dst, z, dst)
}

// logParts splits x > 0 into 2^e·(1+f), √½ ≤ 1+f < √2, and stores
// log(1+f) − f in p. x is overwritten. Zero, negative, infinite and NaN x are
// the caller's.
func (v isa) logParts(e, f, p, x VecVirtual) {
	t := v.reg()
	if v.bits == 512 {
		k := K()
		VGETEXPPS(x, e)
		VGETMANTPS(U8(0), x, f) // [1,2)
		v.set(math.Sqrt2, t)
		VCMPPS(U8(13), t, f, k) // f ≥ √2
		VADDPS_BCST(v.mem(1), e, k, e)
		VMULPS_BCST(v.mem(0.5), f, k, f)
	} else {
		// A subnormal x is scaled into the normal range first.
		s := v.reg()
		v.set(math.Ldexp(1, -126), t)
		VCMPPS(U8(1), t, x, s) // x < 2⁻¹²⁶
		v.mulc(math.Ldexp(1, 23), x, t)
		VBLENDVPS(s, t, x, x)
		VANDPS(v.mem(23), s, s)
		VPSRLD(U8(23), x, e)
		VPSUBD(v.bitsMem(127), e, e)
		VCVTDQ2PS(e, e)
		VSUBPS(s, e, e)
		VPAND(v.bitsMem(0x007fffff), x, f)
		VPOR(v.bitsMem(0x3f800000), f, f)
		v.set(math.Sqrt2, t)
		VCMPPS(U8(13), t, f, s)
		v.mulc(0.5, f, t)
		VBLENDVPS(s, t, f, f)
		VANDPS(v.mem(1), s, s)
		VADDPS(s, e, e)
	}
	v.addc(-1, f, f)
	v.horner(logPoly, f, p)
	VMULPS(f, f, t)
	VMULPS(f, p, p)
	v.addc(-0.5, p, p)
	VMULPS(t, p, p) // f²·(f·q − ½)
}

// logSpecial puts log's special values into r: x = 0 → −Inf, x < 0 or NaN →
// NaN, +Inf → +Inf.
func (v isa) logSpecial(x, r VecVirtual) {
	inf, zero := v.reg(), v.reg()
	v.zero(zero)
	if v.bits == 512 {
		k := K()
		VCMPPS(U8(0), zero, x, k)
		VBROADCASTSS(v.mem(math.Inf(-1)), k, r)
		v.set(math.Inf(1), inf)
		VCMPPS(U8(0), inf, x, k)
		VMOVAPS(inf, k, r)
		VCMPPS(U8(9), zero, x, k) // not ≥: negative or NaN
		VBROADCASTSS(v.mem(math.NaN()), k, r)
		return
	}
	t := v.reg()
	VCMPPS(U8(0), zero, x, t)
	VBLENDVPS(t, v.mem(math.Inf(-1)), r, r)
	v.set(math.Inf(1), inf)
	VCMPPS(U8(0), inf, x, t)
	VBLENDVPS(t, inf, r, r)
	VCMPPS(U8(9), zero, x, t)
	VBLENDVPS(t, v.mem(math.NaN()), r, r)
}

// log2 stores log₂ x in dst; x is overwritten.
func (v isa) log2(dst, x VecVirtual) {
	f, p, keep := v.reg(), v.reg(), v.reg()
	VMOVAPS(x, keep)
	v.logParts(dst, f, p, x)
	VADDPS(p, f, f)
	v.fma231c(math.Log2E, f, dst)
	v.logSpecial(keep, dst)
}

// pow stores x^p in dst for x ≥ 0, as 2^(p·log₂x); x is overwritten.
func (v isa) pow(dst, x, p VecVirtual) {
	t, r := v.reg(), v.reg()
	v.log2(t, x)
	VMULPS(p, t, t)
	v.exp2(dst, t, r)
}

func functions(v isa) {
	v.text("exp", "(dst, x *float32, n int, shift float32) float32",
		"stores exp(x−shift) and returns its sum:", "", "\tfor i := range n { dst[i] = exp(x[i] - shift); s += dst[i] }")
	shift := v.param("shift")
	dst, x, n := ptr("dst"), ptr("x"), ptr("n")
	sum := v.reg()
	v.zero(sum)
	v.each(n, []GPVirtual{dst, x}, func(ld loadFunc, st storeFunc, k *mask) {
		e, a := v.reg(), v.reg()
		ld(at(x, 0), a)
		VSUBPS(shift, a, a)
		v.exp(e, a)
		st(e, at(dst, 0))
		if k != nil {
			v.keep(*k, e)
		}
		VADDPS(e, sum, sum)
	})
	Store(v.hsum(sum), ReturnIndex(0))
	ret()

	v.text("log", "(dst, x *float32, n int)", "stores log x:", "", "\tfor i := range n { dst[i] = log(x[i]) }")
	dst, x, n = ptr("dst"), ptr("x"), ptr("n")
	v.each(n, []GPVirtual{dst, x}, func(ld loadFunc, st storeFunc, _ *mask) {
		a, e, f, p, keep := v.reg(), v.reg(), v.reg(), v.reg(), v.reg()
		ld(at(x, 0), a)
		VMOVAPS(a, keep)
		v.logParts(e, f, p, a)
		v.fma231c(ln2Lo, e, p)
		VADDPS(p, f, f)
		v.fma231c(ln2Hi, e, f)
		v.logSpecial(keep, f)
		st(f, at(dst, 0))
	})
	ret()

	v.text("pow", "(dst, x *float32, n int, p float32)", "stores x^p for x ≥ 0:", "", "\tfor i := range n { dst[i] = exp2(p * log2(x[i])) }")
	p := v.param("p")
	dst, x, n = ptr("dst"), ptr("x"), ptr("n")
	v.each(n, []GPVirtual{dst, x}, func(ld loadFunc, st storeFunc, _ *mask) {
		a, r := v.reg(), v.reg()
		ld(at(x, 0), a)
		v.pow(r, a, p)
		st(r, at(dst, 0))
	})
	ret()
}
