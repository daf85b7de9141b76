package main

import (
	"testing"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/losstest"
)

func TestLoss(t *testing.T) {
	spec, err := losses.Lookup("my-poly")
	if err != nil {
		t.Fatal(err)
	}
	if err := losstest.Check(spec, testing.Short()); err != nil {
		t.Fatal(err)
	}
}
