package kernel

import "math"

// A loss that does not change when all scores of a row are shifted does not see what
// the vectors of all classes have in common, but float32 scores do: z = h·w keeps an
// error of 2⁻²⁴ of its own size, and exponentials of differences keep it, too. So
// where the common part is large its scores are h·(w − w̄), with a vector w̄ near the
// mean of the classes; the mean of the biases leaves them likewise. The difference
// w − w̄ is exact where the two are close. The gradient by h is then Σ ∂ℓ/∂z_j (w_j − w̄),
// which is the same sum, for the ∂ℓ/∂z_j add up to 0.
//
// Classes are read where they lie as long as the offset h·w̄ is small in every row,
// because it costs no more digits than the scores themselves. Where it is not, a
// worker packs a tile less w̄ before it multiplies.

const (
	// centerSample is the number of classes whose mean is w̄. Any vector near the mean
	// serves: that of 256 leaves 1/16 of the scores' spread as an offset.
	centerSample = 256
	// offsetLimit is the offset, in the units of scaled scores, up to which classes
	// stay as they are: a float32 of that size is right to 10⁻⁶.
	offsetLimit = 16
	// roundedLimit is that where products are rounded: what classes have in common takes
	// digits from their difference then as soon as it is as large.
	roundedLimit = 2
)

// findCenter sets center where the offset of a row exceeds the limit, and leaves it
// empty elsewhere.
func (ws *Workspace) findCenter() {
	ws.center = ws.center[:0]
	if !ws.ShiftInvariant {
		return
	}
	x := ws.x
	center := grow(ws.center, x.D+1)
	clear(center)
	n, stride := 0, ceil(x.C, centerSample)
	for c := 0; c < x.C; c += stride {
		if !x.masked(c) {
			axpy(1, ws.vector(0, c), center[:x.D])
			if x.Bias != nil {
				center[x.D] += x.Bias[c]
			}
			n++
		}
	}
	if n == 0 {
		return
	}
	Scale(1/float32(n), center)
	most := float32(0)
	for i, live := range ws.live {
		if live {
			z := ws.dotRow(i, center[:x.D]) + center[x.D]
			if z = max(z, -z); z > most {
				most = z
			}
		}
	}
	limit := float32(offsetLimit)
	if ws.bf16.used {
		limit = roundedLimit
	}
	if most *= ws.scale; !(most > limit && most <= math.MaxFloat32) {
		return
	}
	// Sums of large float32 lose what the classes differ by. This one is of differences
	// to the rounded mean.
	ws.sumW = grow(ws.sumW, x.D+1)
	clear(ws.sumW)
	for c := 0; c < x.C; c += stride {
		if !x.masked(c) {
			for k, w := range ws.vector(0, c) {
				ws.sumW[k] += float64(w) - float64(center[k])
			}
			if x.Bias != nil {
				ws.sumW[x.D] += float64(x.Bias[c]) - float64(center[x.D])
			}
		}
	}
	for k, s := range ws.sumW {
		center[k] = float32(float64(center[k]) + s/float64(n))
	}
	ws.center, ws.sumW = center, ws.sumW[:0]
}

// shifted reports whether scores are those of classes less their center.
func (ws *Workspace) shifted() bool { return len(ws.center) > 0 }

// classRows returns the vectors of n classes from c0, less the center if there is one,
// with the stride ld. They are W itself where that serves, or in scratch of the worker
// until its next call; with whole their columns are padded to whole vectors.
func (ws *Workspace) classRows(worker, c0, n int, whole bool) (w []float32, ld int) {
	x, dp := ws.x, ws.dp
	if !x.Unit && !ws.shifted() && (!whole || dp == x.D) {
		return x.W[c0*x.D:], x.D
	}
	ld = ws.ld()
	ws.wb[worker] = grow(ws.wb[worker], tileClasses*ld)
	w = ws.wb[worker]
	if x.Unit {
		unitRows(w, ld, x.W[c0*x.D:], n, x.D)
	} else {
		pack(w, ld, n, x.D, view[float32]{x.W[c0*x.D:], x.D, 1})
	}
	if ws.shifted() {
		for c := range n {
			axpy(-1, ws.center[:x.D], w[c*ld:][:x.D])
		}
	}
	return w, ld
}

// bias returns the bias of a class, less that of the center.
func (ws *Workspace) bias(c int) float32 {
	if ws.shifted() {
		return ws.x.Bias[c] - ws.center[ws.x.D]
	}
	return ws.x.Bias[c]
}

// splitLog2 returns x as the nearest float32 and the factor 2^(hi−x), so that
// 2^(z−x) = factor·2^(z−hi) has the digits that hi lost.
func splitLog2(x float64) (hi, factor float32) {
	hi = float32(x)
	if d := float64(hi) - x; d == d {
		return hi, float32(math.Exp2(d))
	}
	return hi, 1 // infinite
}
