package kernel

import (
	"fmt"
	"slices"
	"strings"
)

// A Precision says to what the operands of the products of a fused loss (scores H·Wᵀ, and
// the gradients of W and H) may be rounded. It is a permission: where the processor has
// nothing that gains by it the more exact way is taken. Sums are float32 always, and so is all
// that is no product: exponentials, losses, biases.
//
// The words, and what they promise, are those of torch.set_float32_matmul_precision.
type Precision int

const (
	// Highest rounds nothing.
	Highest Precision = iota

	// High takes a number as the sum of two bfloat16, of 16 bits together, and leaves out
	// the product of the two low ones. An infinite number gives NaN.
	High

	// Medium rounds numbers to bfloat16, of 8 bits.
	Medium
)

var precisionNames = [...]string{"highest", "high", "medium"}

// String returns the word for p.
func (p Precision) String() string { return precisionNames[p] }

// Precisions lists the words for precisions, the most exact first.
func Precisions() []string { return slices.Clone(precisionNames[:]) }

// ParsePrecision returns the precision of that name.
func ParsePrecision(name string) (Precision, error) {
	i := slices.Index(precisionNames[:], name)
	if i < 0 {
		return 0, fmt.Errorf("%q is no precision; the choices are %s", name, strings.Join(precisionNames[:], ", "))
	}
	return Precision(i), nil
}

// tileNames are what products by tiles are called, by precision.
var tileNames = [...]string{High: "bf16x3", Medium: "bf16"}

// Tiled reports whether products that p permits to be rounded are taken by the
// processor's matrix tiles here: by AMX, on the path "avx512+amx".
func (p Precision) Tiled() bool { return p != Highest && tiles }

// Untiled says why no product goes by tiles here, "" if they do.
func Untiled() string {
	switch {
	case tiles:
		return ""
	case hasTiles:
		return fmt.Sprintf("%s=%s forbids bf16 tiles", Variable, active)
	}
	return "this processor has no bf16 tiles"
}

// Rounds reports whether l takes products of scores that a [Precision] may round: see
// [Workspace]. Losses of moments do not, nor those of the largest scores alone.
func Rounds(l Loss) bool {
	switch l := l.(type) {
	case Weighed:
		return Rounds(l.Loss)
	case Softmax, streamed, Entmax, Normmax, ThresholdMap, Rankmax, KthLargestRivals:
		return true
	}
	return false
}

// Runs names what computes fused losses of that precision: the path of their float32 work
// and, where their products go by tiles, these and the form of the numbers, as in
// "avx512+amx:bf16x3".
func (p Precision) Runs() string {
	if !p.Tiled() {
		return active.String()
	}
	return tilePath + ":" + tileNames[p]
}
