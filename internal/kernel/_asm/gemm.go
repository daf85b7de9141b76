package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rows addresses up to six rows of A at one k: three registers and scaled
// indices cover them, so that moving to the next k is at most two additions.
type rows struct {
	base, base5, ld, ld3 GPVirtual
}

func newRows(base, ld GPVirtual, n int) rows {
	a := rows{base: base, ld: ld}
	if n > 3 {
		a.ld3 = GP64()
		LEAQ(Mem{Base: ld, Index: ld, Scale: 2}, a.ld3)
	}
	if n > 5 {
		a.base5 = GP64()
		LEAQ(Mem{Base: base, Index: ld, Scale: 4}, a.base5)
		ADDQ(ld, a.base5)
	}
	return a
}

func (a rows) at(i int) Mem {
	switch i {
	case 0:
		return Mem{Base: a.base}
	case 3:
		return Mem{Base: a.base, Index: a.ld3, Scale: 1}
	case 5:
		return Mem{Base: a.base5}
	}
	return Mem{Base: a.base, Index: a.ld, Scale: uint8(i)}
}

func (a rows) advance(by GPVirtual) {
	ADDQ(by, a.base)
	if a.base5 != nil {
		ADDQ(by, a.base5)
	}
}

// gemms writes the matrix kernels. A micro-tile of mr rows and nv vectors stays
// in registers for the whole k loop. 6×4 uses 24 of 32 registers of AVX-512 and
// loads 10 times for 24 multiply-adds; 6×2 uses 12 of the 16 of AVX2.
func gemms(v isa) {
	widths := []int{4, 2, 1}
	switch v.bits {
	case 256:
		widths = []int{2}
	case 128:
		widths = []int{4}
	}
	for _, nv := range widths {
		for _, mr := range []int{6, 4, 1} {
			gemm(v, mr, nv)
		}
	}
}

func gemm(v isa, mr, nv int) {
	doc := []string{
		"is gemmGo for nr a multiple of " + fmt.Sprint(mr) + " and " + fmt.Sprint(nv*v.lanes()) + " columns:",
		"",
		"\tfor r := range nr {",
		fmt.Sprintf("\t\tfor j := range %d {", nv*v.lanes()),
		"\t\t\ts := 0 or c[r*ldc+j] where add is 1",
		"\t\t\tfor k := range nk { s += a[r*ra+k*ka] * b[k*ldb+j] } // fused",
		"\t\t\tc[r*ldc+j] = s",
		"\t\t}",
		"\t}",
	}
	params, fetches := "", mr == 6 // a product of fewer rows is not long enough to wait for
	if fetches {
		params = ", p, q uintptr, stepP, stepQ int"
		doc = append(doc, "",
			"Each time that it goes on by four k it asks for the two cache lines from p and the one",
			"from q and moves them on by stepP and stepQ bytes, which may be anywhere.")
	}
	v.text(fmt.Sprintf("gemm%dx%dx", mr, nv*v.lanes()), "(a *float32, ra, ka, nr, nk int, b *float32, ldb int, c *float32, ldc int, add int"+params+")", doc...)
	a, ra, ka := ptr("a"), stride("ra"), stride("ka")
	nr := ptr("nr")
	b, ldb := ptr("b"), stride("ldb")
	c, ldc := ptr("c"), stride("ldc")
	acc := make([][]VecVirtual, mr)
	for i := range acc {
		acc[i] = v.regs(nv)
	}
	k, ap, bp, cp := GP64(), GP64(), GP64(), GP64()
	var p, q GPVirtual
	if fetches {
		p, q = ptr("p"), ptr("q")
	}

	Label("group")
	CMPQ(nr, U8(mr))
	JLT(LabelRef("done"))
	add := GP64()
	Load(Param("add"), add)
	TESTQ(add, add)
	JNE(LabelRef("load"))
	for i := range acc {
		for j := range acc[i] {
			v.zero(acc[i][j])
		}
	}
	JMP(LabelRef("ready"))
	Label("load")
	MOVQ(c, cp)
	for i := range acc {
		for j := range acc[i] {
			VMOVUPS(at(cp, j*v.bytes()), acc[i][j])
		}
		ADDQ(ldc, cp)
	}
	Label("ready")
	MOVQ(a, ap)
	MOVQ(b, bp)
	Load(Param("nk"), k)
	row := newRows(ap, ra, mr)
	step := func() {
		bv := v.regs(nv)
		for j := range bv {
			VMOVUPS(at(bp, j*v.bytes()), bv[j])
		}
		ADDQ(ldb, bp)
		for i := range acc {
			av := v.reg()
			VBROADCASTSS(row.at(i), av)
			for j := range bv {
				VFMADD231PS(av, bv[j], acc[i][j])
			}
		}
		row.advance(ka)
	}
	const unroll = 4
	SUBQ(U8(unroll), k)
	JLT(LabelRef("ktail"))
	Label("k4")
	for range unroll {
		step()
	}
	if fetches {
		PREFETCHT1(at(p, 0))
		PREFETCHT1(at(p, 64))
		ADDQ(place("stepP"), p)
		PREFETCHT1(at(q, 0))
		ADDQ(place("stepQ"), q)
	}
	SUBQ(U8(unroll), k)
	JGE(LabelRef("k4"))
	Label("ktail")
	ADDQ(U8(unroll), k)
	JZ(LabelRef("kend"))
	Label("k1")
	step()
	DECQ(k)
	JNZ(LabelRef("k1"))
	Label("kend")
	for i := range acc {
		for j := range acc[i] {
			VMOVUPS(acc[i][j], at(c, j*v.bytes()))
		}
		ADDQ(ldc, c)
	}
	for range mr {
		ADDQ(ra, a)
	}
	SUBQ(U8(mr), nr)
	JMP(LabelRef("group"))
	Label("done")
	ret()
}
