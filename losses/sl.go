package losses

func init() {
	Register(Spec{
		Name:   "sl",
		Doc:    "sampled softmax loss without the positive in the sum: log of the summed exponential leads of the negatives",
		Source: "Wu et al. 2024, TOIS, On the effectiveness of sampled softmax loss for item recommendation, arXiv:2201.02327; the positive excluded as in the IR-Benchmark code",
		Params: []Param{
			{Name: "tau", Doc: "temperature τ, which divides the scores", Default: 1, Min: 0.01, Max: 100, Probe: []float64{0.2}},
			negativesParam,
			positivesParam(asApart),
		},
		Unit:     func(v Values) float64 { return v.Num("tau") },
		Formulas: slFormulas,
		Theory:   func(v Values) Theory { return affineIn(v, bslTheory(v.Num("tau"), v.Num("tau"), v.Num("negatives"))) },
		Form:     func(v Values) Form { return bslForm(v, v.Num("tau"), v.Num("tau")) },
	})
}
