package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// ahead is how many table rows before its use a row is fetched.
const ahead = 8

func rowKernels(v isa) {
	gatherDot(v)
	gatherAxpy(v)
	adagrad(v)
	adam(v)
}

// fetch asks for the cache lines of the d floats (bytes in len) at p.
func fetch(p, bytes GPVirtual, label string) {
	Label(label)
	PREFETCHT0(at(p, 0))
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
	rest := GP64()
	MOVQ(d, rest)
	ANDQ(U8(v.lanes()-1), rest)
	k := v.tail(rest)
	row, hp, left := GP64(), GP64(), GP64()
	Label("row")
	TESTQ(n, n)
	JZ(LabelRef("done"))
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
	DECQ(n)
	JMP(LabelRef("row"))
	Label("done")
	ret()
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

// ratio stores lr·num/(√s + eps) in num; s is overwritten.
func (v isa) ratio(lr, eps, num, s VecVirtual) {
	VSQRTPS(s, s)
	VADDPS(eps, s, s)
	VMULPS(lr, num, num)
	VDIVPS(s, num, num)
}

func adagrad(v isa) {
	v.text("adagrad", "(w, s, grad *float32, n int, lr, eps float32)",
		"is a step of Adagrad:", "",
		"\tfor i := range n { s[i] += grad[i]*grad[i]; w[i] -= lr * grad[i] / (sqrt(s[i]) + eps) }")
	lr, eps := v.param("lr"), v.param("eps")
	w, s, g, n := ptr("w"), ptr("s"), ptr("grad"), ptr("n")
	v.each(n, []GPVirtual{w, s, g}, func(ld loadFunc, st storeFunc, _ *mask) {
		wv, sv, gv := v.reg(), v.reg(), v.reg()
		ld(at(g, 0), gv)
		ld(at(s, 0), sv)
		ld(at(w, 0), wv)
		VFMADD231PS(gv, gv, sv)
		st(sv, at(s, 0))
		v.ratio(lr, eps, gv, sv)
		VSUBPS(gv, wv, wv)
		st(wv, at(w, 0))
	})
	ret()
}

func adam(v isa) {
	v.text("adam", "(w, m, s, grad *float32, n int, lr, eps, beta1, beta2 float32)",
		"is a step of Adam whose bias corrections are in lr and eps:", "",
		"\tfor i := range n {",
		"\t\tm[i] = beta1*m[i] + (1-beta1)*grad[i]",
		"\t\ts[i] = beta2*s[i] + (1-beta2)*grad[i]*grad[i]",
		"\t\tw[i] -= lr * m[i] / (sqrt(s[i]) + eps)",
		"\t}")
	lr, eps, b1, b2 := v.param("lr"), v.param("eps"), v.param("beta1"), v.param("beta2")
	c1, c2 := v.reg(), v.reg()
	v.set(1, c1)
	VSUBPS(b2, c1, c2)
	VSUBPS(b1, c1, c1)
	w, m, s, g, n := ptr("w"), ptr("m"), ptr("s"), ptr("grad"), ptr("n")
	v.each(n, []GPVirtual{w, m, s, g}, func(ld loadFunc, st storeFunc, _ *mask) {
		wv, mv, sv, gv, t := v.reg(), v.reg(), v.reg(), v.reg(), v.reg()
		ld(at(g, 0), gv)
		ld(at(m, 0), mv)
		ld(at(s, 0), sv)
		ld(at(w, 0), wv)
		VMULPS(gv, c1, t)
		VFMADD213PS(t, b1, mv) // m·β₁ + (1−β₁)·g
		VMULPS(gv, gv, gv)
		VMULPS(gv, c2, t)
		VFMADD213PS(t, b2, sv)
		st(mv, at(m, 0))
		st(sv, at(s, 0))
		v.ratio(lr, eps, mv, sv)
		VSUBPS(mv, wv, wv)
		st(wv, at(w, 0))
	})
	ret()
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
