//go:build !purego

package kernel

// gatherDot and gatherAxpy rely on ids that checkIDs has checked.

func gatherDot[T Float](out, h, tab []T, ids []int32) {
	d := len(h)
	if active == pathGo || d == 0 {
		gatherDotGo(out, h, tab, ids)
		return
	}
	for n := max(1, gatherFloats/d); len(ids) > 0; {
		n = min(n, len(ids))
		switch out := any(out[:n]).(type) {
		case []float32:
			h, _ := f32(h)
			tab, _ := f32(tab)
			gatherDot128(ptr(out), ptr(h), ptr(tab), d, ptr(ids), n)
		case []float64:
			gatherDot128d(ptr(out), ptr(any(h).([]float64)), ptr(any(tab).([]float64)), d, ptr(ids), n)
		}
		out, ids = out[n:], ids[n:]
	}
}

func gatherAxpy(acc, coef, tab []float32, ids []int32) {
	d := len(acc)
	if active == pathGo || d == 0 {
		gatherAxpyGo(acc, coef, tab, ids)
		return
	}
	for n := max(1, gatherFloats/d); len(ids) > 0; {
		n = min(n, len(ids))
		gatherAxpy128(ptr(acc), ptr(coef[:n]), ptr(tab), d, ptr(ids), n)
		coef, ids = coef[n:], ids[n:]
	}
}

func addRows(dst []float32, d int, bounds, src []int32, coef, from []float32) {
	if active == pathGo || d == 0 || coef == nil {
		addRowsGo(dst, d, bounds, src, coef, from)
		return
	}
	most := gatherFloats / d // terms of a call
	for u, n := 0, len(bounds)-1; u < n; {
		lo, few := int(bounds[u]), 0
		for u+few < n && int(bounds[u+few+1])-lo <= most {
			few++
		}
		if few > 0 {
			addRows128(ptr(dst[u*d:]), ptr(coef), ptr(from), d, ptr(bounds[u:]), ptr(src), few)
		} else {
			few = 1
			hi := bounds[u+1]
			gatherAxpy(dst[u*d:][:d], coef[lo:hi], from, src[lo:hi])
		}
		u += few
	}
}

// callRows calls f for pieces of n rows of d floats.
func callRows(n, d int, f func(lo, few int)) {
	most := max(1, vectorPiece/d)
	for lo := 0; lo < n; lo += most {
		f(lo, min(most, n-lo))
	}
}

func adagrad(w, s, g []float32, d int, ids []int32, n int, lr, eps float32) {
	if active == pathGo {
		adagradGo(w, s, g, d, ids[:n], lr, eps)
		return
	}
	callRows(n, d, func(lo, few int) {
		adagrad128(ptr(w), ptr(s), ptr(g[lo*d:]), d, ptr(ids[lo:]), few, len(ids)-lo, lr, eps)
	})
}

func rowAdagrad(w, s, g []float32, d int, ids []int32, n int, lr, eps float32) {
	if active == pathGo {
		rowAdagradGo(w, s, g, d, ids[:n], lr, eps)
		return
	}
	callRows(n, d, func(lo, few int) {
		rowAdagrad128(ptr(w), ptr(s), ptr(g[lo*d:]), d, ptr(ids[lo:]), few, len(ids)-lo, lr, eps, 1/float32(d))
	})
}

func adam(w, m, v, g []float32, d int, ids []int32, n int, lr, eps, b1, b2 float32) {
	if active == pathGo {
		adamGo(w, m, v, g, d, ids[:n], lr, eps, b1, b2)
		return
	}
	callRows(n, d, func(lo, few int) {
		adam128(ptr(w), ptr(m), ptr(v), ptr(g[lo*d:]), d, ptr(ids[lo:]), few, len(ids)-lo, lr, eps, b1, b2)
	})
}

func prefetchRow(x []float32) {
	if active != pathGo && len(x) > 0 {
		prefetch(ptr(x), len(x))
	}
}
