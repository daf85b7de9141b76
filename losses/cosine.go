package losses

// The cosine softmax is softmax with the temperature that cosines call for.
func init() {
	Register(Spec{
		Name:   "cosine",
		Doc:    "cross-entropy of the tempered softmax of cosines; takes cosines",
		Source: "Wang, Xiang, Cheng & Yuille 2017, arXiv:1704.06369, eq. 6; temperatures: Wang & Isola 2020, arXiv:2005.10242",
		Params: []Param{
			{Name: "tau", Doc: "temperature τ, which divides the cosines", Default: 0.2, Min: 0.01, Max: 10, Probe: []float64{0.05, 0.5}, Hint: softmaxHint},
		},
		Domain:   Cosines,
		Formulas: cosineFormulas,
		Theory: func(v Values) Theory {
			th := softmaxTheory(v.Num("tau"), 0)
			th.Tight = 0.9 // the other classes cannot get out of the way beyond −1
			return th
		},
		Form: func(v Values) Form { return softmaxForm(v.Num("tau"), 0) },
	})
}
