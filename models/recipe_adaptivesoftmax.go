package models

import "github.com/fenchel-ml/fenchel/losses"

func init() {
	RegisterRecipe(Recipe{
		Name:   "adaptive-softmax",
		Doc:    "adaptive softmax: a shortlist of frequent classes, clusters of rarer ones at smaller width",
		Source: "Grave et al. 2017, arXiv:1609.04309",
		Loss:   "softmax", Candidates: "adaptive",
		Minimiser:    "p = t, where scores can be anything",
		Order:        losses.OrderStrict,
		OrderUniform: losses.OrderStrict,
	})
}
