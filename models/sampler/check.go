package sampler

import (
	"errors"
	"fmt"
	"math"
)

// checkDraws returns an error unless NewDraws takes what it is asked for.
func (s *Sampler) checkDraws(b, k int, shared bool) error {
	props := s.Choice.Spec.Props
	switch {
	case b < 1 || k < 1:
		return s.errorf("%d draws for %d rows: both must be at least 1", k, b)
	case shared && props.Has(Adaptive):
		return s.errorf("draws depend on the row and cannot be shared by the batch")
	case !shared && props.Has(InBatch):
		return s.errorf("draws are the batch's own positives and must be shared by the batch")
	case props.Has(InBatch) && !props.Has(FullSupport) && b < 2:
		return s.errorf("draws are the positives of the batch's other rows, and batches of one row have none: take larger ones, or mixed")
	case props.Has(Distinct) && k > s.Config.C:
		return s.errorf("%d distinct draws from C=%d classes", k, s.Config.C)
	}
	return s.Choice.CheckDraws(k)
}

func (s *Sampler) errorf(format string, args ...any) error {
	return fmt.Errorf("sampler: %s: "+format, append([]any{s.Choice}, args...)...)
}

func (s *Sampler) check(d *Draws, b *Batch) error {
	if b.Ptr != nil {
		if len(b.Ptr) == 0 || b.Ptr[0] != 0 || int(b.Ptr[len(b.Ptr)-1]) != len(b.Pos) {
			return s.errorf("Ptr must run from 0 to the %d positives", len(b.Pos))
		}
		for r := range len(b.Ptr) - 1 {
			if b.Ptr[r] > b.Ptr[r+1] {
				return s.errorf("Ptr decreases at row %d", r)
			}
		}
	}
	if b.Rows() != d.B {
		return s.errorf("a batch of %d rows for draws of %d", b.Rows(), d.B)
	}
	for j, y := range b.Pos {
		if y < -1 || int(y) >= s.Config.C {
			return s.errorf("positive %d is class %d, outside [0, %d)", j, y, s.Config.C)
		}
	}
	if s.Choice.Spec.Props.Has(Adaptive) {
		return s.checkAdaptive(b.H, b.W, d.B)
	}
	return nil
}

func (s *Sampler) checkAdaptive(h, W []float32, rows int) error {
	c, d := s.Config.C, s.Config.D
	switch {
	case len(h) != rows*d:
		return s.errorf("H has %d numbers; %d rows of width D=%d are %d", len(h), rows, d, rows*d)
	case len(W) != c*d:
		return s.errorf("W has %d numbers; C=%d classes of width D=%d are %d", len(W), c, d, c*d)
	case s.refresher != nil && !s.built:
		return s.errorf("Refresh must come before the first draw")
	}
	return nil
}

// finite returns an error that names the first entry of x that is not finite.
func finite(x []float32) error {
	for i, v := range x {
		if v-v != 0 {
			return fmt.Errorf("entry %d is %g, not a finite number", i, v)
		}
	}
	return nil
}

var errScores = errors.New("the scores of the classes overflow or hold a NaN: check W")

// isFinite reports whether x is a number other than ±Inf.
func isFinite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
