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
// and the tables are the only thing it changes. A table that one fused loss alone reads, as
// class vectors are, moves in the run already (see graph.Program.Sink), to the same bits;
// where the gradient is clipped none does. [RunDir] does the same in a run
// folder that reproduces and resumes the run. [Evaluate] measures any models.Scorer on
// any examples; a [Recommender] is one, and does so for the splits of a dataset, by the
// parts of a [Protocol]: what was trained on, and what a ranking leaves out.
// Subpackages: metric holds the measures, optim the updaters and schedules, als the exact
// solver of the quadratic losses, weights the file format.
package train
