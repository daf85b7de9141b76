package data_test

import (
	"fmt"
	"log"
	"time"

	"github.com/fenchel-ml/fenchel/data"
)

func Example() {
	d, err := data.Load(data.Config{Source: "demo:users=100,items=50,per-user=10"})
	if err != nil {
		log.Fatal(err)
	}
	task, err := data.ParseTask("user")
	if err != nil {
		log.Fatal(err)
	}
	examples, err := task.ExamplesOf(d)
	if err != nil {
		log.Fatal(err)
	}
	b, err := data.NewBatches(examples, 32, 1)
	if err != nil {
		log.Fatal(err)
	}
	for batch := range b.Epoch(0) {
		fmt.Println(len(batch.Rows), "rows, as many targets as pointers say:", int(batch.Targets.Ptr[len(batch.Rows)]) == len(batch.Targets.Class))
	}
	// Output:
	// 32 rows, as many targets as pointers say: true
	// 32 rows, as many targets as pointers say: true
	// 32 rows, as many targets as pointers say: true
	// 4 rows, as many targets as pointers say: true
}

// A split's text is its name everywhere: a flag, a config, a report.
func ExampleParseSplit() {
	s, err := data.ParseSplit("ratio: 0.8, 0.10, 0.10")
	fmt.Println(s, err)
	_, err = data.ParseSplit("ratio:0.8,0.1,0.2")
	fmt.Println(err)
	// Output:
	// ratio:0.8,0.1,0.1,seed=1 <nil>
	// data: split "ratio:0.8,0.1,0.2": the fractions sum to 1.1, want 1; usage: ratio:TRAIN,VALID,TEST[,seed=N]
}

// Events with times have an order, which a task makes examples of: here what follows each
// of the last three events before those that the split has left for valid and test.
func ExampleHistories() {
	var events []data.Event
	for day, film := range []string{"Heat", "Alien", "Up", "Heat", "Brazil", "Ran"} {
		events = append(events, data.Event{User: "ann", Item: film, Time: time.Unix(int64(day)*86400, 0)})
	}
	set, err := data.FromEvents(data.Events{Name: "films", Train: events}, "leave-one-out")
	if err != nil {
		log.Fatal(err)
	}
	x, err := set.Examples("next:len=3")
	if err != nil {
		log.Fatal(err)
	}
	history, err := x.Context.Field("history")
	if err != nil {
		log.Fatal(err)
	}
	for i, row := range x.Row {
		before, _ := history.Row(int(row))
		for _, film := range before[:x.Place[i]+1] {
			fmt.Print(set.ItemName(int(film)), " ")
		}
		fmt.Println("→", set.ItemName(int(x.Targets.Row(i)[0])))
	}
	// Output:
	// Heat → Alien
	// Heat Alien → Up
	// Heat Alien Up → Heat
}
