package graph

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// GradientCheck says how CheckGradient looks at a Program. The zero value takes
// the defaults.
type GradientCheck struct {
	Probes    int     // entries per parameter, default 8; all where there are no more
	Tolerance float64 // on the error of an entry, default 1e-8
	Seed      uint64  // of the choice of entries and of directions
}

// CheckGradient compares the gradient of a Program made by Train with central
// differences of its cost, extrapolated, at some entries of each parameter and
// along one random direction. Parameters are moved and put back. The report has a row
// for each parameter, whose values are "gradient", the Program's, and "numerical"; an
// error is their distance over the largest |entry| of the parameter's gradient, or over
// 1 where that is less. What is beyond the tolerance makes an error beside the report.
//
// Where the two disagree, the one-sided slopes decide whether the cost has a
// kink: if they are more than 1e-6 apart, of the largest entry, the gradient must
// lie between them. Runs of the Program must depend on the parameters alone: Dropout is
// seen at the step that the Program is at, and of Detach a difference moves what the
// gradient holds constant.
func CheckGradient(p *Program[float64], c GradientCheck) (*GradientReport, error) {
	if p.cost == nil {
		return nil, errors.New("graph: check: the program has no cost")
	}
	c, err := c.WithDefaults()
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(c.Seed, 0))
	report := &GradientReport{}
	for _, param := range p.params {
		g := gradientCheck{p: p, x: param.Value().Data().([]float64), row: GradientRow{Param: param.Name(), Tolerance: c.Tolerance}}
		if err := g.run(param, rng, c.Probes); err != nil {
			return report, err
		}
		report.Rows = append(report.Rows, g.row)
	}
	if err := report.Err(); err != nil {
		return report, fmt.Errorf("graph: check: %w", err)
	}
	return report, nil
}

// WithDefaults returns c with its defaults in place, or what is wrong with it.
func (c GradientCheck) WithDefaults() (GradientCheck, error) {
	if c.Probes == 0 {
		c.Probes = 8
	}
	if c.Tolerance == 0 {
		c.Tolerance = 1e-8
	}
	if c.Probes < 0 || !(c.Tolerance > 0) {
		return c, fmt.Errorf("graph: check: %d probes at tolerance %g", c.Probes, c.Tolerance)
	}
	return c, nil
}

// gradientCheck is the work on one parameter x.
type gradientCheck struct {
	p    *Program[float64]
	x    []float64
	size float64 // of errors
	row  GradientRow
	err  error // of a run
}

func (g *gradientCheck) run(param node, rng *rand.Rand, probes int) error {
	if err := g.p.Run(); err != nil {
		return err
	}
	grads := g.p.Grad(param).Dense(len(g.x), param.Shape()[0])
	g.size = 1
	for _, v := range grads {
		g.size = max(g.size, math.Abs(v))
	}
	saved := append([]float64{}, g.x...)
	defer copy(g.x, saved)
	entries := rng.Perm(len(g.x))
	for _, i := range entries[:min(probes, len(entries))] {
		g.probe(Coordinate(param.Name(), param.Shape(), i), grads[i], func(step float64) { g.x[i] = saved[i] + step })
		copy(g.x, saved)
	}
	v, got, norm := make([]float64, len(g.x)), 0.0, 0.0
	for i := range v {
		v[i] = rng.NormFloat64()
		norm += v[i] * v[i]
	}
	for i := range v {
		v[i] /= math.Sqrt(norm)
		got += v[i] * grads[i]
	}
	g.probe("a direction", got, func(step float64) {
		for i := range g.x {
			g.x[i] = saved[i] + step*v[i]
		}
	})
	return g.err
}

// probe compares got with the derivative of the cost as move changes x.
func (g *gradientCheck) probe(where string, got float64, move func(step float64)) {
	cost := func(step float64) float64 {
		move(step)
		if err := g.p.Run(); err != nil {
			g.err = err
			return math.NaN()
		}
		return g.p.Cost()
	}
	want, kink := check.Subderivative(cost, got, g.row.Tolerance, g.size)
	if kink {
		g.row.Kinks++
	}
	g.row.See(where, g.size, GradientValue{"gradient", got}, GradientValue{"numerical", want})
}

// Dense returns the gradient of a parameter of n entries in rows rows, with zeros in the
// rows that g leaves out. It is a copy.
func (g Gradient[T]) Dense(n, rows int) []T {
	if g.Rows == nil {
		return append([]T{}, g.Data...)
	}
	all, w := make([]T, n), n/rows
	for i, r := range g.Rows {
		copy(all[int(r)*w:], g.Data[i*w:(i+1)*w])
	}
	return all
}
