package losses

import "math"

// above appends to c, which is empty with room for all of z, the scores that can
// pass a threshold: those with a(z_j−m) > −1 for the largest score m.
func above[T Float](c, z []T, m, a float64) []T {
	for _, s := range z {
		if a*(float64(s)-m) > -1 {
			c = append(c, s)
		}
	}
	return c
}

// threshold returns the ξ that solves
//
//	Σ_i [x_i − ξ]_+^q = 1,   x_i = a(c_i − m),
//
// where m = max c, so that max x = 0 and −1 ≤ ξ ≤ −n^{−1/q}. It reorders c.
//
// For q ≥ 1 the norm N(ξ) = (Σ [x−ξ]_+^q)^{1/q} is convex and falls, so Newton's
// iterates for N = 1 climb to ξ from the left and never pass it: whatever lies
// below an iterate is out for good and is dropped. For q = 1 and q = 2 the
// equation is solved in closed form as soon as all that is left lies above the
// solution, so the result is exact and there is no sort; the expected cost is
// O(n). For q < 1 (entmax with α > 2) it bisects.
func threshold[T Float](c []T, m, a, q float64) float64 {
	lo, hi := -1.0, -math.Pow(float64(len(c)), -1/q)
	if q < 1 {
		for range 54 { // halves an interval of length < 1 to rounding
			mid := lo + (hi-lo)/2
			var f float64
			for _, s := range c {
				if d := a*(float64(s)-m) - mid; d > 0 {
					f += math.Pow(d, q)
				}
			}
			if f >= 1 {
				lo = mid
			} else {
				hi = mid
			}
		}
		return lo + (hi-lo)/2
	}
	xi := lo
	for range 100 { // about 8 are needed; the bound is for the proof of termination
		var f, slope, sum, sum2 float64
		least := 0.0
		n := 0
		for _, s := range c {
			x := a * (float64(s) - m)
			d := x - xi
			if d <= 0 {
				continue
			}
			c[n] = s
			n++
			least = min(least, x)
			switch q {
			case 1:
				f += d
				slope++
				sum += x
			case 2:
				f += d * d
				slope += d
				sum += x
				sum2 += x * x
			default:
				p := math.Pow(d, q-1)
				f += p * d
				slope += p
			}
		}
		c = c[:n]
		closed := math.Inf(1)
		switch k := float64(n); q {
		case 1:
			closed = (sum - 1) / k
		case 2:
			mean := sum / k
			closed = mean - math.Sqrt(max(0, 1-(sum2-sum*mean))/k)
		}
		if least > closed {
			return closed
		}
		// N − 1 over −N' = N^{1−q} Σ d^{q−1}.
		norm := math.Pow(f, 1/q)
		step := (norm - 1) * math.Pow(norm, q-1) / slope
		if !(step > 1e-16) {
			break
		}
		xi = min(xi+step, hi)
	}
	return xi
}
