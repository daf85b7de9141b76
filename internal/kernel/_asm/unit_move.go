package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// unitMoves are passes of unitGrads, sumSquares and a step of an optimizer over rows that are
// in the first-level cache. What they compute is, operation by operation, what those do.
func unitMoves(v isa) {
	unitSGD(v)
	unitAdagrad(v)
	unitAdam(v)
}

// unitMove writes the kernel of a rule that keeps state of those names of each weight. First
// come the norms of all rows, then their steps: a norm is a long chain of operations, of
// which those of several rows fill the processor, and a step is as long as its divisions.
// constants returns what step needs for all rows, and step moves a vector of w, state and the
// gradient y, from and to memory; y is its own.
func unitMove(v isa, name, rule, params string, state []string, constants func(each func(string) VecVirtual) []VecVirtual, step func(c []VecVirtual, w, y VecVirtual, state []Mem)) {
	all := "w"
	for _, s := range state {
		all += ", " + s
	}
	v.text(name, "("+all+", grad *float32, n, d int, norms *float32, "+params+" float32) float32",
		"is a step of n rows of w along grad, a gradient by unitRows, and returns the sum of the",
		"squares of that by the rows; d is a multiple of four vectors, and norms has room for 2n:", "",
		"\tunitGrads(grad, w, n, d)",
		"\tsum := sumSquares(grad[:n*d])",
		"\t"+rule,
		"\treturn sum")
	w, g, n, norms, width := ptr("w"), ptr("grad"), ptr("n"), ptr("norms"), v.stride("d")
	tables := []GPVirtual{w, g}
	for _, s := range state {
		tables = append(tables, ptr(s))
	}
	off, left := GP64(), GP64()
	in := func(p GPVirtual, i int) Mem { return Mem{Base: p, Index: off, Scale: 1, Disp: i * v.bytes()} }
	// rows writes a loop over the rows, from p on.
	rows := func(name string, p []GPVirtual, body func()) {
		MOVQ(n, left)
		Label(name + "Row")
		body()
		for _, q := range p {
			ADDQ(width, q)
		}
		ADDQ(U8(8), norms)
		DECQ(left)
		JNZ(LabelRef(name + "Row"))
	}
	// fours writes a loop over a row, four vectors at a time.
	fours := func(name string, body func(i int)) {
		XORQ(off, off)
		Label(name)
		for i := range 4 {
			body(i)
		}
		ADDQ(I32(4*v.bytes()), off)
		CMPQ(off, width)
		JLT(LabelRef(name))
	}
	one, floor := v.reg(), v.reg()
	v.set(1, one)
	v.set(normFloor, floor)
	row, grad := GP64(), GP64()
	MOVQ(w, row)
	MOVQ(g, grad)
	rows("norm", []GPVirtual{row, grad}, func() {
		squares, dots := v.zeros(4), v.zeros(4)
		fours("sums", func(i int) {
			a, b := v.reg(), v.reg()
			VMOVUPS(in(row, i), a)
			VMOVUPS(in(grad, i), b)
			VFMADD231PS(a, a, squares[i])
			VFMADD231PS(b, a, dots[i])
		})
		inv, along := v.alongRow(squares, dots, one, floor)
		VMOVSS(inv, at(norms, 0))
		VMOVSS(along, at(norms, 4))
	})
	total := v.zeros(4)
	c := constants(func(name string) VecVirtual {
		r := v.reg()
		VBROADCASTSS(place(name), r)
		return r
	})
	MOVQ(n, left)
	SHLQ(U8(3), left)
	SUBQ(left, norms)
	rows("move", tables, func() {
		inv, along := v.reg(), v.reg()
		VBROADCASTSS(at(norms, 0), inv)
		VBROADCASTSS(at(norms, 4), along)
		fours("step", func(i int) {
			x, y := v.reg(), v.reg()
			v.zero(y)
			VMOVUPS(in(w, i), x)
			VFMADD231PS(in(g, i), inv, y)
			VFNMADD231PS(x, along, y)
			VFMADD231PS(y, y, total[i])
			var kept []Mem
			for _, p := range tables[2:] {
				kept = append(kept, in(p, i))
			}
			step(c, x, y, kept)
			VMOVUPS(x, in(w, i))
		})
	})
	Store(v.fold(total), ReturnIndex(0))
	ret()
}

func unitSGD(v isa) {
	unitMove(v, "unitSGD", "axpy(-rate, grad[:n*d], w)", "rate", nil,
		func(each func(string) VecVirtual) []VecVirtual { return []VecVirtual{each("rate")} },
		func(c []VecVirtual, w, y VecVirtual, _ []Mem) { VFNMADD231PS(c[0], y, w) })
}

func unitAdagrad(v isa) {
	unitMove(v, "unitAdagrad", "adagrad(w, s, grad, n*d, []int32{0}, lr, eps)", "lr, eps", []string{"s"},
		func(each func(string) VecVirtual) []VecVirtual { return []VecVirtual{each("lr"), each("eps")} },
		func(c []VecVirtual, w, y VecVirtual, state []Mem) {
			s := v.reg()
			VMOVUPS(state[0], s)
			VFMADD231PS(y, y, s)
			VMOVUPS(s, state[0])
			v.ratio(c[0], c[1], y, s)
			VSUBPS(y, w, w)
		})
}

// unitAdam has its rate and floor in memory: the registers of AVX2 are all taken.
func unitAdam(v isa) {
	unitMove(v, "unitAdam", "adam(w, m, s, grad, n*d, []int32{0}, lr, eps, beta1, beta2) // rest1 = 1-beta1, rest2 = 1-beta2",
		"lr, eps, beta1, beta2, rest1, rest2", []string{"m", "s"},
		func(each func(string) VecVirtual) []VecVirtual {
			return []VecVirtual{each("beta1"), each("beta2"), each("rest1"), each("rest2")}
		},
		func(c []VecVirtual, w, y VecVirtual, state []Mem) {
			m, s, t := v.reg(), v.reg(), v.reg()
			VMOVUPS(state[0], m)
			VMULPS(y, c[2], t)
			VFMADD213PS(t, c[0], m)
			VMOVUPS(m, state[0])
			VMOVUPS(state[1], s)
			VMULPS(y, y, y)
			VMULPS(y, c[3], t)
			VFMADD213PS(t, c[1], s)
			VMOVUPS(s, state[1])
			VBROADCASTSS(place("lr"), t)
			VMULPS(t, m, m)
			VBROADCASTSS(place("eps"), t)
			VSQRTPS(s, s)
			VADDPS(t, s, s)
			VDIVPS(s, m, m)
			VSUBPS(m, w, w)
		})
}
