//go:build amd64 && !purego

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
			if active == pathAVX512 {
				gatherDot512(ptr(out), ptr(h), ptr(tab), d, ptr(ids), n)
			} else {
				gatherDot256(ptr(out), ptr(h), ptr(tab), d, ptr(ids), n)
			}
		case []float64:
			h, tab := any(h).([]float64), any(tab).([]float64)
			if active == pathAVX512 {
				gatherDot512d(ptr(out), ptr(h), ptr(tab), d, ptr(ids), n)
			} else {
				gatherDot256d(ptr(out), ptr(h), ptr(tab), d, ptr(ids), n)
			}
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
		if active == pathAVX512 {
			gatherAxpy512(ptr(acc), ptr(coef[:n]), ptr(tab), d, ptr(ids), n)
		} else {
			gatherAxpy256(ptr(acc), ptr(coef[:n]), ptr(tab), d, ptr(ids), n)
		}
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
		switch {
		case few == 0:
			few = 1
			hi := bounds[u+1]
			gatherAxpy(dst[u*d:][:d], coef[lo:hi], from, src[lo:hi])
		case active == pathAVX512:
			addRows512(ptr(dst[u*d:]), ptr(coef), ptr(from), d, ptr(bounds[u:]), ptr(src), few)
		default:
			addRows256(ptr(dst[u*d:]), ptr(coef), ptr(from), d, ptr(bounds[u:]), ptr(src), few)
		}
		u += few
	}
}

func adagrad(w, s, g []float32, d int, ids []int32, n int, lr, eps float32) {
	if active == pathGo {
		adagradGo(w, s, g, d, ids[:n], lr, eps)
		return
	}
	for i := 0; i < n; {
		few := min(max(1, vectorPiece/d), n-i)
		if active == pathAVX512 {
			adagrad512(ptr(w), ptr(s), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps)
		} else {
			adagrad256(ptr(w), ptr(s), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps)
		}
		i += few
	}
}

func rowAdagrad(w, s, g []float32, d int, ids []int32, n int, lr, eps float32) {
	if active == pathGo {
		rowAdagradGo(w, s, g, d, ids[:n], lr, eps)
		return
	}
	for i := 0; i < n; {
		few := min(max(1, vectorPiece/d), n-i)
		if active == pathAVX512 {
			rowAdagrad512(ptr(w), ptr(s), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps, 1/float32(d))
		} else {
			rowAdagrad256(ptr(w), ptr(s), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps, 1/float32(d))
		}
		i += few
	}
}

func adam(w, m, v, g []float32, d int, ids []int32, n int, lr, eps, b1, b2 float32) {
	if active == pathGo {
		adamGo(w, m, v, g, d, ids[:n], lr, eps, b1, b2)
		return
	}
	for i := 0; i < n; {
		few := min(max(1, vectorPiece/d), n-i)
		if active == pathAVX512 {
			adam512(ptr(w), ptr(m), ptr(v), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps, b1, b2)
		} else {
			adam256(ptr(w), ptr(m), ptr(v), ptr(g[i*d:]), d, ptr(ids[i:]), few, len(ids)-i, lr, eps, b1, b2)
		}
		i += few
	}
}

func prefetchRow(x []float32) {
	if active != pathGo && len(x) > 0 {
		prefetch(ptr(x), len(x))
	}
}
