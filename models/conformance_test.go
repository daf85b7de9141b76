package models_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/modeltest"
)

// TestConformance holds every registered model to the suite, at texts that are read again.
func TestConformance(t *testing.T) {
	require.NotEmpty(t, models.All())
	for _, spec := range models.All() {
		checked := *spec
		if testing.Short() { // choices, and numbers at their defaults
			checked.Params = slices.Clone(spec.Params)
			for i := range checked.Params {
				checked.Params[i].Probe = nil
			}
		}
		t.Run(spec.Name, func(t *testing.T) { require.NoError(t, modeltest.Check(&checked, nil)) })
		for _, k := range spec.Probes() {
			again, err := models.Parse(k.String())
			require.NoError(t, err)
			require.Equal(t, k.Values, again.Values)
		}
	}
}
