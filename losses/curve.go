package losses

import (
	"fmt"
	"math"
)

// A CurvePoint is the loss of one label at one margin.
type CurvePoint struct {
	Margin float64 // z_y − z_j, the label's lead over every other class
	Value  float64 // ℓ
	Label  float64 // ∂ℓ/∂z_y
	Rival  float64 // ∂ℓ/∂z_j of one other class
}

// CurveRange returns the margins between which a curve of the loss over k ≥ 2 candidates
// shows what it does: as far to both sides as the scores that predict the label with
// probability 0.98 lie apart, or as the margin from which the loss is 0, and half as much
// again. Without link and margin that is six units of the loss, or all that cosines have.
func (l Loss) CurveRange(k int) (lo, hi float64) {
	th := l.Theory()
	lead := 0.0
	if th.Link != nil {
		t := make([]float64, k)
		for j := range t {
			t[j] = 0.02 / float64(k-1)
		}
		t[0] = 0.98
		z := th.Link(t, nil)
		lead = z[0] - z[1]
	}
	if m := th.Margin; m > 0 && !math.IsInf(m, 1) {
		if lead > 0 {
			m = min(m, 2*lead) // a flat end that is far off says less than the bend
		}
		lead = max(lead, m)
	}
	least, largest := l.Spec.Domain.Bounds()
	switch {
	case lead > 0:
		hi = round2(1.5 * lead)
	case l.Spec.Domain == Cosines:
		hi = largest - least
	default:
		hi = 6 * l.Unit()
	}
	hi = min(hi, largest-least)
	return -hi, hi
}

// round2 rounds x > 0 up to two digits.
func round2(x float64) float64 {
	digit := math.Pow(10, math.Floor(math.Log10(x))-1)
	return math.Ceil(x/digit) * digit
}

// Curve returns n points of the loss of one label against k−1 rivals of equal
// score, at margins from lo to hi in equal steps. Label and rivals sit at ±half
// the margin; where the loss takes cosines, lo and hi are brought within [-2, 2].
// It returns an error for k < 2, n < 2 or an interval without length.
func (l Loss) Curve(k, n int, lo, hi float64) ([]CurvePoint, error) {
	least, largest := l.Spec.Domain.Bounds()
	lo, hi = max(lo, least-largest), min(hi, largest-least)
	if k < 2 || n < 2 || !(lo < hi) {
		return nil, fmt.Errorf("losses: %s: no curve of %d points over %d candidates from %g to %g", l, n, k, lo, hi)
	}
	row := l.Analytic.F64
	z, dz, work := make([]float64, k), make([]float64, k), make([]float64, row.WorkLen(k))
	label := Target[float64]{Pos: []int32{0}, Weight: []float64{1}}
	points := make([]CurvePoint, n)
	for i := range points {
		margin := lo + (hi-lo)*float64(i)/float64(n-1)
		z[0] = margin / 2
		for j := 1; j < k; j++ {
			z[j] = -margin / 2
		}
		value := row.Eval(dz, z, label, work)
		points[i] = CurvePoint{Margin: margin, Value: value, Label: dz[0], Rival: dz[1]}
	}
	return points, nil
}
