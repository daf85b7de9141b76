package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// hinge loads z−τ and marks the lanes that are not ≤ 0; NaN is marked, so it
// reaches the sums.
func (v isa) hinge(m Mem, tau, x VecVirtual) mask {
	VMOVUPS(m, x)
	VSUBPS(tau, x, x)
	zero := v.reg()
	v.zero(zero)
	const notLE = 6
	if v.bits == 512 {
		k := K()
		VCMPPS(U8(notLE), zero, x, k)
		return mask{k: k}
	}
	VCMPPS(U8(notLE), zero, x, zero)
	return mask{y: zero}
}

func (v isa) anySet(k mask) {
	if v.bits == 512 {
		KORTESTW(k.k, k.k)
		return
	}
	b := GP32()
	VMOVMSKPS(k.y, b)
	TESTL(b, b)
}

// powMarked stores x^e in y for the marked lanes, where x > 0 or NaN, and NaN for
// x = +Inf; the others hold anything. x is kept.
func (v isa) powMarked(y, x, e VecVirtual) {
	f, p, t, r, a := v.reg(), v.reg(), v.reg(), v.reg(), v.reg()
	VMOVAPS(x, a)
	v.logParts(t, f, p, a)
	VADDPS(p, f, f)
	v.fma231c(1.4426950408889634, f, t)
	VMULPS(e, t, t)
	v.exp2(y, t, r)
	v.zero(t)
	VFMADD231PS(t, x, y) // + 0·x
}

// hingeName is the suffix of a hinge kernel of exponent e; −1 is the general
// exponent, a parameter.
func hingeName(e int) string {
	if e < 0 {
		return "Pow"
	}
	return fmt.Sprint(e)
}

func tileHingeSum(v isa, e int) {
	sig, power := "(z *float32, ldz, n int, tau, f, df, h *float32)", fmt.Sprint(e)
	if e < 0 {
		sig, power = "(z *float32, ldz, n int, tau, f, df, h *float32, e float32)", "e"
	}
	v.text("tileHingeSum"+hingeName(e)+"x", sig,
		"adds Σ x^(e+1) to f, Σ x^e to df and Σ x^(e+2) to h, x = z−τ, over the classes with x > 0, for e = "+power+":", "",
		"\tfor c := range n { for r := range 64 { if x := z[c*ldz+r] - tau[r]; !(x <= 0) { y := pow(x, e); f[r] += x * y; df[r] += y; h[r] += x * (x * y) } } }")
	z, ldz, n := ptr("z"), stride("ldz"), ptr("n")
	tau, f, g, h := ptr("tau"), ptr("f"), ptr("df"), ptr("h")
	var ev, one VecVirtual
	switch e {
	case -1:
		ev = v.param("e")
	case 0:
		one = v.reg()
		v.set(1, one)
	}
	tv, fv, gv, hv := v.reg(), v.reg(), v.reg(), v.reg()
	v.columns(1, n, []GPVirtual{z}, []GPVirtual{ldz}, []GPVirtual{tau, f, g, h},
		func([]GPVirtual) {
			VMOVUPS(at(tau, 0), tv)
			VMOVUPS(at(f, 0), fv)
			VMOVUPS(at(g, 0), gv)
			VMOVUPS(at(h, 0), hv)
		},
		func(cur []GPVirtual) {
			x, y := v.reg(), v.reg()
			k := v.hinge(at(cur[0], 0), tv, x)
			if e < 0 { // most strips of a peaked row hold nothing above τ
				v.anySet(k)
				JZ(LabelRef("none"))
			}
			v.keep(k, x)
			switch e {
			case 0:
				VMOVAPS(one, y)
			case 1:
				VMOVAPS(x, y)
			default:
				v.powMarked(y, x, ev)
			}
			v.keep(k, y)
			VADDPS(y, gv, gv)
			VMULPS(x, y, y)
			VADDPS(y, fv, fv)
			VFMADD231PS(x, y, hv)
			if e < 0 {
				Label("none")
			}
		},
		func([]GPVirtual) {
			VMOVUPS(fv, at(f, 0))
			VMOVUPS(gv, at(g, 0))
			VMOVUPS(hv, at(h, 0))
		})
	ret()
}

func tileHingeMap(v isa, e int) {
	sig, power := "(p *float32, ldp int, z *float32, ldz, n int, tau, scale *float32)", fmt.Sprint(e)
	if e < 0 {
		sig, power = "(p *float32, ldp int, z *float32, ldz, n int, tau, scale *float32, e float32)", "e"
	}
	v.text("tileHingeMap"+hingeName(e)+"x", sig,
		"stores scale·x^e where x = z−τ > 0 and 0 elsewhere, for e = "+power+"; p may be z:", "",
		"\tfor c := range n { for r := range 64 { if x := z[c*ldz+r] - tau[r]; !(x <= 0) { p[c*ldp+r] = scale[r] * pow(x, e) } else { p[c*ldp+r] = 0 } } }")
	p, ldp, z, ldz, n := ptr("p"), stride("ldp"), ptr("z"), stride("ldz"), ptr("n")
	tau, g := ptr("tau"), ptr("scale")
	var ev VecVirtual
	if e < 0 {
		ev = v.param("e")
	}
	tv, gv := v.reg(), v.reg()
	v.columns(1, n, []GPVirtual{p, z}, []GPVirtual{ldp, ldz}, []GPVirtual{tau, g},
		func([]GPVirtual) {
			VMOVUPS(at(tau, 0), tv)
			VMOVUPS(at(g, 0), gv)
		},
		func(cur []GPVirtual) {
			x, y := v.reg(), v.reg()
			k := v.hinge(at(cur[1], 0), tv, x)
			switch e {
			case 0:
				VMOVAPS(gv, y)
			case 1:
				VMULPS(x, gv, y)
			case 2:
				VMULPS(x, x, y)
				VMULPS(gv, y, y)
			default:
				v.zero(y)
				v.anySet(k)
				JZ(LabelRef("none"))
				v.keep(k, x)
				v.powMarked(y, x, ev)
				VMULPS(gv, y, y)
			}
			v.keep(k, y)
			if e < 0 {
				Label("none")
			}
			VMOVUPS(y, at(cur[0], 0))
		}, nothing)
	ret()
}
