package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// ahead is how many table rows before its use a row is fetched, to the second level
// of the cache: the first has room for fewer misses at a time, and takes a third
// longer over rows of 256 bytes from memory.
const ahead = 16

func rowKernels(v isa) {
	gatherDot(v)
	gatherAxpy(v)
	addRows(v)
	adagrad(v)
	rowAdagrad(v)
	adam(v)
}

// fetch asks for the cache lines of the d floats (bytes in len) at p.
func fetch(p, bytes GPVirtual, label string) {
	Label(label)
	PREFETCHT1(at(p, 0))
	ADDQ(U8(64), p)
	SUBQ(U8(64), bytes)
	JG(LabelRef(label))
}

// fetchAhead fetches the row that is used ahead iterations later, if there is
// one: left counts the iterations left, this one included.
func fetchAhead(idx, left, tab, width GPVirtual) {
	CMPQ(left, U8(ahead+1))
	JLT(LabelRef("fetched"))
	p, n := GP64(), GP64()
	MOVLQSX(Mem{Base: idx, Disp: 4 * ahead}, p)
	IMULQ(width, p)
	ADDQ(tab, p)
	MOVQ(width, n)
	fetch(p, n, "fetch")
	Label("fetched")
}

func gatherDot(v isa) {
	v.text("gatherDot", "(out, h, tab *"+v.float()+", d int, idx *int32, n int)",
		"stores the products of h with rows of tab:", "",
		"\tfor i := range n { out[i] = dot(h[:d], tab[idx[i]*d:]) }")
	out, h, tab, d := ptr("out"), ptr("h"), ptr("tab"), ptr("d")
	idx, n := ptr("idx"), ptr("n")
	width := v.stride("d")
	// The tail of d is the same for every row, so its mask is made once; with no
	// tail it is never used.
	k := v.tailOf(d)
	row, hp, left := GP64(), GP64(), GP64()
	rowLoop(n, func() {
		fetchAhead(idx, n, tab, width)
		MOVLQSX(at(idx, 0), row)
		IMULQ(width, row)
		ADDQ(tab, row)
		MOVQ(h, hp)
		MOVQ(d, left)
		acc := v.regs(4)
		for _, a := range acc {
			v.zero(a)
		}
		Label("four")
		CMPQ(left, U8(4*v.lanes()))
		JLT(LabelRef("one"))
		for j, a := range acc {
			x := v.reg()
			VMOVUPS(at(row, j*v.bytes()), x)
			v.fma(at(hp, j*v.bytes()), x, a)
		}
		ADDQ(I32(4*v.bytes()), row)
		ADDQ(I32(4*v.bytes()), hp)
		SUBQ(U8(4*v.lanes()), left)
		JMP(LabelRef("four"))
		Label("one")
		CMPQ(left, U8(v.lanes()))
		JLT(LabelRef("tail"))
		x := v.reg()
		VMOVUPS(at(row, 0), x)
		v.fma(at(hp, 0), x, acc[0])
		ADDQ(U8(v.bytes()), row)
		ADDQ(U8(v.bytes()), hp)
		SUBQ(U8(v.lanes()), left)
		JMP(LabelRef("one"))
		Label("tail")
		TESTQ(left, left)
		JZ(LabelRef("sum"))
		y := v.reg()
		v.loadTail(at(row, 0), k, x)
		v.loadTail(at(hp, 0), k, y)
		v.fma(x, y, acc[1])
		Label("sum")
		v.add(acc[1], acc[0], acc[0])
		v.add(acc[3], acc[2], acc[2])
		v.add(acc[2], acc[0], acc[0])
		if v.double {
			VMOVSD(v.hsum(acc[0]), at(out, 0))
		} else {
			VMOVSS(v.hsum(acc[0]), at(out, 0))
		}
		ADDQ(U8(v.size()), out)
		ADDQ(U8(4), idx)
	})
}

// gatherAxpy keeps strips of four vectors of acc in registers over all rows.
func gatherAxpy(v isa) {
	v.text("gatherAxpy", "(acc, coef, tab *float32, d int, idx *int32, n int)",
		"adds rows of tab, each times its coefficient, to acc:", "",
		"\tfor i := range n { for j := range d { acc[j] += coef[i] * tab[idx[i]*d+j] } } // fused")
	acc, tab, left := ptr("acc"), ptr("tab"), ptr("d")
	width := GP64()
	MOVQ(left, width)
	SHLQ(U8(2), width)
	idx, coef, n := GP64(), GP64(), GP64()
	start := func() {
		Load(Param("idx"), idx)
		Load(Param("coef"), coef)
		Load(Param("n"), n)
	}
	strip := func(name string, nv int, k *mask, first bool) {
		av := v.regs(nv)
		ld := func(m Mem, r VecVirtual) {
			if k != nil {
				v.loadTail(m, *k, r)
			} else {
				VMOVUPS(m, r)
			}
		}
		for j := range av {
			ld(at(acc, j*v.bytes()), av[j])
		}
		start()
		Label(name)
		TESTQ(n, n)
		JZ(LabelRef(name + "End"))
		if first {
			fetchAhead(idx, n, tab, width)
		}
		row, c := GP64(), v.reg()
		MOVLQSX(at(idx, 0), row)
		IMULQ(width, row)
		ADDQ(tab, row)
		VBROADCASTSS(at(coef, 0), c)
		for j := range av {
			x := v.reg()
			ld(at(row, j*v.bytes()), x)
			VFMADD231PS(x, c, av[j])
		}
		ADDQ(U8(4), idx)
		ADDQ(U8(4), coef)
		DECQ(n)
		JMP(LabelRef(name))
		Label(name + "End")
		for j := range av {
			if k != nil {
				v.storeTail(av[j], *k, at(acc, j*v.bytes()))
			} else {
				VMOVUPS(av[j], at(acc, j*v.bytes()))
			}
		}
		ADDQ(I32(nv*v.bytes()), acc)
		ADDQ(I32(nv*v.bytes()), tab)
	}
	Label("four")
	CMPQ(left, U8(4*v.lanes()))
	JLT(LabelRef("one"))
	strip("rows4", 4, nil, true)
	SUBQ(U8(4*v.lanes()), left)
	JMP(LabelRef("four"))
	Label("one")
	CMPQ(left, U8(v.lanes()))
	JLT(LabelRef("tail"))
	strip("rows1", 1, nil, false)
	SUBQ(U8(v.lanes()), left)
	JMP(LabelRef("one"))
	Label("tail")
	TESTQ(left, left)
	JZ(LabelRef("done"))
	k := v.tail(left)
	strip("rowsTail", 1, &k, false)
	Label("done")
	ret()
}

// addRows keeps strips of four vectors of a sum in registers over its terms.
func addRows(v isa) {
	v.text("addRows", "(dst, coef, from *float32, d int, ptr, src *int32, n int)",
		"adds rows of from, each times its coefficient, to the n rows of dst:", "",
		"\tfor u := range n {",
		"\t\tfor o := ptr[u]; o < ptr[u+1]; o++ {",
		"\t\t\tfor j := range d { dst[u*d+j] += coef[o] * from[src[o]*d+j] } // fused",
		"\t\t}",
		"\t}")
	dst, coef, from := ptr("dst"), ptr("coef"), ptr("from")
	width := ptr("d")
	k := v.tailOf(width)
	SHLQ(U8(2), width)
	bounds, src, n := ptr("ptr"), ptr("src"), ptr("n")
	first, end, at, row, left := GP64(), GP64(), GP64(), GP64(), GP64()
	MOVLQSX(Mem{Base: bounds}, end)
	rowLoop(n, func() {
		MOVQ(end, first)
		MOVLQSX(Mem{Base: bounds, Disp: 4}, end)
		MOVQ(width, left)
		strip := func(name string, nv int, k *mask) {
			ld, st := func(m Mem, r VecVirtual) { VMOVUPS(m, r) }, func(r VecVirtual, m Mem) { VMOVUPS(r, m) }
			if k != nil {
				ld, st = func(m Mem, r VecVirtual) { v.loadTail(m, *k, r) }, func(r VecVirtual, m Mem) { v.storeTail(r, *k, m) }
			}
			acc, c := v.regs(nv), v.reg()
			for j, a := range acc {
				ld(Mem{Base: dst, Disp: j * v.bytes()}, a)
			}
			MOVQ(first, at)
			Label(name)
			CMPQ(at, end)
			JGE(LabelRef(name + "End"))
			VBROADCASTSS(Mem{Base: coef, Index: at, Scale: 4}, c)
			MOVLQSX(Mem{Base: src, Index: at, Scale: 4}, row)
			IMULQ(width, row)
			for j, a := range acc {
				m := Mem{Base: from, Index: row, Scale: 1, Disp: j * v.bytes()}
				if k == nil {
					VFMADD231PS(m, c, a)
					continue
				}
				x := v.reg()
				ld(m, x)
				VFMADD231PS(x, c, a)
			}
			INCQ(at)
			JMP(LabelRef(name))
			Label(name + "End")
			for j, a := range acc {
				st(a, Mem{Base: dst, Disp: j * v.bytes()})
			}
		}
		step := func(bytes int) {
			ADDQ(I32(bytes), dst)
			ADDQ(I32(bytes), from)
			SUBQ(I32(bytes), left)
		}
		Label("four")
		CMPQ(left, I32(4*v.bytes()))
		JLT(LabelRef("one"))
		strip("terms4", 4, nil)
		step(4 * v.bytes())
		JMP(LabelRef("four"))
		Label("one")
		CMPQ(left, I32(v.bytes()))
		JLT(LabelRef("tail"))
		strip("terms1", 1, nil)
		step(v.bytes())
		JMP(LabelRef("one"))
		Label("tail")
		TESTQ(left, left)
		JZ(LabelRef("next"))
		strip("termsTail", 1, &k)
		ADDQ(left, dst)
		Label("next")
		SUBQ(width, from) // back by what the strips went forward
		ADDQ(left, from)
		ADDQ(U8(4), bounds)
	})
}

// prefetch fetches the rows of a table that are needed later.
func prefetch() {
	TEXT("prefetch", NOSPLIT, "func(p *float32, n int)")
	Pragma("noescape")
	Doc("prefetch asks for the cache lines of n > 0 floats; it changes nothing.")
	p, n := ptr("p"), stride("n")
	fetch(p, n, "fetch")
	RET()
}
