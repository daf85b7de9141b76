package convergence

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/mat"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/conditionalrisk"
	"github.com/fenchel-ml/fenchel/cli/internal/study/settings"
	"github.com/fenchel-ml/fenchel/cli/internal/study/statistics"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// TabularConfig says what to measure in the table.
type TabularConfig struct {
	Losses     []string // spec texts; empty: defaultLosses
	Classes    []int    // table sizes C; empty: 20 and 200
	Excess     float64  // where descent counts as done; 0: 1e-8
	Iterations int      // the most to spend on one descent; 0: 10000
}

// defaultLosses are the exact losses, with entmax at several α to show the law
// of its conditioning.
func defaultLosses() []string {
	var texts []string
	for _, s := range losses.All() {
		if s.Name == "entmax" {
			texts = append(texts, "entmax:alpha=1.25")
		}
		texts = append(texts, s.Bind(s.Defaults()).String())
	}
	return texts
}

// WithDefaults returns c with the defaults written out.
func (c TabularConfig) WithDefaults() TabularConfig {
	c.Losses = settings.Or(c.Losses, defaultLosses()...)
	c.Classes = settings.Or(c.Classes, 20, 200)
	c.Excess = cmp.Or(c.Excess, 1e-8)
	c.Iterations = cmp.Or(c.Iterations, 10000)
	return c
}

// The bounds of the sizes: the Hessian of MaxClasses scores is solved in full, and a
// descent of more than MaxIterations takes hours.
const (
	MinClasses    = 2
	MaxClasses    = 1000
	MaxIterations = 1_000_000_000
)

// Validate reports all faults.
func (c TabularConfig) Validate() error {
	c = c.WithDefaults()
	var faults settings.Faults
	faults.Texts(c.Losses, func(text string) error { _, err := models.ParseLoss(text); return err })
	faults.Within("classes", MinClasses, MaxClasses, c.Classes...)
	faults.Within("iterations", 1, MaxIterations, c.Iterations)
	if !(c.Excess >= 1e-12 && c.Excess < 1) {
		faults.Addf("excess: %g is outside [1e-12, 1)", c.Excess)
	}
	return faults.Err()
}

// A Descent is gradient descent on one conditional risk: t is Zipf(1) over C
// classes, scores from 0, step 1/β with the loss's declared smoothness β.
type Descent struct {
	Loss    string        `json:"loss"`
	Classes int           `json:"classes"`
	Skipped string        `json:"skipped,omitempty"` // why the theory does not apply; all below is 0 then
	Beta    report.Number `json:"beta"`              // declared smoothness

	Iterations int           `json:"iterations"` // to the excess asked for, or all that were allowed
	Reached    bool          `json:"reached"`
	Excess     report.Number `json:"excess"` // at the end

	Declared report.Number `json:"condition_declared"` // NaN where none is
	Measured report.Number `json:"condition_measured"` // of the Hessian at the minimiser, from differences
	Slowest  report.Number `json:"beta_over_least_curvature"`

	// Predicted is ln(first excess/final excess) / (−2 ln(1 − λ/β)) with the least
	// curvature λ at the minimiser: what descent would take if all of the excess
	// lay in the slowest direction of a quadratic, about β/λ steps for each factor
	// of e² and one step if λ = β.
	Predicted report.Number `json:"iterations_predicted"`

	// Curve is the excess at the iterations At, dense at first and then in steps of
	// five percent.
	At    []int           `json:"curve_iteration"`
	Curve []report.Number `json:"curve_excess"`
}

// zipf returns the distribution t_i ∝ 1/i over k classes.
func zipf(k int) []float64 {
	t := make([]float64, k)
	for i := range t {
		t[i] = 1 / float64(i+1)
	}
	return statistics.Normalise(t)
}

// Tabular runs a descent for every loss and table size, in this order.
func Tabular(ctx context.Context, c TabularConfig) ([]Descent, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.WithDefaults()
	all := make([]Descent, len(c.Losses)*len(c.Classes))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range all {
		g.Go(func() error {
			b, err := models.ParseLoss(c.Losses[i/len(c.Classes)])
			if err != nil {
				return err
			}
			all[i], err = descend(ctx, b, c.Classes[i%len(c.Classes)], c)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}

func descend(ctx context.Context, b losses.Loss, k int, c TabularConfig) (Descent, error) {
	th := b.Theory()
	nan := report.Number(math.NaN())
	beta := th.Smoothness(k)
	d := Descent{Loss: b.String(), Classes: k, Beta: report.Number(beta), Excess: nan, Declared: nan, Measured: nan, Slowest: nan, Predicted: nan}
	t := zipf(k)
	r := conditionalrisk.New(b, t)
	switch {
	case !b.HasTheory():
		d.Skipped = "no theory is declared: no step size"
	case math.IsInf(beta, 1):
		d.Skipped = "not smooth: no step size"
	case !th.Props.Has(losses.Convex):
		d.Skipped = "not convex"
	case r.Bounded() && th.Link == nil:
		d.Skipped = "minimiser on the edge of the domain is not known"
	}
	if d.Skipped != "" {
		return d, nil
	}
	best, err := minimiser(ctx, r, th, t)
	if err != nil {
		return d, err
	}
	if best == nil {
		d.Skipped = "the risk has no minimiser"
		return d, nil
	}
	floor := r.Value(nil, best)
	z, grad := make([]float64, k), make([]float64, k)
	first := math.NaN()
	for n := 0; ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return d, ctx.Err()
		}
		excess := r.Value(grad, z) - floor
		if n == 0 {
			first = excess
		}
		done := excess < c.Excess
		if done || n == c.Iterations || n < 20 || n >= int(1.05*float64(d.At[len(d.At)-1])) {
			d.At = append(d.At, n)
			d.Curve = append(d.Curve, report.Number(excess))
		}
		d.Iterations, d.Reached, d.Excess = n, done, report.Number(excess)
		if done || n == c.Iterations {
			break
		}
		for j := range z {
			z[j] = min(max(z[j]-grad[j]/beta, r.Lo), r.Hi)
		}
	}
	if th.Condition != nil {
		d.Declared = report.Number(th.Condition(t))
	}
	lo, hi := curvatures(r, best, th.Props.Has(losses.ShiftInvariant))
	d.Measured, d.Slowest = report.Number(hi/lo), report.Number(beta/lo)
	d.Predicted = report.Number(max(1, math.Log(first/c.Excess)/(-2*math.Log1p(-min(lo/beta, 1)))))
	return d, nil
}

// minimiser returns the declared minimiser where there is one, else the end of a
// search; nil where the risk falls towards infinity.
func minimiser(ctx context.Context, r *conditionalrisk.Risk, th losses.Theory, t []float64) ([]float64, error) {
	if th.Link != nil {
		z := th.Link(t, nil)
		if r.Bounded() && th.Props.Has(losses.ShiftInvariant) {
			// The closed form is up to a constant: lay it in the middle.
			mid := (slices.Min(z)+slices.Max(z))/2 - (r.Lo+r.Hi)/2
			for j := range z {
				z[j] -= mid
			}
		}
		for j := range z {
			z[j] = min(max(z[j], r.Lo), r.Hi)
		}
		return z, nil
	}
	rng := rand.New(rand.NewPCG(1, 1)) // of starts: one, at the origin
	ends, err := conditionalrisk.Minima(ctx, r, conditionalrisk.Settings{Lo: r.Lo, Hi: r.Hi, Smooth: true, Starts: conditionalrisk.Starts(rng, r.Lo, r.Hi, r.Len(), 1)})
	if err != nil || ends[0].Far {
		return nil, err
	}
	return ends[0].Z, nil
}

// curvatures returns the least and the largest eigenvalue of the Hessian at z,
// from central differences of the gradient; with shift the direction 1, along
// which a shift-invariant loss is flat, is left out.
func curvatures(r *conditionalrisk.Risk, z []float64, shift bool) (lo, hi float64) {
	// At a minimiser of a sparse loss the step must not leave the support, whose
	// width there is the least probability: 1e-5 is well inside for 1000 classes.
	const h = 1e-5
	k := len(z)
	hess := mat.NewSymDense(k, nil)
	up, down := make([]float64, k), make([]float64, k)
	cols := make([][]float64, k)
	for i := range k {
		zi := z[i]
		z[i] = zi + h
		r.Value(up, z)
		z[i] = zi - h
		r.Value(down, z)
		z[i] = zi
		cols[i] = make([]float64, k)
		for j := range k {
			cols[i][j] = (up[j] - down[j]) / (2 * h)
		}
	}
	for i := range k {
		for j := i; j < k; j++ {
			hess.SetSym(i, j, (cols[i][j]+cols[j][i])/2)
		}
	}
	var eig mat.EigenSym
	if !eig.Factorize(hess, false) {
		return math.NaN(), math.NaN()
	}
	values := eig.Values(nil) // ascending
	if shift {
		values = values[1:] // the flat direction's 0 is the least
	}
	return values[0], values[len(values)-1]
}

// A Hard is gradient descent on one row with one label, from scores 0 with step
// 1/β.
type Hard struct {
	Loss    string          `json:"loss"`
	Zero    int             `json:"zero_after"` // iterations until the gradient is exactly 0; −1: not within hardIterations
	Slope   report.Number   `json:"exponent"`   // of ‖g‖ ~ T^slope over the last decade; NaN where the gradient is 0
	Margin  report.Number   `json:"margin_declared"`
	Support string          `json:"support_declared"`
	At      []int           `json:"curve_iteration"`
	Norm    []report.Number `json:"curve_norm"`
}

// hardIterations is the length of a Hard descent, and hardClasses its size.
const (
	hardIterations = 2000
	hardClasses    = 20
)

// HardLabel runs the losses of c that declare a finite smoothness and have any score as
// domain.
func HardLabel(ctx context.Context, c TabularConfig) ([]Hard, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var all []Hard
	for _, text := range c.WithDefaults().Losses {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b, err := models.ParseLoss(text)
		if err != nil {
			return nil, err
		}
		th := b.Theory()
		if beta := th.Smoothness(hardClasses); b.HasTheory() && !math.IsInf(beta, 1) && b.Spec.Domain == losses.Reals {
			all = append(all, hard(b, th, beta))
		}
	}
	return all, nil
}

func hard(b losses.Loss, th losses.Theory, beta float64) Hard {
	h := Hard{Loss: b.String(), Zero: -1, Slope: report.Number(math.NaN()), Margin: report.Number(th.Margin), Support: th.Support.String()}
	z, g := make([]float64, hardClasses), make([]float64, hardClasses)
	target := losses.Target[float64]{Pos: []int32{0}, Weight: []float64{1}}
	work := make([]float64, b.Analytic.F64.WorkLen(hardClasses))
	var xs, ys []float64
	for n := 1; n <= hardIterations; n++ {
		b.Analytic.F64.Eval(g, z, target, work)
		var norm float64
		for j := range z {
			norm += g[j] * g[j]
			z[j] -= g[j] / beta
		}
		norm = math.Sqrt(norm)
		if norm == 0 {
			h.Zero = n - 1
			break
		}
		if len(h.At) == 0 || n >= int(math.Ceil(1.1*float64(h.At[len(h.At)-1]))) {
			h.At = append(h.At, n)
			h.Norm = append(h.Norm, report.Number(norm))
			if n >= hardIterations/10 {
				xs, ys = append(xs, math.Log(float64(n))), append(ys, math.Log(norm))
			}
		}
	}
	if h.Zero < 0 && len(xs) > 1 {
		slope, _ := statistics.Slope(xs, ys)
		h.Slope = report.Number(slope)
	}
	return h
}
