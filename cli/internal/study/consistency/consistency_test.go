package consistency

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/study/conditionalrisk"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestDeclarations holds every registered loss's declarations against the draws:
// none may be broken.
func TestDeclarations(t *testing.T) {
	draws := 6
	if testing.Short() {
		draws = 2
	}
	rs, err := Run(t.Context(), Config{Losses: losses.Names(), Draws: draws, Seed: 1})
	require.NoError(t, err)
	require.Len(t, rs, len(losses.Names()))
	for _, r := range rs {
		require.Zero(t, r.Undecided, r.Loss)
		require.Equal(t, 3*draws, r.Scores.Draws, r.Loss)
		require.NotEmpty(t, r.Claims, r.Loss)
		require.Equal(t, OrderOfScores, r.Claims[0].What)
		var sum Tally
		for _, f := range r.Families {
			sum.add(f)
		}
		require.Equal(t, r.Scores, sum, "%s: families add up", r.Loss)
		for _, c := range r.Claims {
			require.NotEqual(t, Disagrees, c.Outcome, "%s: %+v", r.Loss, c)
		}
	}
}

// TestRecipes holds the declared orders of recipes over a sampler,
// under any proposal and under a uniform one, against the draws.
func TestRecipes(t *testing.T) {
	c := Config{Recipes: []string{"sampled-softmax", "nce", "neg", "bpr", "infonce", "gbce", "sampled-softmax:correction=importance"}, Draws: 4, Seed: 2}
	rs, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, rs, 2*len(c.Recipes))
	for i, r := range rs {
		require.Zero(t, r.Undecided, r.Loss)
		require.Nil(t, r.Map)
		if strings.Contains(r.Loss, "importance") {
			require.Empty(t, r.Claims, "what is declared is of the usual correction")
			if i%2 == 0 {
				require.Less(t, r.Scores.Full, r.Scores.Draws, "two draws leave importance weights biased")
			}
			continue
		}
		require.Len(t, r.Claims, 1)
		require.Equal(t, Agrees, r.Claims[0].Outcome, "%s: %+v", r.Loss, r.Claims[0])
	}
	for _, text := range []string{"softmax", "hsm", "nope"} {
		require.Error(t, Config{Recipes: []string{text}}.Validate(), text)
	}
}

func bound(t *testing.T, text string) losses.Loss {
	t.Helper()
	b, err := losses.Parse(text)
	require.NoError(t, err)
	return b
}

// TestFalseDeclarations shows that a declaration that is false is found out.
func TestFalseDeclarations(t *testing.T) {
	dists := drawDistributions(1, 5, 4)
	lie := func(text string, change func(th *losses.Theory)) Result {
		b := bound(t, text)
		spec, truly := *b.Spec, b.Spec.Theory
		spec.Theory = func(v losses.Values) losses.Theory {
			th := truly(v)
			change(&th)
			return th
		}
		b.Spec = &spec
		r, err := measure(t.Context(), exact(b), 1, dists)
		require.NoError(t, err)
		return r
	}
	outcome := func(r Result, what string) Outcome {
		for _, c := range r.Claims {
			if c.What == what {
				if c.Outcome == Disagrees {
					require.Contains(t, c.Example, "z* = (")
				}
				return c.Outcome
			}
		}
		return ""
	}
	strict := func(th *losses.Theory) { th.PopulationOrder = losses.OrderStrict }
	for _, text := range []string{"rankmax", "hinge", "perceptron", "ccl", "spherical"} {
		require.Equal(t, Disagrees, outcome(lie(text, strict), OrderOfScores), text)
	}
	require.Equal(t, Disagrees, outcome(lie("hinge", func(th *losses.Theory) { th.ZeroOne = true }), "0-1 calibrated by scores"))
	require.Equal(t, Disagrees, outcome(lie("softmax:smoothing=0.1", func(th *losses.Theory) { th.Calibrated = true }), "p(z*) = t"))
	require.Equal(t, NotShown, outcome(lie("softmax", func(th *losses.Theory) { th.PopulationOrder = losses.OrderNone }), OrderOfScores))
	require.Equal(t, NotShown, outcome(lie("softmax", func(th *losses.Theory) { th.Calibrated = false }), "p(z*) = t"))
}

// TestCounterExamples are those of the literature: the first adversarial distributions.
func TestCounterExamples(t *testing.T) {
	dists := drawDistributions(3, 5, 5)[10:]
	require.Equal(t, []float64{0.4, 0.35, 0.25}, dists[0].T)
	require.Equal(t, []float64{0.5, 0.26, 0.24}, dists[1].T)
	for _, c := range []struct {
		loss  string
		dist  Distribution
		order losses.Order
		top1  bool
	}{
		{"hinge", dists[0], losses.OrderWeak, false},     // equal scores are optimal
		{"rankmax", dists[1], losses.OrderWeak, true},    // z* = (1, 0, 0)
		{"spherical", dists[2], losses.OrderNone, false}, // z* has either sign
		{"softmax", dists[0], losses.OrderStrict, true},
		{"hinge", Distribution{T: []float64{0.7, 0.2, 0.1}}, losses.OrderWeak, true}, // a majority
	} {
		b := bound(t, c.loss)
		minima, err := minimise(t.Context(), exact(b), c.dist, 1)
		require.NoError(t, err)
		require.NotEmpty(t, minima)
		worst := grade{losses.OrderStrict, true, true}
		for _, m := range minima {
			worst.meet(gradeOf(c.dist.T, m.Z, tieScores))
		}
		require.Equal(t, c.order, worst.order, "%s at %v", c.loss, c.dist.T)
		require.Equal(t, c.top1, worst.top1, "%s at %v", c.loss, c.dist.T)
	}
}

func TestGrades(t *testing.T) {
	dist := []float64{0.1, 0.4, 0.3, 0.2}
	for _, c := range []struct {
		s    []float64
		want grade
	}{
		{[]float64{1, 4, 3, 2}, grade{losses.OrderStrict, true, true}},
		{[]float64{2, 4, 3, 2}, grade{losses.OrderWeak, true, true}},  // the tail ties
		{[]float64{1, 4, 2, 3}, grade{losses.OrderNone, true, false}}, // across the half
		{[]float64{1, 3, 4, 2}, grade{losses.OrderNone, false, true}}, // at the top
		{[]float64{1, 4, 4, 2}, grade{losses.OrderWeak, false, true}}, // a tie for the lead
		{[]float64{0, 0, 0, 0}, grade{losses.OrderWeak, false, false}},
	} {
		require.Equal(t, c.want, gradeOf(dist, c.s, 1e-9), "%v", c.s)
	}
}

func TestDistributions(t *testing.T) {
	all := drawDistributions(7, 8, 12)
	require.Len(t, all, 3*12)
	require.Equal(t, all, drawDistributions(7, 8, 12))
	require.NotEqual(t, all, drawDistributions(8, 8, 12))
	for _, x := range all {
		require.True(t, decidable(x.T), "%+v", x)
		require.Len(t, x.Q, len(x.T))
		var st, sq float64
		for i := range x.T {
			require.Positive(t, x.Q[i])
			st += x.T[i]
			sq += x.Q[i]
		}
		require.InDelta(t, 1, st, 1e-12)
		require.InDelta(t, 1, sq, 1e-12)
	}
}

func TestValidate(t *testing.T) {
	err := Config{Losses: []string{"sotfmax"}, Classes: 2, Draws: -1}.Validate()
	require.ErrorContains(t, err, `"sotfmax"`)
	require.ErrorContains(t, err, "classes: 2")
	require.ErrorContains(t, err, "draws: -1")
	_, err = Run(t.Context(), Config{Classes: 2})
	require.Error(t, err)
}

func TestSection(t *testing.T) {
	c := Config{Losses: []string{"softmax", "rankmax"}, Draws: 2}
	rs, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, []string{"softmax", "rankmax"}, []string{rs[0].Loss, rs[1].Loss})
	again, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, rs, again)
	s := Section(c, rs, nil)
	require.Equal(t, "Consistency", s.Title)
	require.True(t, strings.Contains(rs[1].Claims[0].Example, "t = ("))
}

// TestLossFollowsTheDraws: the loss of a recipe is that of the draws and the
// classes that the study has, not of those that the text has.
func TestLossFollowsTheDraws(t *testing.T) {
	dist := drawDistributions(1, 6, 1)[0]
	z := []float64{0.3, -0.2, 1, 0, -1, 0.5}
	for _, text := range []string{"gbce", "gbce: n = 64"} {
		both, err := testedLosses(text)
		require.NoError(t, err)
		r := 2.0 / 5
		want := conditionalrisk.NewSampled(bound(t, fmt.Sprintf("gbce:beta=%g", 1-0.75*(1-r))), dist.T, dist.Q, SampledDraws, graph.Uncorrected, false)
		require.InDelta(t, want.Value(nil, z), both[0].risk(dist).Value(nil, z), 1e-12)
	}
	require.ErrorContains(t, Config{Recipes: []string{"bpr:weight=softmax"}}.Validate(), `no parameter "weight"`)
}
