package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// unitKernels divide rows by their norms, and lead a gradient through that.
func unitKernels(v isa) {
	unitRows(v)
	unitGrads(v)
}

// normFloor is NormFloor of the package that the kernels are for.
const normFloor = 1e-12

// sumOverRow calls step for each vector of a row of d floats, at off+disp, with the number
// of one of four accumulators, as reduce has them: of what it adds to them fold makes its
// sum.
func (v isa) sumOverRow(name string, d, off, count GPVirtual, k mask, step func(ld loadFunc, disp, acc int)) {
	XORQ(off, off)
	MOVQ(d, count)
	full := func(m Mem, r VecVirtual) { VMOVUPS(m, r) }
	Label(name + "Four")
	CMPQ(count, U8(4*v.lanes()))
	JLT(LabelRef(name + "One"))
	for i := range 4 {
		step(full, i*v.bytes(), i)
	}
	ADDQ(I32(4*v.bytes()), off)
	SUBQ(U8(4*v.lanes()), count)
	JMP(LabelRef(name + "Four"))
	Label(name + "One")
	CMPQ(count, U8(v.lanes()))
	JLT(LabelRef(name + "Tail"))
	step(full, 0, 0)
	ADDQ(U8(v.bytes()), off)
	SUBQ(U8(v.lanes()), count)
	JMP(LabelRef(name + "One"))
	Label(name + "Tail")
	TESTQ(count, count)
	JZ(LabelRef(name + "Sum"))
	step(func(m Mem, r VecVirtual) { v.loadTail(m, k, r) }, 0, 0)
	Label(name + "Sum")
}

// fold returns the sum of four accumulators as reduce does, (0+1)+(2+3), in lane 0.
func (v isa) fold(acc []VecVirtual) VecVirtual {
	VADDPS(acc[1], acc[0], acc[0])
	VADDPS(acc[3], acc[2], acc[2])
	VADDPS(acc[2], acc[0], acc[0])
	return v.hsum(acc[0])
}

// zeros returns n registers of zeros.
func (v isa) zeros(n int) []VecVirtual {
	r := v.regs(n)
	for _, a := range r {
		v.zero(a)
	}
	return r
}

// overRow writes the loop over the vectors of a row of d floats at off.
func (v isa) overRow(name string, d, off, count GPVirtual, k mask, body func(ld loadFunc, st storeFunc)) {
	XORQ(off, off)
	MOVQ(d, count)
	v.eachMasked(name, count, []GPVirtual{off}, func() mask { return k }, func(ld loadFunc, st storeFunc, _ *mask) { body(ld, st) })
}

// normOf stores max(√s, normFloor) in lane 0 of s, and keeps NaN.
func (v isa) normOf(s, floor VecVirtual) {
	VSQRTSS(s.AsX(), s.AsX(), s.AsX())
	VMAXSS(s.AsX(), floor.AsX(), s.AsX())
}

func unitRows(v isa) {
	v.text("unitRows", "(dst *float32, ldd int, w *float32, n, d int)",
		"stores rows of w, of norm 1, in dst:", "",
		"\tfor c := range n {",
		"\t\tx := w[c*d:][:d]",
		"\t\tinv := 1 / max(sqrt(sumSquares(x)), NormFloor)",
		"\t\tfor j := range d { dst[c*ldd+j] = 0 + inv*x[j] } // fused",
		"\t}")
	dst, w, n, d := ptr("dst"), ptr("w"), ptr("n"), ptr("d")
	ldd := v.stride("ldd")
	width := v.stride("d")
	k := v.tailOf(d)
	one, floor := v.reg(), v.reg()
	v.set(1, one)
	v.set(normFloor, floor)
	off, count := GP64(), GP64()
	rowLoop(n, func() {
		x := func(disp int) Mem { return Mem{Base: w, Index: off, Scale: 1, Disp: disp} }
		squares := v.zeros(4)
		v.sumOverRow("squares", d, off, count, k, func(ld loadFunc, disp, acc int) {
			a := v.reg()
			ld(x(disp), a)
			VFMADD231PS(a, a, squares[acc])
		})
		s, inv := v.fold(squares), v.reg()
		v.normOf(s, floor)
		VDIVSS(s.AsX(), one.AsX(), s.AsX())
		VBROADCASTSS(s.AsX(), inv)
		v.overRow("scale", d, off, count, k, func(ld loadFunc, st storeFunc) {
			a, y := v.reg(), v.reg()
			v.zero(y)
			ld(x(0), a)
			VFMADD231PS(a, inv, y)
			st(y, Mem{Base: dst, Index: off, Scale: 1})
		})
		ADDQ(width, w)
		ADDQ(ldd, dst)
	})
}

// alongRow returns, in lane 0, 1/n and ⟨g,x⟩/n³ of a row x of norm n and a gradient g: of
// accumulators of their products with x, with 1 and normFloor in lane 0.
func (v isa) alongRow(squares, dots []VecVirtual, one, floor VecVirtual) (inv, along Register) {
	s, x := v.fold(squares), v.fold(dots)
	v.normOf(s, floor)
	t := XMM()
	VMULSS(s.AsX(), s.AsX(), t)
	VDIVSS(t, x.AsX(), x.AsX())
	VDIVSS(s.AsX(), x.AsX(), x.AsX())
	VDIVSS(s.AsX(), one.AsX(), s.AsX())
	return s.AsX(), x.AsX()
}

func unitGrads(v isa) {
	v.text("unitGrads", "(grad, w *float32, n, d int)",
		"replaces gradients by unitRows by those of the rows of w:", "",
		"\tfor c := range n {",
		"\t\tg, x := grad[c*d:][:d], w[c*d:][:d]",
		"\t\tnorm := max(sqrt(sumSquares(x)), NormFloor)",
		"\t\tinv, along := 1/norm, dot(g, x)/(norm*norm)",
		"\t\tfor j := range d { g[j] = (0 + inv*g[j]) - along/norm*x[j] } // both fused",
		"\t}")
	g, w, n, d := ptr("grad"), ptr("w"), ptr("n"), ptr("d")
	width := v.stride("d")
	k := v.tailOf(d)
	one, floor := v.reg(), v.reg()
	v.set(1, one)
	v.set(normFloor, floor)
	off, count := GP64(), GP64()
	rowLoop(n, func() {
		in := func(p GPVirtual, disp int) Mem { return Mem{Base: p, Index: off, Scale: 1, Disp: disp} }
		squares, dots := v.zeros(4), v.zeros(4)
		v.sumOverRow("sums", d, off, count, k, func(ld loadFunc, disp, acc int) {
			a, b := v.reg(), v.reg()
			ld(in(w, disp), a)
			ld(in(g, disp), b)
			VFMADD231PS(a, a, squares[acc])
			VFMADD231PS(b, a, dots[acc])
		})
		s, along := v.alongRow(squares, dots, one, floor)
		inv, c := v.reg(), v.reg()
		VBROADCASTSS(s, inv)
		VBROADCASTSS(along, c)
		v.overRow("scale", d, off, count, k, func(ld loadFunc, st storeFunc) {
			a, x, y := v.reg(), v.reg(), v.reg()
			v.zero(y)
			ld(in(g, 0), a)
			ld(in(w, 0), x)
			VFMADD231PS(a, inv, y)
			VFNMADD231PS(x, c, y)
			st(y, in(g, 0))
		})
		ADDQ(width, w)
		ADDQ(width, g)
	})
}
