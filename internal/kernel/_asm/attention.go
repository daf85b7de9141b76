package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// attention writes the kernels of blocks of scores of which each row has one more than the
// row before it.
func attention(v isa) {
	causalSoftmax(v)
	causalSoftmaxBack(v)
}

// A triangle is a block of rows, a register for each thing that its loops share.
type triangle struct {
	isa
	ld    GPVirtual // bytes from row to row: whole vectors
	count GPVirtual // numbers of the row
	last  GPVirtual // bytes before the vector that the last of them are in
	at    GPVirtual // bytes of the loop
}

// newTriangle loads the parameters ld and n.
func newTriangle(v isa) triangle {
	return triangle{isa: v, ld: stride("ld"), count: ptr("n"), last: GP64(), at: GP64()}
}

// row begins a row: it finds the vector that its last numbers are in, and returns which lanes
// of that they are.
func (t triangle) row() cond {
	rest := GP64()
	MOVQ(t.count, rest)
	DECQ(rest)
	MOVQ(rest, t.last)
	ANDQ(U8(t.lanes()-1), rest)
	SUBQ(rest, t.last)
	SHLQ(U8(2), t.last)
	INCQ(rest)
	k := t.tail(rest)
	return cond{k: k.k, y: k.y}
}

// each writes a loop over the vectors of the row's numbers, from which last is what body gets
// the lanes of, of the others nil.
func (t triangle) each(name string, lanes cond, body func(lanes *cond)) {
	XORQ(t.at, t.at)
	Label(name)
	CMPQ(t.at, t.last)
	JGE(LabelRef(name + "Last"))
	body(nil)
	ADDQ(U8(t.bytes()), t.at)
	JMP(LabelRef(name))
	Label(name + "Last")
	body(&lanes)
}

// of is where the loop is in the row at base.
func (t triangle) of(base GPVirtual) Mem { return Mem{Base: base, Index: t.at, Scale: 1} }

// clearRest clears what is behind the vectors of the row at base, from at on.
func (t triangle) clearRest(base GPVirtual, zero VecVirtual) {
	Label("clear")
	ADDQ(U8(t.bytes()), t.at)
	CMPQ(t.at, t.ld)
	JGE(LabelRef("next"))
	VMOVUPS(zero, t.of(base))
	JMP(LabelRef("clear"))
	Label("next")
}

func causalSoftmax(v isa) {
	v.text("causalSoftmax", "(p *float32, ld, rows, n int)",
		"turns the first n+r numbers of row r into their softmax and clears the rest of it; ld is a multiple of 16:", "",
		"\tfor r := range rows {",
		"\t\tx := p[r*ld:][:ld]",
		"\t\tm := max(x[:n+r]) or 0 where that is -Inf",
		"\t\tfor j := range ld { x[j] = exp(x[j] - m) or 0 where j >= n+r }",
		"\t\ts := Σ x[j]",
		"\t\tfor j := range ld { x[j] *= 1/s or 0 where s == 0 }",
		"\t}")
	t := newTriangle(v)
	p, rows := ptr("p"), ptr("rows")
	lowest := v.reg()
	v.set(math.Inf(-1), lowest)
	rowLoop(rows, func() {
		lanes := t.row()
		m := v.reg()
		VMOVAPS(lowest, m)
		t.each("max", lanes, func(lanes *cond) {
			x := v.reg()
			VMOVUPS(t.of(p), x)
			if lanes != nil {
				y := v.reg()
				VMOVAPS(lowest, y)
				v.pick(*lanes, x, y)
				x = y
			}
			VMAXPS(x, m, m) // may lose a NaN, of which the sum is one in any case
		})
		v.spreadMax(m)
		v.drop(v.cmp(equal, m, lowest), m, m)
		sum := v.reg()
		v.zero(sum)
		t.each("exp", lanes, func(lanes *cond) {
			x, e := v.reg(), v.reg()
			VMOVUPS(t.of(p), x)
			VSUBPS(m, x, x)
			v.expNear(e, x)
			if lanes != nil {
				v.only(*lanes, e, e)
			}
			VMOVUPS(e, t.of(p))
			VADDPS(e, sum, sum)
		})
		s, factor, zero := v.reg(), v.reg(), v.reg()
		VBROADCASTSS(v.hsum(sum), s)
		v.zero(zero)
		v.set(1, factor)
		VDIVPS(s, factor, factor)
		v.drop(v.cmp(equal, s, zero), factor, factor)
		t.each("scale", lanes, func(lanes *cond) {
			x := v.reg()
			VMULPS(t.of(p), factor, x)
			if lanes != nil { // 0·NaN
				v.only(*lanes, x, x)
			}
			VMOVUPS(x, t.of(p))
		})
		t.clearRest(p, zero)
		ADDQ(t.ld, p)
		INCQ(t.count)
	})
}

// spreadMax stores the largest lane of r in all of them.
func (v isa) spreadMax(r VecVirtual) {
	y := r
	if v.bits == 512 {
		y = YMM()
		VEXTRACTF64X4(U8(1), r, y)
		VMAXPS(y, r.AsY(), y)
	}
	x, t := y, XMM()
	if v.bits > 128 {
		x = XMM()
		VEXTRACTF128(U8(1), y.AsY(), x)
		VMAXPS(y.AsX(), x, x)
	}
	VPERMILPS(U8(0x4e), x, t)
	VMAXPS(t, x, x)
	VPERMILPS(U8(0xb1), x, t)
	VMAXPS(t, x, x)
	VBROADCASTSS(x, r)
}

func causalSoftmaxBack(v isa) {
	v.text("causalSoftmaxBack", "(up, p *float32, ld, rows, n int)",
		"turns the gradient up by probabilities p, n+r of them in row r, into that by scores and clears the rest of the row; ld is a multiple of 16:", "",
		"\tfor r := range rows {",
		"\t\tmean := Σ p[r*ld+j] * up[r*ld+j] over j < n+r",
		"\t\tfor j := range ld { up[r*ld+j] = p[r*ld+j] * (up[r*ld+j] - mean) or 0 where j >= n+r }",
		"\t}")
	t := newTriangle(v)
	g, p, rows := ptr("up"), ptr("p"), ptr("rows")
	zero := v.reg()
	v.zero(zero)
	rowLoop(rows, func() {
		lanes := t.row()
		sum, mean := v.reg(), v.reg()
		v.zero(sum)
		t.each("dot", lanes, func(lanes *cond) {
			x, y := v.reg(), v.reg()
			VMOVUPS(t.of(g), x)
			VMOVUPS(t.of(p), y)
			if lanes != nil {
				v.only(*lanes, x, x)
			}
			VFMADD231PS(x, y, sum)
		})
		VBROADCASTSS(v.hsum(sum), mean)
		t.each("out", lanes, func(lanes *cond) {
			x := v.reg()
			VMOVUPS(t.of(g), x)
			VSUBPS(mean, x, x)
			VMULPS(t.of(p), x, x)
			if lanes != nil {
				v.only(*lanes, x, x)
			}
			VMOVUPS(x, t.of(g))
		})
		t.clearRest(g, zero)
		ADDQ(t.ld, g)
		ADDQ(t.ld, p)
		INCQ(t.count)
	})
}
