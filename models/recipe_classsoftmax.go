package models

import "github.com/fenchel-ml/fenchel/losses"

func init() {
	RegisterRecipe(Recipe{
		Name:   "class-softmax",
		Doc:    "two-level softmax: a group of classes, then the class within it",
		Source: "Goodman 2001, ICASSP",
		Loss:   "softmax", Candidates: "classes",
		Minimiser:    "p = t, where scores can be anything",
		Order:        losses.OrderStrict,
		OrderUniform: losses.OrderStrict,
	})
}
