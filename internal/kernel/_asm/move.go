package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// ratio stores lr·num/(√s + eps) in num; s is overwritten.
func (v isa) ratio(lr, eps, num, s VecVirtual) {
	VSQRTPS(s, s)
	VADDPS(eps, s, s)
	VMULPS(lr, num, num)
	VDIVPS(s, num, num)
}

// rowOf returns the bytes of a row of d floats, and the mask of its last vector.
func (v isa) rowOf(d GPVirtual) (width GPVirtual, k mask) {
	width = GP64()
	MOVQ(d, width)
	SHLQ(U8(2), width)
	return width, v.tailOf(d)
}

// eachVector writes the loop over the vectors of a row of count floats, the last of which k
// masks; row and g go on with them, but for row after the last.
func (v isa) eachVector(name string, count, row, g GPVirtual, k mask, body func(ld loadFunc, st storeFunc)) {
	v.eachMasked(name, count, []GPVirtual{row, g}, func() mask { return k }, func(ld loadFunc, st storeFunc, last *mask) {
		if body(ld, st); last != nil {
			LEAQ(Mem{Base: g, Index: count, Scale: 4}, g)
		}
	})
}

// eachRow writes the loop over the rows idx[:n] of tables, and the same number of
// consecutive rows of grad, all of d floats: body gets the places of one vector of
// grad and of each table. Rows of all tables are fetched ahead; idx goes on for
// left ≥ n entries.
func (v isa) eachRow(tables []GPVirtual, body func(grad Mem, table []Mem, ld loadFunc, st storeFunc)) {
	g, d, idx, n, left := ptr("grad"), ptr("d"), ptr("idx"), ptr("n"), ptr("left")
	width, k := v.rowOf(d)
	rowLoop(n, func() {
		CMPQ(left, U8(ahead+1))
		JLT(LabelRef("fetched"))
		p, end := GP64(), GP64()
		MOVLQSX(Mem{Base: idx, Disp: 4 * ahead}, p)
		IMULQ(width, p)
		LEAQ(Mem{Base: p, Index: width, Scale: 1}, end)
		Label("fetch")
		for _, t := range tables {
			PREFETCHT1(Mem{Base: t, Index: p, Scale: 1})
		}
		ADDQ(U8(64), p)
		CMPQ(p, end)
		JLT(LabelRef("fetch"))
		Label("fetched")
		row, count := GP64(), GP64()
		MOVLQSX(at(idx, 0), row)
		IMULQ(width, row)
		MOVQ(d, count)
		at := make([]Mem, len(tables))
		for i, t := range tables {
			at[i] = Mem{Base: t, Index: row, Scale: 1}
		}
		grad := Mem{Base: g}
		v.eachVector("vector", count, row, g, k, func(ld loadFunc, st storeFunc) { body(grad, at, ld, st) })
		ADDQ(U8(4), idx)
		DECQ(left)
	})
}

func adagrad(v isa) {
	v.text("adagrad", "(w, s, grad *float32, d int, idx *int32, n, left int, lr, eps float32)",
		"is a step of Adagrad on rows idx[:n] of w and s; idx[:left] will follow:", "",
		"\tfor i := range n {",
		"\t\tw, s, grad := w[idx[i]*d:], s[idx[i]*d:], grad[i*d:]",
		"\t\tfor j := range d { s[j] += grad[j]*grad[j]; w[j] -= lr * grad[j] / (sqrt(s[j]) + eps) }",
		"\t}")
	lr, eps := v.param("lr"), v.param("eps")
	w, s := ptr("w"), ptr("s")
	v.eachRow([]GPVirtual{w, s}, func(grad Mem, table []Mem, ld loadFunc, st storeFunc) {
		wv, sv, gv := v.reg(), v.reg(), v.reg()
		ld(grad, gv)
		ld(table[1], sv)
		ld(table[0], wv)
		VFMADD231PS(gv, gv, sv)
		st(sv, table[1])
		v.ratio(lr, eps, gv, sv)
		VSUBPS(gv, wv, wv)
		st(wv, table[0])
	})
}

// rowAdagrad passes over a row of the gradient twice: for its squares, and to move.
func rowAdagrad(v isa) {
	v.text("rowAdagrad", "(w, s, grad *float32, d int, idx *int32, n, left int, lr, eps, share float32)",
		"is a step of Adagrad with one number of s a row, on rows idx[:n] of w, share being 1/d; idx[:left] will follow:", "",
		"\tfor i := range n {",
		"\t\tw, s, grad := w[idx[i]*d:], &s[idx[i]], grad[i*d:]",
		"\t\t*s += share * dot(grad[:d], grad[:d])",
		"\t\tfor j := range d { w[j] -= lr / (sqrt(*s) + eps) * grad[j] } // fused",
		"\t}")
	w, s, g, d, idx, n, left := ptr("w"), ptr("s"), ptr("grad"), ptr("d"), ptr("idx"), ptr("n"), ptr("left")
	width, k := v.rowOf(d)
	row, count := GP64(), GP64()
	// each writes a loop over the vectors of a row of grad and the place row beside it.
	each := func(name string, body func(ld loadFunc, st storeFunc)) {
		MOVQ(d, count)
		v.eachVector(name, count, row, g, k, body)
	}
	rowLoop(n, func() {
		CMPQ(left, U8(ahead+1))
		JLT(LabelRef("fetched"))
		MOVLQSX(Mem{Base: idx, Disp: 4 * ahead}, row)
		PREFETCHT1(Mem{Base: s, Index: row, Scale: 4})
		IMULQ(width, row)
		ADDQ(w, row)
		MOVQ(width, count)
		fetch(row, count, "fetch")
		Label("fetched")
		acc, x := v.reg(), v.reg()
		v.zero(acc)
		each("squares", func(ld loadFunc, _ storeFunc) {
			ld(at(g, 0), x)
			VFMADD231PS(x, x, acc)
		})
		SUBQ(width, g)
		MOVLQSX(at(idx, 0), row)
		sum, t := v.hsum(acc), XMM()
		VMULSS(place("share"), sum, sum)
		VADDSS(Mem{Base: s, Index: row, Scale: 4}, sum, sum)
		VMOVSS(sum, Mem{Base: s, Index: row, Scale: 4})
		VSQRTSS(sum, sum, sum)
		VADDSS(place("eps"), sum, sum)
		VMOVSS(place("lr"), t)
		VDIVSS(sum, t, t)
		c := v.reg()
		VBROADCASTSS(t, c)
		IMULQ(width, row)
		ADDQ(w, row)
		y := v.reg()
		each("move", func(ld loadFunc, st storeFunc) {
			ld(at(g, 0), x)
			ld(at(row, 0), y)
			VFNMADD231PS(x, c, y)
			st(y, at(row, 0))
		})
		ADDQ(U8(4), idx)
		DECQ(left)
	})
}

func adam(v isa) {
	v.text("adam", "(w, m, s, grad *float32, d int, idx *int32, n, left int, lr, eps, beta1, beta2 float32)",
		"is a step of Adam, whose bias corrections are in lr and eps, on rows idx[:n] of w, m and s; idx[:left] will follow:", "",
		"\tfor i := range n {",
		"\t\tw, m, s, grad := w[idx[i]*d:], m[idx[i]*d:], s[idx[i]*d:], grad[i*d:]",
		"\t\tfor j := range d {",
		"\t\t\tm[j] = beta1*m[j] + (1-beta1)*grad[j]",
		"\t\t\ts[j] = beta2*s[j] + (1-beta2)*grad[j]*grad[j]",
		"\t\t\tw[j] -= lr * m[j] / (sqrt(s[j]) + eps)",
		"\t\t}",
		"\t}")
	lr, eps, b1, b2 := v.param("lr"), v.param("eps"), v.param("beta1"), v.param("beta2")
	c1, c2 := v.reg(), v.reg()
	v.set(1, c1)
	VSUBPS(b2, c1, c2)
	VSUBPS(b1, c1, c1)
	w, m, s := ptr("w"), ptr("m"), ptr("s")
	v.eachRow([]GPVirtual{w, m, s}, func(grad Mem, table []Mem, ld loadFunc, st storeFunc) {
		wv, mv, sv, gv, t := v.reg(), v.reg(), v.reg(), v.reg(), v.reg()
		ld(grad, gv)
		ld(table[1], mv)
		ld(table[2], sv)
		ld(table[0], wv)
		VMULPS(gv, c1, t)
		VFMADD213PS(t, b1, mv) // m·β₁ + (1−β₁)·g
		VMULPS(gv, gv, gv)
		VMULPS(gv, c2, t)
		VFMADD213PS(t, b2, sv)
		st(mv, table[1])
		st(sv, table[2])
		v.ratio(lr, eps, mv, sv)
		VSUBPS(mv, wv, wv)
		st(wv, table[0])
	})
}
