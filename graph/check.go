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

// A GradientError is the worst entry of one parameter.
type GradientError struct {
	Param     string
	Index     int     // into the parameter's data; −1 is a random direction of all entries
	Got, Want float64 // the Program's derivative, and the central difference
	Error     float64 // |Got − Want| / max(1, largest |entry| of the gradient)
	Kinks     int     // probes at which the cost has no derivative; see CheckGradient
}

// CheckGradient compares the gradient of a Program made by Train with central
// differences of its cost, extrapolated, at some entries of each parameter and
// along one random direction. Parameters are moved and put back. The error
// joins all entries beyond the tolerance; the report has one entry for each
// parameter.
//
// Where the two disagree, the one-sided slopes decide whether the cost has a
// kink: if they are more than 1e-6 apart, of the largest entry, the gradient must
// lie between them. Runs of the Program must depend on the parameters alone: Dropout is
// seen at the step that the Program is at, and of Detach a difference moves what the
// gradient holds constant.
func CheckGradient(p *Program[float64], c GradientCheck) ([]GradientError, error) {
	if p.cost == nil {
		return nil, errors.New("graph: check: the program has no cost")
	}
	if c.Probes == 0 {
		c.Probes = 8
	}
	if c.Tolerance == 0 {
		c.Tolerance = 1e-8
	}
	if c.Probes < 0 || !(c.Tolerance > 0) {
		return nil, fmt.Errorf("graph: check: %d probes at tolerance %g", c.Probes, c.Tolerance)
	}
	rng := rand.New(rand.NewPCG(c.Seed, 0))
	var report []GradientError
	var faults []error
	for _, param := range p.params {
		g := gradientCheck{p: p, tol: c.Tolerance, x: param.Value().Data().([]float64), worst: GradientError{Param: param.Name(), Error: -1}}
		if err := g.run(p.Grad, param, rng, c.Probes); err != nil {
			return report, err
		}
		report = append(report, g.worst)
		if w := g.worst; !(w.Error <= c.Tolerance) {
			faults = append(faults, fmt.Errorf("graph: check: %s[%d]: gradient %.12g, central difference %.12g", w.Param, w.Index, w.Got, w.Want))
		}
	}
	return report, errors.Join(faults...)
}

// gradientCheck is the work on one parameter x.
type gradientCheck struct {
	p     *Program[float64]
	x     []float64
	tol   float64
	scale float64 // of errors
	worst GradientError
	err   error // of a run
}

func (g *gradientCheck) run(grad func(node) Gradient[float64], param node, rng *rand.Rand, probes int) error {
	if err := g.p.Run(); err != nil {
		return err
	}
	grads := dense(grad(param), len(g.x), param.Shape()[0])
	g.scale = 1
	for _, v := range grads {
		g.scale = max(g.scale, math.Abs(v))
	}
	saved := append([]float64{}, g.x...)
	defer copy(g.x, saved)
	entries := rng.Perm(len(g.x))
	for _, i := range entries[:min(probes, len(entries))] {
		g.probe(i, grads[i], func(step float64) { g.x[i] = saved[i] + step })
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
	g.probe(-1, got, func(step float64) {
		for i := range g.x {
			g.x[i] = saved[i] + step*v[i]
		}
	})
	return g.err
}

// probe compares got with the derivative of the cost as move changes x.
func (g *gradientCheck) probe(index int, got float64, move func(step float64)) {
	cost := func(step float64) float64 {
		move(step)
		if err := g.p.Run(); err != nil {
			g.err = err
			return math.NaN()
		}
		return g.p.Cost()
	}
	bar := g.tol * g.scale
	want, uncertain := check.Derivative(cost, 0.05, bar/4)
	if !(math.Abs(got-want) <= bar) || !(uncertain <= bar/4) {
		// At a kink central differences settle nowhere, or on the mean of both sides.
		right, left := slope(cost, 1), slope(cost, -1)
		if math.Abs(right-left) > kinkGap*g.scale {
			g.worst.Kinks++
			want = min(max(got, min(left, right)), max(left, right))
		}
	}
	e := math.Abs(got-want) / g.scale
	if math.IsNaN(e) {
		e = math.Inf(1)
	}
	if e > g.worst.Error {
		g.worst.Index, g.worst.Got, g.worst.Want, g.worst.Error = index, got, want, e
	}
}

// kinkGap is how far the slopes of the two sides are apart at a kink: a hundred
// times what a smooth cost gives at the step of slope.
const kinkGap = 1e-6

// slope returns the one-sided derivative at 0, of second order in the step.
func slope(f func(float64) float64, side float64) float64 {
	h := side * 1e-5
	return (4*f(h) - f(2*h) - 3*f(0)) / (2 * h)
}

// dense returns g with zeros at the rows that it leaves out.
func dense(g Gradient[float64], n, rows int) []float64 {
	if g.Rows == nil {
		return append([]float64{}, g.Data...)
	}
	all, w := make([]float64, n), n/rows
	for i, r := range g.Rows {
		copy(all[int(r)*w:], g.Data[i*w:(i+1)*w])
	}
	return all
}
