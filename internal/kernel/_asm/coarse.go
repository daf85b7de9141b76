package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// coarse writes the kernels of scores in 8 bits: what rounds rows, what multiplies them,
// and what holds the products against thresholds.
func coarse(v isa) {
	quantize(v)
	v.coarseAbove(pairs(v))
	if v.bits == 512 {
		v.coarseAbove(fours(v))
	}
	if v.bits == 256 {
		pairDots()
	}
}

// coarseQuads is how many fours of numbers 16 bits add up.
const coarseQuads = 16

// A product multiplies unsigned bytes of classes, one broadcast for four of them, by signed
// ones of rows.
type product struct {
	name, doc string
	nv        int // vectors of rows at a time, beside six classes
	multiply  func(u, s, acc VecVirtual)
	finish    func(acc VecVirtual)
}

// pairs adds pairs of products in 16 bits: 64 multiplications in two instructions of 512 bits.
func pairs(v isa) product {
	ones := Op(v.bitsMem(0x00010001)) // a vector at 256 bits, where no register is left
	nv := 2
	if v.bits == 512 {
		nv = 4
	}
	return product{"coarseInt8x", "Sums of each half of a block have 16 bits and wrap; what they start from is two numbers of 16 bits.", nv,
		func(u, s, acc VecVirtual) {
			t := v.reg()
			VPMADDUBSW(s, u, t)
			VPADDW(t, acc, acc)
		},
		func(acc VecVirtual) {
			if v.bits == 512 {
				r := v.reg()
				VPBROADCASTD(ones, r)
				VPMADDWD(r, acc, acc)
				return
			}
			VPMADDWD(ones, acc, acc)
		}}
}

func fours(v isa) product {
	return product{"coarseVNNIx", "Sums have 32 bits.", 4, func(u, s, acc VecVirtual) { VPDPBUSD(s, u, acc) }, func(VecVirtual) {}}
}

// coarseAbove multiplies six classes and nv vectors of rows at a time over all numbers, block
// by block, and compares the products while they are in registers.
func (v isa) coarseAbove(p product) {
	const mr, unroll = 6, 4
	v.text(p.name, "(mask *uint64, n int, u *byte, ldu int, s *int8, start *int32, last, blocks int, par, thr, kappa, room *float32, bias int, p uintptr, stepP int)",
		"finds which of n classes, a multiple of 6, are above the thresholds of 64 rows by products of bytes, in the units of row and class.",
		"Numbers are summed in blocks of 64, of which the last has 4·last, a multiple of 16, or any number if it is alone. There is room",
		"for 64·7 numbers.",
		p.doc+" What is not known not to be above, as of NaN, is above.",
		fmt.Sprintf("For each six classes and %d rows it asks for the two cache lines from p and moves on by stepP bytes, which may be anywhere:", p.nv*v.lanes()), "",
		"\tfor c := range n {",
		"\t\tfor r := range 64 {",
		"\t\t\tsum := 0",
		"\t\t\tfor b := range blocks { sum += start[64*b+r]; for k := range b { sum += u[c*ldu+k] * s[4*(64*(k/4)+r)+k%4] } }",
		"\t\t\tt := min(thr[r]*kappa[r]*(1-2^-20), thr[r]*kappa[r]*(1+2^-20))*par[c] + par[96+c] // fused",
		"\t\t\tif bias == 1 { t += par[2*96+c]*kappa[r] } // fused",
		"\t\t\tmask[c] |= 1<<r, if !(float(sum) <= t)",
		"\t\t}",
		"\t}")
	// What the loop over numbers does not need stays in memory.
	width := p.nv * v.bytes()
	{
		thr, kappa, room := ptr("thr"), ptr("kappa"), ptr("room")
		for j := range tileRows / v.lanes() {
			t, low := v.reg(), v.reg()
			VMOVUPS(at(thr, j*v.bytes()), t)
			VMULPS(at(kappa, j*v.bytes()), t, t)
			v.mulc(1-0x1p-20, t, low)
			v.mulc(1+0x1p-20, t, t)
			VMINPS(low, t, t)
			VMOVUPS(t, at(room, j*v.bytes()))
		}
	}
	acc := make([][]VecVirtual, mr)
	for i := range acc {
		acc[i] = v.regs(p.nv)
	}
	mask, par, ldu, ask := ptr("mask"), ptr("par"), ptr("ldu"), ptr("p")
	offset := GP64() // of the strip of rows at work, in bytes of numbers of 32 bits
	Label("group")
	CMPQ(place("n"), U8(mr))
	JLT(LabelRef("done"))
	XORQ(offset, offset)
	Label("strip")
	ap, bp, sp, k, left := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVQ(place("u"), ap)
	MOVQ(place("s"), bp)
	ADDQ(offset, bp)
	MOVQ(place("start"), sp)
	ADDQ(offset, sp)
	MOVQ(place("blocks"), left)
	row := newRows(ap, ldu, mr)
	PREFETCHT1(at(ask, 0))
	PREFETCHT1(at(ask, 64))
	ADDQ(place("stepP"), ask)
	Label("block")
	for j := range p.nv {
		VMOVUPS(at(sp, j*v.bytes()), acc[0][j])
		for i := 1; i < mr; i++ {
			VMOVAPS(acc[0][j], acc[i][j])
		}
	}
	ADDQ(U32(4*tileRows), sp)
	MOVQ(U32(coarseQuads), k)
	CMPQ(left, U8(1))
	CMOVQEQ(place("last"), k)
	Label("k")
	for q := range unroll {
		sv := v.regs(p.nv)
		for j := range sv {
			VMOVUPS(at(bp, 4*tileRows*q+j*v.bytes()), sv[j])
		}
		for i := range acc {
			uv, m := v.reg(), row.at(i)
			m.Disp = 4 * q
			VPBROADCASTD(m, uv)
			for j := range sv {
				p.multiply(uv, sv[j], acc[i][j])
			}
		}
	}
	ADDQ(U32(4*tileRows*unroll), bp)
	for _, r := range []GPVirtual{row.base, row.base5} {
		ADDQ(U8(4*unroll), r)
	}
	SUBQ(U8(unroll), k)
	JNZ(LabelRef("k"))
	each := func(f func(i, j int)) {
		for i := range acc {
			for j := range acc[i] {
				f(i, j)
			}
		}
	}
	each(func(i, j int) { p.finish(acc[i][j]) })
	room := ptr("room")
	kept := func(i, j int) Mem { return at(room, 4*tileRows+(i*p.nv+j)*v.bytes()) }
	CMPQ(left, place("blocks"))
	JEQ(LabelRef("first"))
	each(func(i, j int) { VPADDD(kept(i, j), acc[i][j], acc[i][j]) })
	Label("first")
	DECQ(left)
	JZ(LabelRef("compare"))
	each(func(i, j int) { VMOVUPS(acc[i][j], kept(i, j)) })
	JMP(LabelRef("block"))
	Label("compare")
	bias, kappa := ptr("bias"), ptr("kappa")
	for i := range acc {
		base, t := v.reg(), v.regs(p.nv)
		VBROADCASTSS(at(par, 4*(parRows+i)), base)
		for j := range t {
			VBROADCASTSS(at(par, 4*i), t[j])
			VFMADD132PS(Mem{Base: room, Index: offset, Scale: 1, Disp: j * v.bytes()}, base, t[j])
		}
		TESTQ(bias, bias)
		flat := fmt.Sprint("flat", i)
		JZ(LabelRef(flat))
		VBROADCASTSS(at(par, 4*(2*parRows+i)), base)
		for j := range t {
			VFMADD231PS(Mem{Base: kappa, Index: offset, Scale: 1, Disp: j * v.bytes()}, base, t[j])
		}
		Label(flat)
		for j, t := range t {
			VCVTDQ2PS(acc[i][j], acc[i][j])
			if v.bits == 512 {
				k := K()
				VCMPPS(U8(notLE), t, acc[i][j], k)
				KMOVW(k, at(mask, 8*i+2*j))
			} else {
				bits := GP32()
				VCMPPS(U8(notLE), t, acc[i][j], acc[i][j])
				VMOVMSKPS(acc[i][j], bits)
				MOVB(bits.As8(), at(mask, 8*i+j))
			}
		}
	}
	ADDQ(I32(p.nv*v.lanes()/8), mask)
	ADDQ(U32(uint32(width)), offset)
	CMPQ(offset, U32(4*tileRows))
	JLT(LabelRef("strip"))
	ADDQ(U8(8*(mr-1)), mask)
	ADDQ(U8(4*mr), par)
	for range mr {
		ADDQ(ldu, place("u"))
	}
	SUBQ(U8(mr), place("n"))
	JMP(LabelRef("group"))
	Label("done")
	ret()
}

// pairDots adds four numbers of eight pairs at a time: a lane is a pair, whose sum waits for
// its own last addition. It runs at 256 bits on either path.
func pairDots() {
	const pairs = 8
	v := isa{bits: 256}
	TEXT("pairDots256", NOSPLIT, "func(z *float32, idx *uint32, n int, w *float32, ldw, d int, h *float32, ldh int, scale float32, room *uintptr)")
	Pragma("noescape")
	Doc("pairDots256 adds the products of n pairs of a class and a row, n a multiple of 8, to z, in the order of gemmGo of one number.",
		"There is room for 16 addresses:", "",
		"\tfor i := range n {",
		"\t\tc, r := idx[i]/64, idx[i]%64",
		"\t\tfor k := range d { z[i] += w[c*ldw+k] * (h[r*ldh+k]*scale) } // fused",
		"\t}")
	z, idx, room := ptr("z"), ptr("idx"), ptr("room")
	scale := v.param("scale")
	acc := v.reg()
	k, p := GP64(), GP64()
	Label("group")
	CMPQ(place("n"), U8(pairs))
	JLT(LabelRef("done"))
	ldw, ldh := stride("ldw"), stride("ldh")
	for i := range pairs {
		c, r := GP64(), GP64()
		MOVL(at(idx, 4*i), r.As32())
		MOVQ(r, c)
		SHRQ(U8(6), c)
		ANDQ(U8(63), r)
		IMULQ(ldw, c)
		ADDQ(place("w"), c)
		IMULQ(ldh, r)
		ADDQ(place("h"), r)
		MOVQ(c, at(room, 8*i))
		MOVQ(r, at(room, 8*(pairs+i)))
	}
	VMOVUPS(at(z, 0), acc)
	XORQ(k, k)
	left := GP64()
	Load(Param("d"), left)
	SUBQ(U8(4), left)
	JLT(LabelRef("tail"))
	Label("four")
	// gather leaves number k+j of the pairs in vector j.
	gather := func(from int) []VecVirtual {
		x, t := v.regs(4), v.regs(4)
		for i := range x {
			MOVQ(at(room, 8*(from+i)), p)
			VMOVUPS(Mem{Base: p, Index: k, Scale: 1}, x[i].AsX())
			MOVQ(at(room, 8*(from+i+4)), p)
			VINSERTF128(U8(1), Mem{Base: p, Index: k, Scale: 1}, x[i], x[i])
		}
		for i := range 2 {
			VUNPCKLPS(x[2*i+1], x[2*i], t[2*i])
			VUNPCKHPS(x[2*i+1], x[2*i], t[2*i+1])
		}
		for i := range 2 {
			VUNPCKLPD(t[2+i], t[i], x[2*i])
			VUNPCKHPD(t[2+i], t[i], x[2*i+1])
		}
		return x
	}
	w := gather(0)
	h := gather(pairs)
	for j := range w {
		VMULPS(scale, h[j], h[j])
		VFMADD231PS(w[j], h[j], acc)
	}
	ADDQ(U8(16), k)
	SUBQ(U8(4), left)
	JGE(LabelRef("four"))
	Label("tail")
	ADDQ(U8(4), left)
	JZ(LabelRef("store"))
	Label("one")
	// one number of each pair
	one := func(from int) VecVirtual {
		half := [2]VecVirtual{XMM(), XMM()}
		for i := range pairs {
			MOVQ(at(room, 8*(from+i)), p)
			if i%4 == 0 {
				VMOVSS(Mem{Base: p, Index: k, Scale: 1}, half[i/4])
			} else {
				VINSERTPS(U8(i%4<<4), Mem{Base: p, Index: k, Scale: 1}, half[i/4], half[i/4])
			}
		}
		y := YMM()
		VINSERTF128(U8(1), half[1], half[0].AsY(), y)
		return y
	}
	w1 := one(0)
	h1 := one(pairs)
	VMULPS(scale, h1, h1)
	VFMADD231PS(w1, h1, acc)
	ADDQ(U8(4), k)
	DECQ(left)
	JNZ(LabelRef("one"))
	Label("store")
	VMOVUPS(acc, at(z, 0))
	ADDQ(U8(4*pairs), z)
	ADDQ(U8(4*pairs), idx)
	SUBQ(U8(pairs), place("n"))
	JMP(LabelRef("group"))
	Label("done")
	ret()
}
