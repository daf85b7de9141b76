package losses

import (
	"fmt"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/formula"
)

// A Formula is a formula as it is printed, in Unicode, such as
//
//	log Σ_j e^{z_j/τ} − Σ_j t_j z_j/τ
//
// and at once a text that is read: LaTeX is made from it, and the conformance test
// evaluates it. It is an expression and, after commas, definitions and equations of what
// it refers to. The letters are those of the package: z scores, t the target, p the map
// that Formulas.Map defines, ℓ the loss, K the number of candidates, y the label, e and π;
// i, j and l are further indices, and z_{(k)} is the k-th largest score. An equation
// determines the one letter that nothing else defines, as Σ_j p_j = 1 does ξ. Written are
//
//	a + b   a − b   a b   a/b   a^b   a^{b + c}   a²   ½   √(a)   e^{a}
//	Σ_j a   Σ_{j≠y} a   max_j a   min_j a   max(a, b)   min(a, b)
//	log a   σ(a)   softplus(a)   tanh a   arctan a   arccos a   cos a   sin a
//	[a]_+ for max(a, 0)   [a > b] for 1 where it holds, else 0
//
// A product that ends in a quotient stops there, a b/c is (a b)/c, and Σ reaches to that
// end.
type Formula string

// LaTeX returns the formula in LaTeX's mathematical mode, of package amsmath: the
// expression, then each definition and equation. The error says where the text cannot be
// read.
func (f Formula) LaTeX() ([]string, error) {
	parsed, err := formula.Parse(string(f))
	if err != nil {
		return nil, fmt.Errorf("losses: %w", err)
	}
	return parsed.LaTeX(), nil
}

// OfLabel reports whether the formula is of one label y: the loss of a target is then the
// sum of it over the positives by their weights. It is false of what cannot be read.
func (f Formula) OfLabel() bool {
	parsed, err := formula.Parse(string(f))
	return err == nil && parsed.Uses("y")
}

// Formulas are what a card prints of a loss at one setting. One in which y stands is of
// the label y, and the loss of a target is Σ_y t_y of it.
type Formulas struct {
	// Letters maps the letters of numeric parameters to their names, as "τ" to "tau".
	Letters map[string]string

	Loss     Formula // ℓ
	Gradient Formula // ∂ℓ/∂z_j
	Map      Formula // p_j of Spec.Predict; "" where there is none

	// Minimiser is a z_j that minimises the conditional risk of the true distribution t,
	// up to a constant where the loss is shift-invariant; "" where none has a closed form.
	Minimiser Formula
}

// What several of the built-in losses' formulas share. Their sources are those of the
// losses' Specs.
const (
	softmaxOf = "e^{z_j}/Σ_i e^{z_i}"
	oneMass   = ", Σ_j p_j = 1"                     // determines ξ
	sumToZero = "[j ≠ y] u_j − [j = y] Σ_{i≠y} u_i" // a gradient whose label's entry balances the others
)

func softmaxFormulas(v Values) Formulas {
	f := softmaxFormulasOf(v)
	switch {
	case v.Num("negatives") == 1:
		return f
	case v.Num("smoothing") > 0:
		const smooth = ", t'_j = (1 − ε) t_j + ε/K"
		f.Loss = "ω log Σ_j e^{z_j/τ} − Σ_j (ω t'_j − (ω − 1) t_j) z_j/τ" + smooth
		f.Gradient = "(ω p_j − ω t'_j + (ω − 1) t_j)/τ" + smooth
	default:
		f.Loss, f.Gradient = "ω "+f.Loss, "(ω p_j − t_j)/τ"
	}
	f.Letters["ω"], f.Minimiser = "negatives", ""
	return f
}

func softmaxFormulasOf(v Values) Formulas {
	if v.Num("smoothing") == 0 {
		return cosineFormulas(v)
	}
	const smooth = ", t'_j = (1 − ε) t_j + ε/K"
	return Formulas{
		Letters:   map[string]string{"τ": "tau", "ε": "smoothing"},
		Loss:      "log Σ_j e^{z_j/τ} − Σ_j t'_j z_j/τ" + smooth,
		Gradient:  "(p_j − t'_j)/τ" + smooth,
		Map:       "e^{z_j/τ}/Σ_i e^{z_i/τ}",
		Minimiser: "τ log t'_j" + smooth,
	}
}

func cosineFormulas(Values) Formulas {
	return Formulas{
		Letters:   map[string]string{"τ": "tau"},
		Loss:      "log Σ_j e^{z_j/τ} − Σ_j t_j z_j/τ",
		Gradient:  "(p_j − t_j)/τ",
		Map:       "e^{z_j/τ}/Σ_i e^{z_i/τ}",
		Minimiser: "τ log t_j",
	}
}

func sparsemaxFormulas(Values) Formulas {
	return Formulas{
		Loss:      "½ Σ_j (p_j − t_j)² + Σ_j t_j [ξ − z_j]_+",
		Gradient:  "p_j − t_j",
		Map:       "[z_j − ξ]_+" + oneMass,
		Minimiser: "t_j",
	}
}

// weighedFormulas are those of a Fenchel-Young loss f with the weight of the negatives.
func weighedFormulas(v Values, f Formulas) Formulas {
	if v.Num("negatives") == 1 {
		return f
	}
	f.Letters["ω"], f.Minimiser = "negatives", ""
	f.Loss = "ω (" + f.Loss + ") + (ω − 1) Σ_j t_j z_j"
	f.Gradient = "ω p_j − t_j"
	return f
}

func entmaxFormulas(v Values) Formulas {
	return weighedFormulas(v, Formulas{
		Letters:   map[string]string{"α": "alpha"},
		Loss:      "Σ_j (p_j − t_j) z_j + (Σ_j t_j^α − Σ_j p_j^α)/(α (α − 1))",
		Gradient:  "p_j − t_j",
		Map:       "[(α − 1) z_j − ξ]_+^{1/(α − 1)}" + oneMass,
		Minimiser: "t_j^{α − 1}/(α − 1)",
	})
}

func tsallisFormulas(Values) Formulas {
	return Formulas{
		Letters:   map[string]string{"α": "alpha"},
		Loss:      "Σ_j (p_j − t_j) z_j + (Σ_j t_j^α − Σ_j p_j^α)/(α − 1)",
		Gradient:  "p_j − t_j",
		Map:       "[(α − 1) z_j/α − ξ]_+^{1/(α − 1)}" + oneMass,
		Minimiser: "α t_j^{α − 1}/(α − 1)",
	}
}

func normmaxFormulas(v Values) Formulas {
	return weighedFormulas(v, Formulas{
		Letters:   map[string]string{"α": "alpha"},
		Loss:      "ξ + (Σ_j t_j^α)^{1/α} − Σ_j t_j z_j",
		Gradient:  "p_j − t_j",
		Map:       "[z_j − ξ]_+^{1/(α − 1)}/Σ_i [z_i − ξ]_+^{1/(α − 1)}, Σ_i [z_i − ξ]_+^{α/(α − 1)} = 1",
		Minimiser: "(t_j/n)^{α − 1}, n = (Σ_i t_i^α)^{1/α}",
	})
}

func squaredFormulas(v Values) Formulas {
	return oneVsAllFormulas(v, Formulas{Loss: "½ Σ_j (z_j − t_j)²", Gradient: "p_j − t_j", Map: "z_j", Minimiser: "t_j"})
}

func perceptronFormulas(v Values) Formulas {
	f := Formulas{Loss: "max_j z_j − Σ_j t_j z_j", Gradient: "p_j − t_j", Map: "[z_j = max_i z_i]", Minimiser: "0"}
	if areApart(v) {
		f.Loss = "max_i ([t_i = 0] [z_i − z_y]_+)"
		f.Gradient = "[h > 0] ([t_j = 0] [z_j − z_y = h] − [j = y]), h = max_i ([t_i = 0] [z_i − z_y]_+)"
	}
	return f
}

func hingeFormulas(v Values) Formulas {
	f := Formulas{
		Letters:  map[string]string{"m": "margin"},
		Loss:     "[max_{i≠y} z_i + m − z_y]_+",
		Gradient: "[r + m > z_y] ([j ≠ y] [z_j = r] − [j = y]), r = max_{i≠y} z_i",
	}
	if areApart(v) { // the largest h is that of the best negative
		f.Loss = "max_i ([t_i = 0] [z_i + m − z_y]_+)"
		f.Gradient = "[h > 0] ([t_j = 0] [z_j + m − z_y = h] − [j = y]), h = max_i ([t_i = 0] [z_i + m − z_y]_+)"
	}
	return f
}

func rankmaxFormulas(v Values) Formulas {
	return Formulas{
		Letters:  map[string]string{"δ": "margin"},
		Loss:     overNegatives(v, "log(1 + Σ_{i≠y} [z_i − z_y + δ]_+/δ)"),
		Gradient: overNegatives(v, sumToZero+", u_i = [z_i > z_y − δ]/(δ + Σ_{l≠y} [z_l − z_y + δ]_+)"),
	}
}

// overNegatives is a formula of the classes but y, or, where the other positives are apart,
// of those that are no target.
func overNegatives(v Values, f Formula) Formula {
	if !areApart(v) {
		return f
	}
	return Formula(strings.NewReplacer("Σ_{i≠y} ", "Σ_i [t_i = 0] ", "Σ_{l≠y} ", "Σ_l [t_l = 0] ", "[j ≠ y]", "[t_j = 0]").Replace(string(f)))
}

func bceFormulas(v Values) Formulas {
	return oneVsAllFormulas(v, Formulas{Loss: "Σ_j (softplus(z_j) − t_j z_j)", Gradient: "p_j − t_j", Map: "σ(z_j)", Minimiser: "log(t_j/(1 − t_j))"})
}

func gbceFormulas(v Values) Formulas {
	return oneVsAllFormulas(v, Formulas{
		Letters:   map[string]string{"β": "beta"},
		Loss:      "Σ_j (β t_j softplus(−z_j) + (1 − t_j) softplus(z_j))/K",
		Gradient:  "((1 − t_j) σ(z_j) − β t_j σ(−z_j))/K",
		Map:       "σ(z_j − log β)",
		Minimiser: "log(β t_j/(1 − t_j))",
	})
}

func nceFormulas(v Values) Formulas {
	return oneVsAllFormulas(v, Formulas{
		Letters:   map[string]string{"c": "log-z"},
		Loss:      "Σ_j (softplus(z_j − c) − t_j (z_j − c))",
		Gradient:  "p_j − t_j",
		Map:       "σ(z_j − c)",
		Minimiser: "c + log(t_j/(1 − t_j))",
	})
}

func bprFormulas(v Values) Formulas {
	if v.String("weights") == "softmax" {
		const weights = ", w_i = e^{z_i}/Σ_{l≠y} e^{z_l}"
		return Formulas{
			Loss:     overNegatives(v, "Σ_{i≠y} w_i softplus(z_i − z_y)"+weights),
			Gradient: overNegatives(v, "[j ≠ y] w_j (s_j + softplus(z_j − z_y) − ℓ) − [j = y] Σ_{i≠y} w_i s_i, s_i = σ(z_i − z_y)"+weights),
			Map:      softmaxOf,
		}
	}
	f := Formulas{
		Loss:      "Σ_{i≠y} softplus(z_i − z_y)/(K − 1)",
		Gradient:  sumToZero + ", u_i = σ(z_i − z_y)/(K − 1)",
		Map:       softmaxOf,
		Minimiser: "log t_j",
	}
	if areApart(v) {
		const count = ", n = Σ_i [t_i = 0]"
		f.Loss = "Σ_i [t_i = 0] softplus(z_i − z_y)/n" + count
		f.Gradient = overNegatives(v, sumToZero) + ", u_i = σ(z_i − z_y)/n" + count
	}
	return f
}

func slFormulas(v Values) Formulas {
	f := bslFormulas(v)
	delete(f.Letters, "τ₁")
	delete(f.Letters, "τ₂")
	f.Letters["τ"] = "tau"
	one := strings.NewReplacer("(τ₂/τ₁) ", "", "τ₂", "τ", "τ₁", "τ")
	f.Loss, f.Gradient = Formula(one.Replace(string(f.Loss))), Formula(one.Replace(string(f.Gradient)))
	return f
}

func bslFormulas(v Values) Formulas {
	f := Formulas{
		Letters:  map[string]string{"τ₁": "tau1", "τ₂": "tau2"},
		Loss:     "(τ₂/τ₁) log Σ_{i≠y} e^{(z_i − z_y)/τ₂}",
		Gradient: "([j ≠ y] q_j − [j = y])/τ₁, q_j = e^{z_j/τ₂}/Σ_{i≠y} e^{z_i/τ₂}",
	}
	if v.Num("negatives") != 1 {
		f.Letters["ω"] = "negatives"
		f.Loss = "ω (τ₂/τ₁) log Σ_{i≠y} e^{z_i/τ₂} − z_y/τ₁"
		f.Gradient = "([j ≠ y] ω q_j − [j = y])/τ₁, q_j = e^{z_j/τ₂}/Σ_{i≠y} e^{z_i/τ₂}"
	}
	f.Loss, f.Gradient = overNegatives(v, f.Loss), overNegatives(v, f.Gradient)
	return f
}

func slAtKFormulas(v Values) Formulas {
	f := Formulas{
		Letters:  map[string]string{"τ": "tau", "τ_w": "tau-w", "β": "beta"},
		Loss:     "w L, w = σ((z_y − β)/τ_w), L = log Σ_{i≠y} e^{(z_i − z_y)/τ}",
		Gradient: "w ([j ≠ y] q_j − [j = y])/τ + [j = y] w (1 − w) L/τ_w, q_j = e^{z_j/τ}/Σ_{i≠y} e^{z_i/τ}",
	}
	if v.Num("draws") > 0 {
		f.Loss = "w L, w = σ((z_y − β)/τ_w), L = log((N/n) Σ_{i≠y} e^{(z_i − z_y)/τ})"
	}
	_, common, _ := strings.Cut(string(f.Loss), ",")
	f.Gradient += Formula("," + common)
	var more Formula
	if v.Num("draws") > 0 {
		f.Letters["N"] = "draws"
		more = ", n = K − 1"
		if areApart(v) {
			more = ", n = Σ_i [t_i = 0]"
		}
	}
	if v.Int("k") > 0 {
		delete(f.Letters, "β")
		f.Letters["k"] = "k"
		more += ", β = z_{(k)}"
	}
	f.Loss, f.Gradient = overNegatives(v, f.Loss+more), overNegatives(v, f.Gradient+more)
	return f
}

func pslFormulas(v Values) Formulas {
	phi := map[string][2]Formula{
		"tanh": {"1 + tanh x_i", "φ_i (2 − φ_i)"},
		"relu": {"[1 + x_i]_+", "[1 + x_i > 0]"},
		"atan": {"1 + arctan x_i", "1/(1 + x_i²)"},
	}[v.String("act")]
	common := ", φ_i = " + phi[0] + ", x_i = (z_i − z_y)/τ"
	return Formulas{
		Letters:  map[string]string{"τ": "tau", "τ*": "tau-star"},
		Loss:     overNegatives(v, "log Σ_{i≠y} φ_i^{1/τ*}"+common),
		Gradient: overNegatives(v, sumToZero+", u_i = q_i φ'_i/(τ τ* φ_i), q_i = φ_i^{1/τ*}/Σ_{l≠y} φ_l^{1/τ*}"+common+", φ'_i = "+phi[1]),
	}
}

func cclFormulas(Values) Formulas {
	const negatives = ", n = max(1, Σ_i [t_i = 0])"
	return Formulas{
		Letters:   map[string]string{"m": "margin", "w": "weight"},
		Loss:      "Σ_j t_j (1 − z_j) + (w/n) Σ_j [t_j = 0] [z_j − m]_+" + negatives,
		Gradient:  "(w/n) [t_j = 0] [z_j > m] − t_j" + negatives,
		Minimiser: "m + (1 − m) [t_j > w (1 − t_j)/(K − 1)]",
	}
}

func amSoftmaxFormulas(Values) Formulas {
	return Formulas{
		Letters:  map[string]string{"s": "scale", "m": "margin"},
		Loss:     "log(1 + Σ_{i≠y} e^{s (z_i − z_y + m)})",
		Gradient: sumToZero + ", u_i = s e^{s z_i}/(e^{s (z_y − m)} + Σ_{l≠y} e^{s z_l})",
		Map:      "e^{s z_j}/Σ_i e^{s z_i}",
	}
}

func arcfaceFormulas(Values) Formulas {
	const angle = ", θ = arccos z_y"
	const lowered = ", a = [θ < π − m] cos(θ + m) + [θ ≥ π − m] (z_y − m sin m)"
	return Formulas{
		Letters:  map[string]string{"s": "scale", "m": "margin"},
		Loss:     "log(1 + Σ_{i≠y} e^{s (z_i − a)})" + lowered + angle,
		Gradient: "[j ≠ y] u_j − [j = y] a' Σ_{i≠y} u_i, u_i = s e^{s z_i}/(e^{s a} + Σ_{l≠y} e^{s z_l})" + lowered + ", a' = [θ < π − m] sin(θ + m)/sin θ + [θ ≥ π − m]" + angle,
		Map:      "e^{s z_j}/Σ_i e^{s z_i}",
	}
}

// ratioFormulas are of p = f/F.
func ratioFormulas(f, df Formula) Formulas {
	f = ", f_j = " + f
	return Formulas{
		Loss:     "Σ_j t_j log(F/f_j), F = Σ_j f_j" + f,
		Gradient: "f'_j/F − t_j f'_j/f_j, F = Σ_j f_j" + f + ", f'_j = " + df,
		Map:      "f_j/Σ_i f_i" + f,
	}
}

func sphericalFormulas(Values) Formulas {
	f := ratioFormulas("z_j² + ε", "2 z_j")
	f.Letters = map[string]string{"ε": "eps"}
	f.Minimiser = "√(ε (2 t_j/min_i t_i − 1))"
	return f
}

func taylorFormulas(v Values) Formulas {
	n := taylorOrder(v)
	polynomial := func(n int) Formula {
		terms, factorial := []string{"1", "z_j"}, 1
		for k := 2; k <= n; k++ {
			factorial *= k
			terms = append(terms, fmt.Sprintf("z_j%c/%d", []rune("²³⁴⁵⁶⁷⁸")[k-2], factorial))
		}
		return Formula(strings.Join(terms[:n+1], " + "))
	}
	f := ratioFormulas(polynomial(n), polynomial(n-1))
	if n == 2 {
		f.Minimiser = "√(2 t_j/min_i t_i − 1) − 1"
	}
	return f
}

func rgFormulas(v Values) Formulas {
	f := Formulas{
		Letters:   map[string]string{"β": "beta"},
		Loss:      "log K + μ + ½ Σ_j z_j²/K − ½ β μ² − Σ_j t_j z_j, μ = Σ_j z_j/K",
		Gradient:  "p_j − t_j",
		Map:       "(1 + z_j − β μ)/K, μ = Σ_j z_j/K",
		Minimiser: "K t_j − 1",
	}
	if v.String("variant") == "code" {
		f.Loss = "log K + μ + ½ (1 − β) Σ_j z_j²/K − Σ_j t_j z_j, μ = Σ_j z_j/K"
		f.Map = "(1 + (1 − β) z_j)/K"
		f.Minimiser = "(K t_j − 1)/(1 − β)"
		if v.Num("beta") == 1 {
			f.Minimiser = ""
		}
	}
	return f
}

func rg2Formulas(Values) Formulas {
	return Formulas{
		Loss:      "log K + Σ_j z_j/K + ½ Σ_j z_j²/K − Σ_j t_j z_j",
		Gradient:  "p_j − t_j",
		Map:       "(1 + z_j)/K",
		Minimiser: "K t_j − 1",
	}
}

func zLossFormulas(Values) Formulas {
	const standardised = ", x_j = (z_j − μ)/s, μ = Σ_i z_i/K, s = √(Σ_i (z_i − μ)²/K)"
	return Formulas{
		Letters:  map[string]string{"a": "a", "b": "b"},
		Loss:     "softplus(a (b − x_y))/a" + standardised,
		Gradient: "−σ(a (b − x_y)) ([j = y] − (1 + x_y x_j)/K)/s" + standardised,
	}
}
