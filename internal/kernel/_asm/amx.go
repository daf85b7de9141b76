package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/ir"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// avo does not know the instructions of AMX, so that they are written byte by byte here:
// VEX of three bytes, opcode, ModRM and, for memory, SIB. Their operands are physical
// registers, and the function that uses them has no others.
//
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, chapters
// 2.3.5 (VEX) and 3–5 (LDTILECFG, TDPBF16PS, TILELOADD, TILERELEASE, TILESTORED, TILEZERO).

// The prefixes that VEX holds in two bits.
const (
	prefixNone = 0
	prefixF3   = 2
	prefixF2   = 3
)

// raw writes an instruction of the map 0F38: reg and rm are the numbers of the registers
// in ModRM, second that in VEX.vvvv, and memory, if any, is what stands for rm.
func raw(doc string, prefix, opcode, reg, second, rm int, memory *sib) {
	x, b, tail := 0, 0, []int{0xc0 | reg<<3 | rm}
	if memory != nil {
		x, b, tail = memory.index>>3, memory.base>>3, memory.bytes(reg)
	}
	Comment(doc)
	for _, c := range append([]int{0xc4, 1<<7 | (1-x)<<6 | (1-b)<<5 | 2, (15-second)<<3 | prefix, opcode}, tail...) {
		Instruction(&ir.Instruction{Opcode: "BYTE", Operands: []Op{U8(c)}})
	}
}

// A sib is the memory at base + index + disp, by the numbers of the registers; an index of
// 4 is none.
type sib struct {
	base, index, disp int
	text              string
}

// memory returns the place base + index + disp, |disp| < 128.
func memory(base, index GPPhysical, disp int) *sib {
	return &sib{int(base.PhysicalIndex()), int(index.PhysicalIndex()), disp, fmt.Sprintf("%d(%s)(%s*1)", disp, base.Asm(), index.Asm())}
}

func (s sib) bytes(reg int) []int {
	at := []int{reg<<3 | 4, s.index&7<<3 | s.base&7}
	if s.disp != 0 || s.base&7 == 5 { // a base of that number needs a displacement
		at[0] |= 0x40
		at = append(at, s.disp)
	}
	return at
}

func tileConfig(cfg GPPhysical) {
	at := sib{base: int(cfg.PhysicalIndex()), index: 4}
	raw(fmt.Sprintf("LDTILECFG (%s)", cfg.Asm()), prefixNone, 0x49, 0, 0, 0, &at)
}

func tileRelease() { raw("TILERELEASE", prefixNone, 0x49, 0, 0, 0, nil) }

func tileZero(t int) { raw(fmt.Sprintf("TILEZERO T%d", t), prefixF2, 0x49, t, 0, 0, nil) }

func tileLoad(m *sib, t int) {
	raw(fmt.Sprintf("TILELOADD %s, T%d", m.text, t), prefixF2, 0x4b, t, 0, 0, m)
}

func tileStore(t int, m *sib) {
	raw(fmt.Sprintf("TILESTORED T%d, %s", t, m.text), prefixF3, 0x4b, t, 0, 0, m)
}

// tileMultiply adds a·b to c, all tiles.
func tileMultiply(a, b, c int) {
	raw(fmt.Sprintf("TDPBF16PS T%d, T%d, T%d", b, a, c), prefixF3, 0x5c, c, b, a, nil)
}

// amx writes the products of bfloat16 matrices, and what makes their operands of float32.
func amx(v isa) {
	amxProduct()
	bf16Rows(v)
	bf16Pairs(v)
	bf16Transpose(v)
	TEXT("xgetbv", NOSPLIT, "func() (low uint32)")
	Doc("xgetbv returns the low half of XCR0: which registers the operating system saves.")
	XORL(ECX, ECX)
	XGETBV()
	Store(EAX, ReturnIndex(0))
	RET()
}

// amxProduct holds 32×32 numbers of c in tiles 0 to 3 while it multiplies 32 rows of a, in
// tiles 4 and 5, with 32 columns of b, in 6 and 7.
func amxProduct() {
	TEXT("amxProduct", NOSPLIT, "func(cfg *byte, c *float32, ldc int, ab **uint16, segments, k32, lda, ldb, m32, n32, add int)")
	Pragma("noescape")
	Doc("amxProduct stores the sum of up to three products of bfloat16 matrices in c, or adds it.",
		"ab holds the places of a and b of each segment, and strides are in bytes. a has rows, b",
		"pairs of rows: b[k][j] lies at 2(k/2·ldb+j)+k%2 of numbers. One call configures the tiles and",
		"releases them, so that no goroutine is stopped while it holds any:", "",
		"\tfor i := range 32*m32 {",
		"\t\tfor j := range 32*n32 {",
		"\t\t\ts := 0 or c[i*ldc+j] where add is 1",
		"\t\t\tfor q := range segments {",
		"\t\t\t\tfor k := 0; k < 32*k32; k += 32 { s += Σ a[q][i*lda+k+l] * b[q][k+l][j], l < 32 } // as TDPBF16PS adds",
		"\t\t\t}",
		"\t\t\tc[i*ldc+j] = s",
		"\t\t}",
		"\t}")
	load := func(name string, r GPPhysical) { Load(Param(name), r) }
	load("cfg", RAX)
	tileConfig(RAX)
	load("c", RDX)
	load("lda", R8)
	load("ldb", R9)
	load("ldc", R10)
	load("m32", R15)
	XORQ(RAX, RAX)                                // bytes from a to the rows at work
	times := func(n uint8, from, to GPPhysical) { // to = n·from, n a power of two
		MOVQ(from, to)
		SHLQ(U8(n), to)
	}
	c := func(t int) *sib { return memory([]GPPhysical{RDX, R13}[t/2], R10, 64*(t%2)) }
	second := func() { // R13 = 16 rows of c after RDX
		times(4, R10, R13)
		ADDQ(RDX, R13)
	}
	Label("rows")
	XORQ(RBX, RBX) // bytes from b to the columns at work
	load("n32", R14)
	Label("columns")
	load("add", R13)
	TESTQ(R13, R13)
	JZ(LabelRef("zero"))
	second()
	for t := range 4 {
		tileLoad(c(t), t)
	}
	JMP(LabelRef("ready"))
	Label("zero")
	for t := range 4 {
		tileZero(t)
	}
	Label("ready")
	load("ab", RCX)
	load("segments", R13)
	Label("segment")
	MOVQ(Mem{Base: RCX}, RSI)
	ADDQ(RAX, RSI)
	times(4, R8, R11)
	ADDQ(RSI, R11) // 16 rows further
	MOVQ(Mem{Base: RCX, Disp: 8}, RDI)
	ADDQ(RBX, RDI)
	load("k32", R12)
	Label("k")
	tileLoad(memory(RSI, R8, 0), 4)
	tileLoad(memory(RDI, R9, 0), 6)
	tileLoad(memory(RDI, R9, 64), 7)
	tileLoad(memory(R11, R8, 0), 5)
	tileMultiply(4, 6, 0)
	tileMultiply(4, 7, 1)
	tileMultiply(5, 6, 2)
	tileMultiply(5, 7, 3)
	ADDQ(U8(64), RSI)
	ADDQ(U8(64), R11)
	for range 4 {
		LEAQ(Mem{Base: RDI, Index: R9, Scale: 4}, RDI) // 16 pairs of rows further
	}
	DECQ(R12)
	JNZ(LabelRef("k"))
	ADDQ(U8(16), RCX)
	DECQ(R13)
	JNZ(LabelRef("segment"))
	second()
	for t := range 4 {
		tileStore(t, c(t))
	}
	SUBQ(I8(-128), RDX)
	SUBQ(I8(-128), RBX)
	DECQ(R14)
	JNZ(LabelRef("columns"))
	SUBQ(RBX, RDX)
	times(5, R10, R13)
	ADDQ(R13, RDX) // 32 rows further
	times(5, R8, R13)
	ADDQ(R13, RAX)
	DECQ(R15)
	JNZ(LabelRef("rows"))
	tileRelease()
	RET()
}

// roundBF16 leaves x rounded to bfloat16, to nearest and even, in the high half of the
// lanes of t; the low half is anything. With nan a NaN stays one.
func (v isa) roundBF16(x, t VecVirtual, nan bool) {
	VPSRLD(U8(16), x, t)
	VPANDD_BCST(v.bitsMem(1), t, t)
	VPADDD(x, t, t)
	VPADDD_BCST(v.bitsMem(0x7fff), t, t)
	if nan {
		k := K()
		VCMPPS(U8(3), x, x, k) // unordered
		VPORD_BCST(v.bitsMem(1<<22), x, k, t)
	}
}

// splitBF16 rounds x as roundBF16 does and leaves what that lost, rounded likewise, in low.
func (v isa) splitBF16(x, high, low VecVirtual) {
	v.roundBF16(x, high, true)
	VPANDD_BCST(v.bitsMem(0xffff0000), high, low)
	VSUBPS(low, x, x)
	v.roundBF16(x, low, false)
}

// joinBF16 leaves the high halves of a in the low halves of the lanes, beside the high
// halves of b.
func (v isa) joinBF16(a, b VecVirtual) {
	VPSRLD(U8(16), a, a)
	const orAnd = 0xf8 // a or (b and c)
	VPTERNLOGD_BCST(U8(orAnd), v.bitsMem(0xffff0000), b, a)
}

func bf16Rows(v isa) {
	v.text("bf16Rows", "(hi, lo *uint16, x *float32, n int)",
		"stores x rounded to bfloat16 in hi and, unless lo is nil, what that loses, rounded likewise; n is a multiple of 16:", "",
		"\tfor i := range n { hi[i] = bf16(x[i]); lo[i] = bf16(x[i] - float(hi[i])) }")
	hi, lo, x, n := ptr("hi"), ptr("lo"), ptr("x"), ptr("n")
	a, h, l := v.reg(), v.reg(), v.reg()
	Label("loop")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	VMOVUPS(at(x, 0), a)
	TESTQ(lo, lo)
	JZ(LabelRef("high"))
	v.splitBF16(a, h, l)
	VPSRLD(U8(16), l, l)
	VPMOVDW(l, at(lo, 0))
	ADDQ(U8(32), lo)
	JMP(LabelRef("store"))
	Label("high")
	v.roundBF16(a, h, true)
	Label("store")
	VPSRLD(U8(16), h, h)
	VPMOVDW(h, at(hi, 0))
	ADDQ(U8(32), hi)
	ADDQ(U8(64), x)
	SUBQ(U8(16), n)
	JMP(LabelRef("loop"))
	Label("done")
	ret()
}

func bf16Pairs(v isa) {
	v.text("bf16Pairs", "(hi, lo, rhi, rlo *uint16, x *float32, ldx, n, w int)",
		"stores n rows of w numbers, n even and w a multiple of 16, as bf16Rows rounds them, in pairs of rows in hi and lo and,",
		"unless rhi is nil, row by row in rhi and rlo; without lo there is no rlo:", "",
		"\tfor i := range n {",
		"\t\tfor j := range w { y := x[i*ldx+j]; hi[2*(i/2*w+j)+i%2], rhi[i*w+j] = bf16(y), bf16(y) } // lo and rlo likewise",
		"\t}")
	hi, lo, rhi, rlo := ptr("hi"), ptr("lo"), ptr("rhi"), ptr("rlo")
	x, ldx, n, w := ptr("x"), stride("ldx"), ptr("n"), ptr("w")
	left, x1, width := GP64(), GP64(), GP64()
	MOVQ(w, width)
	ADDQ(width, width) // bytes of a row of bfloat16
	a, b, ha, hb, la, lb, t := v.reg(), v.reg(), v.reg(), v.reg(), v.reg(), v.reg(), v.reg()
	rows := func(to GPVirtual, first, second VecVirtual) {
		for i, r := range []VecVirtual{first, second} {
			VPSRLD(U8(16), r, t)
			m := at(to, 0)
			if i > 0 {
				m = Mem{Base: to, Index: width, Scale: 1}
			}
			VPMOVDW(t, m)
		}
		ADDQ(U8(32), to)
	}
	Label("pair")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	MOVQ(w, left)
	LEAQ(Mem{Base: x, Index: ldx, Scale: 1}, x1)
	Label("vector")
	VMOVUPS(at(x, 0), a)
	VMOVUPS(at(x1, 0), b)
	TESTQ(lo, lo)
	JZ(LabelRef("high"))
	v.splitBF16(a, ha, la)
	v.splitBF16(b, hb, lb)
	TESTQ(rhi, rhi)
	JZ(LabelRef("low"))
	rows(rhi, ha, hb)
	rows(rlo, la, lb)
	Label("low")
	v.joinBF16(la, lb)
	VMOVDQU32(la, at(lo, 0))
	ADDQ(U8(64), lo)
	JMP(LabelRef("join"))
	Label("high")
	v.roundBF16(a, ha, true)
	v.roundBF16(b, hb, true)
	TESTQ(rhi, rhi)
	JZ(LabelRef("join"))
	rows(rhi, ha, hb)
	Label("join")
	v.joinBF16(ha, hb)
	VMOVDQU32(ha, at(hi, 0))
	ADDQ(U8(64), hi)
	ADDQ(U8(64), x)
	ADDQ(U8(64), x1)
	SUBQ(U8(16), left)
	JNZ(LabelRef("vector"))
	// x stands at the end of the first row of the pair, rhi at that of its first copy.
	ADDQ(ldx, x1)
	MOVQ(width, x)
	ADDQ(x, x)
	SUBQ(x, x1)
	MOVQ(x1, x)
	TESTQ(rhi, rhi)
	JZ(LabelRef("next"))
	ADDQ(width, rhi)
	ADDQ(width, rlo) // of no rlo it is never used
	Label("next")
	SUBQ(U8(2), n)
	JMP(LabelRef("pair"))
	Label("done")
	ret()
}

func bf16Transpose(v isa) {
	v.text("bf16Transpose", "(hi, lo *uint16, ldd int, x *float32, ldx, n, w int)",
		"stores the transpose of n rows of w numbers, n a multiple of 32 and w of 16, as bf16Rows rounds them:", "",
		"\tfor i := range n { for j := range w { hi[j*ldd+i] = bf16(x[i*ldx+j]) } } // lo likewise, unless it is nil")
	hi, lo, ldd := ptr("hi"), ptr("lo"), ptr("ldd")
	ADDQ(ldd, ldd) // bytes
	x, ldx, n, w := ptr("x"), stride("ldx"), ptr("n"), ptr("w")
	left, xp, to := GP64(), GP64(), GP64()
	// block stores 32 rows of 16 numbers, at xp, as 16 rows of pairs, at to.
	block := func(low bool) {
		r := v.regs(16)
		for i := range r {
			b, tb := v.reg(), v.reg()
			a := v.reg()
			VMOVUPS(at(xp, 0), a)
			VMOVUPS(Mem{Base: xp, Index: ldx, Scale: 1}, b)
			if low {
				h := v.reg()
				v.splitBF16(a, h, r[i])
				v.splitBF16(b, h, tb)
			} else {
				v.roundBF16(a, r[i], true)
				v.roundBF16(b, tb, true)
			}
			v.joinBF16(r[i], tb)
			LEAQ(Mem{Base: xp, Index: ldx, Scale: 2}, xp)
		}
		v.transpose16(r)
		for i := range r {
			VMOVDQU32(r[i], at(to, 0))
			ADDQ(ldd, to)
		}
	}
	back := func() { // xp to the first row
		p := GP64()
		MOVQ(ldx, p)
		SHLQ(U8(5), p)
		SUBQ(p, xp)
	}
	Label("rows")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	MOVQ(w, left)
	MOVQ(x, xp)
	hp, lp := GP64(), GP64()
	MOVQ(hi, hp)
	MOVQ(lo, lp)
	Label("columns")
	MOVQ(hp, to)
	block(false)
	MOVQ(to, hp)
	back()
	TESTQ(lo, lo)
	JZ(LabelRef("next"))
	MOVQ(lp, to)
	block(true)
	MOVQ(to, lp)
	back()
	Label("next")
	ADDQ(U8(64), xp)
	SUBQ(U8(16), left)
	JNZ(LabelRef("columns"))
	ADDQ(U8(64), hi)
	TESTQ(lo, lo)
	JZ(LabelRef("down"))
	ADDQ(U8(64), lo)
	Label("down")
	MOVQ(ldx, xp)
	SHLQ(U8(5), xp)
	ADDQ(xp, x)
	SUBQ(U8(32), n)
	JMP(LabelRef("rows"))
	Label("done")
	ret()
}

// transpose16 transposes 16×16 lanes of 32 bits: 2×2 within pairs of rows, 4×4 of 128 bits,
// then blocks of those.
func (v isa) transpose16(r []VecVirtual) {
	t := v.regs(16)
	for i := 0; i < 16; i += 2 {
		VPUNPCKLDQ(r[i+1], r[i], t[i])
		VPUNPCKHDQ(r[i+1], r[i], t[i+1])
	}
	for i := 0; i < 16; i += 4 {
		VPUNPCKLQDQ(t[i+2], t[i], r[i])
		VPUNPCKHQDQ(t[i+2], t[i], r[i+1])
		VPUNPCKLQDQ(t[i+3], t[i+1], r[i+2])
		VPUNPCKHQDQ(t[i+3], t[i+1], r[i+3])
	}
	const even, odd = 0x88, 0xdd // of the four parts of each
	for i := range 4 {
		VSHUFI32X4(U8(even), r[i+4], r[i], t[i])
		VSHUFI32X4(U8(odd), r[i+4], r[i], t[i+4])
		VSHUFI32X4(U8(even), r[i+12], r[i+8], t[i+8])
		VSHUFI32X4(U8(odd), r[i+12], r[i+8], t[i+12])
	}
	for i := range 4 {
		VSHUFI32X4(U8(even), t[i+8], t[i], r[i])
		VSHUFI32X4(U8(odd), t[i+8], t[i], r[i+8])
		VSHUFI32X4(U8(even), t[i+12], t[i+4], r[i+4])
		VSHUFI32X4(U8(odd), t[i+12], t[i+4], r[i+12])
	}
}
