package models

func init() {
	RegisterRecipe(Recipe{
		Name:   "sl",
		Doc:    "sampled softmax loss without the positive in its sum",
		Source: "Wu et al. 2024, arXiv:2201.02327; the IR-Benchmark code",
		Loss:   "sl", Candidates: "sampled:n=512,sampler=uniform,correction=none,hits=seen",
		Minimiser: "none in general: a class with t above the chance of a draw can run off to +∞; positives and draws are weighed against each other alone",
	})
}
