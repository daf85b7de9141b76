package losses_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/losstest"
)

// TestConformance holds every registered loss to the suite.
func TestConformance(t *testing.T) {
	require.NotEmpty(t, losses.All())
	for _, spec := range losses.All() {
		t.Run(spec.Name, func(t *testing.T) { require.NoError(t, losstest.Check(spec, testing.Short())) })
	}
}
