// Package metric holds the measures of rankings: one file per metric, a registry, and
// the text form "recall@20" that flags, config files and reports share.
//
// A metric looks at the rankings of a set of examples one after another, and has a
// value for all of them. An example's ranking holds the classes by score descending,
// ties by lower id. Classes that the example leaves out (for a recommender those of the
// train split, and of valid when testing) are not in it, nor are, unless asked for,
// those that have no pair in the train split. The relevant classes are those of the
// split under test, ranked or not. Examples without a relevant class are not measured but by
// metrics that say so; whoever measures counts them.
//
// [Parse] and [ParseAll] read texts, [Metric] is the contract of one file, and [Mean] makes
// a metric of a function of one ranking. Package metrictest holds a metric to its contract.
//
// Letters: K cut-off, r place in the ranking (1 is the top), rel the set of
// relevant classes, C the number of classes.
package metric
