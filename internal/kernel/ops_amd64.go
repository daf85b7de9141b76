//go:build amd64 && !purego

package kernel

// probe runs the loop n times and returns the chains and lanes of a round.
func probe(n int) (chains, lanes int) {
	switch active {
	case pathAVX512:
		probe512(n)
		return 24, 16
	case pathAVX2:
		probe256(n)
		return 12, 8
	}
	return 0, 0
}
