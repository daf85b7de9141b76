//go:build race

package graph

// underRace says that the race detector is at work: sync.Pool then drops some of what it
// is given, so that what is allocated says nothing of who asked for it.
const underRace = true
