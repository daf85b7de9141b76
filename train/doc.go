// Package train fits models: the configuration, the one training loop, run
// folders, evaluation and prediction.
//
// [Run] takes a [Config] and a dataset and reports by events to an observer; the
// package prints nothing. A step is
//
//	batch → fill the leaves → run the compiled graph → gradients → updaters
//
// and the tables are the only thing it changes. [RunDir] does the same in a run
// folder that reproduces and resumes the run. Subpackages: metric holds the
// measures, optim the updaters and schedules, als the exact solver of the
// quadratic losses, weights the file format.
package train
