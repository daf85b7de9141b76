package models

import "github.com/fenchel-ml/fenchel/losses"

func init() {
	RegisterRecipe(Recipe{
		Name:   "ccl",
		Doc:    "cosine contrastive loss of the positive and n draws",
		Source: "Mao et al. 2021, arXiv:2109.12613",
		Loss:   "ccl", Candidates: "sampled:n=512,sampler=uniform,correction=none,hits=keep",
		Minimiser:    "cosine 1 where t > wq, else the margin: classes tie",
		Order:        losses.OrderNone,
		OrderUniform: losses.OrderWeak,
	})
}
