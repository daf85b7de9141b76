package kernel

import "math"

// matrixRows returns how many rows of k numbers x has.
func matrixRows[T Float](name string, x []T, k int) int {
	if k < 1 || len(x)%k != 0 {
		panic("kernel: " + name + ": the matrix has a broken row")
	}
	return len(x) / k
}

// AddBias stores x + b in dst, where b [K] is added to each row of x [N,K]. dst may be x.
func AddBias[T Float](dst, x, b []T) {
	if matrixRows("AddBias", x, len(b)) == 0 {
		return
	}
	sameLength("AddBias", dst, x)
	if x32, ok := f32(x); ok {
		dst32, _ := f32(dst)
		b32, _ := f32(b)
		addBias(dst32, x32, b32)
		return
	}
	addBiasGo(dst, x, b)
}

func addBiasGo[T Float](dst, x, b []T) {
	for k := len(b); len(x) > 0; dst, x = dst[k:], x[k:] {
		for j, v := range b {
			dst[j] = x[j] + v
		}
	}
}

// AddRowsTo adds the rows of x [N,K] to acc [K], one after the other.
func AddRowsTo[T Float](acc, x []T) {
	if matrixRows("AddRowsTo", x, len(acc)) == 0 {
		return
	}
	if x32, ok := f32(x); ok {
		acc32, _ := f32(acc)
		colSum(acc32, x32)
		return
	}
	colSumGo(acc, x)
}

func colSumGo[T Float](acc, x []T) {
	for k := len(acc); len(x) > 0; x = x[k:] {
		for j, v := range x[:k] {
			acc[j] += v
		}
	}
}

// LayerNorm stores (x−m)/√(s²+eps)·gain + bias in dst for each row of x [N,K], with the
// mean m and the variance s² (over K) of the row; gain and bias are [K]. dst may be x.
// Source: J. L. Ba, J. R. Kiros and G. E. Hinton, Layer Normalization, 2016.
func LayerNorm[T Float](dst, x, gain, bias []T, eps T) {
	if matrixRows("LayerNorm", x, len(gain)) == 0 {
		return
	}
	sameLength("LayerNorm", dst, x)
	sameLength("LayerNorm", gain, bias)
	if x32, ok := f32(x); ok {
		dst32, _ := f32(dst)
		gain32, _ := f32(gain)
		bias32, _ := f32(bias)
		layerNorm(dst32, x32, gain32, bias32, float32(eps))
		return
	}
	layerNormGo(dst, x, gain, bias, eps)
}

// moments returns the mean of x and 1/√(variance + eps). The mean is that of differences to
// the first number: rounded sums of large equal numbers would make a variance.
func moments[T Float](x []T, eps T) (m, s T) {
	inv := 1 / T(len(x))
	for _, v := range x {
		m += v - x[0]
	}
	m = x[0] + m*inv
	var q T
	for _, v := range x {
		q += (v - m) * (v - m)
	}
	return m, 1 / T(math.Sqrt(float64(q*inv+eps)))
}

func layerNormGo[T Float](dst, x, gain, bias []T, eps T) {
	for k := len(gain); len(x) > 0; dst, x = dst[k:], x[k:] {
		m, s := moments(x[:k], eps)
		for j, v := range x[:k] {
			dst[j] = (v-m)*s*gain[j] + bias[j]
		}
	}
}

// LayerNormBack stores the gradient by x of [LayerNorm] in dx and adds those by gain and
// bias to dgain and dbias [K], the rows one after the other; g [N,K] is the gradient by
// its value. dx may be g.
func LayerNormBack[T Float](dx, dgain, dbias, x, gain, g []T, eps T) {
	if matrixRows("LayerNormBack", x, len(gain)) == 0 {
		return
	}
	sameLength("LayerNormBack", dx, x)
	sameLength("LayerNormBack", g, x)
	sameLength("LayerNormBack", dgain, gain)
	sameLength("LayerNormBack", dbias, gain)
	if x32, ok := f32(x); ok {
		dx32, _ := f32(dx)
		dgain32, _ := f32(dgain)
		dbias32, _ := f32(dbias)
		gain32, _ := f32(gain)
		g32, _ := f32(g)
		layerNormBack(dx32, dgain32, dbias32, x32, gain32, g32, float32(eps))
		return
	}
	layerNormBackGo(dx, dgain, dbias, x, gain, g, eps)
}

func layerNormBackGo[T Float](dx, dgain, dbias, x, gain, g []T, eps T) {
	k := len(gain)
	inv := 1 / T(k)
	for ; len(x) > 0; dx, x, g = dx[k:], x[k:], g[k:] {
		m, s := moments(x[:k], eps)
		var a, b T
		for j, v := range x[:k] {
			a += g[j] * gain[j]
			b += g[j] * gain[j] * (v - m)
		}
		a *= inv
		b *= inv * s * s
		for j, v := range x[:k] {
			d, up := v-m, g[j]
			dgain[j] += up * (s * d)
			dbias[j] += up
			dx[j] = s * (up*gain[j] - a - b*d)
		}
	}
}

// A Drop says which elements of an array a dropout keeps: those whose hash by Key and
// place is not below Cut, which are a share of 1 − Cut/2³² of all.
type Drop struct {
	Key uint64
	Cut uint32
}

// DropEach stores scale·x in dst for the elements that d keeps, and 0 for the others.
// The first has that place.
func DropEach[T Float](dst, x []T, first int, d Drop, scale T) {
	sameLength("DropEach", dst, x)
	// A block of places has keys of its own.
	const block = 1 << 16
	for len(x) > 0 {
		at := first % block
		n := min(len(x), block-at)
		key := Mix(d.Key + uint64(first/block))
		lo, hi := uint32(key)+uint32(at), uint32(key>>32)
		if x32, ok := f32(x[:n]); ok {
			dst32, _ := f32(dst[:n])
			dropout(dst32, x32, lo, hi, d.Cut, float32(scale))
		} else {
			dropoutGo(dst[:n], x[:n], lo, hi, d.Cut, scale)
		}
		dst, x, first = dst[n:], x[n:], first+n
	}
}

func dropoutGo[T Float](dst, x []T, first, key, cut uint32, scale T) {
	for i, v := range x {
		dst[i] = 0
		if dropHash(first+uint32(i), key) >= cut {
			dst[i] = v * scale
		}
	}
}

// dropHash is a permutation of the numbers of 32 bits, between whose halves the key
// enters. Its constants are those of lowbias32 (C. Wellons, Hash Prospector, 2018).
func dropHash(x, key uint32) uint32 {
	x ^= x >> 16
	x *= 0x21f0aaad
	x ^= key
	x ^= x >> 15
	x *= 0xd35a2d97
	return x ^ x>>15
}

// Mix is the output function of SplitMix64 (G. L. Steele, D. Lea and C. H. Flood, OOPSLA
// 2014), whose outputs Mix(key), Mix(key+c), … are independent for any odd c that is no
// small number.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
