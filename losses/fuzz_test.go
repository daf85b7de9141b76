package losses_test

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

// FuzzRow feeds any scores to every loss at every probed setting, at float32:
// no panic; NaN for NaN and +Inf; otherwise a number, with a gradient of numbers
// that is 0 at masks, for scores within 1e4; and a sum of 0 where shift
// invariance is declared.
func FuzzRow(f *testing.F) {
	f.Add([]byte{0, 0, 0, 0}, uint16(0))
	f.Add([]byte("four floats come from here, or so"), uint16(3))
	f.Add([]byte{0, 0, 128, 255, 0, 0, 192, 127, 0, 0, 128, 127, 1, 2, 3, 4}, uint16(2)) // −Inf, NaN, +Inf, a number
	f.Fuzz(func(t *testing.T, raw []byte, label uint16) {
		var z []float32
		for len(raw) >= 4 && len(z) < 64 {
			z = append(z, math.Float32frombits(binary.LittleEndian.Uint32(raw)))
			raw = raw[4:]
		}
		if len(z) == 0 {
			return
		}
		y := int(label) % len(z)
		invalid := false
		top := float32(0)
		for j, s := range z {
			invalid = invalid || s != s || math.IsInf(float64(s), 1)
			if math.IsInf(float64(s), -1) {
				if j == y {
					return // a target is never masked
				}
				continue
			}
			top = max(top, s, -s)
		}
		for _, spec := range losses.All() {
			lo, hi := spec.Domain.Bounds()
			row := append([]float32(nil), z...)
			for j, s := range row {
				if !invalid && !math.IsInf(float64(s), -1) {
					row[j] = float32(min(max(float64(s), lo), hi))
				}
			}
			for _, b := range spec.Probes() {
				dz := make([]float32, len(row))
				target := losses.Target[float32]{Pos: []int32{int32(y)}, Weight: []float32{1}}
				loss := float64(b.Analytic.F32.Eval(dz, row, target, make([]float32, b.Analytic.F32.WorkLen(len(row)))))
				if invalid {
					require.Truef(t, math.IsNaN(loss), "%s of %v: %g", b, row, loss)
					continue
				}
				if top > 1e4 {
					continue
				}
				require.Falsef(t, math.IsNaN(loss) || math.IsInf(loss, 0), "%s of %v: %g", b, row, loss)
				var sum, size float64
				for j, d := range dz {
					x := float64(d)
					require.Falsef(t, math.IsNaN(x) || math.IsInf(x, 0), "%s of %v: dz[%d] = %g", b, row, j, x)
					if math.IsInf(float64(row[j]), -1) {
						require.Zerof(t, x, "%s of %v: gradient of a mask", b, row)
					}
					sum, size = sum+x, size+math.Abs(x)
				}
				if b.Theory().Props.Has(losses.ShiftInvariant) {
					require.LessOrEqualf(t, math.Abs(sum), 1e-5*max(1, size), "%s of %v: Σdz = %g", b, row, sum)
				}
			}
		}
	})
}

// FuzzParse holds that a text either denotes a loss, whose own text denotes it
// again, or is an error that says something.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"softmax", "softmax:tau=0.2,smoothing=0.1", "rgx:variant=code", "entmax:alpha=", ":", "bce:labels=hot,labels=hot", "softmax:tau=NaN"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := losses.Parse(text)
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		again, err := losses.Parse(b.String())
		require.NoError(t, err)
		require.Equal(t, b.String(), again.String())
	})
}
