package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A tile is n classes × 64 rows of scores, class-major: the lanes of a vector
// are rows of the batch, so every reduction over classes is vertical.
const tileRows = 64

// columns writes body once per strip of nv vectors of a tile's 64 rows and once
// per class in it. cls lists the pointers that step from class to class (with
// their strides), row those that step from strip to strip; a class pointer
// starts each strip one strip further. before and after run once a strip.
func (v isa) columns(nv int, n GPVirtual, cls, strides, row []GPVirtual, before, body, after func(cur []GPVirtual)) {
	strips := tileRows / (nv * v.lanes())
	left, count := GP64(), GP64()
	cur := make([]GPVirtual, len(cls))
	for i := range cur {
		cur[i] = GP64()
	}
	MOVQ(U32(uint32(strips)), left)
	Label("strip")
	for i := range cls {
		MOVQ(cls[i], cur[i])
	}
	before(cur)
	MOVQ(n, count)
	TESTQ(count, count)
	JZ(LabelRef("stripEnd"))
	Label("class")
	body(cur)
	for i := range cls {
		ADDQ(strides[i], cur[i])
	}
	DECQ(count)
	JNZ(LabelRef("class"))
	Label("stripEnd")
	after(cur)
	for _, p := range append(append([]GPVirtual{}, cls...), row...) {
		ADDQ(I32(nv*v.bytes()), p)
	}
	DECQ(left)
	JNZ(LabelRef("strip"))
}

func nothing([]GPVirtual) {}

func (v isa) loads(p GPVirtual, r []VecVirtual) {
	for j := range r {
		VMOVUPS(at(p, j*v.bytes()), r[j])
	}
}

func (v isa) stores(r []VecVirtual, p GPVirtual) {
	for j := range r {
		VMOVUPS(r[j], at(p, j*v.bytes()))
	}
}

func tiles(v isa) {
	nv := 4
	if v.bits == 256 {
		nv = 2
	}
	tileMax(v, nv)
	tileExpSum(v, nv)
	tileExpMap(v, nv)
	for _, e := range []int{0, 1, -1} {
		tileHingeSum(v, e)
	}
	for _, e := range []int{0, 1, 2, -1} {
		tileHingeMap(v, e)
	}
	tileFilter(v, nv)
	tileSoftplusSum(v, nv)
	tileSigmoidMap(v, nv)
	for _, n := range []int{4, 6, 8} {
		tileTaylorSum(v, nv, n)
		tileTaylorMap(v, nv, n-1)
	}
}

func tileMax(v isa, nv int) {
	v.text("tileMax", "(z *float32, ldz, n int, m *float32)",
		"raises m to the maximum over the classes, ignoring NaN:", "",
		"\tfor c := range n { for r := range 64 { if z[c*ldz+r] > m[r] { m[r] = z[c*ldz+r] } } }")
	z, ldz, n, m := ptr("z"), stride("ldz"), ptr("n"), ptr("m")
	mv := v.regs(nv)
	v.columns(nv, n, []GPVirtual{z}, []GPVirtual{ldz}, []GPVirtual{m},
		func([]GPVirtual) { v.loads(m, mv) },
		func(cur []GPVirtual) {
			for j := range mv {
				a := v.reg()
				VMOVUPS(at(cur[0], j*v.bytes()), a)
				VMAXPS(mv[j], a, mv[j]) // m where a is NaN
			}
		},
		func([]GPVirtual) { v.stores(mv, m) })
	ret()
}

func tileExpSum(v isa, nv int) {
	v.text("tileExpSum", "(z *float32, ldz, n int, m, s *float32)",
		"adds Σ 2^(z−m) over the classes to s:", "",
		"\tfor c := range n { for r := range 64 { s[r] += exp2(z[c*ldz+r] - m[r]) } }")
	z, ldz, n, m, s := ptr("z"), stride("ldz"), ptr("n"), ptr("m"), ptr("s")
	mv, sv := v.regs(nv), v.regs(nv)
	v.columns(nv, n, []GPVirtual{z}, []GPVirtual{ldz}, []GPVirtual{m, s},
		func([]GPVirtual) { v.loads(m, mv); v.loads(s, sv) },
		func(cur []GPVirtual) {
			for j := range mv {
				e, t, r := v.reg(), v.reg(), v.reg()
				VMOVUPS(at(cur[0], j*v.bytes()), t)
				VSUBPS(mv[j], t, t)
				v.exp2(e, t, r)
				VADDPS(e, sv[j], sv[j])
			}
		},
		func([]GPVirtual) { v.stores(sv, s) })
	ret()
}

func tileExpMap(v isa, nv int) {
	v.text("tileExpMap", "(p *float32, ldp int, z *float32, ldz, n int, l, scale, u *float32)",
		"stores scale·2^(z−l) − u; p may be z:", "",
		"\tfor c := range n { for r := range 64 { p[c*ldp+r] = scale[r]*exp2(z[c*ldz+r]-l[r]) - u[r] } }")
	p, ldp, z, ldz, n := ptr("p"), stride("ldp"), ptr("z"), stride("ldz"), ptr("n")
	l, g, u := ptr("l"), ptr("scale"), ptr("u")
	lv, gv, uv := v.regs(nv), v.regs(nv), v.regs(nv)
	v.columns(nv, n, []GPVirtual{p, z}, []GPVirtual{ldp, ldz}, []GPVirtual{l, g, u},
		func([]GPVirtual) { v.loads(l, lv); v.loads(g, gv); v.loads(u, uv) },
		func(cur []GPVirtual) {
			for j := range lv {
				e, t, r := v.reg(), v.reg(), v.reg()
				VMOVUPS(at(cur[1], j*v.bytes()), t)
				VSUBPS(lv[j], t, t)
				v.exp2(e, t, r)
				VFMSUB213PS(uv[j], gv[j], e)
				VMOVUPS(e, at(cur[0], j*v.bytes()))
			}
		}, nothing)
	ret()
}

func tileSoftplusSum(v isa, nv int) {
	v.text("tileSoftplusSum", "(z *float32, ldz, n int, m, prod, s *float32)",
		"takes x = z−m: it multiplies prod+1 by the 1 + 2^−|x| of the classes, without the rounding of the 1, and adds Σ max(x, 0) to s:", "",
		"\tfor c := range n { for r := range 64 { x := z[c*ldz+r] - m[r]; e := exp2(-abs(x)); prod[r] = prod[r]*e + (prod[r] + e); s[r] += max(x, 0) } }")
	z, ldz, n, m, q, s := ptr("z"), stride("ldz"), ptr("n"), ptr("m"), ptr("prod"), ptr("s")
	mv, qv, sv, zero := v.regs(nv), v.regs(nv), v.regs(nv), v.reg()
	v.zero(zero)
	v.columns(nv, n, []GPVirtual{z}, []GPVirtual{ldz}, []GPVirtual{m, q, s},
		func([]GPVirtual) { v.loads(m, mv); v.loads(q, qv); v.loads(s, sv) },
		func(cur []GPVirtual) {
			for j := range mv {
				e, t, r := v.reg(), v.reg(), v.reg()
				VMOVUPS(at(cur[0], j*v.bytes()), t)
				VSUBPS(mv[j], t, t)
				VMAXPS(t, zero, r) // t where it is NaN
				VADDPS(r, sv[j], sv[j])
				v.negAbs(t)
				v.exp2(e, t, r)
				VADDPS(e, qv[j], r)
				VFMADD213PS(r, e, qv[j])
			}
		},
		func([]GPVirtual) { v.stores(qv, q); v.stores(sv, s) })
	ret()
}

// negAbs stores −|x| in x.
func (v isa) negAbs(x VecVirtual) {
	if v.bits == 512 {
		VORPS_BCST(v.bitsMem(1<<31), x, x)
	} else {
		VORPS(v.bitsMem(1<<31), x, x)
	}
}

func tileSigmoidMap(v isa, nv int) {
	v.text("tileSigmoidMap", "(p *float32, ldp int, z *float32, ldz, n int, m, scale *float32)",
		"stores scale/(1 + 2^(m−z)); p may be z:", "",
		"\tfor c := range n { for r := range 64 { p[c*ldp+r] = scale[r] / (1 + exp2(m[r]-z[c*ldz+r])) } }")
	p, ldp, z, ldz, n := ptr("p"), stride("ldp"), ptr("z"), stride("ldz"), ptr("n")
	m, g := ptr("m"), ptr("scale")
	mv, gv := v.regs(nv), v.regs(nv)
	v.columns(nv, n, []GPVirtual{p, z}, []GPVirtual{ldp, ldz}, []GPVirtual{m, g},
		func([]GPVirtual) { v.loads(m, mv); v.loads(g, gv) },
		func(cur []GPVirtual) {
			for j := range mv {
				e, t, r := v.reg(), v.reg(), v.reg()
				VMOVUPS(at(cur[1], j*v.bytes()), t)
				VSUBPS(t, mv[j], t)
				v.exp2(e, t, r)
				v.addc(1, e, e)
				VDIVPS(e, gv[j], e)
				VMOVUPS(e, at(cur[0], j*v.bytes()))
			}
		}, nothing)
	ret()
}

// taylor returns the coefficients 1/k! of the exponential's Taylor polynomial.
func taylor(n int) []float64 {
	c := []float64{1}
	for k := 1; k <= n; k++ {
		c = append(c, c[k-1]/float64(k))
	}
	return c
}

func tileTaylorSum(v isa, nv, order int) {
	v.text(fmt.Sprintf("tileTaylorSum%dx", order), "(z *float32, ldz, n int, s *float32)",
		fmt.Sprintf("adds Σ f(z) over the classes that are not −Inf to s, f(x) = Σ_{k≤%d} x^k/k!:", order), "",
		"\tfor c := range n { for r := range 64 { if z[c*ldz+r] != -Inf { s[r] += f(z[c*ldz+r]) } } }")
	z, ldz, n, s := ptr("z"), stride("ldz"), ptr("n"), ptr("s")
	sv := v.regs(nv)
	v.columns(nv, n, []GPVirtual{z}, []GPVirtual{ldz}, []GPVirtual{s},
		func([]GPVirtual) { v.loads(s, sv) },
		func(cur []GPVirtual) {
			for j := range sv {
				x, y, low := v.reg(), v.reg(), v.reg()
				VMOVUPS(at(cur[0], j*v.bytes()), x)
				v.horner(taylor(order), x, y)
				v.set(math.Inf(-1), low)
				const notEqual = 4 // and NaN
				if v.bits == 512 {
					k := K()
					VCMPPS(U8(notEqual), low, x, k)
					v.keep(mask{k: k}, y)
				} else {
					VCMPPS(U8(notEqual), low, x, low)
					v.keep(mask{y: low}, y)
				}
				VADDPS(y, sv[j], sv[j])
			}
		},
		func([]GPVirtual) { v.stores(sv, s) })
	ret()
}

func tileTaylorMap(v isa, nv, order int) {
	v.text(fmt.Sprintf("tileTaylorMap%dx", order), "(p *float32, ldp int, z *float32, ldz, n int, scale *float32)",
		fmt.Sprintf("stores scale·f(z), f(x) = Σ_{k≤%d} x^k/k!; p may be z:", order), "",
		"\tfor c := range n { for r := range 64 { p[c*ldp+r] = scale[r] * f(z[c*ldz+r]) } }")
	p, ldp, z, ldz, n, g := ptr("p"), stride("ldp"), ptr("z"), stride("ldz"), ptr("n"), ptr("scale")
	gv := v.regs(nv)
	v.columns(nv, n, []GPVirtual{p, z}, []GPVirtual{ldp, ldz}, []GPVirtual{g},
		func([]GPVirtual) { v.loads(g, gv) },
		func(cur []GPVirtual) {
			for j := range gv {
				x, y := v.reg(), v.reg()
				VMOVUPS(at(cur[1], j*v.bytes()), x)
				v.horner(taylor(order), x, y)
				VMULPS(gv[j], y, y)
				VMOVUPS(y, at(cur[0], j*v.bytes()))
			}
		}, nothing)
	ret()
}

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

// tileFilter walks class by class over all 64 rows, so that hits come out in
// class order.
func tileFilter(v isa, nv int) {
	v.text("tileFilter", "(z *float32, ldz, n int, thr, val *float32, idx *uint32, base uint32) int",
		"appends the scores above their row's threshold, and NaN, to val, and (base+class)·64 + row to idx; it returns how many.",
		"val and idx have room for n·64 entries and one vector more:", "",
		"\tfor c := range n { for r := range 64 { if x := z[c*ldz+r]; !(x <= thr[r]) { val[k], idx[k] = x, (base+c)*64+r; k++ } } }")
	z, ldz, n, thr := ptr("z"), stride("ldz"), ptr("n"), ptr("thr")
	val, idx := ptr("val"), ptr("idx")
	base := Load(Param("base"), GP32()).(GPVirtual)
	SHLL(U8(6), base)
	k := GP64()
	XORQ(k, k)
	const notLE = 6
	Label("class")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	if v.bits == 512 {
		zv := v.regs(nv)
		km := make([]OpmaskVirtual, nv)
		any := K()
		for j := range zv {
			km[j] = K()
			VMOVUPS(at(z, j*64), zv[j])
			VCMPPS(U8(notLE), at(thr, j*64), zv[j], km[j])
		}
		KORW(km[0], km[1], any)
		KORW(km[2], any, any)
		KORTESTW(km[3], any)
		JZ(LabelRef("next"))
		for j := range zv {
			skip := fmt.Sprintf("skip%d", j)
			bits, lane := GP32(), GP32()
			KMOVW(km[j], bits)
			TESTL(bits, bits)
			JZ(LabelRef(skip))
			VPCOMPRESSD_Z(zv[j], km[j], zv[j])
			VMOVUPS(zv[j], Mem{Base: val, Index: k, Scale: 4})
			id := ZMM()
			MOVL(base, lane)
			ADDL(U32(uint32(16*j)), lane)
			VPBROADCASTD(lane, id)
			VPADDD(iota(), id, id)
			VPCOMPRESSD_Z(id, km[j], id)
			VMOVDQU32(id, Mem{Base: idx, Index: k, Scale: 4})
			POPCNTL(bits, bits)
			ADDQ(bits.As64(), k)
			Label(skip)
		}
	} else {
		// A hit is rare: vectors are tested, lanes of a hit are taken one by one.
		for j := range tileRows / v.lanes() {
			skip, more := fmt.Sprintf("skip%d", j), fmt.Sprintf("more%d", j)
			x, bits, lane := v.reg(), GP32(), GP32()
			VMOVUPS(at(z, j*v.bytes()), x)
			VCMPPS(U8(notLE), at(thr, j*v.bytes()), x, x)
			VMOVMSKPS(x, bits)
			TESTL(bits, bits)
			JZ(LabelRef(skip))
			Label(more)
			TZCNTL(bits, lane)
			s := XMM()
			VMOVSS(Mem{Base: z, Index: lane.As64(), Scale: 4, Disp: j * v.bytes()}, s)
			VMOVSS(s, Mem{Base: val, Index: k, Scale: 4})
			ADDL(base, lane)
			ADDL(U32(uint32(j*v.lanes())), lane)
			MOVL(lane, Mem{Base: idx, Index: k, Scale: 4})
			INCQ(k)
			low := GP32()
			MOVL(bits, low)
			DECL(low)
			ANDL(low, bits) // clears the lowest set bit
			JNZ(LabelRef(more))
			Label(skip)
		}
	}
	Label("next")
	ADDQ(ldz, z)
	ADDL(U32(tileRows), base)
	DECQ(n)
	JMP(LabelRef("class"))
	Label("done")
	Store(k, ReturnIndex(0))
	ret()
}

var iotaMem *Mem

// iota returns the constant 0, 1, …, 15.
func iota() Mem {
	if iotaMem == nil {
		m := GLOBL("iota16", RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(uint32(i)))
		}
		iotaMem = &m
	}
	return *iotaMem
}
