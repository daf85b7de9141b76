package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// surrogate.go and activation.go of package kernel say what these are, and a test
// recomputes the second.
var (
	atanPoly  = []float64{1, -0.3333314528, 0.1999355085, -0.1420889944, 0.1065626393, -0.0752896400, 0.0429096138, -0.0161657367, 0.0028662257}
	millsPoly = []float64{1.2769784, -0.09276395, -0.16603042, 0.16405492, -0.054214265, -0.008060825, 0.008664255, 0.0013277903, -0.0012641195, -0.00042412253}
)

// round stores the nearest integer of a in dst.
func (v isa) round(a, dst VecVirtual) {
	if v.bits == 512 {
		VRNDSCALEPS(U8(8), a, dst)
	} else {
		VROUNDPS(U8(8), a, dst)
	}
}

// rsubc stores x − a in dst.
func (v isa) rsubc(x float64, a, dst VecVirtual) {
	v.xorBits(signBit, a, dst)
	v.addc(x, dst, dst)
}

// estrin stores the polynomial c of x in dst, in fewer steps one after the other than
// horner takes: where nothing else is to be done meanwhile they are the time. dst is none
// of x and its powers.
func (v isa) estrin(c []float64, x, dst VecVirtual) {
	terms := make([]VecVirtual, 0, len(c)/2+1)
	for i := 0; i < len(c); i += 2 {
		t := v.reg()
		if i == 0 {
			t = dst
		}
		if i+1 < len(c) {
			v.set(c[i+1], t)
			v.fma213c(c[i], x, t)
		} else {
			v.set(c[i], t)
		}
		terms = append(terms, t)
	}
	for power := x; len(terms) > 1; {
		next := v.reg()
		VMULPS(power, power, next)
		power = next
		half := terms[:0]
		for i := 0; i < len(terms); i += 2 {
			if i+1 < len(terms) {
				VFMADD231PS(power, terms[i+1], terms[i])
			}
			half = append(half, terms[i])
		}
		terms = half
	}
}

// reduce splits x = n·ln2 + r: r in x, n in n.
func (v isa) reduce(x, n VecVirtual) {
	v.mulc(math.Log2E, x, n)
	v.round(n, n)
	v.fma231c(-ln2Hi, n, x)
	v.fma231c(-ln2Lo, n, x)
}

// expFraction stores e^x − 1 for |x| ≤ ln2/2 in dst.
func (v isa) expFraction(x, dst VecVirtual) {
	t := v.reg()
	VMULPS(x, x, t)
	v.estrin(expPoly[2:], x, dst)
	VFMADD213PS(x, t, dst) // x²·q + x
}

// expm1 stores e^x − 1 in dst: with x = n·ln2 + r, and p = e^r − 1 of a polynomial, that
// is 2^n·p + (2^n − 1), where for n = 0 nothing cancels. x is overwritten.
func (v isa) expm1(dst, x VecVirtual) {
	n, t := v.reg(), v.reg()
	v.clamp(-20, 89, x, x, t) // e^−20 is nothing beside 1
	v.reduce(x, n)
	v.expFraction(x, dst)
	// Half of it first: 2^n may be above the range where the result is not. VCVTPS2DQ
	// makes 0x80000000 of a NaN, whose shift is 0; p is NaN then.
	v.addc(126, n, n)
	VCVTPS2DQ(n, n)
	VPSLLD(U8(23), n, n)
	v.addc(-0.5, n, t)
	VFMADD213PS(t, n, dst)
	VADDPS(dst, dst, dst)
}

// expFall stores e^x in dst for x ≤ 0: 0 below 2⁻¹²⁶. x is overwritten.
func (v isa) expFall(dst, x VecVirtual) {
	n, t := v.reg(), v.reg()
	v.set(-87.33654, t) // log 2⁻¹²⁶
	gone := v.cmp(less, x, t)
	v.reduce(x, n)
	v.expFraction(x, dst)
	v.addc(1, dst, dst)
	// To the exponent as an integer: dst is in [0.7, 1.42].
	VCVTPS2DQ(n, n)
	VPSLLD(U8(23), n, n)
	VPADDD(n, dst, dst)
	v.drop(gone, dst, dst)
}

// expDown stores e^−|x| in dst; x stays.
func (v isa) expDown(dst, x VecVirtual) {
	t := v.reg()
	if v.bits == 512 {
		VPORD_BCST(v.bitsMem(signBit), x, t)
	} else {
		VORPS(v.bitsMem(signBit), x, t)
	}
	v.expFall(dst, t)
}

// log1p stores log(1+x) in dst: the logarithm of u = 1+x rounded, and what the rounding
// lost over u. x is overwritten.
func (v isa) log1p(dst, x VecVirtual) {
	u, lost := v.reg(), v.reg()
	v.addc(1, x, u)
	v.addc(-1, u, lost)
	VSUBPS(lost, x, lost)
	VDIVPS(u, lost, lost)
	// Inf − Inf and 0/0 are no loss: their logarithm is special.
	v.drop(v.cmp(unordered, lost, lost), lost, lost)
	f, p := v.reg(), v.reg()
	VMOVAPS(u, x)
	v.logParts(dst, f, p, u)
	v.fma231c(ln2Lo, dst, p)
	VADDPS(lost, p, p)
	VADDPS(p, f, f)
	v.fma231c(ln2Hi, dst, f)
	v.logSpecial(x, f)
	VMOVAPS(f, dst)
}

// normalTail stores e^(−x²/2) in e and the tail of the normal distribution beyond |x| in
// t: e·M(w)/(2(1+√2|x|)), with a polynomial M of w = (|x|−2√2)/(|x|+2√2). x, whose
// magnitude is at most 14, stays.
func (v isa) normalTail(e, t, x VecVirtual) {
	s, far, w, sq := v.reg(), v.reg(), v.reg(), v.reg()
	v.andBits(magnitude, x, s)
	// x² in two parts: e^(−x²/2) has the relative error of its half.
	VMULPS(s, s, sq)
	VMOVAPS(sq, w)
	VFMSUB231PS(s, s, w) // (x·x) − sq
	v.mulc(-0.5, sq, sq)
	v.expFall(e, sq)
	v.mulc(-0.5, w, w)
	VFMADD231PS(w, e, e)
	v.addc(2*math.Sqrt2, s, far)
	v.addc(-2*math.Sqrt2, s, w)
	v.mulc(math.Sqrt2, s, s)
	v.addc(1, s, s) // 1 + √2|x|
	r, one := v.reg(), v.reg()
	VMULPS(far, s, r)
	v.set(1, one)
	VDIVPS(r, one, r)
	VMULPS(s, w, w)
	VMULPS(r, w, w)
	v.estrin(millsPoly, w, t)
	VMULPS(far, r, r)
	VMULPS(r, t, t)
	VMULPS(e, t, t)
	v.mulc(0.5, t, t)
}

// normal stores Φ(x) of the tail t in dst, which is another register.
func (v isa) normal(t, x, dst VecVirtual) {
	zero := v.reg()
	v.zero(zero)
	low := v.cmp(less, x, zero)
	v.rsubc(1, t, dst)
	v.pick(low, t, dst)
}

// sign puts the sign of x on magnitude a.
func (v isa) sign(x, a, dst VecVirtual) {
	t := v.reg()
	v.andBits(signBit, x, t)
	v.or(t, a, dst)
}

func activations(v isa) {
	for _, e := range []elementwise{
		{name: "expm1", doc: "stores e^x − 1", loop: "dst[i] = expm1(a[i])", operands: 1, unroll: 2,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				r := v.reg()
				v.expm1(r, a)
				return r
			}},
		{name: "log1p", doc: "stores log(1+x)", loop: "dst[i] = log1p(a[i])", operands: 1, unroll: 1,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				r := v.reg()
				v.log1p(r, a)
				return r
			}},
		{name: "softplus", doc: "stores log(1+e^x)", loop: "dst[i] = max(a[i], 0) + log1p(exp(-abs(a[i])))", operands: 1, unroll: 1,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				e, r, z := v.reg(), v.reg(), v.reg()
				v.expDown(e, a)
				v.log1p(r, e)
				v.zero(z)
				VMAXPS(a, z, a)
				VADDPS(a, r, r)
				return r
			}},
		{name: "sigmoid", doc: "stores 1/(1+e^−x)", loop: "e := exp(-abs(a[i])); dst[i] = (1 or e where a[i] < 0) / (1 + e)", operands: 1, unroll: 1,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				e, top, z := v.reg(), v.reg(), v.reg()
				v.expDown(e, a)
				v.zero(z)
				v.set(1, top)
				v.pick(v.cmp(less, a, z), e, top)
				v.addc(1, e, e)
				VDIVPS(e, top, top)
				return top
			}},
		{name: "sigmoidBack", doc: "multiplies a by the derivative of the sigmoid at b", loop: "e := exp(-abs(b[i])); dst[i] = a[i] * (e / (1+e)²)", operands: 2, unroll: 1,
			body: func(a, b, _, _ VecVirtual) VecVirtual {
				e, d := v.reg(), v.reg()
				v.expDown(e, b)
				v.addc(1, e, d)
				VMULPS(d, d, d)
				VDIVPS(d, e, e)
				v.product(a, e, e)
				return e
			}},
		{name: "tanh", doc: "stores tanh x", loop: "m := expm1(-2*abs(a[i])); dst[i] = copysign(-m / (2 + m), a[i])", operands: 1, unroll: 1,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				t, m, d := v.reg(), v.reg(), v.reg()
				v.andBits(magnitude, a, t)
				v.mulc(-2, t, t)
				v.expm1(m, t)
				v.addc(2, m, d)
				v.andBits(magnitude, m, m)
				VDIVPS(d, m, m)
				v.sign(a, m, m)
				return m
			}},
		{name: "tanhBack", doc: "multiplies a by the derivative of tanh where that is b", loop: "dst[i] = a[i] * (1 - b[i]²)", operands: 2, unroll: 4,
			body: func(a, b, _, _ VecVirtual) VecVirtual {
				t := v.reg()
				v.set(1, t)
				VFNMADD231PS(b, b, t)
				v.product(a, t, t)
				return t
			}},
		{name: "atan", doc: "stores arctan x", loop: "dst[i] = atan(a[i])", operands: 1, unroll: 1,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				s, one, t, z, p := v.reg(), v.reg(), v.reg(), v.reg(), v.reg()
				v.andBits(magnitude, a, s)
				v.set(1, one)
				big := v.cmp(notLE, s, one)
				VDIVPS(s, one, t)
				v.pick(big, t, s) // the smaller of |x| and 1/|x|
				VMULPS(s, s, z)
				v.estrin(atanPoly, z, p)
				VMULPS(s, p, p)
				v.rsubc(math.Pi/2, p, t)
				v.pick(big, t, p)
				v.sign(a, p, p)
				return p
			}},
		{name: "gelu", doc: "stores x·Φ(x) of the normal distribution Φ", loop: "dst[i] = max(a[i], -14) * normal(a[i])", operands: 1, unroll: 1,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				x, e, t, lo := v.reg(), v.reg(), v.reg(), v.reg()
				v.clamp(-14, 14, a, x, t)
				v.normalTail(e, t, x)
				v.normal(t, x, e)
				v.set(-14, lo)
				VMAXPS(a, lo, a)
				VMULPS(a, e, e)
				return e
			}},
		{name: "geluBack", doc: "multiplies a by the derivative of gelu at b", loop: "dst[i] = a[i] * (normal(b[i]) + b[i]*density(b[i]))", operands: 2, unroll: 1,
			body: func(a, b, _, _ VecVirtual) VecVirtual {
				e, t, d := v.reg(), v.reg(), v.reg()
				v.clamp(-14, 14, b, b, t)
				v.normalTail(e, t, b)
				v.normal(t, b, d)
				v.mulc(1/math.Sqrt(2*math.Pi), e, e)
				VFMADD231PS(b, e, d)
				v.product(a, d, d)
				return d
			}},
	} {
		v.elementwise(e)
	}
}
