package losstest

import (
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/internal/formula"
	"github.com/fenchel-ml/fenchel/losses"
)

// formulas evaluates what Spec.Formulas states and holds it against the code: the loss
// against Eval and Ref, the gradient against Eval's, the map against Predict, the
// minimiser against Theory.Link. Rows are small and scores of the size of 1, so that the
// formulas, which are written to be read, lose no digits.
func (r *rig) formulas(t *check.T) {
	if r.Spec.Formulas == nil {
		return // none are declared, and none are printed
	}
	f := r.Spec.Formulas(r.Values)
	t.True(f.Loss != "" && f.Gradient != "", "the formula of loss or gradient is missing")
	t.Equal(r.Spec.Predict != nil, f.Map != "", "a formula of the map is declared where Predict is")
	if r.theory.Link == nil {
		t.Equal(losses.Formula(""), f.Minimiser, "a minimiser is declared, and no Link to hold it against")
	}
	base := formula.Scope{Number: map[string]float64{}}
	for letter, name := range f.Letters {
		base.Number[letter] = r.number(t, name)
	}
	loss, gradient := read(t, "ℓ", f.Loss), read(t, "∂ℓ/∂z_j", f.Gradient)
	prediction, minimiser := read(t, "p_j", f.Map), read(t, "z_j", f.Minimiser)
	if loss == nil || gradient == nil {
		return
	}
	base.Formulas = []formula.Named{{Name: "ℓ", Formula: loss}}
	if prediction != nil {
		base.Formulas = append(base.Formulas, formula.Named{Name: "p", Index: "j", Formula: prediction})
	}

	// value returns a formula, of each positive by its weight where it is of one label.
	value := func(what string, f *formula.Formula, s formula.Scope, target losses.Target[float64]) (v float64) {
		one := func(f *formula.Formula) float64 {
			x, err := f.Eval(s)
			t.NoError(err, what)
			return x
		}
		if !f.Uses("y") {
			return one(f)
		}
		for i, y := range target.Pos {
			s.Index["y"] = int(y)
			v += target.Weight[i] * one(f)
		}
		delete(s.Index, "y")
		return v
	}
	const tol = 1e-9 // absolute and relative: of the cancellation in 1/(α(α−1)) and in solving for ξ
	rng := rand.New(rand.NewPCG(30, 1))
	for _, k := range []int{2, 3, 5} {
		for i := range 6 {
			z := r.scores(rng, k, r.scales()[1])
			target := label(rng.IntN(k))
			if i%2 == 1 {
				target = soft(rng, k)
			}
			s := base
			s.K, s.Index = k, map[string]int{}
			s.Vector = map[string][]float64{"z": z, "t": spreadOut(target, k)}
			got, grad := r.row(z, target)
			if got == 0 && len(target.Pos) == k && norm(grad) == 0 {
				continue // where positives are apart there is no negative, and a formula is that of a row that has one
			}
			v := value("loss", loss, s, target)
			t.True(check.Near(v, got, tol, tol), "the loss's formula is %.12g and Eval %.12g at z=%v, t=%v", v, got, z, target)
			ref := r.Ref(z, target)
			t.True(check.Near(v, ref, tol, tol), "the loss's formula is %.12g and Ref %.12g at z=%v, t=%v", v, ref, z, target)
			p := make([]float64, k)
			mapped := r.Predict(p, z)
			for j := range k {
				s.Index["j"] = j
				v := value("gradient", gradient, s, target)
				t.True(check.Near(v, grad[j], tol, tol), "the gradient's formula is %.12g and Eval's %.12g at j=%d, z=%v, t=%v", v, grad[j], j, z, target)
				if mapped && prediction != nil {
					v := value("map", prediction, s, target)
					t.True(check.Near(v, p[j], tol, tol), "the map's formula is %.12g and Predict %.12g at j=%d, z=%v", v, p[j], j, z)
				}
			}
			if minimiser == nil || r.theory.Link == nil {
				continue
			}
			truth := positiveTruth(rng, k)
			s.Vector["t"] = truth
			want, offset := r.theory.Link(truth, nil), 0.0
			for j := range k {
				s.Index["j"] = j
				v := value("minimiser", minimiser, s, losses.Target[float64]{})
				if j == 0 && r.theory.Props.Has(losses.ShiftInvariant) {
					offset = want[0] - v
				}
				t.True(check.Near(v+offset, want[j], tol, tol), "the minimiser's formula is %.12g and Link %.12g at j=%d, t=%v", v+offset, want[j], j, truth)
			}
		}
	}
}

// number returns a numeric parameter, and reports one that the loss has not.
func (r *rig) number(t *check.T, name string) float64 {
	for _, p := range r.Spec.Params {
		if p.Name == name && !p.IsString() {
			return r.Values.Num(name)
		}
	}
	t.Fail("Formulas.Letters names %q, which is no number of the loss's", name)
	return 0
}

// read parses a formula that is declared, and reports a fault.
func read(t *check.T, what string, text losses.Formula) *formula.Formula {
	if text == "" {
		return nil
	}
	f, err := formula.Parse(string(text))
	t.NoError(err, what)
	return f
}

// spreadOut returns a target as a row.
func spreadOut(target losses.Target[float64], k int) []float64 {
	row := make([]float64, k)
	for i, y := range target.Pos {
		row[y] = target.Weight[i]
	}
	return row
}

// positiveTruth returns a distribution without zeros.
func positiveTruth(rng *rand.Rand, k int) []float64 {
	t, sum := make([]float64, k), 0.0
	for j := range t {
		t[j] = 0.05 + rng.Float64()
		sum += t[j]
	}
	for j := range t {
		t[j] /= sum
	}
	return t
}
