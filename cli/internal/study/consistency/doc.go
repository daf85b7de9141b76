// Package consistency measures whether minimising a loss ranks classes by their
// true probability.
//
// It draws conditional class distributions t, minimises each loss's conditional
// risk E_{y~t} ℓ(z, y), and looks at the order of the minimisers: by their scores
// z, and by the probabilities p(z) that the loss's map makes of them. What it
// finds stands beside what the loss's Theory declares. A draw can refute a
// declaration and cannot prove it: a declared order that no draw breaks agrees;
// a weaker declaration agrees once a draw shows the ties or reversals.
package consistency
