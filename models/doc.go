// Package models holds the two sides of a scored pair: models, one file each, and
// heads, one file each.
//
// A [Model] is both sides: from the rows of a batch of contexts it makes encodings H
// [B,d], and from classes vectors W [m,d]. It composes package graph's nodes over what
// it reads of [Inputs]: fields of frames, and tables, each one leaf of a graph however
// often and on whichever side it is read. A [Head] is how the two meet: in training it
// adds the scores of its candidates and the loss to the graph, and in evaluation it
// ranks all classes for given encodings.
//
//	contexts ─ Inputs ─ Model.Contexts → H [B,d] ┐
//	classes ── Inputs ─ Model.Classes ─→ W [C,d] ┴ Head + loss → ℓ [B] → weighted mean
//
// The tables that exist are those that a graph of both reads: see [Tables]. A step
// moves each once, by the sum of what its readers give.
//
// A [Scorer] answers a [Query]: it ranks classes for rows of contexts. A model with a
// head is one (train.Recommender), and so is whatever orders classes without vectors;
// evaluations and predictions know Scorers alone.
//
// A [Recipe] is a name for a loss over the candidates that it is meant for; [Resolve]
// reads it, as it reads any loss over any candidates.
//
// What a model owes is checked by package modeltest, a distribution that candidates are
// drawn from by package samplertest.
//
// Models, heads and recipes register themselves and are chosen by a spec text, as losses
// are; adding one touches no existing file.
package models
