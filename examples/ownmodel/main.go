// Command ownmodel shows a model of one's own: a net of two layers over a user's id, a
// numeric feature and a table that stays as it is drawn, trained under entmax on events
// in memory. Its gradient is checked against central differences, and it ranks.
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
	ptr, ids, age, err := in.Bag("age") // a feature: ids with values
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	x := e.N(graph.Concat(1, e.N(graph.Lookup(in.Table(m.own), user)), e.N(graph.Lookup(in.Table(m.random), user))))
	x = e.N(graph.Add(e.N(graph.MatMul(x, in.Table(m.w1), false, true)), e.N(graph.Bag(in.Table(m.age), ptr, ids, age))))
	return e.N(graph.MatMul(e.N(graph.Relu(x)), in.Table(m.w2), false, true)), e.Err
}

func run(ctx context.Context, w io.Writer) error {
	// 60 users like what is near to their age, ten items each.
	e := data.Events{Name: "ages", UserFeatures: []data.Feature{{Name: "age", Of: map[string]map[string]float32{}}}}
	for i := range 600 {
		user := fmt.Sprintf("user-%02d", i/10)
		e.UserFeatures[0].Of[user] = map[string]float32{"age": float32(i/10) / 60}
		e.Train = append(e.Train, data.Event{User: user, Item: fmt.Sprintf("item-%02d", (i/20+(i%10)*(i%10))%40)})
	}
	set, err := data.FromEvents(e, "ratio:0.8,0,0.2,seed=1")
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
	if err != nil {
		return err
	}
	fmt.Fprintln(w, "gradients that agree with central differences to 1e-8:", len(report.Rows)/2, "tables")
	tops, err := rec.Predict(ctx, set, []int{0}, 1, false)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s may like %s\n", set.UserName(0), set.ItemName(int(tops[0].IDs[0])))
	return err
}
