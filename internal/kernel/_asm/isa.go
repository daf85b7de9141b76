package main

import (
	"fmt"
	"math"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// An isa writes one kernel for one vector width: 512 bits (AVX-512 F, DQ, BW,
// VL) or 256 bits (AVX2 and FMA). Every kernel is written once over it, so both
// files come from one text.
//
// Operands are in Go's order: sources first, destination last. Of a Go
// VMAXPS(a, b, dst), a is returned when either is NaN, so data goes first and
// the constant second wherever a NaN must survive.
type isa struct {
	bits   int
	double bool // lanes are float64: of few kernels only
}

func (v isa) suffix() string {
	if v.double {
		return fmt.Sprintf("%dd", v.bits)
	}
	return fmt.Sprint(v.bits)
}
func (v isa) bytes() int { return v.bits / 8 }
func (v isa) lanes() int { return v.bytes() / v.size() }

// float is the type of a lane, size its bytes.
func (v isa) float() string { return fmt.Sprintf("float%d", 8*v.size()) }

func (v isa) size() int {
	if v.double {
		return 8
	}
	return 4
}

// stride loads a parameter that counts floats and turns it into bytes.
func (v isa) stride(name string) GPVirtual {
	r := ptr(name)
	SHLQ(U8(bits.Len(uint(v.size()))-1), r)
	return r
}

// broadcast, fma and add are the instructions for the type of a lane.
func (v isa) broadcast(m Mem, dst VecVirtual) {
	if v.double {
		VBROADCASTSD(m, dst)
	} else {
		VBROADCASTSS(m, dst)
	}
}

func (v isa) fma(x, y, dst Op) {
	if v.double {
		VFMADD231PD(x, y, dst)
	} else {
		VFMADD231PS(x, y, dst)
	}
}

func (v isa) add(x, y, dst Op) {
	if v.double {
		VADDPD(x, y, dst)
	} else {
		VADDPS(x, y, dst)
	}
}

func (v isa) reg() VecVirtual {
	switch v.bits {
	case 512:
		return ZMM()
	case 256:
		return YMM()
	}
	return XMM()
}

// many reports whether v has 32 vector registers, and not the 16 of AVX2.
func (v isa) many() bool { return v.bits != 256 }

func (v isa) regs(n int) []VecVirtual {
	r := make([]VecVirtual, n)
	for i := range r {
		r[i] = v.reg()
	}
	return r
}

func (v isa) zero(r VecVirtual) {
	if v.bits == 512 {
		VPSUBD(r, r, r) // avo knows that it reads nothing; it does not of VPXORD
	} else {
		VXORPS(r, r, r)
	}
}

// consts holds the constants made so far, by width and bits.
var consts = map[[2]uint32]Mem{}

// constBits holds the bits of the constants by their names.
var constBits = map[string]uint32{}

// mem returns x as a constant that an arithmetic instruction of v can take: one
// float for embedded broadcast, or a full vector.
func (v isa) mem(x float64) Mem { return v.bitsMem(math.Float32bits(float32(x))) }

func (v isa) bitsMem(b uint32) Mem {
	key := [2]uint32{uint32(v.bits), b}
	m, ok := consts[key]
	if !ok {
		m = GLOBL(fmt.Sprintf("const%s_%08x", v.suffix(), b), RODATA|NOPTR)
		n := 1
		if v.bits != 512 {
			n = v.lanes()
		}
		for i := range n {
			DATA(4*i, U32(b))
		}
		consts[key] = m
		constBits[m.Symbol.Name] = b
	}
	return m
}

// set fills r with the constant x.
func (v isa) set(x float64, r VecVirtual) { VBROADCASTSS(v.mem(x), r) }

// param fills a register with the parameter of that name, of 4 bytes: by one instruction of
// AVX. One of SSE, as avo's Load takes, costs 100 ns where the upper halves of registers are
// in use.
func (v isa) param(name string) VecVirtual {
	r := v.reg()
	VBROADCASTSS(place(name), r)
	return r
}

func (v isa) addc(x float64, a, dst VecVirtual) {
	if v.bits == 512 {
		VADDPS_BCST(v.mem(x), a, dst)
	} else {
		VADDPS(v.mem(x), a, dst)
	}
}

func (v isa) mulc(x float64, a, dst VecVirtual) {
	if v.bits == 512 {
		VMULPS_BCST(v.mem(x), a, dst)
	} else {
		VMULPS(v.mem(x), a, dst)
	}
}

// fma213c stores dst·b + x in dst.
func (v isa) fma213c(x float64, b, dst VecVirtual) {
	if v.bits == 512 {
		VFMADD213PS_BCST(v.mem(x), b, dst)
	} else {
		VFMADD213PS(v.mem(x), b, dst)
	}
}

// fma231c adds a·x to dst.
func (v isa) fma231c(x float64, a, dst VecVirtual) {
	if v.bits == 512 {
		VFMADD231PS_BCST(v.mem(x), a, dst)
	} else {
		VFMADD231PS(v.mem(x), a, dst)
	}
}

// clamp stores min(max(a, lo), hi) in dst and keeps NaN; t is scratch.
func (v isa) clamp(lo, hi float64, a, dst, t VecVirtual) {
	v.set(lo, t)
	VMAXPS(a, t, dst)
	v.set(hi, t)
	VMINPS(dst, t, dst)
}

// A mask selects the lanes of a tail.
type mask struct {
	k OpmaskVirtual
	y VecVirtual
}

var tailTable Mem

// tail returns the mask of the first n lanes, 0 < n < lanes.
func (v isa) tail(n GPVirtual) mask {
	if v.bits == 512 {
		one, k := GP32(), K()
		MOVL(U32(1), one)
		SHLXL(n.As32(), one, one)
		DECL(one)
		KMOVW(one, k)
		return mask{k: k}
	}
	p, y, nn := GP64(), v.reg(), GP64()
	LEAQ(tailTable, p)
	MOVQ(n, nn)
	NEGQ(nn)
	VMOVUPS(Mem{Base: p, Index: nn, Scale: uint8(v.size()), Disp: 32}, y)
	return mask{y: y}
}

func (v isa) loadTail(m Mem, k mask, r VecVirtual) {
	switch {
	case v.bits == 512 && v.double:
		VMOVUPD_Z(m, k.k, r)
	case v.bits == 512:
		VMOVUPS_Z(m, k.k, r)
	case v.double:
		VMASKMOVPD(m, k.y, r)
	default:
		VMASKMOVPS(m, k.y, r)
	}
}

func (v isa) storeTail(r VecVirtual, k mask, m Mem) {
	if v.bits == 512 {
		VMOVUPS(r, k.k, m)
	} else {
		VMASKMOVPS(r, k.y, m)
	}
}

// keep sets the lanes of r outside k to zero.
func (v isa) keep(k mask, r VecVirtual) {
	if v.bits == 512 {
		VMOVAPS_Z(r, k.k, r)
	} else {
		VANDPS(k.y, r, r)
	}
}

// each writes the loop over n floats: body(full) for whole vectors, then
// body(tail) for the rest. body must use ld and st; ptrs advance by one vector.
func (v isa) each(n GPVirtual, ptrs []GPVirtual, body func(ld loadFunc, st storeFunc, k *mask)) {
	v.eachOf("", n, ptrs, body)
}

// eachOf is each of a kernel that has several such loops, whose labels begin with name.
func (v isa) eachOf(name string, n GPVirtual, ptrs []GPVirtual, body func(ld loadFunc, st storeFunc, k *mask)) {
	v.eachMasked(name, n, ptrs, func() mask { return v.tail(n) }, body)
}

// eachMasked is eachOf with the mask of the rest, which many loops may share.
func (v isa) eachMasked(name string, n GPVirtual, ptrs []GPVirtual, tailMask func() mask, body func(ld loadFunc, st storeFunc, k *mask)) {
	loop, tail, end := name+"loop", name+"tail", name+"end"
	Label(loop)
	CMPQ(n, U8(v.lanes()))
	JLT(LabelRef(tail))
	body(func(m Mem, r VecVirtual) { VMOVUPS(m, r) }, func(r VecVirtual, m Mem) { VMOVUPS(r, m) }, nil)
	for _, p := range ptrs {
		ADDQ(U8(v.bytes()), p)
	}
	SUBQ(U8(v.lanes()), n)
	JMP(LabelRef(loop))
	Label(tail)
	TESTQ(n, n)
	JZ(LabelRef(end))
	k := tailMask()
	body(func(m Mem, r VecVirtual) { v.loadTail(m, k, r) }, func(r VecVirtual, m Mem) { v.storeTail(r, k, m) }, &k)
	Label(end)
}

// tailOf returns the mask of what d floats are beyond whole vectors; of nothing it is never
// used.
func (v isa) tailOf(d GPVirtual) mask {
	rest := GP64()
	MOVQ(d, rest)
	ANDQ(U8(v.lanes()-1), rest)
	return v.tail(rest)
}

// rowLoop writes the rest of a function that does body for each of n rows, which it counts
// down.
func rowLoop(n GPVirtual, body func()) {
	Label("row")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	body()
	DECQ(n)
	JMP(LabelRef("row"))
	Label("done")
	ret()
}

// hsum returns the sum of r's lanes in lane 0 of an XMM register: halves are
// added until one lane is left. r is overwritten.
func (v isa) hsum(r VecVirtual) VecVirtual {
	y := r
	if v.bits == 512 {
		y = YMM()
		VEXTRACTF64X4(U8(1), r, y)
		v.add(y, r.AsY(), y)
	}
	x, t := y, XMM()
	if v.bits > 128 {
		x = XMM()
		VEXTRACTF128(U8(1), y.AsY(), x)
		v.add(x, y.AsX(), x)
	}
	if v.double {
		VPERMILPD(U8(1), x, t)
		VADDPD(t, x, x)
		return x
	}
	VPERMILPS(U8(0x4e), x, t)
	VADDPS(t, x, x)
	VPERMILPS(U8(0xb1), x, t)
	VADDPS(t, x, x)
	return x
}

func ptr(name string) GPVirtual { return Load(Param(name), GP64()).(GPVirtual) }

// place returns where a parameter lies, for kernels that need the registers for others.
func place(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err) // the signature lacks it
	}
	return b.Addr
}

// stride loads a parameter that counts floats and turns it into bytes.
func stride(name string) GPVirtual {
	r := ptr(name)
	SHLQ(U8(2), r)
	return r
}

func at(base GPVirtual, disp int) Mem { return Mem{Base: base, Disp: disp} }

// text starts the function name+width with the given signature; doc is its
// doc comment, the Go loop that defines it.
func (v isa) text(name, sig string, doc ...string) {
	TEXT(name+v.suffix(), NOSPLIT, "func"+sig)
	Pragma("noescape")
	if len(doc) > 0 {
		doc[0] = name + v.suffix() + " " + doc[0]
		Doc(doc...)
	}
}

func ret() {
	VZEROUPPER()
	RET()
}
