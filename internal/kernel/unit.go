package kernel

import "math"

// Cosine scores are products with vectors of norm 1. A [Linear] whose Unit is set makes
// them of the rows of W, a block at a time where it needs them, and its gradient of W is
// that by the rows as they are. So neither the vectors of norm 1 nor the gradient by them
// is a matrix in memory.

// Unit stores x/max(‖x‖₂, NormFloor) in dst, which is as long.
func Unit[T Float](dst, x []T) {
	sameLength("Unit", dst, x)
	if x32, ok := f32(x); ok {
		dst32, _ := f32(dst)
		unitRows(dst32, len(x), x32, 1, len(x))
		return
	}
	unitGo(dst, x)
}

func unitGo[T Float](dst, x []T) {
	clear(dst)
	Axpy(1/UnitNorm(x), x, dst)
}

// UnitGrad stores in dst the gradient by x of what has the gradient g by Unit's vector:
//
//	(g − ⟨g,x⟩x/n²)/n,  n = max(‖x‖₂, NormFloor)
//
// At the floor, which is x = 0, the second term is 0 too. dst may be g.
func UnitGrad[T Float](dst, g, x []T) {
	sameLength("UnitGrad", dst, g)
	sameLength("UnitGrad", g, x)
	copy(dst, g)
	if x32, ok := f32(x); ok {
		dst32, _ := f32(dst)
		unitGrads(dst32, x32, 1, len(x))
		return
	}
	unitGradGo(dst, x)
}

// unitGradGo replaces g.
func unitGradGo[T Float](g, x []T) {
	n := UnitNorm(x)
	along := Dot(g, x) / (n * n)
	for k, v := range g {
		g[k] = 1/n*v + 0 // as of the sum from 0 on, −0 is 0
	}
	Axpy(-along/n, x, g)
}

// UnitNorm returns what Unit divides by, max(‖x‖₂, NormFloor). [Norm] sums it in float64.
func UnitNorm[T Float](x []T) T {
	return T(max(math.Sqrt(float64(SumSquares(x))), NormFloor))
}

// unitRows stores the n rows of w [n,d] with norm 1 in dst, of stride ldd ≥ d, 0 from d to
// the next multiple of 32, as far as ldd reaches.
func unitRows(dst []float32, ldd int, w []float32, n, d int) {
	divideRows(dst, ldd, w, n, d)
	rest := min(ceil(d, 32)*32, ldd) - d
	if rest == 0 {
		return
	}
	for c := range n {
		clear(dst[c*ldd+d:][:rest])
	}
}

func divideRowsGo(dst []float32, ldd int, w []float32, n, d int) {
	for c := range n {
		unitGo(dst[c*ldd:][:d], w[c*d:][:d])
	}
}

// unitGrads replaces n rows g [n,d] of a gradient by unitRows by that of the rows of w.
func unitGradsGo(g, w []float32, n, d int) {
	for c := range n {
		unitGradGo(g[c*d:][:d], w[c*d:][:d])
	}
}

// vector returns the vector of a class, in scratch of the worker where it is one of norm 1.
func (ws *Workspace) vector(worker, class int) []float32 {
	d := ws.x.D
	row := ws.x.W[class*d:][:d]
	if !ws.x.Unit {
		return row
	}
	ws.wb[worker] = grow(ws.wb[worker], tileClasses*ws.dp)
	unit := ws.wb[worker][:d]
	divideRows(unit, d, row, 1, d)
	return unit
}
