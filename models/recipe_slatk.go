package models

func init() {
	RegisterRecipe(Recipe{
		Name:   "sl-at-k",
		Doc:    "softmax loss for the top K over the positive and draws",
		Source: "Yang et al. 2025, KDD (SL@K); the IR-Benchmark code",
		Loss:   "sl-at-k", Candidates: "sampled:n=512,sampler=uniform,correction=none,hits=seen",
		Minimiser: "none in closed form; as sl where the weight is constant",
	})
}
