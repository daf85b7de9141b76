package kernel

import (
	"fmt"
	"math"
)

// GatherDot stores in out[i] the product of h [d] with row ids[i] of tab [·,d].
func GatherDot[T Float](out, h, tab []T, ids []int32) {
	d := len(h)
	checkIDs("GatherDot", len(out), d, len(tab), ids)
	gatherDot(out, h, tab, ids)
}

func gatherDotGo[T Float](out, h, tab []T, ids []int32) {
	d := len(h)
	for i, id := range ids {
		out[i] = dotGo(h, tab[int(id)*d:][:d])
	}
}

// GatherAxpy adds Σ coef[i]·(row ids[i] of tab [·,d]) to acc [d].
func GatherAxpy[T Float](acc, coef, tab []T, ids []int32) {
	d := len(acc)
	checkIDs("GatherAxpy", len(coef), d, len(tab), ids)
	if a32, ok := f32(acc); ok {
		c32, _ := f32(coef)
		tab32, _ := f32(tab)
		gatherAxpy(a32, c32, tab32, ids)
		return
	}
	gatherAxpyGo(acc, coef, tab, ids)
}

func gatherAxpyGo[T Float](acc, coef, tab []T, ids []int32) {
	d := len(acc)
	for i, id := range ids {
		axpyGo(coef[i], tab[int(id)*d:][:d], acc)
	}
}

// checkIDs panics unless ids are n rows of a table of size/d rows.
func checkIDs(name string, n, d, size int, ids []int32) {
	if len(ids) != n {
		panic("kernel: " + name + ": lengths differ")
	}
	if d == 0 {
		return
	}
	rows := uint32(min(size/d, math.MaxInt32))
	for _, id := range ids {
		if uint32(id) >= rows {
			panic(fmt.Sprintf("kernel: %s: row %d of a table of %d", name, id, rows))
		}
	}
}

// ScatterAdd adds row i of rows [len(ids),d] to row ids[i] of tab [·,d], in the
// order of ids.
func ScatterAdd[T Float](tab, rows []T, d int, ids []int32) {
	if len(rows) != len(ids)*d {
		panic("kernel: ScatterAdd: lengths differ")
	}
	checkIDs("ScatterAdd", len(ids), d, len(tab), ids)
	for i, id := range ids {
		Axpy(1, rows[i*d:][:d], tab[int(id)*d:][:d])
	}
}

// Adagrad takes one step on the weights w with the state s and the gradient g:
//
//	s += g²,  w −= lr·g/(√s + eps)
//
// Source: Duchi, Hazan and Singer, JMLR 12 (2011), with eps outside of the root.
func Adagrad(w, s, g []float32, lr, eps float32) {
	sameLength("Adagrad", w, s)
	sameLength("Adagrad", w, g)
	adagrad(w, s, g, lr, eps)
}

func adagradGo(w, s, g []float32, lr, eps float32) {
	for i, x := range g {
		s[i] += x * x
		w[i] -= lr * x / (sqrt(s[i]) + eps)
	}
}

// Adam takes a step on the weights w with the moments m and v and the gradient g:
//
//	m = β₁m + (1−β₁)g,  v = β₂v + (1−β₂)g²,  w −= lr·m/(√v + eps)
//
// Step number t of the published algorithm at rate η is the one with the bias
// corrections in lr = η√(1−β₂ᵗ)/(1−β₁ᵗ) and eps = ε√(1−β₂ᵗ). Source: Kingma and
// Ba, arXiv:1412.6980, section 2.
func Adam(w, m, v, g []float32, lr, eps, beta1, beta2 float32) {
	sameLength("Adam", w, m)
	sameLength("Adam", w, v)
	sameLength("Adam", w, g)
	adam(w, m, v, g, lr, eps, beta1, beta2)
}

func adamGo(w, m, v, g []float32, lr, eps, beta1, beta2 float32) {
	for i, x := range g {
		m[i] = beta1*m[i] + (1-beta1)*x
		v[i] = beta2*v[i] + (1-beta2)*(x*x)
		w[i] -= lr * m[i] / (sqrt(v[i]) + eps)
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// Prefetch asks for x to be in the cache soon: for rows of a table in an order
// that the processor does not foresee, some rows ahead of their use.
func Prefetch(x []float32) { prefetchRow(x) }

// Occurrences are the gradients of some rows of a table, before they are summed:
// occurrence o of row Row[u], Ptr[u] ≤ o < Ptr[u+1], adds Coef[o] times row Src[o]
// of a matrix.
type Occurrences struct {
	Row  []int32 // strictly increasing
	Ptr  []int32
	Src  []int32
	Coef []float32

	keys, spare []uint64
}

// Group files occurrences by row: entry i adds coef[i] times row src[i] to row
// ids[i] ≥ 0. Occurrences of a row keep their order. The arguments are not kept.
func (o *Occurrences) Group(ids, src []int32, coef []float32) {
	n := len(ids)
	if len(src) != n || len(coef) != n {
		panic("kernel: Group: lengths differ")
	}
	o.keys, o.spare = grow(o.keys, n), grow(o.spare, n)
	top := int32(0)
	for i, id := range ids {
		if id < 0 {
			panic("kernel: Group: negative row")
		}
		o.keys[i] = uint64(id)<<32 | uint64(i)
		top = max(top, id)
	}
	// A stable radix sort, 11 bits at a time, as many as the largest id has.
	const digits = 11
	a, b := o.keys, o.spare
	for shift := 32; shift < 64 && (shift == 32 || top>>(shift-32) > 0); shift += digits {
		var start [1 << digits]int32
		for _, k := range a {
			start[k>>shift&(1<<digits-1)]++
		}
		sum := int32(0)
		for i, c := range start {
			start[i] = sum
			sum += c
		}
		for _, k := range a {
			at := &start[k>>shift&(1<<digits-1)]
			b[*at] = k
			*at++
		}
		a, b = b, a
	}
	o.Row, o.Ptr = o.Row[:0], o.Ptr[:0]
	o.Src, o.Coef = grow(o.Src, n), grow(o.Coef, n)
	for i, k := range a {
		id, at := int32(k>>32), int(uint32(k))
		if i == 0 || id != o.Row[len(o.Row)-1] {
			o.Row, o.Ptr = append(o.Row, id), append(o.Ptr, int32(i))
		}
		o.Src[i], o.Coef[i] = src[at], coef[at]
	}
	o.Ptr = append(o.Ptr, int32(n))
}

// eachRows is how many rows one task of Each takes.
const eachRows = 256

// Each sums the gradient of every row from the rows of width d of src, and gives it
// to update. Rows of the tables, all of width d, are fetched ahead of their use.
//
// update is called on several goroutines, for each row once; the gradient is its
// own until it returns. Typically it takes a step of [Adagrad], [Adam] or Axpy on
// the row of the tables that it was built for.
func (o *Occurrences) Each(d int, src []float32, tables [][]float32, update func(row int, grad []float32)) {
	checkIDs("Each", len(o.Src), d, len(src), o.Src)
	for _, t := range tables {
		checkIDs("Each", len(o.Row), d, len(t), o.Row)
	}
	const ahead = 8
	Parallel(ceil(len(o.Row), eachRows), func(_, task int) {
		lo, hi := cut(task, eachRows, len(o.Row))
		grad := make([]float32, d)
		for u := lo; u < hi; u++ {
			if u+ahead < hi {
				next := int(o.Row[u+ahead]) * d
				for _, t := range tables {
					prefetchRow(t[next:][:d])
				}
			}
			clear(grad)
			a, b := o.Ptr[u], o.Ptr[u+1]
			gatherAxpy(grad, o.Coef[a:b], src, o.Src[a:b])
			update(int(o.Row[u]), grad)
		}
	})
}
