package models

import "github.com/fenchel-ml/fenchel/losses"

func init() {
	RegisterRecipe(Recipe{
		Name:   "hsm",
		Doc:    "hierarchical softmax: the product of the decisions on the path to the class; kind=huffman, balanced, clusters (of labels that are alike) or a registered tree",
		Source: "Morin & Bengio 2005, AISTATS; Mikolov et al. 2013, arXiv:1310.4546, §2.1",
		Loss:   "softmax", Candidates: "tree:kind=huffman",
		Minimiser:    "p = t, where the nodes' scores can be anything; with encodings of low rank the model is another than softmax's",
		Order:        losses.OrderStrict,
		OrderUniform: losses.OrderStrict,
	})
}
