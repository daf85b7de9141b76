//go:build amd64 && !purego

package kernel

func causalSoftmax(p []float32, ld, rows, n int) {
	if active == pathGo {
		softmaxRowsGo(p, ld, rows, n)
		return
	}
	form := causalSoftmax512
	if active == pathAVX2 {
		form = causalSoftmax256
	}
	eachRowsOf(rows, ld, func(lo, count int) { form(&p[lo*ld], ld, count, n+lo) })
}

func causalSoftmaxBack(g, p []float32, ld, rows, n int) {
	if active == pathGo {
		softmaxBackRowsGo(g, p, ld, rows, n)
		return
	}
	form := causalSoftmaxBack512
	if active == pathAVX2 {
		form = causalSoftmaxBack256
	}
	eachRowsOf(rows, ld, func(lo, count int) { form(&g[lo*ld], &p[lo*ld], ld, count, n+lo) })
}
