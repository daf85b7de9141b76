// Package data holds what a model learns from: who interacted with what.
//
// [Load] turns a source (a file, a directory of given splits, or the generated
// [Demo]) into a [Dataset]: three disjoint [Interactions] sets, train, valid and
// test, over one numbering of users and items. A [Task] makes [Examples] of it, rows
// of a [Frame] of contexts with what followed, which [NewBatches] deals out to a
// training loop.
//
// # In which order to read
//
//  1. [Load] and its [Config], for files; [FromEvents], [FromPoints] and [FromText], for what
//     a program has in memory;
//  2. [Dataset], its [Interactions] and, where there are times, its [Histories];
//  3. [ParseTask] and [Task], which make [Examples] of a dataset;
//  4. [Frame] and [Field], which are what a model reads of an example;
//  5. [NewBatches], for who writes a training loop;
//  6. [Format], [SplitKind], [TaskSpec] and [FeatureFormat], for who adds one.
//
// Ids are texts in files and answers, and row numbers everywhere else; the dataset has the
// names of the numbers. An error of a file names the file and the line.
//
// # Order
//
// Beside its sets a Dataset with times has [Histories]: the events of each user in the
// order of time, repeats among them, each with the part that the split gave it. They come
// from files with times, in file order where these are equal, and from the format
// "sequence", whose lines are in that order; where their ids count from 1, as in the files of
// S3-Rec, "sequence:ids=from1" holds them to it. What makes a row of them is a task: "last" has
// a history and the event that follows, and "next" every event of a window at once, each
// with the one that follows ([Examples].Place). The field "history" is in order then
// ([Field].Ordered), at most "len" long, and "seen" is the set that rankings leave out; by
// the tasks "user" and "pair" the set is "history" itself. An evaluation of valid knows the
// train events, one of test those of valid too.
//
// Where examples are of positions, or where it is asked for, batches are measured by
// positions ([NewPackedBatches]): histories of all lengths lie end to end without padding, and
// every epoch has the same number of batches, of the same sizes.
//
// # Points
//
// Files of format "xmc" hold points with sparse features and labels, as extreme
// classification has them, and so do [FromPoints] and a demo with features. Points are users
// with the field "features", labels items, and [Dataset].Points says of which part each is:
// a split divides points, not the labels of one. The task "label" makes examples of them,
// known by features alone.
//
// # Text
//
// The format "text" reads running text, and [FromText] takes it from memory: users are
// documents, items are words, and [Dataset].Text says so. Its splits divide the stream of
// tokens, or documents, and then the vocabulary is cut to the commonest words of train. The tasks in
// order make an example of every word but the first of a document, in training and in
// evaluation alike, and leave nothing out of rankings; "window" has the nearest words, on
// one side or both, and "skipgram" pairs of words.
//
// # Users held out of training
//
// [Held] takes a share of the users out of training altogether. What is known of them is
// in [Dataset].Known, which nothing trains on or counts; a model that reads histories ranks
// for them as for anybody, and so it does for [Task.OfHistories], people who are in no file.
//
// # Features
//
// [Dataset].UserFields and ItemFields are features of users and of items: a [Field] each, with
// the names of its ids or the [Scale] of its numbers. They come from files beside the
// interactions, which a [FeatureFormat] reads, or from [Events]. Load and FromEvents leave them
// as the rows with training pairs have them: without ids that none of these has, and with
// numbers scaled by them; Open leaves them as the files say. [Task.OfQueries] makes contexts of
// people who are in no file by the same texts.
//
// Formats, splits and tasks register themselves, one file each ([Register],
// [RegisterFeatures], [RegisterSplit], [RegisterTask]); a program adds its own without touching this package.
//
// Everything is deterministic: a random choice is a function of a seed written
// in the split's text, the demo's text or the batcher's argument, never of the
// time, the number of threads or the order of a map.
package data
