package models

// A Top is the head of one row's ranking: class ids with what they are ranked by, best
// first, ties by lower id. That is the score of a class; where the loss's probabilities
// are not in the order of scores, what losses.Spec.Rank makes of it; of a head with
// several decisions the log-probability. Masked classes are absent, so a Top may be shorter
// than what was asked for.
type Top struct {
	IDs    []int32   // classes
	Scores []float32 // as IDs

	// LogP are the log-probabilities, in nats, of the classes that Query.Targets asks for, in
	// its order; nil where it asks for none.
	LogP []float64
}
