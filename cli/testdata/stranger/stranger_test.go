package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fenchel-ml/fenchel/data"
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

// TestFormat: a file is recognised and read, and a line that is wrong is named.
func TestFormat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "likes.txt")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Repeat("ann|tea\nbob|ale\nbob|tea\n", 4)) // pairs that are repeated count once
	set, err := data.Load(data.Config{Source: file})
	pass(t, err)
	if err == nil && (set.Users != 2 || set.Items != 2) {
		t.Errorf("read %d users and %d items, wanted 2 and 2", set.Users, set.Items)
	}
	write("ann|tea\nbob\n")
	if _, err := data.Load(data.Config{Source: file, Format: "own-bars"}); err == nil || !strings.Contains(err.Error(), "likes.txt:2:") {
		t.Errorf("wanted an error of line 2, got %v", err)
	}
}

func pass(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
