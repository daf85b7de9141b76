// Command ownmodel shows a model of one's own: a net of two layers over a user's id, a
// numeric feature and a table that stays as it is drawn, trained under entmax on events
// in memory, its gradient held against central differences, and ranked by.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// net encodes a user as W₂ relu(W₁ [own ; random] + age·a); its classes are free vectors.
type net struct {
	own, random, age, w1, w2 *models.Table
	models.FreeClasses
}

func (m net) Dim() int { return m.w2.Rows }

func (m net) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	user, err := in.IDs("user")
	if err != nil {
		return nil, err
	}
	ptr, ids, age, err := in.Bag("age")
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	x := e.N(graph.Concat(1, e.N(graph.Lookup(in.Table(m.own), user)), e.N(graph.Lookup(in.Table(m.random), user))))
	x = e.N(graph.Add(e.N(graph.MatMul(x, in.Table(m.w1), false, true)), e.N(graph.Bag(in.Table(m.age), ptr, ids, age))))
	return e.N(graph.MatMul(e.N(graph.Relu(x)), in.Table(m.w2), false, true)), e.Err
}

func run(ctx context.Context, w io.Writer) error {
	set, err := data.FromEvents(events(), "ratio:0.8,0,0.2,seed=1")
	if err != nil {
		return err
	}
	examples, err := set.Examples("user")
	if err != nil {
		return err
	}
	loss, err := losses.Parse("entmax")
	if err != nil {
		return err
	}
	s := models.Setting{Set: set, Dim: 8, Init: 0.1}
	m := net{s.NewTable("own", set.Users, 6), s.NewTable("random", set.Users, 2), s.NewTable("age", 1, 16), s.NewTable("w1", 16, 8), s.NewTable("w2", 8, 16), models.NewFreeClasses(s)}
	m.w1.Init, m.w2.Init, m.random.Frozen = graph.Xavier(), graph.Xavier(), true
	head, err := models.NewHead("all", models.HeadSetting{Setting: s, Score: models.Cosine, Temperature: 1, Loss: loss})
	if err != nil {
		return err
	}
	rec, err := train.Fit(ctx, m, head, loss, examples, set.Classes(), train.FitOptions{Epochs: 30, Batch: 20, Seed: 1})
	if err != nil {
		return err
	}
	report, err := models.CheckGradient(m, head, loss, examples, set.Classes(), 8, graph.GradientCheck{})
	for _, g := range report {
		fmt.Fprintf(w, "gradient by %-5s  agrees with central differences: %t\n", g.Param, g.Error < 1e-8)
	}
	if err != nil {
		return err
	}
	tops, err := rec.Rank(ctx, []int32{0}, 3, func(int) []int32 { return set.Train.ItemsOf(0) })
	if err != nil {
		return err
	}
	for _, id := range tops[0].IDs {
		fmt.Fprintln(w, set.UserName(0), "may like", set.ItemName(int(id)))
	}
	return nil
}

// events are those of 60 users, who like what is near to their age.
func events() data.Events {
	e := data.Events{Name: "ages", UserFeatures: []data.Feature{{Name: "age", Of: map[string]map[string]float32{}}}}
	for u := range 60 {
		name := fmt.Sprintf("user-%02d", u)
		e.UserFeatures[0].Of[name] = map[string]float32{"age": float32(u) / 60}
		for i := range 10 {
			e.Train = append(e.Train, data.Event{User: name, Item: fmt.Sprintf("item-%02d", (u/2+i*i)%40)})
		}
	}
	return e
}
