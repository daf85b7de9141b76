package graph

// gemmNT stores A·Bᵀ in C: A is [m,k], B is [n,k], C is [m,n].
func gemmNT[T Float](c, a, b []T, m, n, k int) error {
	return parallel(n, 2*m*n*k, func(_, lo, hi int) error {
		for i := range m {
			x := a[i*k : (i+1)*k]
			for j := lo; j < hi; j++ {
				y := b[j*k : (j+1)*k]
				var s T
				for l, v := range x {
					s += v * y[l]
				}
				c[i*n+j] = s
			}
		}
		return nil
	})
}

// gemmNN stores A·B in C: A is [m,k], B is [k,n], C is [m,n].
func gemmNN[T Float](c, a, b []T, m, n, k int) error {
	return parallel(m, 2*m*n*k, func(_, lo, hi int) error {
		for i := lo; i < hi; i++ {
			y := c[i*n : (i+1)*n]
			clear(y)
			for l, v := range a[i*k : (i+1)*k] {
				if v != 0 { // losses with sparse gradients
					axpy(y, v, b[l*n:(l+1)*n])
				}
			}
		}
		return nil
	})
}

// gemmTN stores Aᵀ·B in C, or adds it to C: A is [k,m], B is [k,n], C is [m,n].
func gemmTN[T Float](c, a, b []T, m, n, k int, add bool) error {
	return parallel(m, 2*m*n*k, func(_, lo, hi int) error {
		if !add {
			clear(c[lo*n : hi*n])
		}
		for l := range k {
			x := b[l*n : (l+1)*n]
			for i := lo; i < hi; i++ {
				if v := a[l*m+i]; v != 0 {
					axpy(c[i*n:(i+1)*n], v, x)
				}
			}
		}
		return nil
	})
}

// axpy adds a·x to y.
func axpy[T Float](y []T, a T, x []T) {
	for j, v := range x {
		y[j] += a * v
	}
}
