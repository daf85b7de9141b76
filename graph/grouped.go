package graph

import "github.com/fenchel-ml/fenchel/internal/kernel"

// groupedTerms are the terms of a row-sparse gradient, grouped by the row that they add
// to.
type groupedTerms[T Float] struct {
	kernel.Grouping
	src  []int32
	coef []T
}

// groupingBytes returns the memory of the grouping of n ids below classes.
func groupingBytes(n, classes int) int64 { return 20*int64(n) + 8*int64(min(n, classes)) }

// termBytes returns the memory of a groupedTerms of n terms.
func termBytes[T Float](n, classes int) int64 {
	return groupingBytes(n, classes) + 4*int64(n) + bytesOf[T](n)
}

// fill groups terms by ids, which are all below n; it leaves negative ones out. Term i
// adds coef[i], times up of its row if up is not nil, times a row of another matrix. For
// the first terms that row is at[i]; of the others, k consecutive ones share a row each.
func (o *groupedTerms[T]) fill(ids []int32, n int, at []int32, k int, coef, up []T) {
	o.Group(ids, n)
	o.src, o.coef = resize(o.src, len(o.Place)), resize(o.coef, len(o.Place))
	first := uint32(len(at))
	_ = parallel(len(o.Place), 4*len(o.Place), func(_, lo, hi int) error { // cannot fail
		src, to := o.src[lo:hi], o.coef[lo:hi]
		for i, place := range o.Place[lo:hi] {
			var row int32
			if uint32(place) < first {
				row = at[place]
			} else {
				row = int32((uint32(place) - first) / uint32(k))
			}
			c := coef[place]
			if up != nil {
				c *= up[row]
			}
			src[i], to[i] = row, c
		}
		return nil
	})
}

// part returns the terms as sums of rows of from.
func (o *groupedTerms[T]) part(from []T) rowPart[T] {
	return rowPart[T]{ptr: o.Ptr, src: o.src, coef: o.coef, from: from}
}

// ones returns a column of n ones. With this matrix a sum of terms is one of
// coefficients.
func ones[T Float](n int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = 1
	}
	return x
}

// resize returns s with length n. Its content is lost where it must grow.
func resize[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n, n+n/4) // unique ids vary from step to step
	}
	return s[:n]
}
