package formula

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func eval(t *testing.T, text string, s Scope) float64 {
	t.Helper()
	f, err := Parse(text)
	require.NoError(t, err)
	v, err := f.Eval(s)
	require.NoError(t, err)
	return v
}

// TestFormulas holds value and LaTeX of one formula for each thing that can be written.
func TestFormulas(t *testing.T) {
	s := Scope{
		K: 3, Index: map[string]int{"y": 1}, Number: map[string]float64{"τ": 2, "τ*": 3, "τ₁": 5, "τ_w": 7, "a": 0.5},
		Vector: map[string][]float64{"z": {4, 1, -2}, "t": {0.5, 0.5, 0}},
	}
	for text, want := range map[string]struct {
		v     float64
		latex string
	}{
		"−2 + 3":                        {1, `-2 + 3`},
		"1 − 2 − 3":                     {-4, `1 - 2 - 3`},
		"½ τ τ*":                        {3, `\tfrac{1}{2} \, \tau \, \tau^{*}`},
		"2 τ/τ₁ + τ_w":                  {7.8, `\frac{2 \, \tau}{\tau_{1}} + \tau_{w}`},
		"τ²":                            {4, `\tau^{2}`},
		"τ*²":                           {9, `{\tau^{*}}^{2}`},
		"(τ/4) (a/2)":                   {0.125, `\frac{\tau}{4} \, \frac{a}{2}`},
		"(1 + a)/(τ (τ + 1))":           {0.25, `\frac{1 + a}{\tau \, \left(\tau + 1\right)}`},
		"e^{z_y/τ}":                     {math.Exp(0.5), `e^{z_y/\tau}`},
		"4^a":                           {2, `4^{a}`},
		"Σ_j z_j t_j/τ":                 {1.25, `\sum_{j} \frac{z_j \, t_j}{\tau}`},
		"Σ_{j≠y} z_j + 1":               {3, `\sum_{j \neq y} z_j + 1`},
		"log Σ_j e^{z_j} − z_y":         {math.Log(math.Exp(3) + 1 + math.Exp(-3)), `\log \sum_{j} e^{z_j} - z_y`},
		"max_{i≠y} z_i − min_i z_i":     {6, `\max_{i \neq y} z_i - \min_{i} z_i`},
		"max(τ, 3) min(a, τ)":           {1.5, `\max\left(\tau, 3\right) \, \min\left(a, \tau\right)`},
		"√(z_y + 8)":                    {3, `\sqrt{z_y + 8}`},
		"σ(0) + softplus(0)":            {0.5 + math.Ln2, `\sigma \left(0\right) + \operatorname{softplus} \left(0\right)`},
		"tanh a + arctan a":             {math.Tanh(.5) + math.Atan(.5), `\tanh a + \arctan a`},
		"arccos a + cos π sin(π/2)":     {math.Acos(.5) - 1, `\arccos a + \cos \pi \, \sin \left(\frac{\pi}{2}\right)`},
		"Σ_j [z_j − 2]_+":               {2, `\sum_{j} \left[z_j - 2\right]_+`},
		"Σ_j [z_j > 0]":                 {2, `\sum_{j} \left[z_j > 0\right]`},
		"Σ_j ([j ≠ y] + [z_j ≤ 1])":     {4, `\sum_{j} \left(\left[j \neq y\right] + \left[z_j \leq 1\right]\right)`},
		"Σ_j ([j = y] + [z_j ≥ 1])":     {3, `\sum_{j} \left(\left[j = y\right] + \left[z_j \geq 1\right]\right)`},
		"Σ_j [z_j < 1]":                 {1, `\sum_{j} \left[z_j < 1\right]`},
		"z_{(2)} + z_{(9)}":             {-1, `z_{(2)} + z_{(9)}`},
		"Σ_j t_j log t_j":               {-math.Ln2, `\sum_{j} t_j \, \log t_j`},
		"K μ, μ = Σ_j z_j/K":            {3, `K \, \mu,\; \mu = \sum_{j} \frac{z_j}{K}`},
		"Σ_i x_i, x_j = j y":            {3, `\sum_{i} x_i,\; x_j = j \, y`},
		"f'_y², f'_j = 2 z_j":           {4, `{f'_y}^{2},\; f'_j = 2 \, z_j`},
		"ξ, Σ_i [z_i − ξ]_+ = 1":        {3, `\xi,\; \sum_{i} \left[z_i - \xi\right]_+ = 1`},
		"p_y, p_i = t_i ξ, Σ_i p_i = τ": {1, `p_y,\; p_i = t_i \, \xi,\; \sum_{i} p_i = \tau`},
	} {
		require.InDelta(t, want.v, eval(t, text, s), 1e-12, text)
		f, err := Parse(text)
		require.NoError(t, err)
		require.Equal(t, want.latex, strings.Join(f.LaTeX(), `,\; `), text)
		require.Equal(t, strings.Contains(text, "y"), f.Uses("y"), text)
	}
}

// TestNamed holds that a formula sees the definition of another, and the other its own.
func TestNamed(t *testing.T) {
	p, err := Parse("x_j/m, x_j = z_j, m = Σ_j x_j")
	require.NoError(t, err)
	s := Scope{K: 2, Vector: map[string][]float64{"z": {1, 3}}, Formulas: []Named{{Name: "p", Index: "j", Formula: p}}}
	require.InDelta(t, 7.75, eval(t, "x + Σ_i i p_i + Σ_i m/K, x = 3", s), 1e-15)
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":          `formula: "": a factor is missing before ""`,
		"a +":       "a factor is missing",
		"a - b":     `there is no reading before "- b"`,
		"a/b c":     "write parentheses",
		"a/b/c":     "write parentheses",
		"a/":        "a denominator is missing",
		"(a":        `")" is missing`,
		"e^{a":      `"}" is missing`,
		"[a]":       "a bracket has a relation in it or _+ after it",
		"[a > b":    `"]" is missing`,
		"Σ a":       "the index of Σ is missing",
		"Σ_k a":     "one of the indices i, j, l and y is missing",
		"Σ_{j y} a": `"≠" is missing`,
		"log + 1":   "the argument of log is missing",
		"max(a)":    `"," is missing`,
		"z_+":       "an index is missing",
		"1.2.3":     "is no number",
		"a, b":      `"=" is missing`,
	} {
		_, err := Parse(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestEvalErrors(t *testing.T) {
	s := Scope{K: 2, Vector: map[string][]float64{"z": {1, 2}}, Number: map[string]float64{"a": 1}}
	for text, want := range map[string]string{
		"τ":                      "nothing defines τ",
		"z_j":                    "index j is not bound",
		"Σ_{i≠y} z_i":            "index y is not bound",
		"a_{(1)}":                "a is no row",
		"x, x = b, b = x":        "in a circle",
		"x, x_j = z_j":           "x has no index",
		"ξ, Σ_j z_j = ξ² + 1000": "no ξ solves the equation",
	} {
		f, err := Parse(text)
		require.NoError(t, err, text)
		_, err = f.Eval(s)
		require.ErrorContains(t, err, want, text)
	}
}
