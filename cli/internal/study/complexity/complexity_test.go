package complexity

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/models"
)

func small(texts ...string) Config {
	return Config{Losses: texts, Classes: []int{200, 400, 800}, Dims: []int{8, 16, 32}, Batches: []int{8, 16, 32}, Draws: []int{8, 16, 32}, Steps: 2}
}

func TestRun(t *testing.T) {
	c := small(defaultLosses()...)
	rs, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, rs, len(c.Losses))
	for i, r := range rs {
		require.Empty(t, r.Fault, r.Loss)
		require.Equal(t, c.Losses[i], r.Loss)
		require.False(t, r.Cut)
		choice, err := models.Resolve(r.Loss, "", 0)
		require.NoError(t, err)
		sweeps := 3
		if choice.Head.Spec.Name != "all" && r.Exponents[len(r.Exponents)-1].Of == "n" {
			sweeps = 4
		}
		require.Len(t, r.Exponents, sweeps, r.Loss)
		require.Len(t, r.Samples, 2*sweeps+1, "%s: the centre is measured once", r.Loss)
		for _, s := range r.Samples {
			require.Positive(t, float64(s.Seconds), r.Loss)
			require.True(t, s.Seconds.Finite())
			require.Positive(t, s.Bytes, r.Loss)
			require.Positive(t, s.Estimated, r.Loss)
		}
	}
	require.Equal(t, "n", rs[7].Exponents[3].Of, "sampled softmax has draws")
	page, err := report.Report{Title: "t", Sections: []report.Section{Section(c, rs)}}.HTML()
	require.NoError(t, err)
	require.Contains(t, string(page), "B n d")
}

func TestDeclared(t *testing.T) {
	p := models.Size{Classes: 4096, Dim: 32, Batch: 16, Draws: 64}
	for text, want := range map[string]struct {
		formula string
		cost    float64
	}{
		"softmax":                          {"B C d", 16 * 4096 * 32},
		"rg2":                              {"B d² + C d²", (16 + 4096) * 32 * 32},
		"sampled-softmax":                  {"B n d", 16 * 64 * 32},
		"sampled-softmax:sampler=in-batch": {"B² d", 16 * 16 * 32},
		"hsm":                              {"B d log C", 16 * 32 * 12},
		"class-softmax":                    {"B d √C", 16 * 32 * 64},
	} {
		r, err := models.Resolve(text, "", 0)
		require.NoError(t, err)
		cost, declared := r.Head.Cost(r.Loss)
		require.True(t, declared, text)
		require.Equal(t, want.formula, cost.Formula, text)
		require.InDelta(t, want.cost, cost.At(p), 1e-6, text)
	}
}

func TestVerdicts(t *testing.T) {
	kind := func(measured, se, declared report.Number) report.Kind {
		vs := Verdicts([]Result{{Loss: "x", Exponents: []Exponent{{Of: "C", Points: 5, Measured: measured, Error: se, Declared: declared}}}})
		require.Len(t, vs, 1)
		return vs[0].Kind
	}
	require.Equal(t, report.Agrees, kind(0.6, 0.1, 1))
	require.Equal(t, report.Agrees, kind(1.1, 0.01, 1))
	require.Equal(t, report.Disagrees, kind(1.5, 0.05, 1))
	require.Equal(t, report.Open, kind(1.5, 0.3, 1))
}

func TestBudgetAndCancel(t *testing.T) {
	c := small("softmax", "hsm")
	c.Budget = time.Nanosecond
	rs, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, rs, 2)
	for _, r := range rs {
		require.True(t, r.Cut)
		require.Empty(t, r.Samples)
	}
	_, err = report.Report{Title: "t", Sections: []report.Section{Section(c, rs)}}.HTML()
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	rs, err = Run(ctx, small("softmax"))
	require.NoError(t, err)
	require.Empty(t, rs)
}

func TestValidate(t *testing.T) {
	err := Config{Losses: []string{"nope"}, Classes: []int{1}, Steps: -1, Budget: -1}.Validate()
	for _, part := range []string{`"nope"`, "classes: 1", "steps: -1", "budget"} {
		require.ErrorContains(t, err, part)
	}
}
