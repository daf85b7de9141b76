package graph

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// logistic is the cost of a small two-layer model over the fused loss, whose
// batch of rows can be partly padding.
type logistic[T Float] struct {
	b       *Builder[T]
	x       []T
	xn      node
	td      *TargetData[T]
	prog    *Program[T]
	w1, w2  node
	w1d     []T
	w2d     []T
	rows, d int
}

func newLogistic[T Float](t testing.TB, l Analytic, rows, d, c int) *logistic[T] {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	m := &logistic[T]{b: NewBuilder[T](), rows: rows, d: d, w1d: make([]T, d*d), w2d: make([]T, c*d)}
	for _, w := range [][]T{m.w1d, m.w2d} {
		for i := range w {
			w[i] = T(rng.NormFloat64() / math.Sqrt(float64(d)))
		}
	}
	m.xn, m.x = m.b.Input("x", rows, d)
	m.w1, m.w2 = m.b.Param("w1", m.w1d, d, d), m.b.Param("w2", m.w2d, c, d)
	tg, td := m.b.Targets("t", rows, 3*rows)
	m.td = td
	var e Expr
	h := e.N(L2Normalize(e.N(Tanh(e.N(MatMul(m.xn, m.w1, false, false))))))
	prog, err := m.b.Train(e.N(MeanRows(e.N(LinearLoss(l, Linear{H: h, W: m.w2}, tg)), tg)))
	require.NoError(t, e.Err)
	require.NoError(t, err)
	m.prog = prog
	return m
}

// fill writes n rows of random data; the rest is padding with stale scores.
func (m *logistic[T]) fill(t testing.TB, rng *rand.Rand, n int) {
	for i := range n * m.d {
		m.x[i] = T(rng.NormFloat64())
	}
	m.td.Reset()
	for range n {
		a := int32(rng.IntN(len(m.w2d) / m.d))
		require.NoError(t, m.td.Append([]int32{a}, nil))
	}
}

// TestPartialBatch: n rows and padding cost what n rows in a smaller graph do.
func TestPartialBatch(t *testing.T) {
	small, large := newLogistic[float64](t, testAnalytic(0.3), 3, 4, 7), newLogistic[float64](t, testAnalytic(0.3), 8, 4, 7)
	for n := 1; n <= 3; n++ {
		large.fill(t, rand.New(rand.NewPCG(9, 9)), 8) // leaves stale rows behind
		large.fill(t, rand.New(rand.NewPCG(1, uint64(n))), n)
		small.fill(t, rand.New(rand.NewPCG(1, uint64(n))), n)
		require.NoError(t, small.prog.Run())
		require.NoError(t, large.prog.Run())
		require.True(t, check.Near(large.prog.Cost(), small.prog.Cost(), 1e-14, 0))
		worst, _ := check.Worst(large.prog.Grad(large.w1).Data, small.prog.Grad(small.w1).Data, 1)
		require.LessOrEqual(t, worst, 1e-14)
	}
	large.td.Reset() // all padding
	require.NoError(t, large.prog.Run())
	require.Zero(t, large.prog.Cost())
	require.Equal(t, make([]float64, 28), large.prog.Grad(large.w2).Data)
}

// TestManySteps runs one Program ten thousand steps and counts what grows.
func TestManySteps(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent()) // a LispMachine of another test leaves one
	steps := 10000
	if testing.Short() {
		steps = 4000 // what the runtime itself holds moves by some kilobytes
	}
	m := newLogistic[float32](t, testAnalytic(0.3), 8, 4, 50)
	rng := rand.New(rand.NewPCG(5, 6))
	m.fill(t, rng, 8)
	heap := func() (objects, bytes uint64) {
		runtime.GC()
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapObjects, s.HeapAlloc
	}
	step := func(i int) {
		if i%100 == 7 { // a failing step must leak nothing either
			m.td.pos[0] = 1000
			require.Error(t, m.prog.Run())
			m.td.pos[0] = 0
			return
		}
		require.NoError(t, m.prog.Run())
		for j, g := range m.prog.Grad(m.w1).Data {
			m.w1d[j] -= 0.05 * g
		}
		for j, g := range m.prog.Grad(m.w2).Data {
			m.w2d[j] -= 0.05 * g
		}
	}
	for i := range 100 {
		step(i)
	}
	first := m.prog.Cost()
	objects, bytes := heap()
	goroutines := runtime.NumGoroutine()
	for i := range steps {
		step(i)
	}
	objects2, bytes2 := heap()
	require.Less(t, m.prog.Cost(), first)
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines)
	// A leak of one object a step would be ten thousand.
	require.Less(t, int64(objects2)-int64(objects), int64(steps/10))
	require.Less(t, int64(bytes2)-int64(bytes), int64(8*steps))
	require.NoError(t, m.prog.Close())
	require.NoError(t, m.prog.Close())
	require.ErrorContains(t, m.prog.Run(), "closed")
}

// TestAllocationsPerStep: what a step allocates does not depend on B, C or d.
func TestAllocationsPerStep(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector, under which short tests run, allocates too")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, l := range []Analytic{testAnalytic(0.3), fusedAnalytic(0.3), sparseLoss()} {
		allocations(t, l)
	}
}

func allocations(t *testing.T, l Analytic) {
	var counts, bytes []float64
	for _, s := range []struct{ rows, d, c int }{{2, 3, 5}, {64, 32, 5000}} {
		m := newLogistic[float32](t, l, s.rows, s.d, s.c)
		m.fill(t, rand.New(rand.NewPCG(1, 2)), s.rows)
		run := func() { require.NoError(t, m.prog.Run()) }
		counts = append(counts, testing.AllocsPerRun(50, run))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 50 {
			run()
		}
		runtime.ReadMemStats(&after)
		bytes = append(bytes, float64(after.TotalAlloc-before.TotalAlloc)/50)
	}
	t.Logf("%s: allocations %v, bytes %v", l.Text, counts, bytes)
	// Goroutines of larger shapes cost a few; [64,5000] scores would be 1.3 MB.
	require.Less(t, counts[1], counts[0]+150)
	require.Less(t, bytes[1], bytes[0]+32<<10)
}

func TestNaNIsAValue(t *testing.T) {
	b := NewBuilder[float64]()
	x, xd := []float64{1, math.NaN()}, []float64(nil)
	n := b.Param("x", x, 2)
	in, xd := b.Input("c", 2)
	var e Expr
	prog, err := b.Train(e.N(Sum(e.N(Add(n, in)))))
	require.NoError(t, e.Err)
	require.NoError(t, err)
	require.NoError(t, prog.Run())
	require.True(t, math.IsNaN(prog.Cost()))
	x[1], xd[0] = 2, inf
	require.NoError(t, prog.Run())
	require.True(t, math.IsInf(prog.Cost(), 1))
}

func TestBuilderErrors(t *testing.T) {
	build := func(f func(b *Builder[float32])) error {
		b := NewBuilder[float32]()
		f(b)
		x, _ := b.Input("ok", 1)
		_, err := b.Eval(x)
		return err
	}
	require.NoError(t, build(func(*Builder[float32]) {}))
	for want, f := range map[string]func(b *Builder[float32]){
		`leaf "a": the name is taken`:          func(b *Builder[float32]) { b.Input("a", 1); b.Indices("a", 1) },
		`leaf "": a leaf needs a name`:         func(b *Builder[float32]) { b.Input("", 1) },
		`leaf "a": 2 elements for shape [3]`:   func(b *Builder[float32]) { b.Param("a", make([]float32, 2), 3) },
		`leaf "a": shape [2 0] is empty`:       func(b *Builder[float32]) { b.Input("a", 2, 0) },
		`leaf "a": a scalar leaf`:              func(b *Builder[float32]) { b.Param("a", []float32{1}) },
		`targets "t": 0 rows with 4 positions`: func(b *Builder[float32]) { b.Targets("t", 0, 4) },
		`leaf "i": shape [-1] is empty`:        func(b *Builder[float32]) { b.Indices("i", -1) },
	} {
		require.ErrorContains(t, build(f), want)
	}
	b := NewBuilder[float64]()
	p, unused := b.Param("p", []float64{1}, 1), b.Param("unused", []float64{1}, 1)
	cost, err := Sum(p)
	require.NoError(t, err)
	_, err = b.Train(cost)
	require.ErrorContains(t, err, `does not depend on leaf "unused"`)
	_, err = b.Train(p)
	require.ErrorContains(t, err, "want a scalar")
	_, err = b.Eval()
	require.ErrorContains(t, err, "nothing to compute")
	_, err = b.Eval(nil)
	require.ErrorContains(t, err, "nil")
	other := NewBuilder[float64]()
	_, err = other.Eval(p)
	require.ErrorContains(t, err, "another graph")
	_, err = other.Train(cost)
	require.Error(t, err)
	prog, err := b.Eval(p)
	require.NoError(t, err)
	require.Panics(t, func() { prog.Value(p) }) // before a run
	require.NoError(t, prog.Run())
	require.Equal(t, []float64{1}, prog.Value(p)) // a leaf of one element
	require.Panics(t, func() { prog.Value(unused) })
	require.Panics(t, func() { prog.Grad(p) })
	require.Panics(t, func() { prog.Cost() })
}

// TestReplicas runs graphs over shared parameters at the same time.
func TestReplicas(t *testing.T) {
	ms := make([]*logistic[float32], 4)
	for i := range ms {
		ms[i] = newLogistic[float32](t, testAnalytic(0.3), 16, 8, 300)
		ms[i].fill(t, rand.New(rand.NewPCG(3, 3)), 16)
	}
	done := make(chan error)
	for _, m := range ms {
		go func() {
			var err error
			for range 20 {
				err = m.prog.Run()
			}
			done <- err
		}()
	}
	for range ms {
		require.NoError(t, <-done)
	}
	for _, m := range ms[1:] {
		require.Equal(t, ms[0].prog.Grad(ms[0].w2).Data, m.prog.Grad(m.w2).Data)
	}
}

func TestDropout(t *testing.T) {
	const n = 20000
	for _, p := range []float64{0, 0.3} {
		b := NewBuilder[float64]()
		d := make([]float64, n)
		for i := range d {
			d[i] = 2
		}
		x := b.Param("x", d, n)
		y, err := Dropout(x, p, 7)
		require.NoError(t, err)
		// the square makes the gradient depend on the mask in two ways
		cost := gorgonia.Must(Sum(gorgonia.Must(Square(y))))
		train, err := b.Train(cost)
		require.NoError(t, err)
		eval, err := b.Eval(y)
		require.NoError(t, err)
		var last []float64
		for step := range 2 {
			train.SetStep(step)
			require.NoError(t, train.Run())
			g := slices.Clone(train.Grad(x).Data)
			kept := 0
			keep := 1 / (1 - p)
			for _, v := range g {
				if v != 0 {
					kept++
					require.InDelta(t, 2*2*keep*keep, v, 1e-12) // ∂(mx)²/∂x
				}
			}
			require.InDelta(t, 1-p, float64(kept)/n, 0.02)
			if p > 0 {
				require.NotEqual(t, last, g, "two steps drew one mask")
			}
			last = g
			require.NoError(t, eval.Run()) // alternating Programs keep their modes
			require.Equal(t, d, eval.Value(y))
		}
	}
}

// TestHessianVectorProducts: a second Grad gives the Hessian in the scores times a
// vector, for the maps whose Jacobian has a closed form.
func TestHessianVectorProducts(t *testing.T) {
	const B, K = 4, 9
	type jacobian func(p, v []float64) []float64
	// J = diag(u) − uuᵀ/Σu with u = p^{2−α}
	entmax := func(alpha float64) jacobian {
		return func(p, v []float64) []float64 {
			u, out := make([]float64, K), make([]float64, K)
			var su, uv float64
			for k := range p {
				if p[k] > 0 {
					u[k] = math.Pow(p[k], 2-alpha)
				}
				su += u[k]
				uv += u[k] * v[k]
			}
			for k := range p {
				out[k] = u[k]*v[k] - u[k]*uv/su
			}
			return out
		}
	}
	// of normmax: p = y/A with y = [z−ξ]^r, r = 1/(α−1), A = Σy, Σ[z−ξ]^{αr} = 1:
	// J = (1/A)[diag a' − a'pᵀ − pa'ᵀ + (Σa')ppᵀ], a' = r[z−ξ]^{r−1}
	normmax := func(alpha float64) jacobian {
		r := 1 / (alpha - 1)
		return func(p, v []float64) []float64 {
			// [z−ξ] = (Ap)^{1/r} and Σ(Ap)^{α} = 1 give A
			var s float64
			for _, q := range p {
				s += math.Pow(q, alpha)
			}
			A := math.Pow(s, -1/alpha)
			a, out := make([]float64, K), make([]float64, K)
			var sa, av, pv float64
			for k := range p {
				if p[k] > 0 {
					a[k] = r * math.Pow(A*p[k], (r-1)/r)
				}
				sa += a[k]
				av += a[k] * v[k]
				pv += p[k] * v[k]
			}
			for k := range p {
				out[k] = (a[k]*v[k] - a[k]*pv - p[k]*av + sa*p[k]*pv) / A
			}
			return out
		}
	}
	cases := map[string]struct {
		conj func(z node) (node, error) // Ω*, whose gradient is p and Hessian J
		j    jacobian
	}{
		"softmax": {LogSumExp, entmax(1)},
	}
	for _, alpha := range []float64{1.25, 1.5, 2} {
		cases[fmt.Sprintf("entmax%g", alpha)] = struct {
			conj func(z node) (node, error)
			j    jacobian
		}{func(z node) (node, error) {
			var e Expr
			p := e.N(PowPositive(e.N(SubRow(e.N(Scale(z, alpha-1)), e.N(EntmaxThreshold(z, alpha)))), 1/(alpha-1)))
			omega := e.N(Scale(e.N(AddScalar(e.N(RowSum(e.N(PowPositive(p, alpha)))), -1)), 1/(alpha*(alpha-1))))
			return e.N(Sub(e.N(RowDot(z, p)), omega)), e.Err
		}, entmax(alpha)}
		cases[fmt.Sprintf("normmax%g", alpha)] = struct {
			conj func(z node) (node, error)
			j    jacobian
		}{func(z node) (node, error) { return NormThreshold(z, alpha) }, normmax(alpha)}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(2, 3))
			b := NewBuilder[float64]()
			zd := make([]float64, B*K)
			for i := range zd {
				zd[i] = rng.NormFloat64()
			}
			z := b.Param("z", zd, B, K)
			v, vd := b.Input("v", B, K)
			for i := range vd {
				vd[i] = rng.NormFloat64()
			}
			var e Expr
			g, err := Grad(e.N(Sum(e.N(c.conj(z)))), z)
			require.NoError(t, err)
			h, err := Grad(e.N(Sum(e.N(Mul(g[0], v)))), z)
			require.NoError(t, err)
			require.NoError(t, e.Err)
			prog, err := b.Eval(g[0], h[0])
			require.NoError(t, err)
			for range 2 {
				require.NoError(t, prog.Run())
				for i := range B {
					row := func(x []float64) []float64 { return x[i*K : (i+1)*K] }
					want := c.j(row(prog.Value(g[0])), row(vd))
					worst, at := check.Worst(row(prog.Value(h[0])), want, 1)
					require.LessOrEqual(t, worst, 1e-12, "row %d, entry %d", i, at)
				}
			}
		})
	}
}
