package kernel

// A step along a gradient by unit vectors is three things: the gradient by the rows, its
// square for who reports it, and the rule. Where rows are as long as the kernels want them,
// one kernel does all three while it has the numbers at hand; the bits are those of the three.

// UnitSGD moves the rows of w [n,d] by w ← w − rate·g', g' being UnitGrad of each row of g
// [n,d], and returns Σ g'² as SumSquares does. It may write to g.
func UnitSGD(w, g []float32, d int, rate float32) float32 {
	unitMoved("UnitSGD", g, d, w)
	if s, ok := unitSGD(w, g, d, rate); ok {
		return s
	}
	s := unitSquares(w, g, d)
	Axpy(-rate, g, w)
	return s
}

// UnitAdagrad is UnitSGD with the step of Adagrad, s [n,d] its state.
func UnitAdagrad(w, s, g []float32, d int, lr, eps float32) float32 {
	unitMoved("UnitAdagrad", g, d, w, s)
	if sum, ok := unitAdagrad(w, s, g, d, lr, eps); ok {
		return sum
	}
	sum := unitSquares(w, g, d)
	Adagrad(w, s, g, len(g), firstRow, lr, eps)
	return sum
}

// UnitAdam is UnitSGD with the step of Adam, m and v [n,d] its state.
func UnitAdam(w, m, v, g []float32, d int, lr, eps, beta1, beta2 float32) float32 {
	unitMoved("UnitAdam", g, d, w, m, v)
	if s, ok := unitAdam(w, m, v, g, d, lr, eps, beta1, beta2); ok {
		return s
	}
	s := unitSquares(w, g, d)
	Adam(w, m, v, g, len(g), firstRow, lr, eps, beta1, beta2)
	return s
}

// UnitGrads is UnitGrad of each row of g [n,d] in place, w [n,d] being the rows.
func UnitGrads(g, w []float32, d int) {
	unitMoved("UnitGrads", g, d, w)
	unitGrads(g, w, len(g)/d, d)
}

func unitSquares(w, g []float32, d int) float32 {
	UnitGrads(g, w, d)
	return SumSquares(g)
}

// firstRow is the rows of a table of one row.
var firstRow = []int32{0}

// unitMoved panics unless g and what is moved along it are as many rows of d numbers, one at
// least.
func unitMoved(name string, g []float32, d int, tables ...[]float32) {
	if d < 1 || len(g) == 0 || len(g)%d != 0 {
		panic("kernel: " + name + ": no whole rows")
	}
	for _, t := range tables {
		sameLength(name, t, g)
	}
}
