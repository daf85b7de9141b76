package train

import (
	"errors"
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/data"
)

// The choices of solver ials's confidence.
const (
	confidenceOne    = "one"
	confidenceValues = "values"
)

// confident reports whether the solver of p weighs interactions by their values.
func (p *Plan) confident() bool {
	return p.takesConfidence() && p.solver.Values.String("confidence") == confidenceValues
}

// takesConfidence reports whether it could.
func (p *Plan) takesConfidence() bool { return p.solver.Spec != nil && p.solver.Spec.Name == "ials" }

// confidences returns c = 1 + α·value of each interaction of train (Hu, Koren, Volinsky
// 2008, eq. 2 and §4), nil where each is 1. It weighs the square by which an interaction
// misses 1, in the form of Rendle et al. 2022, where α₀ weighs the squares of all scores
// beside it.
func (p *Plan) confidences(set *data.Dataset) ([]float32, error) {
	if !p.confident() {
		return nil, nil
	}
	values := set.Train.Value()
	if values == nil {
		return nil, fmt.Errorf("train: train.solver: ials: confidence=%s: the interactions of %s have no values; leave it out", confidenceValues, set.Name)
	}
	gain, sum := p.solver.Values.Num("gain"), 0.0
	c := make([]float32, len(values))
	for i, value := range values {
		x := 1 + gain*float64(value)
		if !(x >= 0 && x <= math.MaxFloat32) {
			return nil, fmt.Errorf("train: train.solver: ials: confidence=%s: user %s and item %s have the value %g, whose confidence 1 + %g·%[4]g = %[6]g is not between 0 and %[7]g",
				confidenceValues, set.UserName(set.Train.UserOf(i)), set.ItemName(int(set.Train.Item()[i])), value, gain, x, math.MaxFloat32)
		}
		c[i] = float32(x)
		sum += x
	}
	if sum == 0 {
		return nil, errors.New("train: train.solver: ials: every interaction has the confidence 0")
	}
	return c, nil
}

// ValuesUnused returns what to tell of a training of p on set that does not read the
// values which its interactions have, though its solver could; "" where there is nothing
// of the kind.
func (p *Plan) ValuesUnused(set *data.Dataset) string {
	if !p.takesConfidence() || p.confident() || set.Train.Value() == nil {
		return ""
	}
	return fmt.Sprintf("the values of the interactions are not used: each has confidence 1; ials:confidence=%s has 1 + gain·value", confidenceValues)
}
