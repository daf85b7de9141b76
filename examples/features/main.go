// Command features ranks films that nobody has seen yet, for viewers whom it knows and for
// one of whom it knows an age and a town alone: both sides are towers over features.
//
//	features           viewers and films, generated
//	features FOLDER    a folder of RecBole or MovieLens, with files of features
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	// A tenth of the items, by lot, has no pair in train: no model has a vector of theirs that
	// means anything, but for what their features say.
	const split = "cold-items:0.8,0.1,0.1,seed=1"
	var set *data.Dataset
	var err error
	if len(args) > 0 {
		set, err = data.Load(data.Config{Source: args[0], Split: split})
	} else {
		set, err = data.FromEvents(cinema(1500), split)
	}
	if err != nil {
		return err
	}
	for _, f := range set.Describe().Fields {
		fmt.Fprintf(out, "%s field %s\n", f.Side, f)
	}

	// Nobody and nothing is known by name (id=none): what can be said of a viewer can be said
	// of somebody who comes tomorrow.
	cfg := train.Config{
		Model: train.ModelConfig{Name: "tower:id=none", Dim: 32},
		Train: train.TrainConfig{Epochs: 15},
		Eval:  train.EvalConfig{Items: train.ColdItems, Metrics: []string{"ndcg@5"}},
	}
	towers, err := train.Run(ctx, cfg, set, nil)
	if err != nil {
		return err
	}
	cfg.Model.Name = "mf"
	mf, err := train.Run(ctx, cfg, set, nil)
	if err != nil {
		return err
	}
	e, err := towers.Trained.Evaluation(set, "test", towers.Trained.Plan.Metrics)
	if err != nil {
		return err
	}
	popular, err := train.Evaluate(ctx, baseline.NewPop(set.Train), e)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "items that training never saw:\n%-10s  %v\n%-10s  %v\n%-10s  %v\n", "towers", towers.Test, "mf", mf.Test, "popularity", popular)
	if len(args) > 0 {
		return nil
	}

	// What a program is told of somebody is a text for each feature, as a file would have it.
	tops, err := towers.Trained.PredictQueries(ctx, set, []data.Query{
		{Features: map[string]string{"age": "16", "town": "Bonn"}},
		{Features: map[string]string{"age": "70"}}, // what is not said is not known
	}, 3, false)
	if err != nil {
		return err
	}
	for i, who := range []string{"16, of Bonn", "70"} {
		var films []string
		for _, item := range tops[i].IDs {
			films = append(films, set.ItemName(int(item)))
		}
		fmt.Fprintf(out, "for somebody of %s: %s\n", who, strings.Join(films, ", "))
	}
	return nil
}

// cinema returns what viewers saw of 400 films: of the genre of their town most often, and
// long ones the more the older they are.
func cinema(viewers int) data.Events {
	rng := rand.New(rand.NewPCG(1, 1))
	towns, genres := []string{"Bonn", "Jena", "Kiel", "Ulm"}, []string{"comedy", "crime", "drama", "western"}
	town, genre := data.Feature{Name: "town", Of: map[string]map[string]float32{}}, data.Feature{Name: "genre", Of: map[string]map[string]float32{}}
	age, minutes := data.Feature{Name: "age", Number: map[string]float32{}}, data.Feature{Name: "minutes", Number: map[string]float32{}}
	type film struct {
		name  string
		genre int
		long  bool
	}
	var films []film
	for i := range 400 {
		f := film{genre: i % len(genres), long: rng.IntN(2) == 0}
		length := 70 + rng.IntN(30)
		if f.long {
			length += 60
		}
		f.name = fmt.Sprintf("%s-%d/%d'", genres[f.genre], i, length)
		films = append(films, f)
		genre.Of[f.name] = map[string]float32{genres[f.genre]: 1}
		if rng.IntN(4) == 0 {
			genre.Of[f.name]["classic"] = 1
		}
		minutes.Number[f.name] = float32(length)
	}
	e := data.Events{Name: "cinema"}
	for v := range viewers {
		name, home := fmt.Sprint("viewer-", v), rng.IntN(len(towns))
		years := 10 + rng.IntN(70)
		town.Of[name], age.Number[name] = map[string]float32{towns[home]: 1}, float32(years)
		for range 15 {
			f := films[rng.IntN(len(films))]
			for f.genre != home && rng.IntN(10) > 0 || f.long != (rng.IntN(90) < years) {
				f = films[rng.IntN(len(films))]
			}
			e.Train = append(e.Train, data.Event{User: name, Item: f.name})
		}
	}
	e.UserFeatures, e.ItemFeatures = []data.Feature{town, age}, []data.Feature{genre, minutes}
	return e
}
