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

// expStrip is how many vectors of a class exponentials are taken of at once; see exp2s.
const expStrip = 4

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
	if !v.many() {
		nv = 2
	}
	tileMax(v, nv)
	tileExpSum(v)
	tileExpMap(v)
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

// A strip is what kernels read for each row of a strip of nv vectors: in registers on
// AVX-512, where it lies on AVX2, which has none to spare.
type strip struct {
	v isa
	p GPVirtual
	r []VecVirtual
}

func (v isa) strip(nv int, p GPVirtual) strip {
	s := strip{v: v, p: p}
	if v.many() {
		s.r = v.regs(nv)
	}
	return s
}

// load is called before the first class of a strip.
func (s strip) load() { s.v.loads(s.p, s.r) }

// vector returns the j-th vector as an operand.
func (s strip) vector(j int) Op {
	if s.r == nil {
		return at(s.p, j*s.v.bytes())
	}
	return s.r[j]
}

// read returns the j-th vector in a register, t if it is in none.
func (s strip) read(j int, t VecVirtual) VecVirtual {
	if s.r == nil {
		VMOVUPS(s.vector(j), t)
		return t
	}
	return s.r[j]
}

// exp2Columns calls done with 2^(z−m) of each strip of a class, in e, where t is scratch;
// lists are those of columns, in which z is the last of cls.
func (v isa) exp2Columns(nv int, n GPVirtual, cls, strides []GPVirtual, m strip, others []strip, done func(cur []GPVirtual, e, t []VecVirtual), after func([]GPVirtual)) {
	row := []GPVirtual{m.p}
	for _, s := range others {
		row = append(row, s.p)
	}
	v.columns(nv, n, cls, strides, row,
		func([]GPVirtual) {
			for _, s := range append([]strip{m}, others...) {
				s.load()
			}
		},
		func(cur []GPVirtual) {
			e, t, r := v.regs(nv), v.regs(nv), v.regs(nv)
			v.loads(cur[len(cur)-1], t)
			for j := range t {
				VSUBPS(m.vector(j), t[j], t[j])
			}
			v.exp2s(e, t, r)
			done(cur, e, t)
		}, after)
}

func tileExpSum(v isa) {
	v.text("tileExpSum", "(z *float32, ldz, n int, m, s *float32)",
		"adds Σ 2^(z−m) over the classes to s:", "",
		"\tfor c := range n { for r := range 64 { s[r] += exp2(z[c*ldz+r] - m[r]) } }")
	z, ldz, n, m, s := ptr("z"), stride("ldz"), ptr("n"), ptr("m"), ptr("s")
	sums := v.strip(expStrip, s)
	v.exp2Columns(expStrip, n, []GPVirtual{z}, []GPVirtual{ldz}, v.strip(expStrip, m), []strip{sums},
		func(_ []GPVirtual, e, _ []VecVirtual) {
			for j := range e {
				if v.many() {
					VADDPS(e[j], sums.r[j], sums.r[j])
					continue
				}
				VADDPS(sums.vector(j), e[j], e[j])
				VMOVUPS(e[j], sums.vector(j))
			}
		},
		func([]GPVirtual) { v.stores(sums.r, s) })
	ret()
}

func tileExpMap(v isa) {
	v.text("tileExpMap", "(p *float32, ldp int, z *float32, ldz, n int, l, scale, u *float32)",
		"stores scale·2^(z−l) − u; p may be z:", "",
		"\tfor c := range n { for r := range 64 { p[c*ldp+r] = scale[r]*exp2(z[c*ldz+r]-l[r]) - u[r] } }")
	p, ldp, z, ldz, n := ptr("p"), stride("ldp"), ptr("z"), stride("ldz"), ptr("n")
	l, g, u := v.strip(expStrip, ptr("l")), v.strip(expStrip, ptr("scale")), v.strip(expStrip, ptr("u"))
	v.exp2Columns(expStrip, n, []GPVirtual{p, z}, []GPVirtual{ldp, ldz}, l, []strip{g, u},
		func(cur []GPVirtual, e, t []VecVirtual) {
			for j := range e {
				VFMSUB213PS(u.vector(j), g.read(j, t[j]), e[j])
			}
			v.stores(e, cur[0])
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
