package losses_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestLearnedTexts: a text that has α learned is canonical, denotes the loss at its start
// until it is trained, and says what is wrong with it.
func TestLearnedTexts(t *testing.T) {
	for text, want := range map[string]struct {
		text string
		losses.Learned
	}{
		"entmax:alpha=learned":                                      {"entmax:alpha=learned", losses.Learned{Name: "alpha", Learn: losses.Learn{Start: 1.5, Min: 1.05, Max: 2}}},
		" entmax: alpha-start=1.50, alpha = learned":                {"entmax:alpha=learned", losses.Learned{Name: "alpha", Learn: losses.Learn{Start: 1.5, Min: 1.05, Max: 2}}},
		"entmax:alpha-max=3,alpha=learned,alpha-start=2.5":          {"entmax:alpha=learned,alpha-start=2.5,alpha-max=3", losses.Learned{Name: "alpha", Learn: losses.Learn{Start: 2.5, Min: 1.05, Max: 3}}},
		"entmax:alpha=learned,alpha-min=1.2,alpha-max=1.9":          {"entmax:alpha=learned,alpha-min=1.2,alpha-max=1.9", losses.Learned{Name: "alpha", Learn: losses.Learn{Start: 1.5, Min: 1.2, Max: 1.9}}},
		"entmax:alpha=learned,alpha-start=1.05,alpha-min=1.0500000": {"entmax:alpha=learned,alpha-start=1.05", losses.Learned{Name: "alpha", Learn: losses.Learn{Start: 1.05, Min: 1.05, Max: 2}}},
	} {
		l, err := losses.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want.text, l.String())
		require.Equal(t, []losses.Learned{want.Learned}, l.Learned(), text)
		again, err := losses.Parse(l.String())
		require.NoError(t, err)
		require.Equal(t, l.Values, again.Values)
		require.Equal(t, l.String(), l.Spec.Bind(l.Values).String())
		at := l.At(1.25)
		require.Equal(t, "entmax:alpha=1.25", at.String())
		require.Empty(t, at.Learned())
		z, target := []float64{0.3, -1, 2, 0.1}, hard(1)
		got, _ := row(l, z, target)
		require.Equal(t, l.At(want.Start).Ref(z, target), l.Ref(z, target))
		fixed, _ := row(l.At(want.Start), z, target)
		require.Equal(t, fixed, got)
	}
	for text, want := range map[string]string{
		"entmax:alpha=learn":                           `alpha="learn" is neither a number nor learned`,
		"entmax:alpha-start=1.3":                       `no parameter "alpha-start" unless alpha=learned`,
		"entmax:alpha=1.3,alpha-start=1.3":             `no parameter "alpha-start" unless alpha=learned`,
		"entmax:alpha=learned,alpha-start=3":           "entmax: alpha is not learned from alpha-start=3 between alpha-min=1.05 and alpha-max=2",
		"entmax:alpha=learned,alpha-min=2":             "between alpha-min=2 and alpha-max=2: want min < max",
		"entmax:alpha=learned,alpha-min=1":             "alpha-min=1 is outside [1.001, 4]",
		"entmax:alpha=learned,alpha-start=learned":     `alpha-start="learned" is not a number`,
		"softmax:tau=learned":                          `tau="learned" is not a number`,
		"entmax:alpha=learned,alpha=1.3":               "given twice",
		"entmax:alpha=learned,alpha-start=1.6,gamma=2": `no parameter "gamma"; the choices are alpha, negatives, alpha-start, alpha-min, alpha-max`,
	} {
		_, err := losses.Parse(text)
		require.ErrorContains(t, err, want, text)
	}
	l, err := losses.Parse("entmax:alpha=learned")
	require.NoError(t, err)
	_, err = l.Trained()
	require.ErrorContains(t, err, "has 1 learned parameters, and is given 0 nodes")
	_, err = l.Trained(nil)
	require.ErrorContains(t, err, "is nil")
	_, err = l.At(1.3).Trained()
	require.ErrorContains(t, err, "has 0 learned parameters")
	require.Panics(t, func() { l.At() })
}

// learnedStep returns the program of the mean entmax loss at a learned α of scores [rows,k]
// under targets, and the leaf of α, whose number is at.
func learnedStep[T graph.Float](t *testing.T, at []T, z []T, k int, targets []losses.Target[T]) (*graph.Program[T], *gorgonia.Node) {
	l, err := losses.Parse("entmax:alpha=learned")
	require.NoError(t, err)
	b, rows := graph.NewBuilder[T](), len(z)/k
	alpha := b.Param("alpha", at, 1)
	form, err := l.Trained(alpha)
	require.NoError(t, err)
	tg, td := b.Targets("t", rows, rows*k)
	require.NoError(t, td.Set(targets))
	var e graph.Expr
	cost := e.N(graph.MeanRows(e.N(graph.Loss(form, b.Param("z", z, rows, k), tg)), tg))
	require.NoError(t, e.Err)
	p, err := b.Train(cost)
	require.NoError(t, err)
	t.Cleanup(func() { p.Close() })
	return p, alpha
}

// TestPlantedAlpha: where targets are the α-entmax of the scores at some α, training moves
// a learned one to it, from either side. The gradient is held against central differences
// on the way.
func TestPlantedAlpha(t *testing.T) {
	const rows, k = 30, 12
	for _, planted := range []float64{1.2, 1.5, 1.8} {
		for _, start := range []float64{1.1, 1.95} {
			rng := rand.New(rand.NewPCG(41, uint64(100*planted)))
			var z []float64
			var targets []losses.Target[float64]
			for range rows {
				x, p := normal(rng, k, 1.5), make([]float64, k)
				require.True(t, bind(t, "entmax:alpha=1.5").Spec.Bind(bind(t, "entmax").Values.Set("alpha", planted)).Predict(p, x))
				z = append(z, x...)
				var target losses.Target[float64]
				for j, v := range p {
					if v > 0 {
						target.Pos, target.Weight = append(target.Pos, int32(j)), append(target.Weight, v)
					}
				}
				targets = append(targets, target)
			}
			at := []float64{start}
			p, alpha := learnedStep(t, at, z, k, targets)
			cost := func(alpha float64) float64 {
				at[0] = alpha
				require.NoError(t, p.Run())
				return p.Cost()
			}
			// Where the support changes with α the second derivative jumps: small steps.
			const h = 1e-5
			want := (8*(cost(start+h)-cost(start-h)) - (cost(start+2*h) - cost(start-2*h))) / (12 * h)
			cost(start)
			require.InDelta(t, want, p.Grad(alpha).Data[0], 1e-7)
			// Down the sign of the gradient, by half as far once that has changed.
			for step, last := 0.04, 0.0; step > 1e-6; {
				require.NoError(t, p.Run())
				sign := math.Copysign(1, p.Grad(alpha).Data[0])
				if sign*last < 0 {
					step /= 2
				}
				at[0] = min(max(at[0]-step*sign, 1.05), 2)
				last = sign
			}
			require.InDelta(t, planted, at[0], 1e-5, "from %g", start)
			require.NoError(t, p.Run())
			require.InDelta(t, 0, p.Cost(), 1e-9)
		}
	}
}

// TestAlphaOfOneLabel: under targets of one class the loss falls as α rises, whatever the
// scores: ∂ℓ/∂α = −∂Ω_α(p)/∂α is not positive. A learned α goes to its largest, and says
// nothing of the data.
func TestAlphaOfOneLabel(t *testing.T) {
	rng := rand.New(rand.NewPCG(43, 1))
	for _, start := range []float64{1.05, 1.3, 1.7, 1.99} {
		z := normal(rng, 40*9, 2)
		var targets []losses.Target[float64]
		for range 40 {
			targets = append(targets, hard(rng.IntN(9)))
		}
		p, alpha := learnedStep(t, []float64{start}, z, 9, targets)
		require.NoError(t, p.Run())
		require.Negative(t, p.Grad(alpha).Data[0])
	}
}

// TestAlphaAtFloat32: down to the least α that is the default bound, the gradient at
// float32 has three digits.
func TestAlphaAtFloat32(t *testing.T) {
	rng := rand.New(rand.NewPCG(44, 1))
	for _, start := range []float64{1.05, 1.1, 1.5, 2} {
		const rows, k = 64, 1000
		z := normal(rng, rows*k, 2)
		narrow := make([]float32, len(z))
		for i, v := range z {
			narrow[i] = float32(v)
			z[i] = float64(narrow[i])
		}
		var wide []losses.Target[float64]
		var targets []losses.Target[float32]
		for range rows {
			y, m := int32(rng.IntN(k/2)), int32(rng.IntN(k/2)+k/2)
			wide = append(wide, losses.Target[float64]{Pos: []int32{y, m}, Weight: []float64{0.25, 0.75}})
			targets = append(targets, losses.Target[float32]{Pos: []int32{y, m}, Weight: []float32{0.25, 0.75}})
		}
		p, a := learnedStep(t, []float64{float64(float32(start))}, z, k, wide)
		require.NoError(t, p.Run())
		q, b := learnedStep(t, []float32{float32(start)}, narrow, k, targets)
		require.NoError(t, q.Run())
		want, got := p.Grad(a).Data[0], float64(q.Grad(b).Data[0])
		t.Logf("alpha %g: gradient %.8g, at float32 %.8g; loss %.8g, %.8g", start, want, got, p.Cost(), q.Cost())
		require.True(t, math.Abs(got-want) <= 1e-3*math.Abs(want), "%v, want %v", got, want)
	}
}
