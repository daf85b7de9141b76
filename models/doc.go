// Package models holds the two sides of a scored pair: encoders, one file each,
// and heads, one file each.
//
// A [Model] turns a batch of B users into encodings H [B,d]. A [Head] is the
// class side: in training it adds the scores of its candidates and the loss to a
// graph, and in evaluation it ranks all classes for given encodings. Weights of
// both live in tables outside the graph; a training step reads the rows it needs
// and hands their gradients to an updater.
//
// Both register themselves and are chosen by a spec text, as losses are; adding
// one touches no existing file.
package models
