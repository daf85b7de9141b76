//go:build amd64 && !purego

package kernel

// ridgeLanes returns the size of the blocks that gatherGram, gram, gatherT, ldlPanel
// and ldlBack are called with for a system. Small ones gain more from fitting their
// size than from wide vectors.
func ridgeLanes(small bool) int {
	if active == pathAVX512 && !small {
		return 16
	}
	return 8
}

// gatherGram relies on ids that checkIDs has checked, and callers give it few: a
// call takes len(ids)·width²/2 multiply-adds.
func gatherGram(lanes int, c []float32, ldc, width int, tab []float32, ld int, ids []int32, add bool) {
	_ = c[(width-1)*(ldc+1)]
	switch {
	case active == pathGo:
		gatherGramGo(lanes, c, ldc, width, tab, ld, ids, add)
	case lanes == 16:
		gatherGram512(ptr(c), ldc, width, ptr(tab), ld, ptr(ids), len(ids), flag(add))
	default:
		gatherGram256(ptr(c), ldc, width, ptr(tab), ld, ptr(ids), len(ids), flag(add))
	}
}

func gram(lanes int, c []float32, ldc, width int, a, b []float32, ld, n int, add bool) {
	_, _, _ = c[(width-1)*(ldc+1)], a[(n-1)*ld+width-1], b[(n-1)*ld+width-1]
	switch {
	case active == pathGo:
		gramGo(lanes, c, ldc, width, a, b, ld, n, add)
	case lanes == 16:
		gram512(ptr(c), ldc, width, ptr(a), ptr(b), ld, n, flag(add))
	default:
		gram256(ptr(c), ldc, width, ptr(a), ptr(b), ld, n, flag(add))
	}
}

func gramDouble(c []float64, ldc, width int, a, b []float64, ld, n int, add bool) {
	_, _, _ = c[(width-1)*(ldc+1)], a[(n-1)*ld+width-1], b[(n-1)*ld+width-1]
	switch active {
	case pathAVX512:
		gram512d(ptr(c), ldc, width, ptr(a), ptr(b), ld, n, flag(add))
	case pathAVX2:
		gram256d(ptr(c), ldc, width, ptr(a), ptr(b), ld, n, flag(add))
	default:
		gramGo(8, c, ldc, width, a, b, ld, n, add)
	}
}

// gatherT relies on ids that checkIDs has checked: one to lanes of them.
func gatherT(lanes int, dst []float32, ldd int, tab []float32, ld, width int, scale []float32, ids []int32) {
	_, _, _ = dst[(width-1)*ldd+lanes-1], scale[width-1], ids[0]
	switch {
	case active == pathGo:
		gatherTGo(lanes, dst, ldd, tab, ld, width, scale, ids)
	case lanes == 16:
		gatherT512(ptr(dst), ldd, ptr(tab), ld, width, ptr(scale), ptr(ids), len(ids))
	default:
		gatherT256(ptr(dst), ldd, ptr(tab), ld, width, ptr(scale), ptr(ids), len(ids))
	}
}

func ldlPanel(lanes int, a []float32, lda, width int, r, inv, b []float32) {
	last := (lanes-1)*lda + width - 1
	_, _, _, _ = a[last], r[last], inv[lanes-1], b[width-1]
	switch {
	case active == pathGo:
		ldlPanelGo(lanes, a, lda, width, r, inv, b)
	case lanes == 16:
		ldlPanel512(ptr(a), lda, width, ptr(r), ptr(inv), ptr(b))
	default:
		ldlPanel256(ptr(a), lda, width, ptr(r), ptr(inv), ptr(b))
	}
}

func ldlBack(lanes int, a []float32, lda, n int, inv, b []float32) {
	_, _, _ = a[(n-1)*(lda+1)], inv[n-1], b[n-1]
	switch {
	case active == pathGo:
		ldlBackGo(a, lda, n, inv, b)
	case lanes == 16:
		ldlBack512(ptr(a), lda, n, ptr(inv), ptr(b))
	default:
		ldlBack256(ptr(a), lda, n, ptr(inv), ptr(b))
	}
}
