package kernel

import "math"

// A tile is n classes × 64 rows of scores, class-major: z[c*ldz+r] is the score
// of class c for row r. Rows of the batch lie along the lanes, so reductions over
// classes are vertical and need no shuffles; H is packed to suit, and W is read as
// it lies.

const tileRows = 64

// TileRows is the number of rows of a tile.
const TileRows = tileRows

func tileMaxGo(z []float32, ldz, n int, m []float32) {
	for c := range n {
		for r, x := range z[c*ldz:][:tileRows] {
			if x > m[r] {
				m[r] = x
			}
		}
	}
}

func tileExpSumGo(z []float32, ldz, n int, m, s []float32) {
	for c := range n {
		for r, x := range z[c*ldz:][:tileRows] {
			s[r] += exp2One(x - m[r])
		}
	}
}

func tileExpMapGo(p []float32, ldp int, z []float32, ldz, n int, l, g, u []float32) {
	for c := range n {
		row := p[c*ldp:][:tileRows]
		for r, x := range z[c*ldz:][:tileRows] {
			row[r] = g[r]*exp2One(x-l[r]) - u[r]
		}
	}
}

func tileSoftplusSumGo(z []float32, ldz, n int, m, prod, s []float32) {
	for c := range n {
		for r, x := range z[c*ldz:][:tileRows] {
			x -= m[r]
			e := exp2One(min(x, -x))
			prod[r] = prod[r]*e + (prod[r] + e)
			s[r] += max(x, 0)
		}
	}
}

func tileSigmoidMapGo(p []float32, ldp int, z []float32, ldz, n int, m, g []float32) {
	for c := range n {
		row := p[c*ldp:][:tileRows]
		for r, x := range z[c*ldz:][:tileRows] {
			row[r] = g[r] / (1 + exp2One(m[r]-x))
		}
	}
}

// taylorOf returns Σ_{k≤n} x^k/k! by Horner's rule.
func taylorOf[T Float](n int, x T) T {
	f := T(1)
	for k := n; k >= 1; k-- {
		f = 1 + f*x/T(k)
	}
	return f
}

func tileTaylorSumGo(z []float32, ldz, n, order int, s []float32) {
	low := float32(math.Inf(-1))
	for c := range n {
		for r, x := range z[c*ldz:][:tileRows] {
			if x != low {
				s[r] += taylorOf(order, x)
			}
		}
	}
}

func tileTaylorMapGo(p []float32, ldp int, z []float32, ldz, n, order int, g []float32) {
	for c := range n {
		row := p[c*ldp:][:tileRows]
		for r, x := range z[c*ldz:][:tileRows] {
			row[r] = g[r] * taylorOf(order, x)
		}
	}
}

// hingePower returns x^e for x > 0 or NaN; for x = +Inf and e not 0, 1 or 2 it
// is NaN, as the rows of such scores are.
func hingePower(x, e float32) float32 {
	switch e {
	case 0:
		return 1
	case 1:
		return x
	case 2:
		return x * x
	}
	return pow1(x, e) + 0*x
}

func tileHingeSumGo(z []float32, ldz, n int, tau, f, g, h []float32, e float32) {
	for c := range n {
		for r, x := range z[c*ldz:][:tileRows] {
			if x -= tau[r]; !(x <= 0) {
				y := hingePower(x, e)
				f[r] += x * y
				g[r] += y
				h[r] += x * (x * y)
			}
		}
	}
}

func tileHingeMapGo(p []float32, ldp int, z []float32, ldz, n int, tau, g []float32, e float32) {
	for c := range n {
		row := p[c*ldp:][:tileRows]
		for r, x := range z[c*ldz:][:tileRows] {
			var y float32
			if x -= tau[r]; !(x <= 0) {
				y = g[r] * hingePower(x, e)
			}
			row[r] = y
		}
	}
}

func tileFilterGo(z []float32, ldz, n int, thr, val []float32, idx []uint32, base int) (hits int) {
	for c := range n {
		for r, x := range z[c*ldz:][:tileRows] {
			if !(x <= thr[r]) {
				val[hits], idx[hits] = x, uint32((base+c)*tileRows+r)
				hits++
			}
		}
	}
	return hits
}
