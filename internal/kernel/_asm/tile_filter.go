package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

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
