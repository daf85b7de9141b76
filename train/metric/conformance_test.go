package metric_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/train/metric"
	"github.com/fenchel-ml/fenchel/train/metric/metrictest"
)

// TestConformance holds every registered metric to the suite.
func TestConformance(t *testing.T) {
	require.NotEmpty(t, metric.All())
	for _, m := range metric.All() {
		t.Run(m.Name, func(t *testing.T) { require.NoError(t, metrictest.Check(m)) })
	}
}
