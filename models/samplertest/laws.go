package samplertest

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// declared holds a fact both ways: it is seen where it is declared and nowhere else.
func declared(t *check.T, b sampler.Choice, p sampler.Props, seen bool, format string, args ...any) {
	t.Equal(b.Spec.Props.Has(p), seen, "%s is declared or not, and is seen or not ("+format+")", append([]any{p.Names()[0]}, args...)...)
}

// exact: LogQ sums to 1 and the frequencies of the draws fit it; undeclared, one of the
// two fails.
func exact(t *check.T, b sampler.Choice) {
	const c = 50
	p := newProblem(t, b, c, 8, 64, 8)
	var sum float64
	logQ := p.logQ(t)
	for _, lq := range logQ {
		sum += math.Exp(lq)
	}
	count := make([]float64, c)
	var n float64
	for n < 30000 {
		p.step(t)
		for _, i := range p.draws.IDs {
			if n++; i >= 0 {
				count[i]++
			}
		}
	}
	// χ² over classes, those with fewer than 5 expected draws pooled.
	var chi2, restCount, restQ float64
	cells := -1.0
	for i, lq := range logQ {
		want := n * math.Exp(lq)
		if want < 5 {
			restCount, restQ = restCount+count[i], restQ+want
			continue
		}
		chi2 += (count[i] - want) * (count[i] - want) / want
		cells++
	}
	if restQ > 5 {
		chi2 += (restCount - restQ) * (restCount - restQ) / restQ
		cells++
	}
	fits := check.Near(sum, 1, 0, 1e-9)
	if cells > 0 {
		fits = fits && chi2 <= distuv.ChiSquared{K: cells}.Quantile(1-1e-4)
	}
	declared(t, b, sampler.Exact, fits, "Σq=%.12g, χ²=%.1f over %.0f cells", sum, chi2, cells)
}

// carry: the log q that comes with a draw, and with a positive, is that of LogQ.
func carry(t *check.T, b sampler.Choice) {
	p := newProblem(t, b, 50, 8, 16, 8)
	p.step(t)
	want := p.logQ(t)
	t.True(len(p.draws.PosLogQ) == len(p.batch.Pos), "log q of %d positives of %d", len(p.draws.PosLogQ), len(p.batch.Pos))
	if p.props.Has(sampler.Distinct) {
		// log q speaks of that draw of all, which took at least k tries: each class
		// has 1−(1−q)^tries ≥ 1−(1−q)^k of being there, and k·exp(log q) is that.
		for i, lq := range want {
			want[i] = -math.Expm1(8 * math.Log1p(-math.Exp(lq)))
		}
		for j, i := range p.draws.IDs {
			there := 8 * math.Exp(float64(p.draws.LogQ[j]))
			t.AtLeast(there, want[i]*(1-1e-6), "class %d is drawn with probability", i)
			t.AtMost(there, 1+1e-6, "class %d is drawn with probability", i)
		}
		for j, i := range p.batch.Pos {
			t.AtLeast(8*math.Exp(float64(p.draws.PosLogQ[j])), want[i]*(1-1e-6), "the positive %d is drawn with probability", i)
		}
		return
	}
	near := func(what string, got float32, i int32) {
		t.True(check.Near(float64(got), want[i], 1e-6, 1e-6), "%s of class %d has log q %v, LogQ is %v", what, i, got, want[i])
	}
	for j, i := range p.draws.IDs {
		if i >= 0 {
			near("a draw", p.draws.LogQ[j], i)
		}
	}
	for j, i := range p.batch.Pos {
		near("a positive", p.draws.PosLogQ[j], i)
	}
}

// distinct: k draws of k classes are all of them, or not.
func distinct(t *check.T, b sampler.Choice) {
	p := newProblem(t, b, 12, 8, 16, 12)
	repeats := false
	for range 5 {
		p.step(t)
		for r := range 16 {
			ids, _ := p.draws.Row(r)
			ids = slices.Sorted(slices.Values(ids))
			repeats = repeats || len(slices.Compact(ids)) < len(ids)
		}
	}
	declared(t, b, sampler.Distinct, !repeats, "12 draws of 12 classes")
}

// fullSupport: every class is drawn sooner or later.
func fullSupport(t *check.T, b sampler.Choice) {
	const c = 6
	p := newProblem(t, b, c, 8, 16, 4)
	for i := range p.batch.H {
		p.batch.H[i] *= 0.1 // flat scores: rare is not never
	}
	seen := make([]bool, c)
	for range 2000 {
		p.step(t)
		for _, i := range p.draws.IDs {
			if i >= 0 {
				seen[i] = true
			}
		}
	}
	for i, lq := range p.logQ(t) {
		t.True(check.Finite(lq), "class %d has log q %g", i, lq)
	}
	declared(t, b, sampler.FullSupport, !slices.Contains(seen, false), "which classes 2000 steps draw: %v", seen)
}

// adaptive: with another h the same stream draws otherwise.
func adaptive(t *check.T, b sampler.Choice) {
	p := newProblem(t, b, 50, 8, 16, 8)
	p.step(t)
	before := slices.Clone(p.draws.IDs)
	for i := range p.batch.H {
		p.batch.H[i] *= -2
	}
	t.NoError(p.Draw(p.draws, p.batch), "Draw")
	declared(t, b, sampler.Adaptive, !slices.Equal(before, p.draws.IDs), "draws of another h")
}

// inBatch: with other positives the same stream draws otherwise, and each draw is the
// positive of the row that From names.
func inBatch(t *check.T, b sampler.Choice) {
	p := newProblem(t, b, 50, 8, 16, 8)
	p.step(t)
	before := slices.Clone(p.draws.IDs)
	for r := range p.batch.Pos {
		p.batch.Pos[r] = int32(20 + r)
	}
	t.NoError(p.Draw(p.draws, p.batch), "Draw")
	for j, row := range p.draws.From {
		if row >= 0 {
			t.True(p.draws.IDs[j] == p.batch.Pos[row], "draw %d is class %d and From row %d, whose positive is class %d", j, p.draws.IDs[j], row, p.batch.Pos[row])
		}
	}
	declared(t, b, sampler.InBatch, !slices.Equal(before, p.draws.IDs), "draws beside other positives")
}

// growth: the operations of a step grow with C as declared, and so do not grow where the
// declaration says so.
func growth(t *check.T, b sampler.Choice, small, large int) {
	ops := func(c int) float64 {
		p := newProblem(t, b, c, 4, 4, 8)
		p.step(t)
		t.Above(float64(p.draws.Ops), 0, "operations counted at C=%d", c)
		return float64(p.draws.Ops)
	}
	ratio, times := ops(large)/ops(small), float64(large)/float64(small)
	what := "operations at %g times the classes, of a sampler declared " + b.Spec.Growth.String()
	switch b.Spec.Growth {
	case sampler.GrowthConstant:
		t.AtLeast(ratio, 0.95, what, times)
		t.AtMost(ratio, 1.05, what, times)
	case sampler.GrowthLog:
		t.Above(ratio, 1, what, times)
		t.AtMost(ratio, 1+math.Log2(times), what, times)
	case sampler.GrowthLinear:
		t.Above(ratio, times/2, what, times)
		t.AtMost(ratio, times, what, times)
	}
}
