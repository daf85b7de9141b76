package main

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Avo knows no arm64. The kernels are written once, over isa; at 128 bits they take the
// instructions of AVX2 on vectors of four floats, and the pass neon turns each of those
// into the one or the few of arm64 that compute the same, after avo has given the registers:
// vector register n becomes Vn and general register n becomes Rn. What avo does not give
// away is scratch: V29 to V31, and R16 and R17. Registers that a function leaves over hold its
// constants.
//
// One thing differs: FCVTNS makes 0 of a NaN, where AVX makes the least integer. Of both, the
// bits that kernels shift into an exponent are 0. The upper lanes that an instruction of one lane
// leaves differ too, and no kernel reads them.

// The scratch registers.
const (
	scratchA = 29 // an operand that comes from memory or a constant
	scratchB = 30 // a mask, or a result whose place is still read
	scratchC = 31
	addrReg  = "R16"
	bitsReg  = "R17"
	allocOf  = 29 // vector registers that avo may give
)

// An asmText is an operand, or several, in the words of Go's assembler.
type asmText string

func (t asmText) Asm() string { return string(t) }

// A translator turns the instructions of one function.
type translator struct {
	f        *ir.Function
	nodes    []ir.Node
	constant map[uint32]int // the registers that hold constants
	labels   int
	err      error
}

// neon is the pass.
func neon(f *ir.Function) error {
	t := &translator{f: f, constant: map[uint32]int{}}
	t.keepConstants()
	for _, n := range f.Nodes {
		i, ok := n.(*ir.Instruction)
		if !ok {
			t.nodes = append(t.nodes, n)
			continue
		}
		t.instruction(i)
		if t.err != nil {
			return fmt.Errorf("%s: %s: %w", f.Name, line(i), t.err)
		}
	}
	f.Nodes = t.nodes
	f.ISA, f.LocalSize = nil, 0 // R5 is no base pointer
	return nil
}

func line(i *ir.Instruction) string {
	var ops []string
	for _, o := range i.Operands {
		ops = append(ops, o.Asm())
	}
	return i.Opcode + " " + strings.Join(ops, ", ")
}

// keepConstants loads the constants that the function reads most often into registers that
// avo gave nobody.
func (t *translator) keepConstants() {
	used, uses := [allocOf]bool{}, map[uint32]int{}
	var order []uint32
	for _, i := range t.f.Instructions() {
		for _, r := range i.Registers() {
			if r.Kind() != reg.KindVector {
				continue
			}
			if n := number(r); n < allocOf {
				used[n] = true
			} else {
				t.err = fmt.Errorf("more than %d vector registers", allocOf)
			}
		}
		for _, o := range i.Operands {
			if b, ok := constantOf(o); ok {
				if uses[b] == 0 {
					order = append(order, b)
				}
				uses[b]++
			}
		}
	}
	for n := range used {
		if used[n] {
			continue
		}
		best := -1
		for i, b := range order {
			if uses[b] > 0 && (best < 0 || uses[b] > uses[order[best]]) {
				best = i
			}
		}
		if best < 0 {
			return
		}
		b := order[best]
		uses[b] = 0
		t.fill(b, n)
		t.constant[b] = n
	}
}

// constantOf returns the bits of a constant operand, and whether it is one.
func constantOf(o operand.Op) (uint32, bool) {
	m, ok := o.(operand.Mem)
	if !ok || m.Base != reg.StaticBase {
		return 0, false
	}
	b, ok := constBits[m.Symbol.Name]
	return b, ok
}

// number is that of a register.
func number(o operand.Op) int { return int(reg.ToPhysical(o.(reg.Register)).PhysicalIndex()) }

func (t *translator) emit(opcode string, ops ...string) {
	i := &ir.Instruction{Opcode: opcode}
	for _, o := range ops {
		i.Operands = append(i.Operands, asmText(o))
	}
	t.nodes = append(t.nodes, i)
}

func v4(n int) string  { return fmt.Sprintf("V%d.S4", n) }
func v16(n int) string { return fmt.Sprintf("V%d.B16", n) }
func fp(n int) string  { return fmt.Sprintf("F%d", n) }
func gp(n int) string  { return fmt.Sprintf("R%d", n) }
func lane(n, i int) string {
	return fmt.Sprintf("V%d.S[%d]", n, i)
}

// Instructions that Go's assembler has no name for are written as their words: those of three
// registers, and those of two.
type encoding struct {
	word          uint32
	name, arrange string
}

var (
	fadd   = encoding{0x4e20d400, "fadd", "4s"}
	faddD  = encoding{0x4e60d400, "fadd", "2d"}
	fsub   = encoding{0x4ea0d400, "fsub", "4s"}
	fmul   = encoding{0x6e20dc00, "fmul", "4s"}
	fdiv   = encoding{0x6e20fc00, "fdiv", "4s"}
	fcmeq  = encoding{0x4e20e400, "fcmeq", "4s"}
	fcmge  = encoding{0x6e20e400, "fcmge", "4s"}
	fcmgt  = encoding{0x6ea0e400, "fcmgt", "4s"}
	bic    = encoding{0x4e601c00, "bic", "16b"}
	mul    = encoding{0x4ea09c00, "mul", "4s"}
	ushl   = encoding{0x6ea04400, "ushl", "4s"}
	fsqrt  = encoding{0x6ea1f800, "fsqrt", "4s"}
	fneg   = encoding{0x6ea0f800, "fneg", "4s"}
	frintn = encoding{0x4e218800, "frintn", "4s"}
	frintm = encoding{0x4e219800, "frintm", "4s"}
	fcvtns = encoding{0x4e21a800, "fcvtns", "4s"}
	scvtf  = encoding{0x4e21d800, "scvtf", "4s"}
	mvn    = encoding{0x6e205800, "mvn", "16b"}
	cmlt0  = encoding{0x4ea0a800, "cmlt", "4s"} // less than 0, of integers
	fcvtl  = encoding{0x0e617800, "fcvtl", "2d"}
)

// of3 writes the instruction that stores n ∘ m in d.
func (t *translator) of3(e encoding, n, m, d int) {
	t.emit("WORD", fmt.Sprintf("$0x%08x // %s v%[4]d.%[3]s, v%[5]d.%[3]s, v%[6]d.%[3]s", e.word|uint32(m)<<16|uint32(n)<<5|uint32(d), e.name, e.arrange, d, n, m))
}

// of2 writes the instruction that stores ∘ n in d.
func (t *translator) of2(e encoding, n, d int) {
	from, rest := e.arrange, ""
	switch e {
	case fcvtl:
		from = "2s"
	case cmlt0:
		rest = ", #0"
	}
	t.emit("WORD", fmt.Sprintf("$0x%08x // %s v%d.%s, v%d.%s%s", e.word|uint32(n)<<5|uint32(d), e.name, d, e.arrange, n, from, rest))
}

// move copies a vector.
func (t *translator) move(n, d int) {
	if n != d {
		t.emit("VMOV", v16(n), v16(d))
	}
}

// fill stores the constant of those bits in all lanes of d.
func (t *translator) fill(b uint32, d int) {
	if b == 0 {
		t.emit("VEOR", v16(d), v16(d), v16(d))
		return
	}
	t.emit("MOVD", fmt.Sprintf("$0x%08x", b), bitsReg)
	t.emit("VDUP", bitsReg, v4(d))
}

// place returns how memory is written, of which an index or a symbol needs addrReg.
func (t *translator) place(m operand.Mem) string {
	base := m.Base
	switch {
	case base == reg.FramePointer:
		return fmt.Sprintf("%s+%d(FP)", m.Symbol.Name, m.Disp)
	case base == reg.StaticBase:
		t.emit("MOVD", fmt.Sprintf("$%s+%d(SB)", m.Symbol, m.Disp), addrReg)
		return "(" + addrReg + ")"
	case m.Index != nil:
		t.emit("ADD", shifted(m), gp(number(base)), addrReg)
		return offset(m.Disp, addrReg)
	}
	return offset(m.Disp, gp(number(base)))
}

// plain is place without a displacement.
func (t *translator) plain(m operand.Mem) string {
	p := t.place(m)
	if m.Disp == 0 || m.Base == reg.FramePointer || m.Base == reg.StaticBase {
		return p
	}
	r := gp(number(m.Base))
	if m.Index != nil {
		r = addrReg
	}
	t.emit("ADD", fmt.Sprintf("$%d", m.Disp), r, addrReg)
	return "(" + addrReg + ")"
}

// shifted is the index of an address in bytes.
func shifted(m operand.Mem) string {
	r := gp(number(m.Index))
	if m.Scale > 1 {
		r += fmt.Sprintf("<<%d", bits.Len8(m.Scale)-1)
	}
	return r
}

func offset(disp int, r string) string {
	if disp == 0 {
		return "(" + r + ")"
	}
	return fmt.Sprintf("%d(%s)", disp, r)
}

// vector returns the register of an operand, scratchA where it is in none.
func (t *translator) vector(o operand.Op) int {
	if b, ok := constantOf(o); ok {
		if n, ok := t.constant[b]; ok {
			return n
		}
		t.fill(b, scratchA)
		return scratchA
	}
	if m, ok := o.(operand.Mem); ok {
		t.emit("FMOVQ", t.place(m), fp(scratchA))
		return scratchA
	}
	return number(o)
}

// scalar is vector of an operand of which the first lane counts.
func (t *translator) scalar(o operand.Op) int {
	if _, ok := constantOf(o); ok {
		return t.vector(o)
	}
	if m, ok := o.(operand.Mem); ok {
		t.emit("FMOVS", t.place(m), fp(scratchA))
		return scratchA
	}
	return number(o)
}

// general returns a general register, or an immediate, of an operand.
func (t *translator) general(o operand.Op) string {
	switch o := o.(type) {
	case operand.Mem:
		t.emit("MOVD", t.place(o), bitsReg)
		return bitsReg
	case reg.Register:
		return gp(number(o))
	}
	return o.Asm()
}

// choose stores a in d where the lanes of mask are set, and b elsewhere; mask is scratchB.
func (t *translator) choose(a, b, d int) {
	switch d {
	case b:
		t.emit("VBIT", v16(scratchB), v16(a), v16(d))
	case a:
		t.emit("VBIF", v16(scratchB), v16(b), v16(d))
	default:
		t.emit("VBSL", v16(b), v16(a), v16(scratchB))
		t.move(scratchB, d)
	}
}

// compare stores where a pred b in d, for the predicates of VCMPPS.
func (t *translator) compare(pred, a, b, d int) error {
	const notEqual, notGreaterEqual, greaterEqual = 4, 9, 13
	switch pred {
	case equal, notEqual:
		t.of3(fcmeq, a, b, d)
	case less:
		t.of3(fcmgt, b, a, d)
	case lessEqual, notLE:
		t.of3(fcmge, b, a, d)
	case greaterEqual, notGreaterEqual:
		t.of3(fcmge, a, b, d)
	case ordered, unordered:
		t.of3(fcmeq, a, a, scratchB)
		if a != b {
			t.of3(fcmeq, b, b, scratchC)
			t.emit("VAND", v16(scratchC), v16(scratchB), v16(scratchB))
		}
		t.move(scratchB, d)
	default:
		return fmt.Errorf("no comparison %d", pred)
	}
	switch pred {
	case notEqual, notLE, notGreaterEqual, unordered:
		t.of2(mvn, d, d)
	}
	return nil
}

// masked moves the lanes that a mask of isa.tail sets, the first at least and not the last,
// between memory and d, and touches no other memory: none need lie behind the end of a slice.
func (t *translator) masked(m operand.Mem, mask, d int, store, double bool) error {
	to := d
	if mask == d && !store {
		to = scratchB
	}
	base := strings.Trim(t.plain(m), "()")
	end := fmt.Sprintf("masked%d", t.labels)
	t.labels++
	if double {
		if store {
			return fmt.Errorf("no store of float64")
		}
		t.emit("FMOVD", offset(0, base), fp(d))
		return nil
	}
	for i := range 3 {
		if i > 0 {
			t.emit("VMOV", lane(mask, i), bitsReg)
			t.emit("CBZW", bitsReg, end)
		}
		switch {
		case store && i == 0:
			t.emit("FMOVS", fp(d), offset(0, base))
		case store:
			t.emit("VMOV", lane(d, i), bitsReg)
			t.emit("MOVW", bitsReg, offset(4*i, base))
		case i == 0:
			t.emit("FMOVS", offset(0, base), fp(to)) // the other lanes are 0
		default:
			t.emit("MOVWU", offset(4*i, base), bitsReg)
			t.emit("VMOV", bitsReg, lane(to, i))
		}
	}
	t.nodes = append(t.nodes, ir.Label(end))
	t.move(to, d)
	return nil
}

// dropConstants is the pass that leaves out the constants, which are in the instructions here.
func dropConstants(f *ir.File) error {
	f.Sections = slices.DeleteFunc(f.Sections, func(s ir.Section) bool {
		g, ok := s.(*ir.Global)
		if !ok {
			return false
		}
		_, ok = constBits[g.Symbol.Name]
		return ok
	})
	return nil
}
