// Command firstmodel has a model of its own: it trains it under a loss by name, measures it and
// ranks items for somebody.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// net encodes a user as W tanh(u), where u is the vector of the user; each item has a vector too.
type net struct {
	user, w *models.Table
	models.FreeClasses
}

func (m net) Dim() int { return m.w.Rows }

func (m net) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	user, err := in.IDs("user")
	if err != nil {
		return nil, err
	}
	var e graph.Expr
	hidden := e.N(graph.Tanh(e.N(graph.Lookup(in.Table(m.user), user))))
	return e.N(graph.MatMul(hidden, in.Table(m.w), false, true)), e.Err
}

func init() {
	models.Register(models.Spec{
		Name: "net", Doc: "two layers over the user's vector", Source: "this program",
		New: func(_ models.Values, s models.Setting) (models.Model, error) {
			m := net{s.NewTable("user", s.Set.Users, 16), s.NewTable("w", s.Dim, 16), models.NewFreeClasses(s)}
			m.w.Init = graph.Xavier()
			return m, nil
		},
	})
}

func main() {
	cfg := train.Config{Model: train.ModelConfig{Name: "net"}, Loss: "softmax"}
	cfg.Data.Source = "demo:users=500,items=200" // or a file of yours, as the first argument
	if len(os.Args) > 1 {
		cfg.Data.Source = os.Args[1]
	}
	ctx := context.Background()
	set := must(data.Load(cfg.Data.Config()))
	result := must(train.Run(ctx, cfg, set, nil))
	fmt.Println(result.Test)

	server := must(result.Trained.Serve(set))
	user := set.UserName(0)
	for _, item := range must(server.Recommend(ctx, train.Ask{User: user}, 3, train.Filter{})) {
		fmt.Printf("%s may like %s, score %.2f\n", user, item.ID, item.Score)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
