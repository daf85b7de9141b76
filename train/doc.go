// Package train fits models: the configuration, the plan, the one training loop, run
// folders, evaluation and prediction.
//
//	Config ─ Plan ─ Dataset → Recommender (tables, fresh) ─ solver's steps → the same, trained
//	valid, test → Task → Examples ─ Scorer → rankings → metrics
//
// A [Config] is texts and numbers; its [Plan] is what they denote, each text read once,
// with every default in place. [Run] takes a Config and a dataset, or [Plan.Run] the
// plan, and reports by events to an observer; the package prints nothing. [Fit] does the
// same of objects that have no name. A step is
//
//	batch → fill the leaves → run the compiled graph → gradients → updaters
//
// and the tables are the only thing it changes; see below for those that move in the run.
// [RunDir] does the same in a run folder that reproduces and resumes the run. [Evaluate]
// measures any models.Scorer on any examples; a [Recommender] is one, and does so for the
// splits of a dataset, by the parts of a [Protocol]: what was trained on, and what a ranking
// leaves out.
// [Recommender.PredictHistories] ranks for people of whom a history is known and nothing
// else, [Recommender.PredictQueries] for those of whom features are, and Recommender.Users
// has an evaluation measure those who were held out of training.
//
// # In which order to read
//
// The examples of the package are whole programs. Then:
//
//  1. [Config], whose zero value is the default settings, and [Config.Plan];
//  2. [Run], which trains, or [RunDir], which keeps what it did in a folder;
//  3. [Observer] and the events that it is told of;
//  4. [Fit], for who has a model, a head and a loss as values and no names for them;
//  5. [Evaluate], for whatever ranks; [Protocol] and [Segmentation] say what a number is of;
//  6. [OpenRecommender], whose [Server] answers from a run folder alone, safe for concurrent
//     use, and [Live], which exchanges one for another.
//
// Subpackages: metric holds the measures, optim the updaters and schedules, als the exact
// solver of the quadratic losses, weights the file format, tensorboard an observer.
//
// # Tables that move in the run
//
// The gradient of class vectors is as large as their table, and a step that reads it after
// the run fetches gradient, weights and the optimizer's state from memory. Where one fused
// loss over classes alone reads a table, no such matrix is made: each block of rows moves as
// soon as the backward pass has finished its gradient ([graph.Program.Sink]), cosine scores
// included, and Memory has no room for the gradient. Weights, state and checkpoints have the
// bits of a step after the run, under every optimizer and mode, with l2, decay and any
// schedule. Biases are tables of one number a row, and move after the run. So do
//
//   - all tables where the gradient is clipped, because the norm of all of them is known last;
//   - a table that something else reads too: item vectors that an encoder looks up, or rows
//     that an l2 of a batch (on=batch) draws;
//   - a table of which the run finds few rows with a gradient, as sparsemax of dot products
//     does: that gradient is small;
//   - tables of drawn candidates and of trees, whose gradients are rows in any case, and
//     those of a loss over all classes whose positives get what the others leave, as bpr's.
package train
