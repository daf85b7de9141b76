// Package tree holds the class side of hierarchical candidates as plain slices:
// binary trees over the classes, two-level partitions, and the cutoffs of
// adaptive softmax. It knows no loss, model or graph.
//
// It stands beside package sampler and not inside it: a tree changes the model
// (log p of a class is a sum over its path and normalises by construction), a
// sampler estimates the same model from fewer classes.
//
// Letters: C classes y, z logits of nodes, b a bit; logarithms are natural
// except where a length is in bits. A bit of 1 has probability σ(z).
package tree
