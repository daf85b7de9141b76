package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// spdKernels writes what a small positive definite system takes: its matrix from
// rows, its factors, its solution. All of them work on blocks of one vector: of 16
// rows and columns for AVX-512, of 8 for AVX2.
func spdKernels(v isa) {
	gram(v, false)
	gram(v, true)
	gatherT(v)
	ldlPanel(v)
	ldlBack(v)
}

// gram writes the product of a few rows with themselves, or with others. A tile of
// C stays in registers over all rows: 4×4, 8×3, 8×2 and 8×1 vectors of AVX-512 use
// at most 28 of 32 registers, 4×3, 4×2 and 8×1 of AVX2 all of 16.
func gram(v isa, gather bool) {
	name, args := "gram", "a, b *"+v.float()+", ld, n int"
	what, term := "the product AᵀB that is known to be symmetric", "a[k*ld+i] * b[k*ld+j]"
	if gather {
		name, args = "gatherGram", "tab *"+v.float()+", ld int, idx *int32, n int"
		what, term = "the product of rows of a table with themselves", "tab[idx[k]*ld+i] * tab[idx[k]*ld+j]"
	}
	v.text(name, fmt.Sprintf("(c *%s, ldc, width int, %s, add int)", v.float(), args),
		fmt.Sprintf("is %s, or adds it where add is 1, in blocks of %d at and right of the diagonal; width is a positive multiple of that:", what, v.lanes()), "",
		"\tfor i := range width {",
		fmt.Sprintf("\t\tfor j := i/%d*%[1]d; j < width; j++ {", v.lanes()),
		"\t\t\ts := 0 or c[i*ldc+j] where add is 1",
		"\t\t\tfor k := range n { s += "+term+" } // fused",
		"\t\t\tc[i*ldc+j] = s",
		"\t\t}",
		"\t}")
	c, ldc, width, ld := ptr("c"), v.stride("ldc"), v.stride("width"), v.stride("ld")
	var a, b, idx GPVirtual
	if gather {
		a, idx = ptr("tab"), GP64()
		b = a
	} else {
		a, b = ptr("a"), ptr("b")
	}
	j, bj, cg, ag, k, off, g := GP64(), GP64(), GP64(), GP64(), GP64(), GP64(), GP64()
	tile := func(mr, nv int) {
		name := fmt.Sprintf("tile%d", nv)
		LEAQ(Mem{Base: b, Index: j, Scale: 1}, bj)
		LEAQ(Mem{Base: c, Index: j, Scale: 1}, cg)
		MOVQ(a, ag)
		MOVQ(U64(v.lanes()/mr), g)
		Label(name)
		acc := make([][]VecVirtual, mr)
		for i := range acc {
			acc[i] = v.regs(nv)
			for _, r := range acc[i] {
				v.zero(r)
			}
		}
		Load(Param("n"), k)
		if gather {
			Load(Param("idx"), idx)
		} else {
			XORQ(off, off)
		}
		TESTQ(k, k)
		JZ(LabelRef(name + "End"))
		Label(name + "Rows")
		if gather {
			MOVLQSX(at(idx, 0), off)
			ADDQ(U8(4), idx)
			IMULQ(ld, off)
		}
		bv := v.regs(nv)
		for i := range bv {
			VMOVUPS(Mem{Base: bj, Index: off, Scale: 1, Disp: i * v.bytes()}, bv[i])
		}
		for i := range acc {
			av := v.reg()
			v.broadcast(Mem{Base: ag, Index: off, Scale: 1, Disp: v.size() * i}, av)
			for l := range bv {
				v.fma(av, bv[l], acc[i][l])
			}
		}
		if !gather {
			ADDQ(ld, off)
		}
		DECQ(k)
		JNZ(LabelRef(name + "Rows"))
		Label(name + "End")
		Load(Param("add"), k)
		TESTQ(k, k)
		JZ(LabelRef(name + "Store"))
		MOVQ(cg, off)
		for i := range acc {
			for l, r := range acc[i] {
				v.add(at(off, l*v.bytes()), r, r)
			}
			ADDQ(ldc, off)
		}
		Label(name + "Store")
		for i := range acc {
			for l, r := range acc[i] {
				VMOVUPS(r, at(cg, l*v.bytes()))
			}
			ADDQ(ldc, cg)
		}
		ADDQ(U8(v.size()*mr), ag)
		DECQ(g)
		JNZ(LabelRef(name))
	}
	most, heights := 4, map[int]int{4: 4, 3: 8, 2: 8, 1: 8}
	if v.bits == 256 {
		most, heights = 3, map[int]int{3: 4, 2: 4, 1: min(8, v.lanes())}
	}
	Label("block")
	XORQ(j, j)
	for nv := most; nv > 0; nv-- {
		Label(fmt.Sprintf("strip%d", nv))
		LEAQ(Mem{Base: j, Disp: nv * v.bytes()}, k)
		CMPQ(k, width)
		JGT(LabelRef(fmt.Sprintf("strip%d", nv-1)))
		tile(heights[nv], nv)
		ADDQ(I32(nv*v.bytes()), j)
		JMP(LabelRef(fmt.Sprintf("strip%d", nv)))
	}
	Label("strip0")
	for range v.lanes() {
		ADDQ(ldc, c)
	}
	ADDQ(U8(v.bytes()), c)
	ADDQ(U8(v.bytes()), a)
	if !gather {
		ADDQ(U8(v.bytes()), b)
	}
	SUBQ(U8(v.bytes()), width)
	JG(LabelRef("block"))
	ret()
}

// transpose turns the square block of one vector a row into its columns.
func (v isa) transpose(r []VecVirtual) []VecVirtual {
	four := func(r []VecVirtual) []VecVirtual { // of each 128-bit lane a 4×4 block
		t, u := v.regs(4), v.regs(4)
		VUNPCKLPS(r[1], r[0], t[0])
		VUNPCKHPS(r[1], r[0], t[1])
		VUNPCKLPS(r[3], r[2], t[2])
		VUNPCKHPS(r[3], r[2], t[3])
		VUNPCKLPD(t[2], t[0], u[0])
		VUNPCKHPD(t[2], t[0], u[1])
		VUNPCKLPD(t[3], t[1], u[2])
		VUNPCKHPD(t[3], t[1], u[3])
		return u
	}
	var u []VecVirtual
	for q := 0; q < v.lanes(); q += 4 {
		u = append(u, four(r[q:q+4])...)
	}
	out := make([]VecVirtual, v.lanes())
	for c := range 4 {
		if v.bits == 256 {
			out[c], out[4+c] = v.reg(), v.reg()
			VPERM2F128(U8(0x20), u[4+c], u[c], out[c])
			VPERM2F128(U8(0x31), u[4+c], u[c], out[4+c])
			continue
		}
		x, y := v.regs(2), v.regs(2) // even and odd lanes of the first and the last eight rows
		for h, imm := range []uint8{0x88, 0xdd} {
			VSHUFF32X4(U8(imm), u[4+c], u[c], x[h])
			VSHUFF32X4(U8(imm), u[12+c], u[8+c], y[h])
		}
		for h := range 2 {
			out[4*h+c], out[8+4*h+c] = v.reg(), v.reg()
			VSHUFF32X4(U8(0x88), y[h], x[h], out[4*h+c])
			VSHUFF32X4(U8(0xdd), y[h], x[h], out[8+4*h+c])
		}
	}
	return out
}

// sums returns the sums of the lanes of as many registers as there are lanes.
func (v isa) sums(r []VecVirtual) VecVirtual {
	add := func(f, g func(x, y, dst VecVirtual), x, y VecVirtual) VecVirtual {
		s, t := v.reg(), v.reg()
		f(x, y, s)
		g(x, y, t)
		VADDPS(t, s, s)
		return s
	}
	pairs := func(r []VecVirtual, f, g func(x, y, dst VecVirtual)) (s []VecVirtual) {
		for i := 0; i < len(r); i += 2 {
			s = append(s, add(f, g, r[i], r[i+1]))
		}
		return s
	}
	r = pairs(r, func(x, y, dst VecVirtual) { VUNPCKLPS(y, x, dst) }, func(x, y, dst VecVirtual) { VUNPCKHPS(y, x, dst) })
	r = pairs(r, func(x, y, dst VecVirtual) { VUNPCKLPD(y, x, dst) }, func(x, y, dst VecVirtual) { VUNPCKHPD(y, x, dst) })
	if v.bits == 256 {
		return pairs(r, func(x, y, dst VecVirtual) { VPERM2F128(U8(0x20), y, x, dst) }, func(x, y, dst VecVirtual) { VPERM2F128(U8(0x31), y, x, dst) })[0]
	}
	even, odd := func(x, y, dst VecVirtual) { VSHUFF32X4(U8(0x88), y, x, dst) }, func(x, y, dst VecVirtual) { VSHUFF32X4(U8(0xdd), y, x, dst) }
	return pairs(pairs(r, even, odd), even, odd)[0]
}

func gatherT(v isa) {
	v.text("gatherT", "(dst *float32, ldd int, tab *float32, ld, width int, scale *float32, idx *int32, n int)",
		"stores rows of a table, times a scale for each column, as columns; width is a positive multiple of the lanes, n positive and less than 1+lanes:", "",
		"\tfor j := range width {",
		"\t\tfor i := range lanes { dst[j*ldd+i] = i < n ? tab[idx[i]*ld+j] * scale[j] : 0 }",
		"\t}")
	dst, ldd, tab, ld, width := ptr("dst"), stride("ldd"), ptr("tab"), stride("ld"), stride("width")
	scale, idx, n := ptr("scale"), ptr("idx"), ptr("n")
	p := GP64()
	Label("block")
	s, r := v.reg(), v.regs(v.lanes())
	VMOVUPS(at(scale, 0), s)
	for i := range r {
		v.zero(r[i])
	}
	for i := range r {
		if i > 0 {
			CMPQ(n, U8(i))
			JLE(LabelRef("loaded"))
		}
		MOVLQSX(at(idx, 4*i), p)
		IMULQ(ld, p)
		VMULPS(Mem{Base: tab, Index: p, Scale: 1}, s, r[i])
	}
	Label("loaded")
	for _, c := range v.transpose(r) {
		VMOVUPS(c, at(dst, 0))
		ADDQ(ldd, dst)
	}
	ADDQ(U8(v.bytes()), tab)
	ADDQ(U8(v.bytes()), scale)
	SUBQ(U8(v.bytes()), width)
	JG(LabelRef("block"))
	ret()
}

// from returns the mask of the lanes k, k+1, …; it is nil for AVX2, which has
// immediates instead.
func (v isa) from(k int) OpmaskVirtual {
	if v.bits == 256 {
		return nil
	}
	x, m := GP32(), K()
	MOVL(U32(0xffff<<k&0xffff), x)
	KMOVW(x, m)
	return m
}

// madd adds the float at m, times x, to dst.
func (v isa) madd(m Mem, x, dst VecVirtual) {
	if v.bits == 512 {
		VFMADD231PS_BCST(m, x, dst)
		return
	}
	t := v.reg()
	VBROADCASTSS(m, t)
	VFMADD231PS(t, x, dst)
}

// ldlPanel writes the elimination of a block of rows. Each step takes the pivot from
// a register to its reciprocal, to the row, to the next pivot: some 30 cycles, which
// the multiply-adds of the other rows and the right side fill. What multiplies them
// is read back from memory, where the unscaled row was put before the division.
func ldlPanel(v isa) {
	v.text("ldlPanel", "(a *float32, lda, width int, r, inv, b *float32)",
		"eliminates the first rows, one for each lane, of a symmetric matrix and its right side; width is a positive multiple of the lanes. Rows of N go where A was, those of R = −DN where the matrix is not eliminated yet right of the block, −1/D to inv; b becomes its forward substitution. In its first block N holds its transpose left of the diagonal:", "",
		"\tfor k := range lanes {",
		"\t\tinv[k] = -1 / a[k*lda+k]",
		"\t\tfor j := range width { r[k*lda+j] = a[k*lda+j]; a[k*lda+j] *= j < k ? inv[j] : inv[k] }",
		"\t\tfor i := k+1; i < lanes; i++ {",
		"\t\t\tfor j := k+1; j < width; j++ { a[i*lda+j] += r[k*lda+i] * a[k*lda+j] } // fused",
		"\t\t}",
		"\t\tfor j := k+1; j < width; j++ { b[j] += b[k] * a[k*lda+j] } // fused",
		"\t}")
	n := v.lanes()
	a, lda, width := ptr("a"), stride("lda"), stride("width")
	r, inv, b := ptr("r"), ptr("inv"), ptr("b")
	ap, rp := GP64(), GP64()
	z, t, minv, zero := v.regs(n), v.reg(), v.reg(), v.reg()
	MOVQ(a, ap)
	loadRows(ap, lda, z)
	VMOVUPS(at(b, 0), t)
	one := XMM()
	VMOVSS(v.mem(-1), one)
	if v.bits == 256 {
		v.zero(zero)
	}
	v.zero(minv)
	MOVQ(a, ap)
	MOVQ(r, rp)
	for k := range z {
		VMOVUPS(z[k], at(rp, 0))
		VMOVUPS(t, at(b, 0))
		pivot, q := XMM(), XMM()
		quarter := z[k].AsX()
		if k >= 4 {
			quarter = XMM()
			if v.bits == 512 {
				VEXTRACTF32X4(U8(k/4), z[k], quarter)
			} else {
				VEXTRACTF128(U8(k/4), z[k], quarter)
			}
		}
		VPERMILPS(U8(k%4), quarter, pivot)
		VDIVSS(pivot, one, q)
		row, right := v.reg(), v.reg()
		if v.bits == 512 {
			VBROADCASTSS(q, v.from(k), minv)
			VMULPS(minv, z[k], row)
			if k+1 < n {
				VMULPS_Z(minv, z[k], v.from(k+1), right)
			}
		} else {
			all := v.reg()
			VBROADCASTSS(q, all)
			VBLENDPS(U8(0xff<<k&0xff), all, minv, minv)
			VMULPS(minv, z[k], row)
			if k+1 < n {
				VBLENDPS(U8(0xff<<(k+1)&0xff), row, zero, right)
			}
		}
		VMOVUPS(row, at(ap, 0))
		for i := k + 1; i < n; i++ {
			v.madd(at(rp, 4*i), right, z[i])
		}
		if k+1 < n {
			v.madd(at(b, 4*k), right, t)
		}
		ADDQ(lda, ap)
		ADDQ(lda, rp)
	}
	VMOVUPS(minv, at(inv, 0))

	// Right of the block, a vector of columns at a time.
	aj, rj, bj := GP64(), GP64(), GP64()
	MOVQ(a, aj)
	MOVQ(r, rj)
	MOVQ(b, bj)
	Label("right")
	SUBQ(U8(v.bytes()), width)
	JLE(LabelRef("done"))
	ADDQ(U8(v.bytes()), aj)
	ADDQ(U8(v.bytes()), rj)
	ADDQ(U8(v.bytes()), bj)
	y, u := v.regs(n), v.reg()
	MOVQ(aj, ap)
	loadRows(ap, lda, y)
	VMOVUPS(at(bj, 0), u)
	MOVQ(aj, ap)
	MOVQ(rj, rp)
	p := GP64()
	MOVQ(a, p)
	for k := range y {
		VMOVUPS(y[k], at(rp, 0))
		for i := k + 1; i < n; i++ {
			v.madd(at(p, 4*i), y[k], y[i])
		}
		if v.bits == 512 {
			VMULPS_BCST(at(inv, 4*k), y[k], y[k])
		} else {
			s := v.reg()
			VBROADCASTSS(at(inv, 4*k), s)
			VMULPS(s, y[k], y[k])
		}
		VMOVUPS(y[k], at(ap, 0))
		v.madd(at(b, 4*k), y[k], u)
		ADDQ(lda, ap)
		ADDQ(lda, rp)
		ADDQ(lda, p)
	}
	VMOVUPS(u, at(bj, 0))
	JMP(LabelRef("right"))
	Label("done")
	ret()
}

// ldlBack writes the backward substitution. What is right of a block is a sum for
// each row; in the block a step is a broadcast and a multiply-add, with the columns
// of N that ldlPanel put left of its diagonal.
func ldlBack(v isa) {
	v.text("ldlBack", "(a *float32, lda, n int, inv, b *float32)",
		"solves N·x = D⁻¹b backwards, in b, with what ldlPanel made; n is a positive multiple of the lanes:", "",
		"\tfor k := n-1; k >= 0; k-- {",
		"\t\tb[k] *= -inv[k]",
		"\t\tfor j := k+1; j < n; j++ { b[k] += a[k*lda+j] * b[j] } // fused",
		"\t}")
	n := v.lanes()
	a, lda, left := ptr("a"), stride("lda"), stride("n")
	inv, b := ptr("inv"), ptr("b")
	// From the last block: a to its first entry, inv and b to its part.
	count, p, x, more := GP64(), GP64(), GP64(), GP64()
	MOVQ(left, count)
	ADDQ(left, inv)
	ADDQ(left, b)
	ADDQ(left, a)
	SHRQ(U8(2), count)
	IMULQ(lda, count)
	ADDQ(count, a)
	XORQ(more, more)
	Label("block")
	SUBQ(U8(v.bytes()), inv)
	SUBQ(U8(v.bytes()), b)
	SUBQ(U8(v.bytes()), a)
	for range n {
		SUBQ(lda, a)
	}
	t := v.reg()
	v.zero(t)
	VSUBPS(at(inv, 0), t, t)
	VMULPS(at(b, 0), t, t)
	TESTQ(more, more)
	JZ(LabelRef("inside"))
	acc := v.regs(n)
	for i := range acc {
		v.zero(acc[i])
	}
	MOVQ(more, count)
	MOVQ(b, x)
	MOVQ(a, p)
	Label("right")
	ADDQ(U8(v.bytes()), x)
	ADDQ(U8(v.bytes()), p)
	xv, q := v.reg(), GP64()
	VMOVUPS(at(x, 0), xv)
	MOVQ(p, q)
	for i := range acc {
		VFMADD231PS(at(q, 0), xv, acc[i])
		if i+1 < n {
			ADDQ(lda, q)
		}
	}
	SUBQ(U8(v.bytes()), count)
	JG(LabelRef("right"))
	if v.bits == 512 {
		VADDPS(v.sums(acc), t, t)
	} else {
		// t would be the 17th register: it waits where x will be.
		VMOVUPS(t, at(b, 0))
		s := v.sums(acc)
		VADDPS(at(b, 0), s, t)
	}
	Label("inside")
	MOVQ(a, p)
	for range n - 1 {
		ADDQ(lda, p)
	}
	for k := n - 1; k > 0; k-- {
		i, xk, col := v.reg(), v.reg(), v.reg()
		VPBROADCASTD(v.bitsMem(uint32(k)), i)
		VPERMPS(t, i, xk)
		if v.bits == 512 {
			m := v.from(k)
			KNOTW(m, m)
			VMOVUPS_Z(at(p, 0), m, col)
		} else {
			v.zero(col)
			VBLENDPS(U8(1<<k-1), at(p, 0), col, col)
		}
		VFMADD231PS(xk, col, t)
		SUBQ(lda, p)
	}
	VMOVUPS(t, at(b, 0))
	ADDQ(U8(v.bytes()), more)
	SUBQ(U8(v.bytes()), left)
	JG(LabelRef("block"))
	ret()
}

// loadRows loads a vector of each row from p on, which ends at the last of them.
func loadRows(p, stride GPVirtual, rows []VecVirtual) {
	for i, r := range rows {
		if i > 0 {
			ADDQ(stride, p)
		}
		VMOVUPS(at(p, 0), r)
	}
}
