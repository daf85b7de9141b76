package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// parRows is the stride of the numbers that quantize says of rows.
const parRows = 96

// quantize passes over all rows four times, for what it does to one waits for itself. It needs
// rows of a multiple of 16 numbers, whose integers are 16 bytes in either width.
func quantize(v isa) {
	v.text("quantize", "(q *byte, par, x *float32, ld, d, n int, limit, length, reach, slack float32, offset int)",
		"rounds n ≤ 96 rows of d numbers, a multiple of 16, to integers of a step of their own:", "",
		"\tfor i := range n {",
		"\t\tx := x[i*ld:][:d]",
		"\t\t// l: the largest ‖x_S‖ over the two halves S, k%4 < 2 and k%4 ≥ 2, of blocks of 64",
		"\t\ta := max(max|x| / limit, l / length, 2^-60)",
		"\t\tfor k := range d { y := int(round(x[k] * (1/a))); q[i*d+k] = byte(y + offset); e += (x[k] - a*y)² }",
		"\t\teps, norm := sqrt(e + 2^-139), sqrt(Σx² + 2^-139)",
		"\t\tpar[i], par[96+i], par[2*96+i], par[3*96+i] = 1/a, -(1/a)*(reach*eps + slack*norm), eps, norm",
		"\t}")
	q, par, x, ld, d, n := ptr("q"), ptr("par"), ptr("x"), stride("ld"), ptr("d"), ptr("n")
	const inv, step, eps, norm = 0, 4 * parRows, 8 * parRows, 12 * parRows
	xp, rows, left, block := GP64(), GP64(), GP64(), GP64()
	eachRow := func(name string, body func()) {
		MOVQ(n, rows)
		MOVQ(x, xp)
		Label(name)
		MOVQ(d, left)
		body()
		ADDQ(U8(4), par)
		ADDQ(ld, xp)
		DECQ(rows)
		JNZ(LabelRef(name))
		for range 2 {
			SUBQ(n, par)
			SUBQ(n, par)
		}
	}
	signs := v.reg()
	VBROADCASTSS(v.bitsMem(magnitude), signs)
	each := 16 / v.lanes() // vectors of 16 numbers
	sums := v.regs(2)
	eachRow("measure", func() {
		top, total, most, p := v.reg(), XMM(), XMM(), GP64()
		MOVQ(xp, p)
		v.zero(top)
		VXORPS(total, total, total)
		VXORPS(most, most, most)
		Label("block")
		MOVQ(U32(64), block)
		CMPQ(left, block)
		CMOVQLT(left, block)
		SUBQ(block, left)
		for _, s := range sums {
			v.zero(s)
		}
		Label("measure16")
		for j := range each {
			y := v.reg()
			VMOVUPS(at(p, j*v.bytes()), y)
			VFMADD231PS(y, y, sums[j%2])
			VANDPS(signs, y, y)
			VMAXPS(top, y, top)
		}
		ADDQ(U8(64), p)
		SUBQ(U8(16), block)
		JNZ(LabelRef("measure16"))
		VADDPS(sums[1], sums[0], sums[0])
		// Four sums, by k modulo 4; then those of the halves, and of all.
		four, swapped := v.quarter(sums[0], VADDPS), XMM()
		VPERMILPS(U8(0xb1), four, swapped)
		VADDPS(swapped, four, four)
		VPERMILPS(U8(0x4e), four, swapped)
		VADDSS(four, total, total)
		VADDSS(swapped, total, total)
		VMAXSS(swapped, most, most)
		VMAXSS(four, most, most)
		TESTQ(left, left)
		JNZ(LabelRef("block"))
		m := v.quarter(top, VMAXPS)
		VPERMILPS(U8(0x4e), m, swapped)
		VMAXPS(swapped, m, m)
		VPERMILPS(U8(0xb1), m, swapped)
		VMAXPS(swapped, m, m)
		VMOVSS(m, at(par, inv))
		VMOVSS(most, at(par, step))
		VMOVSS(total, at(par, norm))
	})

	// columns runs over the numbers of all rows, whole vectors at a time.
	columns := func(name string, body func()) {
		MOVQ(n, rows)
		Label(name)
		body()
		ADDQ(U8(v.bytes()), par)
		SUBQ(U8(v.lanes()), rows)
		JG(LabelRef(name))
		NEGQ(rows)
		ADDQ(n, rows) // whole vectors
		for range 2 {
			SUBQ(rows, par)
			SUBQ(rows, par)
		}
	}
	tiny, one := v.reg(), v.reg()
	VBROADCASTSS(v.bitsMem(0x00000400), tiny) // 2^-139
	v.set(1, one)
	limit, length, least := v.param("limit"), v.param("length"), v.reg()
	v.set(0x1p-60, least)
	columns("steps", func() {
		m, l, t := v.reg(), v.reg(), v.reg()
		VSQRTPS(at(par, step), l)
		VDIVPS(length, l, l)
		VMOVUPS(at(par, inv), m)
		VDIVPS(limit, m, m)
		VMAXPS(l, m, m)
		VMAXPS(least, m, m)
		VMOVUPS(m, at(par, step))
		VDIVPS(m, one, m)
		VMOVUPS(m, at(par, inv))
		VADDPS(at(par, norm), tiny, t)
		VSQRTPS(t, t)
		VMOVUPS(t, at(par, norm))
	})

	offset := XMM()
	VMOVD(ptr("offset").As32(), offset)
	VPBROADCASTB(offset, offset)
	eachRow("round", func() {
		av, iv, p := v.reg(), v.reg(), GP64()
		VBROADCASTSS(at(par, step), av)
		VBROADCASTSS(at(par, inv), iv)
		MOVQ(xp, p)
		for _, s := range sums {
			v.zero(s)
		}
		Label("round16")
		ints := v.regs(each)
		for j := range ints {
			y, z := v.reg(), v.reg()
			VMOVUPS(at(p, j*v.bytes()), y)
			VMULPS(iv, y, z)
			VCVTPS2DQ(z, ints[j])
			VCVTDQ2PS(ints[j], z)
			VFNMADD231PS(av, z, y)
			VFMADD231PS(y, y, sums[j%2])
		}
		packed := XMM()
		if v.bits == 512 {
			VPMOVSDB(ints[0], packed)
		} else {
			// Within lanes of four: a0 b0 | a1 b1; the upper lane is put behind.
			VPACKSSDW(ints[1], ints[0], ints[0])
			high := XMM()
			VEXTRACTI128(U8(1), ints[0], high)
			VPACKSSWB(high, ints[0].AsX(), packed)
			VPSHUFD(U8(0xd8), packed, packed)
		}
		VPADDB(offset, packed, packed)
		VMOVDQU(packed, at(q, 0))
		ADDQ(U8(64), p)
		ADDQ(U8(16), q)
		SUBQ(U8(16), left)
		JNZ(LabelRef("round16"))
		VADDPS(sums[1], sums[0], sums[0])
		VMOVSS(v.hsum(sums[0]), at(par, eps))
	})

	reach, slack, zero := v.param("reach"), v.param("slack"), v.reg()
	v.zero(zero)
	columns("bounds", func() {
		e, t := v.reg(), v.reg()
		VADDPS(at(par, eps), tiny, e)
		VSQRTPS(e, e)
		VMOVUPS(e, at(par, eps))
		VMULPS(at(par, norm), slack, t)
		VFMADD231PS(e, reach, t)
		VMOVUPS(at(par, inv), e)
		VFNMADD213PS(zero, e, t) // −(e·t) + 0
		VMOVUPS(t, at(par, step))
	})
	ret()
}

// quarter folds the lanes of r by op until four are left, those whose numbers agree modulo 4.
func (v isa) quarter(r VecVirtual, op func(...Op)) VecVirtual {
	y := r
	if v.bits == 512 {
		y = YMM()
		VEXTRACTF64X4(U8(1), r, y)
		op(y, r.AsY(), y)
	}
	x := XMM()
	VEXTRACTF128(U8(1), y.AsY(), x)
	op(x, y.AsX(), x)
	return x
}
