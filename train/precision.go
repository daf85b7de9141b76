package train

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/graph"
)

// Kernel names what computes the steps of p here, as graph.Precision.Runs does: the path of
// its float32 work and, where products are rounded as train.precision permits, by what and to
// which numbers, as in "avx512+amx:bf16x3". On another path a run has other last digits.
func (p *Plan) Kernel() string {
	if p.unrounded() != "" {
		return graph.Highest.Runs()
	}
	return p.Precision.Runs()
}

// PrecisionNote says what comes of a train.precision that permits products to be rounded, "" of
// one that does not.
func (p *Plan) PrecisionNote() string {
	if p.Precision == graph.Highest {
		return ""
	}
	if why := p.unrounded(); why != "" {
		return fmt.Sprintf("precision %s: %s; float32 runs", p.Precision, why)
	}
	return fmt.Sprintf("precision %s: products run on %s", p.Precision, p.Kernel())
}

// unrounded says why no product is rounded, "" if some are.
func (p *Plan) unrounded() string {
	head, loss := p.Choice.Head.Spec, p.Choice.Loss
	switch {
	case p.Precision == graph.Highest:
		return "nothing permits it"
	case head != nil && !head.Rounds:
		return fmt.Sprintf("candidates %s take no products of matrices", head.Name)
	case loss.Spec != nil && (len(loss.Learned()) > 0 || !loss.Analytic.Rounds()): // a learned parameter goes through the definition
		return fmt.Sprintf("%s takes no products of scores that gain by it", loss.Spec.Name)
	case !p.Precision.Rounded():
		return graph.Untiled()
	}
	return ""
}
