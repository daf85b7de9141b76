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
	millsPoly = []float64{0.72236809, -0.48589611, 0.19761456, -0.025764737, -0.015189766, 0.00455704, 0.0021063165, -0.00054036916, -0.00032988144}
	atanhPoly = []float64{2, 0.6666664, 0.40007561, 0.2823662, 0.26851498}
)

// rsubc stores x − a in dst.
func (v isa) rsubc(x float64, a, dst VecVirtual) {
	v.xorBits(signBit, a, dst)
	v.addc(x, dst, dst)
}

// expNear stores e^x in dst for x ≤ 89; 0 below 2⁻¹²⁶. With n the integer nearest to x·log₂e
// it is e^(x−n·ln2), of a polynomial, times 2^n. Adding a number at which float32 has a step
// of one rounds; and that number has the bias of exponents in it, so that the last bits of the sum
// are the exponent of 2^n. x is overwritten.
func (v isa) expNear(dst, x VecVirtual) {
	t := v.power(x, bias, -88.02) // there n is −127, whose power is 0
	v.horner(expPoly, x, dst)
	VMULPS(t, dst, dst)
}

// bias is that of the exponents of float32.
const bias = 127

// power leaves x − n·ln2 in x, with the integer n nearest to x·log₂e, and returns 2^n
// for b = bias, half of that for b = bias−1. x is first raised to lo. Of a NaN it returns
// anything; x stays NaN.
func (v isa) power(x VecVirtual, b, lo float64) VecVirtual {
	const round = 3 << 22
	t, n := v.reg(), v.reg()
	v.set(lo, n)
	VMAXPS(x, n, x)
	v.set(round+b, t)
	v.fma231c(math.Log2E, x, t)
	v.addc(-round-b, t, n)
	v.fma231c(-ln2Hi, n, x)
	v.fma231c(-ln2Lo, n, x)
	VPSLLD(U8(23), t, t)
	return t
}

// expm1 stores e^x − 1 in dst for x ≤ 89: with x = n·ln2 + r, and p = e^r − 1 of a polynomial,
// that is 2^n·p + (2^n − 1), where for n = 0 nothing cancels. x is overwritten.
func (v isa) expm1(dst, x VecVirtual) {
	// Half of it first: 2^n may be above the range where the result is not.
	h := v.power(x, bias-1, -20) // e^−20 is nothing beside 1
	t := v.reg()
	VMULPS(x, x, t)
	v.horner(expPoly[2:], x, dst)
	VFMADD213PS(x, t, dst) // x²·q + x
	v.addc(-0.5, h, t)
	VFMADD213PS(t, h, dst)
	VADDPS(dst, dst, dst)
}

// expDown stores e^−|x| in dst; x stays.
func (v isa) expDown(dst, x VecVirtual) {
	t := v.reg()
	if v.bits == 512 {
		VPORD_BCST(v.bitsMem(signBit), x, t)
	} else {
		VORPS(v.bitsMem(signBit), x, t)
	}
	v.expNear(dst, t)
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

// normalTail stores e^(−s²/2) in e and the tail of the normal distribution beyond s in t,
// 0 ≤ s ≤ 14: e·q·M(w), with q = 1/(s+2√2) and a polynomial M of w = (s−2√2)/(s+2√2). s
// stays.
func (v isa) normalTail(e, t, s VecVirtual) {
	q, w, lost := v.reg(), v.reg(), v.reg()
	// s² in two parts: e^(−s²/2) has the relative error of its half.
	VMULPS(s, s, w)
	VMOVAPS(w, lost)
	VFMSUB231PS(s, s, lost) // s·s − w
	v.mulc(-0.5, w, w)
	p := v.power(w, bias, -88.02)
	v.fma231c(-0.5, lost, w)
	v.horner(expPoly, w, e)
	VMULPS(p, e, e)
	v.addc(2*math.Sqrt2, s, q)
	v.set(1, w)
	VDIVPS(q, w, q)
	v.fma231c(-4*math.Sqrt2, q, w)
	v.horner(millsPoly, w, t)
	VMULPS(e, q, q)
	VMULPS(q, t, t)
}

// short stores min(|x|, 14) in dst, beyond which the normal distribution is 0 or 1; a NaN
// stays.
func (v isa) short(x, dst VecVirtual) {
	far := v.reg()
	v.set(14, far)
	v.andBits(magnitude, x, dst)
	VMINPS(dst, far, dst)
}

// sign puts the sign of x on magnitude a.
func (v isa) sign(x, a, dst VecVirtual) {
	t := v.reg()
	v.andBits(signBit, x, t)
	v.or(t, a, dst)
}

// negative returns where the sign of x is set.
func (v isa) negative(x VecVirtual) cond {
	if v.bits == 512 {
		k := K()
		VPMOVD2M(x, k)
		return cond{k: k}
	}
	return cond{y: x} // VBLENDVPS looks at the sign alone
}

func activations(v isa) {
	for _, e := range []elementwise{
		{name: "expm1", doc: "stores e^x − 1", loop: "dst[i] = expm1(a[i])", operands: 1, woven: 3,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				r := v.reg()
				v.set(89, r)
				VMINPS(a, r, a)
				v.expm1(r, a)
				return r
			}},
		{name: "log1p", doc: "stores log(1+x)", loop: "dst[i] = log1p(a[i])", operands: 1, woven: 2,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				r := v.reg()
				v.log1p(r, a)
				return r
			}},
		{name: "softplus", doc: "stores log(1+e^x)", loop: "e := exp(-abs(a[i])); dst[i] = max(a[i], 0) + 2*atanh(e/(2+e))", operands: 1, woven: 3,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				e, d, z := v.reg(), v.reg(), v.reg()
				v.expDown(e, a)
				v.addc(2, e, d)
				VDIVPS(d, e, e)
				VMULPS(e, e, z)
				v.horner(atanhPoly, z, d)
				v.zero(z)
				VMAXPS(a, z, z)
				VFMADD231PS(d, e, z)
				return z
			}},
		{name: "sigmoid", doc: "stores 1/(1+e^−x)", loop: "e := exp(-abs(a[i])); dst[i] = (1 or e where a[i] < 0) / (1 + e)", operands: 1, woven: 3,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				e, top := v.reg(), v.reg()
				v.expDown(e, a)
				v.set(1, top)
				v.pick(v.negative(a), e, top)
				v.addc(1, e, e)
				VDIVPS(e, top, top)
				return top
			}},
		{name: "sigmoidBack", doc: "multiplies a by the derivative of the sigmoid at b", loop: "e := exp(-abs(b[i])); dst[i] = a[i] * (e / (1+e)²)", operands: 2, woven: 3,
			derivative: func(b VecVirtual) VecVirtual {
				e, d := v.reg(), v.reg()
				v.expDown(e, b)
				v.addc(1, e, d)
				VMULPS(d, d, d)
				VDIVPS(d, e, e)
				return e
			}},
		{name: "tanh", doc: "stores tanh x", loop: "m := expm1(-2*abs(a[i])); dst[i] = copysign(-m / (2 + m), a[i])", operands: 1, woven: 3,
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
			derivative: func(b VecVirtual) VecVirtual {
				t := v.reg()
				v.set(1, t)
				VFNMADD231PS(b, b, t)
				return t
			}},
		{name: "atan", doc: "stores arctan x", loop: "dst[i] = atan(a[i])", operands: 1, woven: 3,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				s, one, t, z, p := v.reg(), v.reg(), v.reg(), v.reg(), v.reg()
				v.andBits(magnitude, a, s)
				v.set(1, one)
				big := v.cmp(notLE, s, one)
				VDIVPS(s, one, t)
				v.pick(big, t, s) // the smaller of |x| and 1/|x|
				VMULPS(s, s, z)
				v.horner(atanPoly, z, p)
				VMULPS(s, p, p)
				v.rsubc(math.Pi/2, p, t)
				v.pick(big, t, p)
				v.sign(a, p, p)
				return p
			}},
		{name: "gelu", doc: "stores x·Φ(x) of the normal distribution Φ", loop: "s := min(abs(a[i]), 14); dst[i] = max(a[i], 0) - s*tail(s)", operands: 1, woven: 2,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				s, e, t, z := v.reg(), v.reg(), v.reg(), v.reg()
				v.short(a, s)
				v.normalTail(e, t, s)
				v.zero(z)
				VMAXPS(a, z, z)
				VFNMADD231PS(s, t, z)
				return z
			}},
		{name: "geluBack", doc: "multiplies a by the derivative of gelu at b", loop: "s := min(abs(b[i]), 14); u := tail(s) - s*density(s); dst[i] = a[i] * (1-u or u where b[i] < 0)", operands: 2, woven: 2,
			derivative: func(b VecVirtual) VecVirtual {
				s, e, u, d := v.reg(), v.reg(), v.reg(), v.reg()
				v.short(b, s)
				v.normalTail(e, u, s)
				v.mulc(1/math.Sqrt(2*math.Pi), e, e)
				VFNMADD231PS(s, e, u)
				v.set(1, d)
				VSUBPS(u, d, d)
				v.pick(v.negative(b), u, d)
				return d
			}},
	} {
		v.elementwise(e)
	}
}
