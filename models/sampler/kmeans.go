package sampler

import "math"

// kmeans fits the k centres [k,d] to rows of x [n,d], k ≤ n, by Lloyd's iterations from
// a k-means++ start. A centre that loses all rows stays
// where it was. Same rng, same bits, at any number of threads: what runs in
// parallel is stored row by row.
// Source: Arthur & Vassilvitskii 2007, k-means++.
func kmeans(centre, x []float32, n, d, k, iterations int, rng *Stream) {
	cum := make([]float64, n)  // running sums of near
	near := make([]float64, n) // squared distance to the nearest centre so far
	for i := range near {
		near[i] = math.Inf(1)
	}
	row := rng.IntN(n)
	for a := range k {
		c := centre[a*d : (a+1)*d]
		copy(c, x[row*d:(row+1)*d])
		parts(n, 1024, func() func(lo, hi int) {
			return func(lo, hi int) {
				for i := lo; i < hi; i++ {
					near[i] = min(near[i], distance(x[i*d:(i+1)*d], c))
				}
			}
		})
		var sum float64
		for i, v := range near {
			sum += v
			cum[i] = sum
		}
		if sum > 0 {
			row = searchSum(cum, rng.Float64()*sum)
		} else { // every row is a centre already
			row = rng.IntN(n)
		}
	}
	code := make([]int32, n)
	sum := make([]float64, k*d)
	size := make([]int, k)
	for range iterations {
		assign(code, table{x, d}, centre, d, k)
		clear(sum)
		clear(size)
		for i, a := range code {
			size[a]++
			s := sum[int(a)*d : (int(a)+1)*d]
			for j, v := range x[i*d : (i+1)*d] {
				s[j] += float64(v)
			}
		}
		for a, m := range size {
			if m == 0 {
				continue
			}
			for j := range d {
				centre[a*d+j] = float32(sum[a*d+j] / float64(m))
			}
		}
	}
}

// distance returns ‖x − y‖².
func distance(x, y []float32) float64 {
	var sum float64
	for i, v := range x {
		e := float64(v) - float64(y[i])
		sum += e * e
	}
	return sum
}

// kmeansBytes is what kmeans allocates beside the centres.
func kmeansBytes(n, d, k, iterations int) int64 {
	return 20*int64(n) + 8*int64(k)*int64(d+1) + int64(iterations)*assignBytes(n, d, k)
}

// vectors are rows of width d that are there, or are made one by one in room [d].
type vectors interface {
	row(i int, room []float32) []float32
}

// table is vectors that are there.
type table struct {
	x []float32 // [n,d]
	d int
}

func (t table) row(i int, _ []float32) []float32 { return t.x[i*t.d : (i+1)*t.d] }

// rowsOfPart is how many rows a goroutine assigns at a time.
const rowsOfPart = 256

// assign stores in code the nearest of the centres [k,d] of each row of x, the first
// among equals: argmin_a ½‖c_a‖² − ⟨x, c_a⟩.
func assign(code []int32, x vectors, centre []float32, d, k int) {
	half := make([]float64, k)
	for a := range k {
		c := centre[a*d : (a+1)*d]
		half[a] = dot(c, c) / 2
	}
	parts(len(code), rowsOfPart, func() func(lo, hi int) {
		room := make([]float32, d)
		return func(lo, hi int) {
			for i := lo; i < hi; i++ {
				row := x.row(i, room)
				best := math.Inf(1)
				code[i] = 0
				for a := range k {
					if v := half[a] - dot(row, centre[a*d:(a+1)*d]); v < best {
						best, code[i] = v, int32(a)
					}
				}
			}
		}
	})
}

// assignBytes is what assign of n rows allocates.
func assignBytes(n, d, k int) int64 {
	return 8*int64(k) + 4*int64(goroutines(n, rowsOfPart))*int64(d)
}
