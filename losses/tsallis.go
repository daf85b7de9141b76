package losses

// Tsallis is entmax under the textbook normalisation of the entropy,
// Ω = (Σ p^α − 1)/(α−1), which is α times entmax's: p(z) = entmax_α(z/α) and
// ℓ(z,t) = α·ℓ_entmax(z/α, t).
func init() {
	Register(Spec{
		Name:   "tsallis",
		Doc:    "Fenchel-Young loss of Tsallis' entropy in its textbook normalisation: entmax at scores z/α",
		Source: "Tsallis 1988, J. Stat. Phys. 52, 479-487, eq. 1; as a Fenchel-Young loss: Blondel, Martins & Niculae 2020, arXiv:1901.02324, §4.3",
		Params: []Param{
			{Name: "alpha", Doc: "α: the larger, the sparser; above 2 the gradient is not Lipschitz", Default: 1.5, Min: 1.001, Max: 4, Probe: []float64{1.25, 2}, Hint: entmaxHint},
		},
		Formulas: tsallisFormulas,
		Theory:   func(v Values) Theory { return entmaxTheory(v.Num("alpha"), v.Num("alpha")) },
		Form:     func(v Values) Form { return entmaxForm(v.Num("alpha"), v.Num("alpha")) },
	})
}
