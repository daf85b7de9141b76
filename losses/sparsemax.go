package losses

// Sparsemax is entmax at α = 2, the Fenchel–Young loss of Ω = ½‖p‖² on the simplex.
//
//	p = [z − ξ]_+ with Σ p = 1,   ℓ = ½‖p − t‖² + Σ_k t_k [ξ − z_k]_+,   ∂ℓ/∂z = p − t
//
// A score that ties with ξ has p = 0.
func init() {
	Register(Spec{
		Name:     "sparsemax",
		Doc:      "Fenchel-Young loss of the Euclidean projection onto the simplex",
		Source:   "Martins & Astudillo 2016, arXiv:1602.02068, eq. 15-17",
		Formulas: sparsemaxFormulas,
		Theory:   func(Values) Theory { return entmaxTheory(2, 1) },
		Form:     func(Values) Form { return entmaxForm(2, 1) },
	})
}
