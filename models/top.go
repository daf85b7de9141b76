package models

// A Top is the head of one row's ranking: class ids with their scores, best
// first, ties by lower id. Masked classes are absent, so a Top may be shorter
// than what was asked for.
type Top struct {
	IDs    []int32
	Scores []float32
}
