package models_test

import (
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// A model and a head by their texts; the head ranks all items for a user, without
// those that the user has.
func Example() {
	set, err := data.Load(data.Config{Source: "demo:users=20,items=10,per-user=5"})
	if err != nil {
		log.Fatal(err)
	}
	setting := models.Setting{Set: set, Dim: 4, Init: 0.1, Seed: 1}
	kind, err := models.Parse("mf")
	if err != nil {
		log.Fatal(err)
	}
	model, err := kind.New(setting)
	if err != nil {
		log.Fatal(err)
	}
	scheme, err := models.ParseHead("all")
	if err != nil {
		log.Fatal(err)
	}
	head, err := scheme.New(models.HeadSetting{Setting: setting, Score: models.Cosine, Temperature: 0.2})
	if err != nil {
		log.Fatal(err)
	}
	// The tables that a graph of both reads are those that exist.
	softmax, err := losses.Parse("softmax")
	if err != nil {
		log.Fatal(err)
	}
	encoding, classes, err := models.Tables(model, head, softmax, set.Contexts(), set.Classes())
	if err != nil {
		log.Fatal(err)
	}
	for _, t := range append(encoding, classes...) {
		t.Initialise(1)
		fmt.Println(t.Name, t.Rows, t.Dim, t.Init)
	}

	enc, err := models.NewEncoder(model, set.Contexts(), 1)
	if err != nil {
		log.Fatal(err)
	}
	defer enc.Close()
	h := make([]float32, model.Dim())
	if err := enc.Encode(h, []int32{3}); err != nil {
		log.Fatal(err)
	}
	ranker, err := head.Ranker(model, set.Classes())
	if err != nil {
		log.Fatal(err)
	}
	tops := make([]models.Top, 1)
	if err := ranker.Rank(tops, h, func(int) []int32 { return set.Train.ItemsOf(3) }, 3); err != nil {
		log.Fatal(err)
	}
	fmt.Println("has", set.Train.ItemsOf(3))
	fmt.Println("best of the others", tops[0].IDs)
	// Output:
	// user 20 4 normal 0.1
	// class 10 4 normal 0.1
	// has [1 3 4 8]
	// best of the others [9 5 7]
}
