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
// Letters: B rows of a batch, C classes, m of them that a graph reads, d the width of
// encodings and of class vectors, τ a temperature, ℓ losses, in nats where they have a
// unit.
//
// # In which order to read
//
//  1. [Model], and the one that all others are compared with, in mf.go;
//  2. [Inputs], by which it reads fields and tables;
//  3. [Spec] and [Register], which give it a name; [Parse], which reads that;
//  4. [Head], [HeadSpec] and [RegisterHead], the same of heads; [HeadSetting] is what
//     every head is made with;
//  5. [Graph] and [Objective], which put a model and a head under a loss;
//  6. [Recipe] and [Resolve], by which texts choose a loss and its candidates;
//  7. [Scorer], [Query] and [Ranker], which answer once weights are there.
//
// A program that trains by names needs none of these: package train composes them.
//
// # Histories
//
// The field "history" is what a context had before. A model reads it as a set, by
// [Inputs.Bag], or in order, by [Inputs.Sequence]: the histories of a batch lie end to end,
// [N] in all, and [Inputs.Last] takes each one's last position for its encoding. In
// training by the task next ([Graph.Fit]) every position has an encoding, and Bag, Lengths,
// IDs, Sequence and Last give a position what a row would have: so one model serves both, and
// [Encode] picks the positions that are examples. A model that declares
// [Spec].Ordered is trained by tasks that have order. Tables that a model ties to its
// classes are not called "class": heads with vectors of their own have a table of that name.
//
// # Weights
//
// The tables that exist are those that a graph of both sides reads: see [Tables]. A step
// moves each once, by the sum of what its readers give. A model that has a vector of its
// own for each class embeds [FreeClasses], and a step on few classes then touches few
// rows; one whose class vectors are computed is as good, and its heads say where they
// cost more.
//
// Beside tables of vectors a head may train numbers: the [Temperature] that scores are
// divided by, and parameters of its loss. Each is a table [1,1] of a [graph.Scalar].
//
// # Texts
//
// Models, heads and recipes register themselves and are chosen by a spec text, as losses
// are ("sampled:n=64"); adding one touches no existing file. LOSS@CANDIDATES is a loss
// over a head, a recipe is a name for such a pair that it is meant for, and [Resolve]
// reads either. A [Temperature] is a number, or learned within [TemperatureBounds].
//
// # Ranking
//
// A Scorer answers a Query: it ranks classes for rows of contexts. A model with a
// head is one (train.Recommender), and so is whatever orders classes without vectors;
// evaluations and predictions know Scorers alone. A [Top] is one answer.
//
// # Checks
//
// [CheckGradient] compares the symbolic, the analytic and the numerical gradient of every
// table of a whole model under a head and a loss. What a model owes is checked by package
// modeltest, a distribution that candidates are drawn from by package samplertest.
//
// Packages sampler and tree hold what heads draw from and descend.
package models
