// Package quality has the flag -quality of tests that train for minutes, or have thousands of
// cases:
//
//	go test ./train -run TestQuality -quality
//
// Only tests import it, so that no program has the flag.
package quality
