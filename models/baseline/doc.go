// Package baseline ranks items without vectors that are learned by descent: by popularity
// ([NewPop]), by the neighbours of what a user has ([NewItemKNN]) and by a linear model of
// items in closed form ([NewEASE]). They take seconds, and a loss whose model does not
// beat them has learned nothing that counts.
//
// All are [models.Scorer]s for contexts that have a user: train.Evaluate measures them as it
// measures a model. A user's history are the items of the training split, whose values do
// not count.
package baseline
