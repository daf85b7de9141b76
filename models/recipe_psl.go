package models

func init() {
	RegisterRecipe(Recipe{
		Name:   "psl",
		Doc:    "pairwise softmax loss over the positive and draws",
		Source: "Yang et al. 2024, arXiv:2411.00163",
		Loss:   "psl", Candidates: "sampled:n=512,sampler=uniform,correction=none,hits=seen",
		Minimiser: "none in closed form: over cosines scores end at their bounds",
	})
}
