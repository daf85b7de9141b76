package losses

import "github.com/fenchel-ml/fenchel/graph"

// The moments of scores are their number, mean and summed squares of the distances from
// it: three sums of a graph.Stream.
const (
	count = iota
	mean
	squares
)

// foldMoments adds scores that are not masked to moments.
func foldMoments[T Float](s []float64, z []T) {
	n := 0
	var sum, distances float64
	for _, x := range z {
		if !Masked(x) {
			n++
			sum += float64(x)
		}
	}
	if n == 0 {
		return
	}
	m := sum / float64(n)
	for _, x := range z {
		if !Masked(x) {
			d := float64(x) - m
			distances += d * d
		}
	}
	mergeMoments(s, []float64{count: float64(n), mean: m, squares: distances})
}

// mergeMoments adds the moments src to dst.
//
// Source: Chan, Golub & LeVeque 1983, The American Statistician 37(3), eq. 2.1.
func mergeMoments(dst, src []float64) {
	n := dst[count] + src[count]
	if n == 0 {
		return
	}
	d := src[mean] - dst[mean]
	dst[squares] += src[squares] + d*d*dst[count]*src[count]/n
	dst[mean] += d * src[count] / n
	dst[count] = n
}

// withTargets returns the moments s with those of the scores of targets.
func withTargets[T Float](s []float64, z []T) [3]float64 {
	all := [3]float64(s)
	foldMoments(all[:], z)
	return all
}

// moments is the part of a graph.Stream whose sums they are.
type moments[T Float] struct{ graph.Additive[T] }

func (moments[T]) Fold(sums, _ []float64, z []T, _ int) { foldMoments(sums, z) }

func (moments[T]) Merge(dst, src []float64) { mergeMoments(dst, src) }
