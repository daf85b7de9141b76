package kernel

import (
	"errors"
	"fmt"
	"math"
)

// A Linear is the input of a fused loss: rows H, classes W, and the target of
// every row. Scores are z = H·Wᵀ + 1·Biasᵀ [B,C]; a Workspace stores them within its
// Budget alone.
//
// Targets are either Label, one class a row and −1 for a padding row, or, where
// Label is nil, compressed rows: row i has the classes Pos[Ptr[i]:Ptr[i+1]] with
// weights Weight[Ptr[i]:Ptr[i+1]], which sum to 1, and no class for a padding row.
//
// A padding row has loss 0 and no gradient, whatever its H holds. A class of bias
// −Inf is masked: it is as if deleted, and must be no target; its row of W is
// finite.
type Linear struct {
	B, C, D int
	H       []float32 // [B,D]
	Entries *Entries  // of an H that is mostly zeros, in place of it
	W       []float32 // [C,D]
	Unit    bool      // the classes' vectors are the rows of W divided by their norms; see [Unit]
	Bias    []float32 // [C], or nil for none
	Label   []int32   // [B]
	Ptr     []int32   // [B+1]
	Pos     []int32
	Weight  []float32
}

// Validate reports all faults of x.
func (x *Linear) Validate() error {
	if err := x.validateShape(); err != nil {
		return err
	}
	return x.validateTargets()
}

// validateShape reports all faults but those of the targets.
func (x *Linear) validateShape() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("kernel: "+format, args...))
	}
	if x.B < 0 || x.C < 1 || x.D < 1 {
		bad("shape B=%d, C=%d, D=%d: need B ≥ 0, C ≥ 1, D ≥ 1", x.B, x.C, x.D)
		return errors.Join(errs...)
	}
	if x.C > math.MaxInt32/tileRows {
		bad("C=%d is above the limit of %d classes", x.C, math.MaxInt32/tileRows)
	}
	if x.Entries != nil {
		if err := x.Entries.validate(x.B, x.D); err != nil {
			errs = append(errs, err)
		}
	} else if len(x.H) != x.B*x.D {
		bad("H has %d entries, want B·D = %d", len(x.H), x.B*x.D)
	}
	if len(x.W) != x.C*x.D {
		bad("W has %d entries, want C·D = %d", len(x.W), x.C*x.D)
	}
	if x.Bias != nil && len(x.Bias) != x.C {
		bad("bias has %d entries, want C = %d", len(x.Bias), x.C)
	}
	return errors.Join(errs...)
}

func (x *Linear) validateTargets() error {
	if x.Label != nil {
		if len(x.Label) != x.B {
			return fmt.Errorf("kernel: %d labels, want B = %d", len(x.Label), x.B)
		}
		for i, y := range x.Label {
			if y < -1 || int(y) >= x.C {
				return fmt.Errorf("kernel: row %d has label %d; labels are −1 … %d", i, y, x.C-1)
			}
			if y >= 0 && x.masked(int(y)) {
				return fmt.Errorf("kernel: row %d has the masked class %d as label", i, y)
			}
		}
		return nil
	}
	if len(x.Ptr) != x.B+1 || x.Ptr[0] != 0 || int(x.Ptr[x.B]) != len(x.Pos) || len(x.Pos) != len(x.Weight) {
		return fmt.Errorf("kernel: targets have %d pointers, %d classes and %d weights; want B+1 = %d pointers from 0 to the number of classes and weights",
			len(x.Ptr), len(x.Pos), len(x.Weight), x.B+1)
	}
	for i := range x.B {
		if x.Ptr[i] > x.Ptr[i+1] {
			return fmt.Errorf("kernel: pointer of row %d is above that of row %d", i, i+1)
		}
	}
	for i := range x.B { // the pointers are in range now
		for _, c := range x.Pos[x.Ptr[i]:x.Ptr[i+1]] {
			if c < 0 || int(c) >= x.C {
				return fmt.Errorf("kernel: row %d has target %d; classes are 0 … %d", i, c, x.C-1)
			}
			if x.masked(int(c)) {
				return fmt.Errorf("kernel: row %d has the masked class %d as target", i, c)
			}
		}
	}
	return nil
}

func (x *Linear) masked(c int) bool { return x.Bias != nil && math.IsInf(float64(x.Bias[c]), -1) }

// A Loss is a loss fused with the linear layer.
//
// Forward stores the loss of every row of x in loss [B]. Backward takes the
// upstream gradient g [B] and stores the gradients of Σ g[i]·loss[i]; it follows
// a Forward with the same Workspace and an unchanged x, any number of times.
// Forward returns [Err] or the error of x.Validate, and either reports parameters
// outside of the loss's domain and outputs of the wrong size. After an error
// outputs are undefined.
type Loss interface {
	Forward(ws *Workspace, x *Linear, loss []float32) error
	Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error
}

// A Grad is where Backward stores gradients. Nil fields are not computed.
type Grad struct {
	H    []float32 // [B,D]
	W    []float32 // [C,D], overwritten
	Bias []float32 // [C], overwritten

	// Sink receives the gradient of W by blocks in place of W. Only a loss of which
	// [Sinks] is true gives them.
	Sink Sink

	// Rows receives the gradient of W, and of the bias, as the rows that are not
	// zero. Only a Workspace whose Sparse is true can fill it.
	Rows *RowGrad
}

// A RowGrad is a matrix of which few rows are not zero.
type RowGrad struct {
	ID   []int32   // strictly increasing
	Val  []float32 // [len(ID), D]
	Bias []float32 // [len(ID)]
}

func (g *Grad) validate(x *Linear, up []float32, sparse bool) error {
	switch {
	case len(up) != x.B:
		return fmt.Errorf("kernel: upstream gradient has %d entries, want B = %d", len(up), x.B)
	case g.H != nil && len(g.H) != x.B*x.D:
		return fmt.Errorf("kernel: gradient of H has %d entries, want %d", len(g.H), x.B*x.D)
	case g.W != nil && len(g.W) != x.C*x.D:
		return fmt.Errorf("kernel: gradient of W has %d entries, want %d", len(g.W), x.C*x.D)
	case g.Bias != nil && len(g.Bias) != x.C:
		return fmt.Errorf("kernel: gradient of the bias has %d entries, want %d", len(g.Bias), x.C)
	case g.Rows != nil && !sparse:
		return errors.New("kernel: gradient rows asked of a loss whose gradient is dense")
	case g.W != nil && g.Sink != nil:
		return errors.New("kernel: the gradient of W asked for both as a matrix and by blocks")
	}
	return nil
}
