// Package compare trains losses side by side: every loss of a list, at every
// seed, on one split and one budget, and says how much of what it finds is more
// than chance.
//
// What it compares are variants: a loss, the candidates that its rows are scored
// against, and a model. Each model is trained as it usually is unless Base says otherwise: by its own task,
// score, first weights and optimizer. Where there are several the result says how far the
// losses rank alike under them; see ByModel. Settings may be tuned on the valid split first, with the
// first seed; the runs of all seeds then use the best, and what tuning cost is in
// the result. Each run is a run folder of package train, named after a hash of
// its configuration, budget and split, with its outcome beside it: a comparison
// that is started again takes what is there and goes on with the rest.
//
// Differences from the baseline come with a bootstrap interval over users, paired
// (both losses on the same users) and over the mean of the seeds. It says what
// other users of the same kind would show of these trained models; what other
// seeds would show is the standard deviation beside it.
package compare
