package models

import "github.com/fenchel-ml/fenchel/losses"

func init() {
	RegisterRecipe(Recipe{
		Name:   "sampled-softmax",
		Doc:    "softmax over the positive and draws, every score less log q, hits kept: ranking NCE",
		Source: "Bengio & Senécal 2008, IEEE TNN 19(4); as ranking NCE: Ma & Collins 2018, arXiv:1809.01812, §3",
		Loss:   "softmax", Candidates: "sampled:n=512,sampler=uniform,correction=logq,hits=keep",
		Minimiser:    "log t + c, for any q and any number of draws; with correction=importance or hits=drop only as n grows (importance with one or two draws may even reverse the order), with correction=none log(t/q) + c",
		Order:        losses.OrderStrict,
		OrderUniform: losses.OrderStrict,
		Link:         func(_ Values, t, _ []float64, _ int) []float64 { return ratios(t, nil, 0) },
	})
}
