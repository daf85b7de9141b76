package kernel

import "math"

// A block of causal scores is a triangle below others: row r of it has n+r numbers, and behind
// them what is no score, up to ld, a multiple of 16.

// softmaxRows turns the scores of each row of p [rows,ld] into probabilities, all 0 where all
// scores are −Inf, and clears what is behind them. A NaN or +Inf makes all of its row NaN.
func softmaxRows[T Float](p []T, ld, rows, n int) {
	if p32, ok := f32(p); ok {
		causalSoftmax(p32[:rows*ld], ld, rows, n)
		return
	}
	softmaxRowsGo(p, ld, rows, n)
}

func softmaxRowsGo[T Float](p []T, ld, rows, n int) {
	for r := range rows {
		row := p[r*ld:][:ld]
		x := row[:n+r]
		if top := Max(x); math.IsInf(float64(top), -1) { // all are masked
			clear(x)
		} else {
			Scale(1/Exp(x, x, top), x)
		}
		clear(row[n+r:])
	}
}

// softmaxBackRows turns the gradient by the probabilities p of each row, in g, into that by
// its scores, and clears what is behind.
func softmaxBackRows[T Float](g, p []T, ld, rows, n int) {
	if g32, ok := f32(g); ok {
		p32, _ := f32(p)
		causalSoftmaxBack(g32[:rows*ld], p32[:rows*ld], ld, rows, n)
		return
	}
	softmaxBackRowsGo(g, p, ld, rows, n)
}

func softmaxBackRowsGo[T Float](g, p []T, ld, rows, n int) {
	for r := range rows {
		d, y := g[r*ld:][:ld], p[r*ld:][:n+r]
		x := d[:n+r]
		SoftmaxBack(x, y, x, Dot(y, x))
		clear(d[n+r:])
	}
}
