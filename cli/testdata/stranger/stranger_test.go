package main

import (
	"testing"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/losstest"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/modeltest"
	"github.com/fenchel-ml/fenchel/models/sampler"
	"github.com/fenchel-ml/fenchel/models/samplertest"
	"github.com/fenchel-ml/fenchel/train/metric"
	"github.com/fenchel-ml/fenchel/train/metric/metrictest"
)

// Each suite holds what this module registers to its own declaration.

func TestLosses(t *testing.T) {
	for _, name := range []string{"own-gini", "own-squentropy"} {
		loss, err := losses.Lookup(name)
		if err == nil {
			err = losstest.Check(loss, testing.Short())
		}
		pass(t, err)
	}
}

func TestModel(t *testing.T) {
	model, err := models.Parse("own-net")
	if err == nil {
		err = modeltest.Check(model.Spec, nil)
	}
	pass(t, err)
}

func TestSampler(t *testing.T) {
	evens, err := sampler.Lookup("own-evens")
	if err == nil {
		err = samplertest.Check(evens, testing.Short())
	}
	pass(t, err)
}

func TestMetric(t *testing.T) {
	all, err := metric.Lookup("own-all")
	if err == nil {
		err = metrictest.Check(all)
	}
	pass(t, err)
}

func pass(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
