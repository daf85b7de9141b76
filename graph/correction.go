package graph

import (
	"fmt"
	"slices"
	"strings"
)

// A Correction says what a sampled loss subtracts from scores for how often
// their class is drawn. q is the proposal's probability of a class and k the
// number of draws that a positive y keeps.
type Correction int

// The corrections. What is subtracted is in units of Sampled.Unit.
const (
	// Uncorrected leaves scores as they are.
	Uncorrected Correction = iota

	// CorrectLogQ subtracts log(k q) from the positive and from each draw. With
	// softmax and draws that hit y kept, this is ranking NCE, whose population
	// minimiser is log t whatever q and k.
	CorrectLogQ

	// CorrectImportance drops draws that hit y, so that the others follow
	// q' = q/(1−q_y), and subtracts log(k q') from them alone: the sum of a softmax
	// then estimates that over all classes.
	CorrectImportance
)

// correctionNames are the texts of the corrections, in order.
var correctionNames = []string{"none", "logq", "importance"}

// Corrections lists the texts of the corrections.
func Corrections() []string { return slices.Clone(correctionNames) }

// ParseCorrection returns the correction of that text; the error of another one lists the
// choices.
func ParseCorrection(text string) (Correction, error) {
	i := slices.Index(correctionNames, text)
	if i < 0 {
		return 0, fmt.Errorf("graph: unknown correction %q; the choices are %s", text, strings.Join(correctionNames, ", "))
	}
	return Correction(i), nil
}

// String returns the text of c.
func (c Correction) String() string { return correctionNames[c] }
