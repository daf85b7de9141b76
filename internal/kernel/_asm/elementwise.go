package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Predicates of VCMPPS: of a and b they say whether a pred b. Unless said otherwise a
// NaN makes them false.
const (
	equal     = 0
	less      = 1
	lessEqual = 2
	unordered = 3
	notLE     = 6 // true of a NaN
	ordered   = 7
)

// The bits of a float32.
const (
	signBit   = 0x80000000
	magnitude = 0x7fffffff
)

// A cond selects lanes by a comparison: a mask register, or a vector of set lanes.
type cond struct {
	k OpmaskVirtual
	y VecVirtual
}

// cmp returns where a pred b.
func (v isa) cmp(pred uint8, a VecVirtual, b Op) cond {
	if v.bits == 512 {
		k := K()
		VCMPPS(U8(pred), b, a, k)
		return cond{k: k}
	}
	y := v.reg()
	VCMPPS(U8(pred), b, a, y)
	return cond{y: y}
}

// pick stores a in the lanes c of dst.
func (v isa) pick(c cond, a, dst VecVirtual) {
	if v.bits == 512 {
		VMOVAPS(a, c.k, dst)
	} else {
		VBLENDVPS(c.y, a, dst, dst)
	}
}

// only stores a in the lanes c of dst and 0 in the others.
func (v isa) only(c cond, a, dst VecVirtual) {
	if v.bits == 512 {
		VMOVAPS_Z(a, c.k, dst)
	} else {
		VANDPS(c.y, a, dst)
	}
}

// drop stores a in dst, and 0 in the lanes c.
func (v isa) drop(c cond, a, dst VecVirtual) {
	if v.bits == 512 {
		k := K()
		KNOTW(c.k, k)
		VMOVAPS_Z(a, k, dst)
	} else {
		VANDNPS(a, c.y, dst)
	}
}

// andBits and xorBits combine the bits of a with those of x.
func (v isa) andBits(x uint32, a, dst VecVirtual) {
	if v.bits == 512 {
		VPANDD_BCST(v.bitsMem(x), a, dst)
	} else {
		VANDPS(v.bitsMem(x), a, dst)
	}
}

func (v isa) xorBits(x uint32, a, dst VecVirtual) {
	if v.bits == 512 {
		VPXORD_BCST(v.bitsMem(x), a, dst)
	} else {
		VXORPS(v.bitsMem(x), a, dst)
	}
}

func (v isa) or(a, b, dst VecVirtual) {
	if v.bits == 512 {
		VPORD(a, b, dst)
	} else {
		VORPS(a, b, dst)
	}
}

// product stores a·b in dst, where 0·(±Inf) = 0: a NaN stays where a or b is one.
func (v isa) product(a, b, dst VecVirtual) {
	p := v.reg()
	VMULPS(a, b, p)
	if v.bits == 512 {
		bad := K()
		VCMPPS(U8(ordered), b, a, bad)
		VCMPPS(U8(unordered), p, p, bad, bad)
		VPXORD(p, p, bad, p)
		VMOVAPS(p, dst)
		return
	}
	bad, whole := v.reg(), v.reg()
	VCMPPS(U8(unordered), p, p, bad)
	VCMPPS(U8(ordered), b, a, whole)
	VANDPS(bad, whole, bad)
	v.drop(cond{y: bad}, p, dst)
}

// An elementwise kernel is a function of one or two vectors and of numbers p and q.
type elementwise struct {
	name, doc, loop string
	operands        int // 0, 1 or 2
	numbers         int // p, or p and q
	unroll          int // vectors of a round
	woven           int // in place of unroll: with AVX2, vectors of a round whose instructions take turns
	body            func(a, b, p, q VecVirtual) VecVirtual
	derivative      func(b VecVirtual) VecVirtual // in place of body: by it a is multiplied, where 0·(±Inf) = 0
}

// elementwiseSig is one for all of them, so that one table holds them.
const elementwiseSig = "(dst, a, b *float32, n int, p, q float32)"

func (v isa) elementwise(e elementwise) {
	v.text(e.name, elementwiseSig, e.doc+":", "", "\tfor i := range n { "+e.loop+" }")
	dst := ptr("dst")
	ptrs := []GPVirtual{dst}
	var a, b GPVirtual
	if e.operands > 0 {
		a = ptr("a")
		ptrs = append(ptrs, a)
	}
	if e.operands > 1 {
		b = ptr("b")
		ptrs = append(ptrs, b)
	}
	var p, q VecVirtual
	if e.numbers > 0 {
		p = v.param("p")
	}
	if e.numbers > 1 {
		q = v.param("q")
	}
	n := ptr("n")
	step := func(ld loadFunc, st storeFunc, disp int) {
		x, y := v.reg(), v.reg()
		if e.operands == 2 {
			ld(at(b, disp), y)
		}
		var d VecVirtual
		if e.derivative != nil {
			d = e.derivative(y)
		}
		if e.operands > 0 {
			ld(at(a, disp), x) // not before it is asked for: registers are few
		}
		if e.derivative != nil {
			v.product(x, d, d)
		} else {
			d = e.body(x, y, p, q)
		}
		st(d, at(dst, disp))
	}
	unroll := e.unroll
	if e.woven > 0 {
		unroll = v.strands(e.woven)
	}
	if unroll > 1 {
		Label("round")
		CMPQ(n, U8(unroll*v.lanes()))
		JLT(LabelRef("loop"))
		weave(e.woven > 0, unroll, func(i int) {
			step(func(m Mem, r VecVirtual) { VMOVUPS(m, r) }, func(r VecVirtual, m Mem) { VMOVUPS(r, m) }, i*v.bytes())
		})
		for _, x := range ptrs {
			ADDQ(I32(unroll*v.bytes()), x)
		}
		SUBQ(U8(unroll*v.lanes()), n)
		JMP(LabelRef("round"))
	}
	v.each(n, ptrs, func(ld loadFunc, st storeFunc, _ *mask) { step(ld, st, 0) })
	ret()
}

// elementwises writes the kernels of elementwise nodes.
func elementwises(v isa) {
	const cheap = 4
	out := func(f func(dst VecVirtual)) VecVirtual {
		r := v.reg()
		f(r)
		return r
	}
	for _, e := range []elementwise{
		{name: "add", doc: "adds", loop: "dst[i] = a[i] + b[i]", operands: 2, unroll: cheap,
			body: func(a, b, _, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { VADDPS(b, a, r) }) }},
		{name: "sub", doc: "subtracts", loop: "dst[i] = a[i] - b[i]", operands: 2, unroll: cheap,
			body: func(a, b, _, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { VSUBPS(b, a, r) }) }},
		{name: "mul", doc: "multiplies, where 0·(±Inf) = 0", loop: "dst[i] = product(a[i], b[i])", operands: 2, unroll: cheap,
			body: func(a, b, _, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { v.product(a, b, r) }) }},
		{name: "div", doc: "divides", loop: "dst[i] = a[i] / b[i]", operands: 2, unroll: cheap,
			body: func(a, b, _, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { VDIVPS(b, a, r) }) }},
		{name: "addScalar", doc: "adds a number", loop: "dst[i] = a[i] + p", operands: 1, numbers: 1, unroll: cheap,
			body: func(a, _, p, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { VADDPS(p, a, r) }) }},
		{name: "mulScalar", doc: "multiplies by a number, where 0·(±Inf) = 0", loop: "dst[i] = product(a[i], p)", operands: 1, numbers: 1, unroll: cheap,
			body: func(a, _, p, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { v.product(a, p, r) }) }},
		{name: "divScalar", doc: "divides by a number", loop: "dst[i] = a[i] / p", operands: 1, numbers: 1, unroll: cheap,
			body: func(a, _, p, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { VDIVPS(p, a, r) }) }},
		{name: "fill", doc: "stores a number", loop: "dst[i] = p", numbers: 1, unroll: cheap,
			body: func(_, _, p, _ VecVirtual) VecVirtual { return p }},
		{name: "fillWhere", doc: "stores a number, and 0 where a is −Inf", loop: "if dst[i] = p; a[i] == -Inf { dst[i] = 0 }", operands: 1, numbers: 1, unroll: cheap,
			body: func(a, _, p, _ VecVirtual) VecVirtual {
				return out(func(r VecVirtual) { v.set(math.Inf(-1), r); v.drop(v.cmp(equal, a, r), p, r) })
			}},
		{name: "scale", doc: "multiplies by a number", loop: "dst[i] = a[i] * p", operands: 1, numbers: 1, unroll: cheap,
			body: func(a, _, p, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { VMULPS(p, a, r) }) }},
		{name: "square", doc: "squares", loop: "dst[i] = a[i] * a[i]", operands: 1, unroll: cheap,
			body: func(a, _, _, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { VMULPS(a, a, r) }) }},
		{name: "sqrt", doc: "takes square roots", loop: "dst[i] = sqrt(a[i])", operands: 1, unroll: cheap,
			body: func(a, _, _, _ VecVirtual) VecVirtual { return out(func(r VecVirtual) { VSQRTPS(a, r) }) }},
		{name: "abs", doc: "takes magnitudes", loop: "dst[i] = abs(a[i])", operands: 1, unroll: cheap,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				return out(func(r VecVirtual) { v.andBits(magnitude, a, r) })
			}},
		{name: "clamp", doc: "bounds; a NaN stays", loop: "dst[i] = min(max(a[i], p), q)", operands: 1, numbers: 2, unroll: cheap,
			body: func(a, _, p, q VecVirtual) VecVirtual {
				return out(func(r VecVirtual) { VMAXPS(a, p, r); VMINPS(r, q, r) })
			}},
		{name: "relu", doc: "rectifies; a NaN stays", loop: "if dst[i] = a[i]; a[i] <= 0 { dst[i] = 0 }", operands: 1, unroll: cheap,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				return out(func(r VecVirtual) { v.zero(r); v.only(v.cmp(notLE, a, r), a, r) })
			}},
		{name: "reluBack", doc: "passes a where b is positive or NaN", loop: "if dst[i] = a[i]; b[i] <= 0 { dst[i] = 0 }", operands: 2, unroll: cheap,
			body: func(a, b, _, _ VecVirtual) VecVirtual {
				return out(func(r VecVirtual) { v.zero(r); v.only(v.cmp(notLE, b, r), a, r) })
			}},
		{name: "sign", doc: "stores the signs; 0 and NaN stay", loop: "if dst[i] = a[i]; a[i] > 0 { dst[i] = 1 } else if a[i] < 0 { dst[i] = -1 }", operands: 1, unroll: cheap,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				zero, one := v.reg(), v.reg()
				v.zero(zero)
				v.set(1, one)
				up, down := v.cmp(less, zero, a), v.cmp(less, a, zero)
				v.pick(up, one, a)
				v.set(-1, one)
				v.pick(down, one, a)
				return a
			}},
		{name: "step", doc: "stores 1 where a is positive, and 0 elsewhere; a NaN stays", loop: "if dst[i] = a[i]; a[i] > 0 { dst[i] = 1 } else if a[i] <= 0 { dst[i] = 0 }", operands: 1, unroll: cheap,
			body: func(a, _, _, _ VecVirtual) VecVirtual {
				zero, one := v.reg(), v.reg()
				v.zero(zero)
				v.set(1, one)
				down := v.cmp(lessEqual, a, zero)
				v.pick(v.cmp(less, zero, a), one, a)
				v.drop(down, a, a)
				return a
			}},
		{name: "inside", doc: "stores 1 where a is between p and q, and 0 elsewhere", loop: "if dst[i] = 0; p < a[i] && a[i] < q { dst[i] = 1 }", operands: 1, numbers: 2, unroll: cheap,
			body: func(a, _, p, q VecVirtual) VecVirtual {
				return out(func(r VecVirtual) {
					v.set(1, r)
					v.only(v.cmp(less, p, a), r, r)
					v.only(v.cmp(less, a, q), r, r)
				})
			}},
		{name: "fillMasked", doc: "stores p in place of −Inf", loop: "if dst[i] = a[i]; a[i] == -Inf { dst[i] = p }", operands: 1, numbers: 1, unroll: cheap,
			body: func(a, _, p, _ VecVirtual) VecVirtual {
				t := v.reg()
				v.set(math.Inf(-1), t)
				v.pick(v.cmp(equal, a, t), p, a)
				return a
			}},
		{name: "softmaxBack", doc: "is the gradient by a row of scores, of its softmax a, upstream b and their product p", loop: "dst[i] = a[i] * (b[i] - p)", operands: 2, numbers: 1, unroll: cheap,
			body: func(a, b, p, _ VecVirtual) VecVirtual {
				return out(func(r VecVirtual) { VSUBPS(p, b, r); VMULPS(a, r, r) })
			}},
		{name: "maskLike", doc: "stores a, and 0 where b is −Inf", loop: "if dst[i] = a[i]; b[i] == -Inf { dst[i] = 0 }", operands: 2, unroll: cheap,
			body: func(a, b, _, _ VecVirtual) VecVirtual {
				return out(func(r VecVirtual) { v.set(math.Inf(-1), r); v.drop(v.cmp(equal, b, r), a, r) })
			}},
	} {
		v.elementwise(e)
	}
}
