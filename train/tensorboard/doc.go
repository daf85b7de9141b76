// Package tensorboard writes a run's course as TensorBoard event files.
//
// A [Writer] appends scalars to one event file; its Observe is a train.Observer
// that writes
//
//	train/loss, train/grad_norm, train/learning_rate   of each step
//	epoch/loss, epoch/grad_norm, epoch/seconds         of each epoch
//	epoch/clipped                                      share of its steps whose gradient was clipped
//	valid/METRIC                                       of each evaluation
//	test/METRIC                                        of the end
//
// all against the number of steps done, so that runs of several batch sizes can be
// laid over each other. What a run does not have (a gradient norm or a learning
// rate with the exact solvers) is not written.
//
// An event file is a sequence of TFRecords, each an Event message (tensorflow's
// event.proto and summary.proto). Every event is one write of the file: a process
// that is killed loses none that it wrote.
package tensorboard
