package gradcheck

import (
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/graph"
)

// worst keeps the largest error seen. It starts at 0.
type worst struct{ Entry }

func newWorst(against string, bits int, tolerance float64) *worst {
	return &worst{Entry{Against: against, Bits: bits, Tolerance: tolerance}}
}

// see compares two entries; see Entry.
func (w *worst) see(got, want, size float64, where string, at ...any) {
	w.Compared++
	e := math.Abs(got-want) / (size + math.Abs(want))
	if got == want { // equal infinities
		e = 0
	}
	if math.IsNaN(e) {
		e = math.Inf(1)
	}
	if e > w.Error {
		w.Error, w.Got, w.Want, w.Where = e, got, want, fmt.Sprintf(where, at...)
	}
}

// see2 compares matrices of n columns.
func see2[T graph.Float](w *worst, got []T, want []float64, size float64, n int, name string) {
	for i := range want {
		w.see(float64(got[i]), want[i], size, name+"[%d,%d]", i/n, i%n)
	}
}

// largest returns the largest |x_i|, at least 1.
func largest(x []float64) float64 {
	top := 1.0
	for _, v := range x {
		top = max(top, math.Abs(v))
	}
	return top
}
