package graph

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A Precision says to what a [LinearLoss] may round the operands of its three products at
// float32, the scores and the gradients of W and H. It is a permission, by the words of
// torch.set_float32_matmul_precision: where the processor has nothing that gains by it, the more
// exact way is taken, and [Precision.Runs] says which. Sums are float32 always, and so is all
// that is no product: exponentials, losses, gradients of biases, what an optimizer does.
//
// What rounds are the matrix tiles of AMX (Intel, from Sapphire Rapids on, under Linux). Where
// a loss leaves out most classes, as sparsemax does, its scores stay float32, for it finds with
// them which those are, and the two products of the gradient are rounded where it is dense;
// losses for which Analytic.Rounds is false have no such products. The result has the same
// bits at any GOMAXPROCS, and others than at another precision.
//
// Relative errors of gradients, root mean square, at scores of standard deviation 2.4 (8) and
// d = 64, measured against float64:
//
//	Highest  float32                       4e-7  (1e-6)
//	High     two bfloat16, of 16 bits      3e-6  (1e-5)
//	Medium   one bfloat16, of 8 bits       2e-3  (5e-3)
//
// An infinite number gives NaN at High, which gains from batches of some 256 rows on; Medium
// gains at any.
type Precision int

// The precisions.
const (
	Highest = Precision(kernel.Highest)
	High    = Precision(kernel.High)
	Medium  = Precision(kernel.Medium)
)

// Precisions lists the words for precisions, the most exact first.
func Precisions() []string { return kernel.Precisions() }

// ParsePrecision returns the precision of that name; the error lists the choices.
func ParsePrecision(name string) (Precision, error) {
	p, err := kernel.ParsePrecision(name)
	return Precision(p), err
}

// String returns the word for p.
func (p Precision) String() string {
	if p < Highest || p > Medium {
		return fmt.Sprintf("precision %d", int(p))
	}
	return kernel.Precision(p).String()
}

// Rounded reports whether products that p permits to be rounded are, on this processor and
// path.
func (p Precision) Rounded() bool { return kernel.Precision(p).Tiled() }

// Runs names what computes fused losses of that precision here: the path of float32 work
// and, where products are rounded, by what and to which numbers, as in "avx512+amx:bf16x3".
func (p Precision) Runs() string { return kernel.Precision(p).Runs() }

// Untiled says why nothing is rounded here whatever is permitted, "" if it is.
func Untiled() string { return kernel.Untiled() }

func (p Precision) valid(name string) error {
	if p < Highest || p > Medium {
		return fmt.Errorf("graph: %s: no %s", name, p)
	}
	return nil
}
