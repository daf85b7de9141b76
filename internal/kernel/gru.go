package kernel

import (
	"cmp"
	"math"
	"slices"
)

// A GRU is a gated recurrent unit over segments of rows. For each segment, of the rows
// Ptr[s] to Ptr[s+1]−1 of X [N,D], with the gates r, z and n in this order in WX [3H,D],
// WH [3H,H], BX and BH [3H],
//
//	r_t = σ(WXr·x_t + BXr + WHr·h_{t−1} + BHr)
//	z_t = σ(WXz·x_t + BXz + WHz·h_{t−1} + BHz)
//	n_t = tanh(WXn·x_t + BXn + r_t∘(WHn·h_{t−1} + BHn))
//	h_t = (1 − z_t)∘n_t + z_t∘h_{t−1},   h_{−1} = 0
//
// which is how PyTorch states it. Rows of no segment give 0. What a row holds, NaN too,
// reaches no other segment.
//
// Segments go in groups of 24 by falling length. A group is one goroutine's; its rows of one
// step lie next to each other, so that a step is one product.
//
// The zero value of what is not exported is ready. It serves one goroutine at a time.
// Source: K. Cho et al., Learning phrase representations using RNN encoder-decoder for
// statistical machine translation, 2014.
type GRU[T Float] struct {
	X, WX, WH, BX, BH []T
	Ptr               []int32
	D, H              int

	order []int32 // segments by falling length
	steps []gruStep
	group []int   // [groups+1]: the steps of each
	place []int32 // the row of X of each row that is computed
	rows  int

	x, h, gates, recur []T // [rows, D], [rows,H], [3][rows,H]: r, z and n, [rows,H]: WHn·h + BHn
	wt                 []T // [3][H,H]: the transposed gates of WH
	g, dx, before      []T
	dgates             []T // [3][rows,H]
	parts              []T
	work               rooms[T]
}

// gruGroup is how many segments advance together.
const gruGroup = 24

// A gruStep is one step of a group: its rows are from first on, those of the step before
// from back on, or nowhere.
type gruStep struct{ first, rows, back int }

// GRUNumbers returns the numbers that a GRU keeps for n rows: of Forward alone, or for
// Backward too.
func GRUNumbers(n, d, h int, backward bool) int {
	forward := n*(d+5*h) + 3*h*h
	if !backward {
		return forward
	}
	return forward + n*(d+5*h) + Workers()*2*gruGroup*h
}

// layout orders the rows.
func (u *GRU[T]) layout() {
	s := len(u.Ptr) - 1
	length := func(i int32) int { return int(u.Ptr[i+1] - u.Ptr[i]) }
	u.order = grow(u.order, s)
	for i := range u.order {
		u.order[i] = int32(i)
	}
	slices.SortStableFunc(u.order, func(a, b int32) int { return cmp.Compare(length(b), length(a)) })
	u.rows = int(u.Ptr[s] - u.Ptr[0])
	u.place, u.steps, u.group = grow(u.place, u.rows), u.steps[:0], append(u.group[:0], 0)
	at := 0
	for lo := 0; lo < s; lo += gruGroup {
		of := u.order[lo:min(lo+gruGroup, s)]
		back := -1
		for t := 0; len(of) > 0; t++ {
			for len(of) > 0 && length(of[len(of)-1]) <= t {
				of = of[:len(of)-1]
			}
			if len(of) == 0 {
				break
			}
			for i, segment := range of {
				u.place[at+i] = u.Ptr[segment] + int32(t)
			}
			u.steps = append(u.steps, gruStep{first: at, rows: len(of), back: back})
			back, at = at, at+len(of)
		}
		u.group = append(u.group, len(u.steps))
	}
}

// gate returns gate i of x [3][rows,H].
func (u *GRU[T]) gate(x []T, i int) []T { return x[i*u.rows*u.H:][:u.rows*u.H] }

// gather stores the rows of x [N,w] in the order of rows.
func (u *GRU[T]) gather(dst, x []T, w int) {
	EachRowBlock(u.rows, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			copy(dst[i*w:][:w], x[int(u.place[i])*w:])
		}
	})
}

// scatter is the way back; rows of no segment become 0.
func (u *GRU[T]) scatter(dst, x []T, w int) {
	clear(dst[:int(u.Ptr[0])*w])
	clear(dst[int(u.Ptr[len(u.Ptr)-1])*w:])
	EachRowBlock(u.rows, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			copy(dst[int(u.place[i])*w:][:w], x[i*w:])
		}
	})
}

// each runs f for each group by parallel, which is Parallel or that of rooms.
func (u *GRU[T]) each(parallel func(tasks int, f func(worker, task int)), f func(worker int, steps []gruStep)) {
	parallel(len(u.group)-1, func(worker, i int) { f(worker, u.steps[u.group[i]:u.group[i+1]]) })
}

// Forward stores h in dst [N,H].
func (u *GRU[T]) Forward(dst []T) {
	u.layout()
	n, d, h := u.rows, u.D, u.H
	u.x, u.h, u.gates, u.recur, u.wt = grow(u.x, n*d), grow(u.h, n*h), grow(u.gates, 3*n*h), grow(u.recur, n*h), grow(u.wt, 3*h*h)
	if n > 0 {
		u.gather(u.x, u.X, d)
		for i := range 3 {
			gate, bx, bh := u.gate(u.gates, i), u.BX[i*h:(i+1)*h], u.BH[i*h:(i+1)*h]
			RowsNT(gate, u.x, u.WX[i*h*d:], n, h, d, func(lo, hi int) {
				AddBias(gate[lo*h:hi*h], gate[lo*h:hi*h], bx)
				if i < 2 { // that of n is behind a product
					AddBias(gate[lo*h:hi*h], gate[lo*h:hi*h], bh)
				}
			})
			for j := range h {
				for k := range h {
					u.wt[(i*h+k)*h+j] = u.WH[(i*h+j)*h+k]
				}
			}
		}
		u.each(Parallel, func(_ int, steps []gruStep) {
			for _, s := range steps {
				u.step(s)
			}
		})
	}
	u.scatter(dst, u.h, h)
}

// step computes the rows of s.
func (u *GRU[T]) step(s gruStep) {
	w := u.H
	lo, hi := s.first*w, (s.first+s.rows)*w
	r, z, n := u.gate(u.gates, 0)[lo:hi], u.gate(u.gates, 1)[lo:hi], u.gate(u.gates, 2)[lo:hi]
	recur, h := u.recur[lo:hi], u.h[lo:hi]
	before := []T(nil)
	if s.back >= 0 {
		before = u.h[s.back*w:][:s.rows*w]
		smallNN(r, before, u.wt, s.rows, w, w, true)
		smallNN(z, before, u.wt[w*w:], s.rows, w, w, true)
		smallNN(recur, before, u.wt[2*w*w:], s.rows, w, w, false)
	} else {
		clear(recur)
	}
	AddBias(recur, recur, u.BH[2*w:])
	sigmoids(r, r)
	sigmoids(z, z)
	// h is scratch until it is there.
	MulEach(h, r, recur)
	Axpy(1, h, n)
	tanhs(n, n)
	if before == nil {
		lessOne(h, n, z)
		Scale(-1, h)
		return
	}
	SubEach(h, before, n)
	MulEach(h, h, z)
	Axpy(1, n, h)
}

// A GRUGrad is where Backward stores gradients; those that are nil are left out.
type GRUGrad[T Float] struct{ X, WX, WH, BX, BH []T }

// Backward stores the gradients of g [N,H] by what Forward stored last.
func (u *GRU[T]) Backward(to GRUGrad[T], g []T) {
	n, d, h := u.rows, u.D, u.H
	for _, x := range [][]T{to.WX, to.WH, to.BX, to.BH} {
		clear(x)
	}
	if n == 0 {
		clear(to.X)
		return
	}
	u.g, u.dgates = grow(u.g, n*h), grow(u.dgates, 3*n*h)
	u.gather(u.g, g, h)
	u.work.grow(2 * gruGroup * h)
	u.each(u.work.parallel, func(worker int, steps []gruStep) {
		for i := len(steps) - 1; i >= 0; i-- {
			u.stepBack(steps[i], u.work[worker])
		}
	})
	// The gradients by what x has a part in.
	for i := range 3 {
		by := u.gate(u.dgates, i)
		if to.X != nil {
			u.dx = grow(u.dx, n*d)
			GemmNN(u.dx, by, u.WX[i*h*d:], n, d, h, i > 0)
		}
		if to.WX != nil {
			GemmTN(to.WX[i*h*d:], by, u.x, h, d, n, false)
		}
		if to.BX != nil {
			u.sumRows(to.BX[i*h:(i+1)*h], by)
		}
	}
	if to.X != nil {
		u.scatter(to.X, u.dx, d)
	}
	if to.WH == nil && to.BH == nil {
		return
	}
	// Those by what h has a part in have r as a factor in the third gate.
	r, third := u.gate(u.gates, 0), u.gate(u.dgates, 2)
	EachRowBlock(n, func(lo, hi int) { MulEach(third[lo*h:hi*h], third[lo*h:hi*h], r[lo*h:hi*h]) })
	if to.WH != nil {
		u.before = grow(u.before, n*h)
		for _, s := range u.steps {
			b := u.before[s.first*h:][:s.rows*h]
			if s.back < 0 {
				clear(b)
			} else {
				copy(b, u.h[s.back*h:])
			}
		}
	}
	for i := range 3 {
		by := u.gate(u.dgates, i)
		if to.WH != nil {
			GemmTN(to.WH[i*h*h:], by, u.before, h, h, n, false)
		}
		if to.BH != nil {
			u.sumRows(to.BH[i*h:(i+1)*h], by)
		}
	}
}

// sumRows adds the rows of x to dst: those of blocks, in their order.
func (u *GRU[T]) sumRows(dst, x []T) {
	w := len(dst)
	u.parts = grow(u.parts, ceil(u.rows, RowBlock)*w)
	EachRowBlock(u.rows, func(lo, hi int) {
		sum := u.parts[lo/RowBlock*w:][:w]
		clear(sum)
		AddRowsTo(sum, x[lo*w:hi*w])
	})
	AddRowsTo(dst, u.parts)
}

// stepBack computes the gradients by the gates of s, whose rows of g are complete, and adds
// to g of the rows before.
func (u *GRU[T]) stepBack(s gruStep, work []T) {
	w := u.H
	lo, hi := s.first*w, (s.first+s.rows)*w
	of := func(x []T, i int) []T { return u.gate(x, i)[lo:hi] }
	r, z, n, dr, dz, dn := of(u.gates, 0), of(u.gates, 1), of(u.gates, 2), of(u.dgates, 0), of(u.dgates, 1), of(u.dgates, 2)
	g, t, by := u.g[lo:hi], work[:hi-lo], work[gruGroup*w:][:hi-lo]
	var before []T
	if s.back >= 0 {
		before = u.h[s.back*w:][:s.rows*w]
	}
	lessOne(dn, g, z)
	tanhBack(dn, dn, n) // −g(1−z)(1−n²)
	lessOne(dr, r, r)
	MulEach(t, dn, u.recur[lo:hi])
	MulEach(dr, dr, t)
	Scale(-1, dn)
	lessOne(dz, z, z)
	if before != nil {
		SubEach(t, n, before)
		MulEach(t, t, g)
	} else {
		MulEach(t, n, g)
	}
	MulEach(dz, dz, t)
	if before == nil {
		return
	}
	back := u.g[s.back*w:][:s.rows*w]
	MulEach(t, g, z)
	Axpy(1, t, back)
	MulEach(by, dn, r)
	for i, d := range [][]T{dr, dz, by} {
		smallNN(back, d, u.WH[i*w*w:], s.rows, w, w, true)
	}
}

// smallNN is GemmNN of a product that is one goroutine's, whose rows do not depend on how
// many there are, to the bit.
func smallNN[T Float](c, a, b []T, m, n, k int, add bool) {
	if n%16 == 0 {
		gemmNow(a, k, 1, m, k, b, n, c, n, n, add)
		return
	}
	pool, _ := gemmPools[T]()
	s := pool.Get().(*gemmScratch[T])
	defer pool.Put(s)
	g := gemmTask[T]{m: m, n: n, a: view[T]{a, k, 1}, b: view[T]{b, n, 1}, c: c, i1: m, j1: n, k1: k, add: add, scratch: s}
	g.run()
}

// lessOne stores a·(b − 1) in dst.
func lessOne[T Float](dst, a, b []T) { SoftmaxBack(dst, a, b, 1) }

func tanhBack[T Float](dst, g, y []T) {
	if y32, ok := f32(y); ok {
		dst32, _ := f32(dst)
		g32, _ := f32(g)
		TanhBack(dst32, g32, y32)
		return
	}
	for i, v := range y {
		dst[i] = Product(g[i], 1-Product(v, v))
	}
}

func sigmoids[T Float](dst, x []T) {
	if x32, ok := f32(x); ok {
		dst32, _ := f32(dst)
		SigmoidEach(dst32, x32)
		return
	}
	for i, v := range x {
		dst[i] = T(Sigmoid(float64(v)))
	}
}

func tanhs[T Float](dst, x []T) {
	if x32, ok := f32(x); ok {
		dst32, _ := f32(dst)
		TanhEach(dst32, x32)
		return
	}
	for i, v := range x {
		dst[i] = T(math.Tanh(float64(v)))
	}
}
