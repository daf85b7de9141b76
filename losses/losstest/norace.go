//go:build !race

package losstest

// underRace says that the race detector is not at work.
const underRace = false
