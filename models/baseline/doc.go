// Package baseline ranks items without vectors that are learned by descent: by popularity
// ([NewPop]), by the neighbours of what a user has ([NewItemKNN]) and by a linear model of
// items in closed form ([NewEASE]). They take seconds, and a loss whose model does not
// beat them has learned nothing that counts.
//
// Of running text two give probabilities: how often each word occurs ([NewUnigram]) and
// an interpolated Kneser–Ney bigram ([NewKneserNey]).
//
// Of items [Parse] finds them by name, as package train does, which makes a run of one: a [Fitted]
// keeps what was fitted as arrays.
//
// All are [models.Scorer]s: train.Evaluate measures them as it measures a model. What a user
// has are the items of the training split, whose values do not count, as for a model that
// knows users by vectors of their own. Who has none there, as who was held out of training or
// is in no file, has the items of the field "history" of the context, as for a model that reads
// histories; and where histories are in the order of time everybody has all that the context
// tells of, the field "seen", so that an evaluation of test knows the events of valid. Of
// whom nothing is known all items score alike. Popularity is the same for everybody and reads
// nothing.
package baseline
