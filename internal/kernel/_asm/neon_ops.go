package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Instructions of AVX that are one of arm64: of three vectors, where the last operand gets
// the second ∘ the first, and of two.
var (
	neonOf3 = map[string]encoding{
		"VADDPS": fadd, "VADDPD": faddD, "VSUBPS": fsub, "VMULPS": fmul, "VDIVPS": fdiv, "VPMULLD": mul,
	}
	neonNamed = map[string]string{
		"VANDPS": "VAND.B16", "VPAND": "VAND.B16", "VORPS": "VORR.B16", "VPOR": "VORR.B16", "VXORPS": "VEOR.B16", "VPXOR": "VEOR.B16",
		"VPADDD": "VADD.S4", "VPSUBD": "VSUB.S4", "VPMAXUD": "VUMAX.S4", "VPCMPEQD": "VCMEQ.S4",
	}
	neonScalar = map[string]string{"VADDSS": "FADDS", "VSUBSS": "FSUBS", "VMULSS": "FMULS", "VDIVSS": "FDIVS"}
	neonOf2    = map[string]encoding{"VSQRTPS": fsqrt, "VCVTPS2DQ": fcvtns, "VCVTDQ2PS": scvtf, "VCVTPS2PD": fcvtl}
	neonJumps  = map[string]string{
		"JMP": "JMP", "JZ": "BEQ", "JEQ": "BEQ", "JNZ": "BNE", "JNE": "BNE", "JLT": "BLT", "JGE": "BGE", "JG": "BGT", "JGT": "BGT", "JLE": "BLE",
	}
)

// instruction writes what i is on arm64.
func (t *translator) instruction(i *ir.Instruction) {
	if t.err != nil {
		return
	}
	op, o := i.Opcode, i.Operands
	last := len(o) - 1
	if e, ok := neonOf3[op]; ok {
		t.of3(e, number(o[1]), t.vector(o[0]), number(o[2]))
		return
	}
	if name, ok := neonNamed[op]; ok {
		name, arrange, _ := strings.Cut(name, ".")
		v := func(n int) string { return fmt.Sprintf("V%d.%s", n, arrange) }
		t.emit(name, v(t.vector(o[0])), v(number(o[1])), v(number(o[2])))
		return
	}
	if name, ok := neonScalar[op]; ok {
		t.emit(name, fp(t.scalar(o[0])), fp(number(o[1])), fp(number(o[2])))
		return
	}
	if e, ok := neonOf2[op]; ok {
		t.of2(e, t.vector(o[0]), number(o[1]))
		return
	}
	if name, ok := neonJumps[op]; ok {
		t.emit(name, o[0].Asm())
		return
	}
	if t.moves(op, o) || t.fused(op, o) || t.integers(op, o) {
		return
	}
	d := -1
	if last >= 0 {
		if r, ok := o[last].(reg.Register); ok {
			d = number(r)
		}
	}
	switch op {
	case "VANDNPS": // first ∧ ¬second
		t.of3(bic, t.vector(o[0]), number(o[1]), d)
	case "VMAXPS", "VMAXSS", "VMINPS": // the second only where it is greater, or less
		a, b := t.vector(o[0]), number(o[1])
		if op == "VMINPS" {
			t.of3(fcmgt, a, b, scratchB)
		} else {
			t.of3(fcmgt, b, a, scratchB)
		}
		t.choose(b, a, d)
	case "VBLENDVPS": // looks at the sign of the mask alone
		t.of2(cmlt0, number(o[0]), scratchB)
		t.choose(t.vector(o[1]), number(o[2]), d)
	case "VCMPPS":
		t.err = t.compare(immediate(o[0]), number(o[2]), t.vector(o[1]), d)
	case "VROUNDPS":
		switch immediate(o[0]) {
		case 8:
			t.of2(frintn, number(o[1]), d)
		case 9:
			t.of2(frintm, number(o[1]), d)
		default:
			t.err = fmt.Errorf("no such rounding")
		}
	case "VSQRTSS":
		t.emit("FSQRTS", fp(t.scalar(o[0])), fp(d))
	case "VPSLLD":
		t.emit("VSHL", fmt.Sprintf("$%d", immediate(o[0])), v4(number(o[1])), v4(d))
	case "VPSRLD":
		t.emit("VUSHR", fmt.Sprintf("$%d", immediate(o[0])), v4(number(o[1])), v4(d))
	case "VPERMILPS", "VPERMILPD":
		n := number(o[1])
		switch immediate(o[0]) {
		case 0x4e, 1: // the halves change places
			t.emit("VEXT", "$8", v16(n), v16(n), v16(d))
		case 0xb1: // the lanes of each half do
			t.emit("VREV64", v4(n), v4(d))
		default:
			t.err = fmt.Errorf("no such permutation")
		}
	case "VMOVMSKPS": // lane i's sign to bit i
		t.emit("MOVD", "$iota16<>+0(SB)", addrReg)
		t.emit("FMOVQ", "("+addrReg+")", fp(scratchA))
		t.emit("VUSHR", "$31", v4(number(o[0])), v4(scratchB))
		t.of3(ushl, scratchB, scratchA, scratchB)
		t.emit("VADDV", v4(scratchB), fmt.Sprintf("V%d", scratchB))
		t.emit("FMOVS", fp(scratchB), gp(d))
	case "VMASKMOVPS", "VMASKMOVPD":
		if m, ok := o[0].(operand.Mem); ok {
			t.err = t.masked(m, number(o[1]), d, false, op == "VMASKMOVPD")
		} else {
			t.err = t.masked(o[2].(operand.Mem), number(o[1]), number(o[0]), true, op == "VMASKMOVPD")
		}
	case "PREFETCHT1":
		t.emit("PRFM", t.plain(o[0].(operand.Mem)), "PLDL2KEEP")
	case "PAUSE":
		t.emit("YIELD")
	case "VZEROUPPER":
	case "RET":
		t.emit("RET")
	default:
		t.err = fmt.Errorf("no such instruction")
	}
}

// immediate is the number of an operand, which Asm writes behind a $.
func immediate(o operand.Op) int {
	n, err := strconv.ParseInt(strings.TrimPrefix(o.Asm(), "$"), 0, 64)
	if err != nil {
		panic(err) // it is a register
	}
	return int(n)
}

// moves writes loads, stores and copies of vectors, and reports whether op is one.
func (t *translator) moves(op string, o []operand.Op) bool {
	var name string
	switch op {
	case "VMOVUPS", "VMOVAPS":
		name = "FMOVQ"
	case "VMOVSS", "MOVSS":
		name = "FMOVS"
	case "VMOVSD", "MOVSD":
		name = "FMOVD"
	case "VBROADCASTSS", "VPBROADCASTD":
		t.broadcast(o[0], number(o[1]))
		return true
	default:
		return false
	}
	if b, ok := constantOf(o[0]); ok {
		if n, ok := t.constant[b]; ok {
			t.move(n, number(o[1]))
		} else {
			t.fill(b, number(o[1]))
		}
		return true
	}
	if m, ok := o[0].(operand.Mem); ok {
		t.emit(name, t.place(m), fp(number(o[1])))
	} else if m, ok := o[1].(operand.Mem); ok {
		t.emit(name, fp(number(o[0])), t.place(m))
	} else {
		t.move(number(o[0]), number(o[1]))
	}
	return true
}

// broadcast stores a number in all lanes of d.
func (t *translator) broadcast(o operand.Op, d int) {
	if b, ok := constantOf(o); ok {
		if n, ok := t.constant[b]; ok {
			t.move(n, d)
		} else {
			t.fill(b, d)
		}
		return
	}
	m, ok := o.(operand.Mem)
	switch {
	case !ok:
		t.emit("VDUP", lane(number(o), 0), v4(d))
	case m.Base == reg.FramePointer:
		t.emit("FMOVS", t.place(m), fp(d))
		t.emit("VDUP", lane(d, 0), v4(d))
	default:
		t.emit("VLD1R", t.plain(m), "["+v4(d)+"]")
	}
}

// fused writes fused multiply-adds, and reports whether op is one. FMLA and FMLS add to
// their last operand and subtract from it; what AVX adds to another one goes through scratch.
func (t *translator) fused(op string, o []operand.Op) bool {
	shape := v4
	if strings.HasSuffix(op, "PD") {
		shape = func(n int) string { return fmt.Sprintf("V%d.D2", n) }
	}
	add := func(name string, a, b, d int) { t.emit(name, shape(a), shape(b), shape(d)) }
	switch op {
	case "VFMADD231PS", "VFMADD231PD":
		add("VFMLA", t.vector(o[0]), number(o[1]), number(o[2]))
	case "VFNMADD231PS":
		add("VFMLS", t.vector(o[0]), number(o[1]), number(o[2]))
	case "VFMSUB231PS":
		a, d := t.vector(o[0]), number(o[2])
		t.of2(fneg, d, d)
		add("VFMLA", a, number(o[1]), d)
	case "VFMADD213PS", "VFMSUB213PS":
		x, d := t.vector(o[0]), number(o[2])
		if op == "VFMSUB213PS" {
			t.of2(fneg, x, scratchA)
		} else {
			t.move(x, scratchA)
		}
		add("VFMLA", number(o[1]), d, scratchA)
		t.move(scratchA, d)
	default:
		return false
	}
	return true
}

// integers writes the instructions of general registers, and reports whether op is one. All that
// set flags on amd64 do here.
func (t *translator) integers(op string, o []operand.Op) bool {
	last := len(o) - 1
	dst := func() string { return gp(number(o[last])) }
	two := func(name string) { t.emit(name, t.general(o[0]), dst(), dst()) }
	switch op {
	case "MOVQ", "MOVL", "MOVLQSX":
		t.moveGeneral(op, o)
	case "ADDQ":
		two("ADDS")
	case "SUBQ":
		two("SUBS")
	case "ANDQ":
		two("ANDS")
	case "XORQ":
		two("EOR")
	case "IMULQ":
		two("MUL")
	case "SHLQ":
		two("LSL")
	case "ADDL":
		two("ADDSW")
	case "ANDL":
		two("ANDSW")
	case "SHLL":
		two("LSLW")
	case "INCQ":
		t.emit("ADDS", "$1", dst(), dst())
	case "DECQ":
		t.emit("SUBS", "$1", dst(), dst())
	case "DECL":
		t.emit("SUBSW", "$1", dst(), dst())
	case "NEGQ":
		t.emit("NEGS", dst(), dst())
	case "TZCNTL":
		t.emit("RBITW", gp(number(o[0])), dst())
		t.emit("CLZW", dst(), dst())
	case "CMPQ": // CMP takes first what it compares with
		t.emit("CMP", t.general(o[1]), gp(number(o[0])))
	case "TESTQ", "TESTL":
		name := "TST"
		if op == "TESTL" {
			name = "TSTW"
		}
		t.emit(name, gp(number(o[0])), gp(number(o[1])))
	case "LEAQ":
		t.address(o[0].(operand.Mem), dst())
	default:
		return false
	}
	return true
}

// moveGeneral writes a load, store or copy of a general register.
func (t *translator) moveGeneral(op string, o []operand.Op) {
	load, store := "MOVD", "MOVD"
	switch op {
	case "MOVL":
		load, store = "MOVWU", "MOVW"
	case "MOVLQSX":
		load = "MOVW"
	}
	if m, ok := o[0].(operand.Mem); ok {
		t.emit(load, t.place(m), gp(number(o[1])))
	} else if m, ok := o[1].(operand.Mem); ok {
		t.emit(store, gp(number(o[0])), t.place(m))
	} else {
		t.emit(load, t.general(o[0]), gp(number(o[1])))
	}
}

// address stores where m is in the register d.
func (t *translator) address(m operand.Mem, d string) {
	if m.Base == reg.StaticBase {
		t.emit("MOVD", fmt.Sprintf("$%s+%d(SB)", m.Symbol, m.Disp), d)
		return
	}
	r := gp(number(m.Base))
	if m.Index != nil {
		t.emit("ADD", shifted(m), r, d)
		r = d
	}
	if m.Disp != 0 || m.Index == nil {
		t.emit("ADD", fmt.Sprintf("$%d", m.Disp), r, d)
	}
}
