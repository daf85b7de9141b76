//go:build race

package losstest

// underRace says that the race detector is at work. Pools then drop part of what they
// hold, and what a row allocates says nothing of the row.
const underRace = true
