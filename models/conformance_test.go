package models_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/modeltest"
)

// TestConformance holds every registered model to the suite, at texts that are read again.
func TestConformance(t *testing.T) {
	require.NotEmpty(t, models.All())
	for _, spec := range models.All() {
		t.Run(spec.Name, func(t *testing.T) { require.NoError(t, modeltest.Check(spec, nil)) })
		for _, k := range spec.Probes() {
			again, err := models.Parse(k.String())
			require.NoError(t, err)
			require.Equal(t, k.Values, again.Values)
		}
	}
}
