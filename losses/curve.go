package losses

import "fmt"

// A CurvePoint is the loss of one label at one margin.
type CurvePoint struct {
	Margin float64 // z_y − z_j, the label's lead over every other class
	Value  float64 // ℓ
	Label  float64 // ∂ℓ/∂z_y
	Rival  float64 // ∂ℓ/∂z_j of one other class
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
