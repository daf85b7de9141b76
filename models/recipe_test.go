package models

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
)

// expectedGradient is that by the scores s of E_{y~truth, draws~q} ℓ, exact over all
// draws of n classes, of which those of y stay.
func expectedGradient(l losses.Loss, s, truth, q []float64, n int, c graph.Correction) []float64 {
	grad := make([]float64, len(s))
	ids := make([]int, n+1) // the positive, then the draws
	z, dz, work := make([]float64, n+1), make([]float64, n+1), make([]float64, l.Analytic.F64.WorkLen(n+1))
	positive := losses.Target[float64]{Pos: []int32{0}, Weight: []float64{1}}
	var from func(at int, chance float64)
	from = func(at int, chance float64) {
		if at <= n {
			of := q
			if at == 0 {
				of = truth
			}
			for i, p := range of {
				ids[at] = i
				from(at+1, chance*p)
			}
			return
		}
		for j, i := range ids {
			z[j] = s[i]
			if c == graph.CorrectLogQ {
				z[j] -= l.Unit() * math.Log(float64(n)*q[i])
			}
		}
		l.Analytic.F64.Eval(dz, z, positive, work)
		for j, i := range ids {
			grad[i] += chance * dz[j]
		}
	}
	from(0, 1)
	return grad
}

// TestMinimisers holds each recipe's Link to be stationary for its expected loss, and its
// declared order against the Links of several t and q.
func TestMinimisers(t *testing.T) {
	truths := [][]float64{{0.4, 0.35, 0.25}, {0.1, 0.2, 0.3, 0.4}, {0.55, 0.25, 0.15, 0.05}}
	draws := [][]float64{{0.6, 0.3, 0.1}, {0.4, 0.1, 0.2, 0.3}, {0.7, 0.1, 0.1, 0.1}}
	linked := 0
	for _, recipe := range Recipes() {
		r, err := Resolve(recipe.Name, "", 0)
		require.NoError(t, err)
		if recipe.Link == nil {
			continue
		}
		linked++
		t.Run(recipe.Name, func(t *testing.T) {
			c, err := graph.ParseCorrection(r.Head.Value("correction"))
			require.NoError(t, err)
			require.NotEqual(t, graph.CorrectImportance, c, "expectedGradient lacks it")
			require.Equal(t, "keep", r.Head.Value("hits"), "expectedGradient keeps them")
			ties, reversed := [2]int{}, [2]int{}
			for i, truth := range truths {
				uniform := make([]float64, len(truth))
				for j := range uniform {
					uniform[j] = 1 / float64(len(truth))
				}
				for u, q := range [][]float64{draws[i], uniform} {
					for n := 1; n <= 3; n++ {
						s := recipe.Link(r.Loss.Values, truth, q, n)
						for k, g := range expectedGradient(r.Loss, s, truth, q, n, c) {
							require.InDelta(t, 0, g, 1e-10, "t=%v q=%v n=%d: gradient %d at the minimiser", truth, q, n, k)
						}
						for a := range truth {
							for b := range truth {
								switch {
								case truth[a] <= truth[b]:
								case s[a] < s[b]-1e-9:
									reversed[u]++
								case s[a] <= s[b]+1e-9:
									ties[u]++
								}
							}
						}
					}
				}
			}
			for u, order := range []losses.Order{recipe.Order, recipe.OrderUniform} {
				want := losses.OrderStrict
				if reversed[u] > 0 {
					want = losses.OrderNone
				} else if ties[u] > 0 {
					want = losses.OrderWeak
				}
				require.Equal(t, want.String(), order.String(), "%d ties, %d reversals, uniform draws: %v", ties[u], reversed[u], u == 1)
			}
		})
	}
	require.GreaterOrEqual(t, linked, 6)
}

// TestExpectedGradient holds what TestMinimisers measures by: away from a minimiser there
// is a gradient, and a Link of another correction is away from it.
func TestExpectedGradient(t *testing.T) {
	l, err := losses.Parse("nce")
	require.NoError(t, err)
	neg, err := LookupRecipe("neg")
	require.NoError(t, err)
	truth, q := []float64{0.4, 0.35, 0.25}, []float64{0.6, 0.3, 0.1}
	s := neg.Link(l.Values, truth, q, 2)
	for k, g := range expectedGradient(l, s, truth, q, 2, graph.CorrectLogQ) {
		require.Greater(t, math.Abs(g), 1e-3, "%d", k)
	}
	s[1] += 0.1
	require.Greater(t, expectedGradient(l, s, truth, q, 2, graph.Uncorrected)[1], 1e-3)
}

// A recipe is no loss, and the error says so; of another name it is that of package
// losses.
func TestParseLoss(t *testing.T) {
	l, err := ParseLoss("bpr")
	require.NoError(t, err, "both a loss and a recipe")
	require.Equal(t, "bpr", l.String())
	_, err = ParseLoss("sampled-softmax:n=64")
	require.ErrorContains(t, err, `models: "sampled-softmax" is a recipe, a loss with candidates, where a loss alone is wanted; the choices are am-softmax, `)
	_, err = ParseLoss("sampled")
	require.ErrorContains(t, err, `losses: unknown loss "sampled"`)
	_, err = ParseLoss("bpr:n=1")
	require.ErrorContains(t, err, `losses: bpr: no parameter "n"`)
}

// One more file is one more recipe: it registers itself, as this one does, and nothing
// else changes.
func init() {
	RegisterRecipe(Recipe{
		Name: "toy-recipe", Doc: "softmax of the positive and of two draws", Source: "a test",
		Loss: "softmax", Candidates: "sampled:n=2,correction=logq", Minimiser: "log t + c",
		Params:       []registry.Param{{Name: "heat", Doc: "temperature", Default: 1, Min: 0.1, Max: 10}},
		Bind:         func(v registry.Values, _ int, _ float64) string { return fmt.Sprintf("tau=%g", v.Num("heat")) },
		Order:        losses.OrderStrict,
		OrderUniform: losses.OrderStrict,
		Link:         func(_ registry.Values, t, _ []float64, _ int) []float64 { return ratios(t, nil, 0) },
	})
}

func TestOneFileAddsARecipe(t *testing.T) {
	require.Contains(t, LossNames(), "toy-recipe")
	r, err := Resolve("toy-recipe:heat=2,n=7", "", 100)
	require.NoError(t, err)
	require.Equal(t, "softmax:tau=2", r.Loss.String())
	require.Equal(t, "sampled:n=7", r.Head.String())
}

// What a recipe must have is asked of it when it registers.
func TestRegisterRecipePanics(t *testing.T) {
	good := Recipe{Name: "test-recipe", Doc: "d", Source: "s", Loss: "softmax", Candidates: "all", Minimiser: "m"}
	for want, change := range map[string]func(r *Recipe){
		`models: malformed name "Test": want a-z, 0-9 and -`:                            func(r *Recipe) { r.Name = "Test" },
		`models: duplicate name "bpr"`:                                                  func(r *Recipe) { r.Name = "bpr" },
		"models: test-recipe: lacks one of Doc, Source, Loss, Candidates and Minimiser": func(r *Recipe) { r.Minimiser = "" },
		"models: test-recipe: has Params that nothing reads":                            func(r *Recipe) { r.Params = []registry.Param{{Name: "x", Doc: "d"}} },
	} {
		r := good
		change(&r)
		require.PanicsWithValue(t, want, func() { RegisterRecipe(r) })
	}
}
