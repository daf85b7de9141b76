package kernel

import (
	"fmt"
	"math"
	"slices"
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
	rows := int64(min(size/d, math.MaxInt32))
	bad := int64(0)
	for _, id := range ids {
		bad |= rows - 1 - int64(uint32(id)) // negative where id is not a row
	}
	if bad < 0 {
		i := slices.IndexFunc(ids, func(id int32) bool { return int64(uint32(id)) >= rows })
		panic(fmt.Sprintf("kernel: %s: row %d of a table of %d", name, ids[i], rows))
	}
}

// AddRows adds to row u of dst [n,d] the rows src[o] of from [·,d], each times
// coef[o], for ptr[u] ≤ o < ptr[u+1], in that order; coef nil is 1 everywhere. ptr
// has n+1 entries.
func AddRows[T Float](dst []T, d int, ptr, src []int32, coef, from []T) {
	n := len(ptr) - 1
	lo, hi := ptr[0], ptr[n]
	if len(dst) != n*d || coef != nil && len(coef) != len(src) {
		panic("kernel: AddRows: lengths differ")
	}
	checkIDs("AddRows", int(hi-lo), d, len(from), src[lo:hi])
	dst32, ok := f32(dst)
	if !ok {
		addRowsGo(dst, d, ptr, src, coef, from)
		return
	}
	coef32, _ := f32(coef)
	from32, _ := f32(from)
	addRows(dst32, d, ptr, src, coef32, from32)
}

func addRowsGo[T Float](dst []T, d int, ptr, src []int32, coef, from []T) {
	for u := range len(ptr) - 1 {
		for o := ptr[u]; o < ptr[u+1]; o++ {
			c := T(1)
			if coef != nil {
				c = coef[o]
			}
			Axpy(c, from[int(src[o])*d:][:d], dst[u*d:][:d])
		}
	}
}

// Adagrad takes one step on the rows ids [n] of the weights w [·,d] with the state s
// and the gradient g [n,d]:
//
//	s += g²,  w −= lr·g/(√s + eps)
//
// ids are unique. More of them than g has rows are rows that will be moved next,
// and are fetched from memory. Source: Duchi, Hazan and Singer, JMLR 12 (2011), with
// eps outside of the root.
func Adagrad(w, s, g []float32, d int, ids []int32, lr, eps float32) {
	n := moved("Adagrad", g, d, ids, w, s)
	adagrad(w, s, g, d, ids, n, lr, eps)
}

func adagradGo(w, s, g []float32, d int, ids []int32, lr, eps float32) {
	for i, id := range ids {
		w, s := w[int(id)*d:][:d], s[int(id)*d:][:d]
		for j, x := range g[i*d:][:d] {
			s[j] += x * x
			w[j] -= lr * x / (sqrt(s[j]) + eps)
		}
	}
}

// RowAdagrad is [Adagrad] with one number of the state s [·] a row, to which the mean of the
// squares of the row's gradient is added:
//
//	s += ‖g‖²/d,  w −= lr·g/(√s + eps)
//
// Source: A. Lerer et al., PyTorch-BigGraph, arXiv:1903.12287.
func RowAdagrad(w, s, g []float32, d int, ids []int32, lr, eps float32) {
	n := moved("RowAdagrad", g, d, ids, w)
	checkIDs("RowAdagrad", n, 1, len(s), ids[:n])
	rowAdagrad(w, s, g, d, ids, n, lr, eps)
}

func rowAdagradGo(w, s, g []float32, d int, ids []int32, lr, eps float32) {
	for i, id := range ids {
		w, g := w[int(id)*d:][:d], g[i*d:][:d]
		s[id] += dotGo(g, g) * (1 / float32(d))
		c := lr / (sqrt(s[id]) + eps)
		axpyGo(-c, g, w)
	}
}

// Adam takes a step on the rows ids of the weights w with the moments m and v and
// the gradient g, as [Adagrad] does:
//
//	m = β₁m + (1−β₁)g,  v = β₂v + (1−β₂)g²,  w −= lr·m/(√v + eps)
//
// Step number t of the published algorithm at rate η is the one with the bias
// corrections in lr = η√(1−β₂ᵗ)/(1−β₁ᵗ) and eps = ε√(1−β₂ᵗ). Source: Kingma and
// Ba, arXiv:1412.6980, section 2.
func Adam(w, m, v, g []float32, d int, ids []int32, lr, eps, beta1, beta2 float32) {
	n := moved("Adam", g, d, ids, w, m, v)
	adam(w, m, v, g, d, ids, n, lr, eps, beta1, beta2)
}

func adamGo(w, m, v, g []float32, d int, ids []int32, lr, eps, beta1, beta2 float32) {
	for i, id := range ids {
		w, m, v := w[int(id)*d:][:d], m[int(id)*d:][:d], v[int(id)*d:][:d]
		for j, x := range g[i*d:][:d] {
			m[j] = beta1*m[j] + (1-beta1)*x
			v[j] = beta2*v[j] + (1-beta2)*(x*x)
			w[j] -= lr * m[j] / (sqrt(v[j]) + eps)
		}
	}
}

// moved returns how many rows the gradient g has, and panics unless as many of ids
// are rows of all tables.
func moved(name string, g []float32, d int, ids []int32, tables ...[]float32) int {
	if d < 1 || len(g)%d != 0 || len(g)/d > len(ids) {
		panic("kernel: " + name + ": lengths differ")
	}
	size := math.MaxInt
	for _, t := range tables {
		size = min(size, len(t))
	}
	n := len(g) / d
	checkIDs(name, n, d, size, ids[:n])
	return n
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// Prefetch asks for x to be in the cache soon: for rows of a table in an order
// that the processor does not foresee, some rows ahead of their use.
func Prefetch(x []float32) { prefetchRow(x) }
