package bias

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/cli/internal/study/statistics"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models"
)

// Options say how Measure works. The zero value of a field is its default.
type Options struct {
	Draws   int    // k of sampled estimators; default each one's own n
	Repeats int    // Monte Carlo repetitions of a query, a multiple of 10; default 1000
	Seed    uint64 // of the draws

	// Raw leaves the scores of a corrected nce as they are. By default they are shifted to
	// log Σ e^s = log Z₀. Softmax does not see that, and without it noise-contrastive
	// estimation is biased by as much as the scores are off their normalisation.
	Raw bool

	Reference string // loss over all classes whose gradient is the truth; default softmax

	// Enumerate is the largest number of tuples of draws for which the moments are
	// exact sums over all of them; default 20000. It needs a static sampler.
	Enumerate int
}

// A Result has one estimator's medians over the queries. Squares are relative to ‖g‖².
// A prediction without a formula is NaN.
type Result struct {
	Estimator string  `json:"estimator"`
	Draws     int     `json:"draws"` // 0 of a loss over all classes
	Bias      float64 `json:"bias2"`
	BiasErr   float64 `json:"bias2_error"` // one standard error of Monte Carlo; 0 where exact
	Var       float64 `json:"variance"`
	VarErr    float64 `json:"variance_error"`
	Cos       float64 `json:"cosine"` // of E ĝ and g

	Theory, TheoryVar   float64 `json:"-"` // predicted bias² and variance
	BiasRatio, VarRatio float64 `json:"-"` // medians of measured over predicted
	Exact               bool    `json:"exact"`
}

// MarshalJSON implements json.Marshaler. Predictions that are no numbers are null.
func (r *Result) MarshalJSON() ([]byte, error) {
	type measured Result
	return json.Marshal(struct {
		*measured
		Theory    report.Number `json:"bias2_predicted"`
		BiasRatio report.Number `json:"bias2_ratio"`
		TheoryVar report.Number `json:"variance_predicted"`
		VarRatio  report.Number `json:"variance_ratio"`
	}{(*measured)(r), report.Number(r.Theory), report.Number(r.BiasRatio), report.Number(r.TheoryVar), report.Number(r.VarRatio)})
}

// blocks is the number of blocks of repetitions from which the error is estimated.
const blocks = 10

// These are the bounds of Options. Candidates take as many draws as MaxDraws, and what
// more repetitions than MaxRepeats would show is less than float64's digits.
const (
	MaxDraws   = 1 << 20
	MaxRepeats = 1_000_000_000
)

// Measure returns the bias and variance of an estimator's gradient.
func Measure(ctx context.Context, p *Problem, e *Estimator, o Options) (*Result, error) {
	if o.Repeats == 0 {
		o.Repeats = 1000
	}
	if o.Enumerate == 0 {
		o.Enumerate = 20000
	}
	if o.Reference == "" {
		o.Reference = "softmax"
	}
	k := o.Draws
	if k == 0 {
		k = e.draws
	}
	if o.Repeats < 2*blocks || o.Repeats > MaxRepeats || o.Repeats%blocks != 0 {
		return nil, fmt.Errorf("bias: %d repetitions are not a multiple of %d, at least %d and at most %d", o.Repeats, blocks, 2*blocks, MaxRepeats)
	}
	if k < 0 || k > MaxDraws {
		return nil, fmt.Errorf("bias: %d draws are outside [1, %d]", k, MaxDraws)
	}
	if len(p.H) == 0 {
		return nil, errors.New("bias: no queries")
	}
	reference, err := models.ParseLoss(o.Reference)
	if err != nil {
		return nil, err
	}
	res := &Result{Estimator: e.Text, Exact: true}
	var m measurer
	if e.Sampled() {
		if k < 1 {
			return nil, fmt.Errorf("bias: %d draws", k)
		}
		res.Draws = k
		if e, err = e.at(p.C, k); err != nil {
			return nil, err
		}
		if m, err = newMeasurer(p, e, k, o); err != nil {
			return nil, err
		}
		defer m.close()
		res.Exact = m.weight != nil
	}
	var bias, biasErr, vari, variErr, cos, theory, theoryVar, biasRatio, varRatio []float64
	s := make([]float64, p.C)
	for i, h := range p.H {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		y := p.Y[i]
		p.Scores(s, h)
		g := p.fullGradient(reference, s, y)
		if e.Loss.Spec.Name == "nce" && e.correction == graph.CorrectLogQ && !o.Raw {
			floats.AddConst(e.Loss.Values.Num("log-z")-floats.LogSumExp(s), s)
		}
		size := floats.Dot(g, g)
		if !(size > 0) {
			return nil, fmt.Errorf("bias: query %d: the gradient of %s is %g: nothing to compare with", i, reference, math.Sqrt(size))
		}
		var q query
		if e.Sampled() {
			if q, err = m.query(i, s, h, y, g); err != nil {
				return nil, err
			}
		} else {
			mean := p.fullGradient(e.Loss, s, y)
			q = query{mean: mean, bias: squaredDistance(mean, g)}
		}
		bias, biasErr = append(bias, q.bias/size), append(biasErr, q.biasErr/size)
		vari, variErr = append(vari, q.vari/size), append(variErr, q.variErr/size)
		cos = append(cos, floats.Dot(q.mean, g)/math.Sqrt(size*floats.Dot(q.mean, q.mean)))
		if e.Sampled() && m.q != nil {
			if t, ok := e.theory(p, s, h, m.q, y, k); ok {
				b := squaredDistance(t.mean, g)
				theory, theoryVar = append(theory, b/size), append(theoryVar, t.trace/size)
				if b > 1e-12*size { // else none, but for rounding
					biasRatio = append(biasRatio, q.bias/b)
				}
				varRatio = append(varRatio, q.vari/t.trace)
			}
		}
	}
	// A median of n values with independent errors σ has the error √(π/2)·σ/√n.
	spread := func(errs []float64) float64 {
		return math.Sqrt(math.Pi/2) * statistics.Median(errs) / math.Sqrt(float64(len(errs)))
	}
	res.Bias, res.BiasErr, res.Var, res.VarErr, res.Cos = statistics.Median(bias), spread(biasErr), statistics.Median(vari), spread(variErr), statistics.Median(cos)
	res.Theory, res.TheoryVar, res.BiasRatio, res.VarRatio = statistics.Median(theory), statistics.Median(theoryVar), statistics.Median(biasRatio), statistics.Median(varRatio)
	return res, nil
}

// squaredDistance returns ‖a − b‖².
func squaredDistance(a, b []float64) float64 {
	d := floats.Distance(a, b, 2)
	return d * d
}
