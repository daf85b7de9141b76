package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// layers writes the kernels of layers of networks that work on the rows of a matrix.
func layers(v isa) {
	addBias(v)
	colSum(v)
	layerNorm(v)
	layerNormBack(v)
	dropout(v)
}

// copied returns a register with the content of r.
func copied(r GPVirtual) GPVirtual {
	c := GP64()
	MOVQ(r, c)
	return c
}

func addBias(v isa) {
	v.text("addBias", "(dst, x, b *float32, rows, k int)", "adds b to each row of x:", "",
		"\tfor r := range rows { for j := range k { dst[r*k+j] = x[r*k+j] + b[j] } }")
	dst, x, rows := ptr("dst"), ptr("x"), ptr("rows")
	b, n := GP64(), GP64()
	rowLoop(rows, func() {
		Load(Param("b"), b)
		Load(Param("k"), n)
		v.eachOf("", n, []GPVirtual{dst, x, b}, func(ld loadFunc, st storeFunc, k *mask) {
			r, s := v.reg(), v.reg()
			ld(at(x, 0), r)
			ld(at(b, 0), s)
			VADDPS(s, r, r)
			st(r, at(dst, 0))
			if k != nil { // each advances by whole vectors only
				LEAQ(Mem{Base: x, Index: n, Scale: 4}, x)
				LEAQ(Mem{Base: dst, Index: n, Scale: 4}, dst)
			}
		})
	})
}

// colSum keeps strips of columns in registers over all rows.
func colSum(v isa) {
	v.text("colSum", "(acc, x *float32, rows, k int)", "adds the rows of x to acc, in their order:", "",
		"\tfor r := range rows { for j := range k { acc[j] += x[r*k+j] } }")
	acc, x, left := ptr("acc"), ptr("x"), ptr("k")
	width := copied(left)
	SHLQ(U8(2), width)
	rows, p := GP64(), GP64()
	strip := func(name string, nv int, ld loadFunc, st storeFunc) {
		s := v.regs(nv)
		for j := range s {
			ld(at(acc, j*v.bytes()), s[j])
		}
		MOVQ(x, p)
		Load(Param("rows"), rows)
		Label(name)
		for j := range s {
			t := v.reg()
			ld(at(p, j*v.bytes()), t)
			VADDPS(t, s[j], s[j])
		}
		ADDQ(width, p)
		DECQ(rows)
		JNZ(LabelRef(name))
		for j := range s {
			st(s[j], at(acc, j*v.bytes()))
		}
		ADDQ(I32(nv*v.bytes()), acc)
		ADDQ(I32(nv*v.bytes()), x)
	}
	whole := func(m Mem, r VecVirtual) { VMOVUPS(m, r) }
	store := func(r VecVirtual, m Mem) { VMOVUPS(r, m) }
	const wide = 8
	Label("wide")
	CMPQ(left, U8(wide*v.lanes()))
	JLT(LabelRef("one"))
	strip("wideRow", wide, whole, store)
	SUBQ(U8(wide*v.lanes()), left)
	JMP(LabelRef("wide"))
	Label("one")
	CMPQ(left, U8(v.lanes()))
	JLT(LabelRef("rest"))
	strip("oneRow", 1, whole, store)
	SUBQ(U8(v.lanes()), left)
	JMP(LabelRef("one"))
	Label("rest")
	TESTQ(left, left)
	JZ(LabelRef("done"))
	k := v.tail(left)
	strip("restRow", 1, func(m Mem, r VecVirtual) { v.loadTail(m, k, r) }, func(r VecVirtual, m Mem) { v.storeTail(r, k, m) })
	Label("done")
	ret()
}

// spreadMean stores the sum of r's lanes times inv in every lane of dst.
func (v isa) spreadMean(r VecVirtual, inv VecVirtual, dst VecVirtual) {
	x := v.hsum(r)
	VMULSS(inv.AsX(), x, x)
	VBROADCASTSS(x, dst)
}

// rowMean stores the mean of the k floats at x in every lane of dst, by their differences to
// the first: that of equal numbers is exact.
func (v isa) rowMean(x, k GPVirtual, inv, dst VecVirtual) {
	p, n, sum, first := copied(x), copied(k), v.reg(), v.reg()
	VBROADCASTSS(at(x, 0), first)
	v.zero(sum)
	v.eachOf("mean", n, []GPVirtual{p}, func(ld loadFunc, _ storeFunc, k *mask) {
		t := v.reg()
		ld(at(p, 0), t)
		VSUBPS(first, t, t)
		if k != nil {
			v.keep(*k, t)
		}
		VADDPS(t, sum, sum)
	})
	v.spreadMean(sum, inv, dst)
	VADDPS(first, dst, dst)
}

// spreadRoot stores 1/√(inv·Σ q + eps) in every lane of dst.
func (v isa) spreadRoot(q, inv, eps, dst VecVirtual) {
	x, one := v.hsum(q), XMM()
	VMULSS(inv.AsX(), x, x)
	VADDSS(eps.AsX(), x, x)
	VSQRTSS(x, x, x)
	VMOVSS(v.mem(1), one)
	VDIVSS(x, one, x)
	VBROADCASTSS(x, dst)
}

func layerNorm(v isa) {
	v.text("layerNorm", "(dst, x, gain, bias *float32, rows, k int, inv, eps float32)",
		"normalises the rows of x, with inv = 1/k:", "",
		"\tfor r := range rows {",
		"\t\tm := x[r*k] + inv * Σ (x[r*k+j]-x[r*k])",
		"\t\ts := 1 / sqrt(inv * Σ (x[r*k+j]-m)² + eps)",
		"\t\tfor j := range k { dst[r*k+j] = (x[r*k+j]-m)*s*gain[j] + bias[j] } // the last two fused",
		"\t}")
	inv, eps := v.param("inv"), v.param("eps")
	dst, x, k, rows := ptr("dst"), ptr("x"), ptr("k"), ptr("rows")
	m, s := v.reg(), v.reg()
	rowLoop(rows, func() {
		v.rowMean(x, k, inv, m)
		q := v.reg()
		v.zero(q)
		p, n := copied(x), copied(k)
		v.eachOf("square", n, []GPVirtual{p}, func(ld loadFunc, _ storeFunc, k *mask) {
			t := v.reg()
			ld(at(p, 0), t)
			VSUBPS(m, t, t)
			if k != nil {
				v.keep(*k, t)
			}
			VFMADD231PS(t, t, q)
		})
		v.spreadRoot(q, inv, eps, s)
		gain, bias := ptr("gain"), ptr("bias")
		MOVQ(k, n)
		MOVQ(x, p)
		to := copied(dst)
		v.eachOf("out", n, []GPVirtual{to, p, gain, bias}, func(ld loadFunc, st storeFunc, _ *mask) {
			t, g, b := v.reg(), v.reg(), v.reg()
			ld(at(p, 0), t)
			ld(at(gain, 0), g)
			ld(at(bias, 0), b)
			VSUBPS(m, t, t)
			VMULPS(s, t, t)
			VFMADD231PS(g, t, b)
			st(b, at(to, 0))
		})
		LEAQ(Mem{Base: x, Index: k, Scale: 4}, x)
		LEAQ(Mem{Base: dst, Index: k, Scale: 4}, dst)
	})
}

func layerNormBack(v isa) {
	v.text("layerNormBack", "(dx, dgain, dbias, x, gain, up *float32, rows, k int, inv, eps float32)",
		"stores the gradient by x, and adds those by gain and bias to dgain and dbias, with inv = 1/k and up the gradient by the value:", "",
		"\tfor r := range rows {",
		"\t\tm, s := as layerNorm, of row r",
		"\t\ta := inv * Σ up[r*k+j]*gain[j]",
		"\t\tb := inv * s * s * Σ up[r*k+j]*gain[j] * (x[r*k+j]-m)",
		"\t\tfor j := range k {",
		"\t\t\td := x[r*k+j] - m",
		"\t\t\tdgain[j] += up[r*k+j] * (s*d)",
		"\t\t\tdbias[j] += up[r*k+j]",
		"\t\t\tdx[r*k+j] = s * (up[r*k+j]*gain[j] - a - b*d)",
		"\t\t}",
		"\t}")
	inv, eps := v.param("inv"), v.param("eps")
	x, g, k, rows := ptr("x"), ptr("up"), ptr("k"), ptr("rows")
	dx := ptr("dx")
	m, s, a, b := v.reg(), v.reg(), v.reg(), v.reg()
	rowLoop(rows, func() {
		v.rowMean(x, k, inv, m)
		sq, sh, sd := v.reg(), v.reg(), v.reg()
		v.zero(sq)
		v.zero(sh)
		v.zero(sd)
		p, up, n := copied(x), copied(g), copied(k)
		gain := ptr("gain")
		v.eachOf("sums", n, []GPVirtual{p, up, gain}, func(ld loadFunc, _ storeFunc, k *mask) {
			d, h, w := v.reg(), v.reg(), v.reg()
			ld(at(p, 0), d)
			ld(at(up, 0), h)
			ld(at(gain, 0), w)
			VSUBPS(m, d, d)
			if k != nil {
				v.keep(*k, d)
			}
			VMULPS(w, h, h)
			VFMADD231PS(d, d, sq)
			VADDPS(h, sh, sh)
			VFMADD231PS(d, h, sd)
		})
		v.spreadRoot(sq, inv, eps, s)
		v.spreadMean(sh, inv, a)
		v.spreadMean(sd, inv, b)
		VMULPS(s, b, b)
		VMULPS(s, b, b)
		MOVQ(k, n)
		Load(Param("gain"), gain)
		dgain, dbias := ptr("dgain"), ptr("dbias")
		v.eachOf("out", n, []GPVirtual{dx, x, g, gain, dgain, dbias}, func(ld loadFunc, st storeFunc, k *mask) {
			d, u, t, w := v.reg(), v.reg(), v.reg(), v.reg()
			ld(at(x, 0), d)
			ld(at(g, 0), u)
			ld(at(dbias, 0), t)
			VSUBPS(m, d, d)
			VADDPS(u, t, t)
			st(t, at(dbias, 0))
			VMULPS(s, d, w)
			ld(at(dgain, 0), t)
			VFMADD231PS(u, w, t)
			st(t, at(dgain, 0))
			ld(at(gain, 0), w)
			VFMSUB213PS(a, w, u)
			VFNMADD231PS(b, d, u)
			VMULPS(s, u, u)
			st(u, at(dx, 0))
			if k != nil { // each advances by whole vectors only
				for _, r := range []GPVirtual{x, g, dx} {
					LEAQ(Mem{Base: r, Index: n, Scale: 4}, r)
				}
			}
		})
	})
}

// dropout writes the kernel whose hash is that of dropHash in package kernel.
func dropout(v isa) {
	v.text("dropout", "(dst, x *float32, n int, first, key, cut uint32, scale float32)",
		"keeps the elements whose hash is at least cut, times scale:", "",
		"\tfor i := range n { if dst[i] = 0; dropHash(first+i, key) >= cut { dst[i] = x[i] * scale } }")
	dst, x, n := ptr("dst"), ptr("x"), ptr("n")
	scale := v.param("scale")
	constant := func(b uint32) VecVirtual {
		r := v.reg()
		VPBROADCASTD(v.bitsMem(b), r)
		return r
	}
	id, key, cut := v.param("first"), v.param("key"), v.param("cut")
	count := v.reg()
	VMOVUPS(iota(), count)
	VPADDD(count, id, id)
	lanes, m1, m2 := constant(uint32(v.lanes())), constant(0x21f0aaad), constant(0xd35a2d97)
	xor := func(a, dst VecVirtual) {
		if v.bits == 512 {
			VPXORD(a, dst, dst)
		} else {
			VPXOR(a, dst, dst)
		}
	}
	v.each(n, []GPVirtual{dst, x}, func(ld loadFunc, st storeFunc, _ *mask) {
		h, t, u := v.reg(), v.reg(), v.reg()
		VPSRLD(U8(16), id, h)
		xor(id, h)
		VPADDD(lanes, id, id)
		VPMULLD(m1, h, h)
		xor(key, h)
		for _, m := range []VecVirtual{m2, nil} {
			VPSRLD(U8(15), h, t)
			xor(t, h)
			if m != nil {
				VPMULLD(m, h, h)
			}
		}
		ld(at(x, 0), u)
		VMULPS(scale, u, u)
		if v.bits == 512 {
			k := K()
			VPCMPUD(U8(5), cut, h, k) // not below
			VMOVAPS_Z(u, k, u)
		} else {
			VPMAXUD(cut, h, t)
			VPCMPEQD(t, h, t)
			VANDPS(t, u, u)
		}
		st(u, at(dst, 0))
	})
	ret()
}
