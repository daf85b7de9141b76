package kernel

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProbeCountsWhereThereAreVectors(t *testing.T) {
	for _, name := range Paths() {
		restore, err := Use(name)
		require.NoError(t, err)
		flops := ProbeFMA()
		restore()
		if name == "go" {
			require.Zero(t, flops)
		} else {
			require.GreaterOrEqual(t, flops, 1e6, name)
		}
	}
}
