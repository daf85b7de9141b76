package models

func init() {
	RegisterRecipe(Recipe{
		Name:   "bsl",
		Doc:    "bilateral softmax loss over the positive and draws",
		Source: "Wu et al. 2024, arXiv:2312.12882",
		Loss:   "bsl", Candidates: "sampled:n=512,sampler=uniform,correction=none,hits=seen",
		Minimiser: "none in general, as of sl",
	})
}
