//go:build !race

package graph

// underRace says that the race detector is not at work.
const underRace = false
