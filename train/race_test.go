//go:build race

package train

// underRace says that the race detector is at work: sync.Pool then drops some of what it is
// given.
const underRace = true
