package main

// A check is what is held, and the tests that hold it. A test of this package finds each of
// them in the code.
type check struct{ What, Where string }

var checks = []check{
	{"the fast closed form, in both precisions, is the textbook value", "check `values` of `losses/losstest`; `TestGolden` of `losses` for numbers of other programs"},
	{"the gradient is that of the value", "check `gradient` of `losses/losstest`, against central differences"},
	{"the definition as graph nodes and its symbolic gradient are the closed form", "check `node` of `losses/losstest`"},
	{"the ends of the parameters' ranges", "check `corners` of `losses/losstest`"},
	{"each property of the table below, declared or not", "check `props` of `losses/losstest`"},
	{"a loss that is shift-invariant loses no digit to an offset", "check `offsets` of `losses/losstest`"},
	{"a masked candidate is a deleted one; order is of no account; NaN is shown", "checks `masks`, `permutation`, `not-a-number` and `purity` of `losses/losstest`"},
	{"the formulas of the cards below", "check `formulas` of `losses/losstest`, which evaluates them"},
	{"smoothness: no secant is steeper, and some are as steep as declared", "check `smoothness` of `losses/losstest`"},
	{"margin and support", "checks `margin` and `support` of `losses/losstest`"},
	{"the map's probabilities and their order", "check `map` of `losses/losstest`"},
	{"minimiser, its order, zero-one and calibration", "check `population` of `losses/losstest`, by search; `TestDeclarations` and `TestCounterExamples` of `cli/internal/study/consistency`"},
	{"two settings of one loss in one graph stay apart", "check `side-by-side` of `losses/losstest`"},
	{"an excess of the loss bounds the order", "`TestExcessBoundsTheOrder` of `losses`"},
	{"the quadratic surrogates reach their minimiser in one step; conditioning", "`TestOneStepLosses` of `losses`; `TestTabularCounts` of `cli/internal/study/convergence`"},
	{"a loss is 0 at its target", "`TestZeroAtTheTarget` of `losses`"},
	{"rankmax bounds the rank of the label", "`TestRankmaxBoundsTheRank` of `losses`"},
	{"popular negatives turn the order round", "`TestPopularityReversesTheOrder` of `losses`"},
	{"the minimisers of recipes, and what draws make of a gradient", "`TestMinimisers` and `TestExpectedGradient` of `models`"},
	{"bias and variance of sampled gradients to the leading order", "`TestLeadingOrder`, `TestIdealProposal` and `TestMonteCarloAgreesWithEnumeration` of `cli/internal/study/bias`"},
	{"trees are distributions, and Huffman's is short", "`TestHierarchiesNormalise` of `models`; `TestHuffmanBounds` of `models/tree`"},
	{"alternating least squares minimise each block", "`TestSweep` of `train/als`"},
	{"natural temperatures", "`TestNaturalTemperature` of `losses`"},
	{"draws follow the law that a sampler tells, and its declared facts", "`samplertest.Check` for every sampler; `TestGolden` of `models/sampler`"},
}
