package tune

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// around are the settings that are searched where nobody names some, with the factor by
// which the ends of a range are below and above what the configuration says, in the middle.
var around = []struct {
	name, path string
	factor     float64
	value      func(p *train.Plan) float64 // 0: the configuration has none
}{
	{"lr", "train.optimizer.lr", 5, func(p *train.Plan) float64 { return number(p.Optimizer.Value("lr")) }},
	{"temperature", "model.temperature", 3, func(p *train.Plan) float64 {
		if p.Config.Train.Optimizer == "" || p.Config.Model.Score != string(models.Cosine) || ofCosines(p) || p.Temperature.Learned != nil {
			return 0
		}
		return p.Temperature.Value
	}},
	{"loss.tau", "loss.tau", 3, func(p *train.Plan) float64 { return cosineParam(p, "tau") }},
	{"loss.scale", "loss.scale", 3, func(p *train.Plan) float64 { return cosineParam(p, "scale") }},
	{"l2", "train.l2", 100, func(p *train.Plan) float64 {
		switch l2 := number(p.Config.Train.L2); {
		case p.Config.Train.Optimizer == "" || p.Config.Model.Score == string(models.Cosine):
			return 0
		case l2 > 0:
			return l2
		}
		return 1e-5 // in the middle of what publications tune over
	}},
	{"solver.reg", "train.solver.reg", 10, func(p *train.Plan) float64 { return solverParam(p, "reg") }},
	{"solver.a", "train.solver.a", 10, func(p *train.Plan) float64 { return solverParam(p, "a") }},
	{"solver.alpha", "train.solver.alpha", 10, func(p *train.Plan) float64 { return solverParam(p, "alpha") }},
}

// axesAround returns the axes of what is usually tuned of a configuration, around what it says:
// the learning rate, with the temperature of cosines or the l2 of other scores, or the
// regularisation and the weight of what is missing of a solver that has no rate.
func axesAround(c train.Config, set *data.Dataset) (axes []Axis, err error) {
	p, err := c.Plan()
	if err != nil {
		return nil, err
	}
	if p, err = p.On(set); err != nil {
		return nil, err
	}
	for _, x := range around {
		value := x.value(p)
		if !(value > 0) {
			continue
		}
		digits := func(y float64) string { return strconv.FormatFloat(y, 'g', 3, 64) }
		a, err := ParseAxis(fmt.Sprintf("%s=log:%s..%s", x.name, digits(value/x.factor), digits(value*x.factor)), map[string]string{x.name: x.path})
		if err != nil {
			return nil, err
		}
		axes = append(axes, a)
	}
	if len(axes) == 0 {
		return nil, errors.New("nothing is usually tuned of this configuration; name what to search over")
	}
	return axes, nil
}

// number reads a number, 0 of what is none.
func number(text string) float64 {
	x, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return x
}

func ofCosines(p *train.Plan) bool {
	return p.Choice.Loss.Spec != nil && p.Choice.Loss.Spec.Domain == losses.Cosines
}

// cosineParam is a parameter of a loss of cosines, 0 of others.
func cosineParam(p *train.Plan, name string) float64 {
	if !ofCosines(p) || p.Choice.Loss.Values.Learned(name) {
		return 0
	}
	return number(p.Choice.Loss.Value(name))
}

// solverParam is a parameter of a solver without a learning rate, 0 of others.
func solverParam(p *train.Plan, name string) float64 {
	if p.Config.Train.Optimizer != "" {
		return 0
	}
	solver, settings := registry.CutSpec(p.Config.Train.Solver)
	for _, s := range train.Solvers() {
		if s.Name != solver {
			continue
		}
		values, err := registry.Parse(s.Params, settings)
		for _, param := range s.Params {
			if err == nil && param.Name == name {
				return values.Num(name)
			}
		}
	}
	return 0
}
