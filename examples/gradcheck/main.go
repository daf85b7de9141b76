// Command gradcheck ends a Gorgonia graph of its own, a small perceptron, with a
// loss twice: with the loss's definition, whose gradient is symbolic
// differentiation, and with its closed form. Each is held against central differences,
// and the two against each other.
package main

import (
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// lossNode ends a graph: scores z [B,K] and targets to losses [B].
type lossNode func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer) error {
	for _, text := range []string{"softmax", "softmax:tau=0.5,smoothing=0.1", "sparsemax"} {
		loss, err := losses.Parse(text)
		if err != nil {
			return err
		}
		dw, report, err := gradient(loss.Node)
		if err != nil {
			return err
		}
		closed := func(z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.Loss(loss.Analytic, z, t)
		}
		dw2, report2, err := gradient(closed)
		if err != nil {
			return err
		}
		// The same table of what the two say of W.
		both := graph.GradientRow{Param: "W, both", Tolerance: 1e-12}
		for i := range dw {
			both.See(graph.Coordinate("W", []int{classes, hidden}, i), 1,
				graph.GradientValue{By: "symbolic", Value: dw[i]}, graph.GradientValue{By: "closed form", Value: dw2[i]})
		}
		report.Title, report2.Title = text+", symbolic", text+", closed form"
		apart := &graph.GradientReport{Title: text + ", one beside the other", Rows: []graph.GradientRow{both}}
		for _, r := range []*graph.GradientReport{report, report2, apart} {
			if err := r.Err(); err != nil {
				return fmt.Errorf("%s: %w", r.Title, err)
			}
			fmt.Fprintln(w, r)
		}
	}
	return nil
}

const rows, in, hidden, classes = 4, 3, 5, 7

// gradient returns the gradient of mean ℓ(tanh(x·Uᵀ)·Wᵀ, y) over three rows of four with
// respect to W, and how far those by U and W are from central differences. The error names
// the worst entries if that is too far. The numbers are the same every time.
func gradient(loss lossNode) (dw []float64, report *graph.GradientReport, err error) {
	rng := rand.New(rand.NewPCG(1, 2))
	us, ws := make([]float64, hidden*in), make([]float64, classes*hidden)
	b := graph.NewBuilder[float64]()
	x, xs := b.Input("x", rows, in)
	for _, v := range [][]float64{xs, us, ws} {
		for i := range v {
			v[i] = rng.NormFloat64()
		}
	}
	u, w := b.Param("U", us, hidden, in), b.Param("W", ws, classes, hidden)
	targets, y := b.Targets("y", rows, rows)
	e := graph.Expr{Err: y.SetLabels([]int32{2, 0, -1, 6})} // −1 pads
	h := e.N(graph.Tanh(e.N(graph.MatMul(x, u, false, true))))
	mean := e.N(graph.MeanRows(e.N(loss(e.N(graph.MatMul(h, w, false, true)), targets)), targets))
	if e.Err != nil {
		return nil, nil, e.Err
	}
	p, err := b.Train(mean)
	if err != nil {
		return nil, nil, err
	}
	defer p.Close()
	report, err = graph.CheckGradient(p, graph.GradientCheck{Probes: 35}) // every entry
	if err != nil {
		return nil, nil, err
	}
	err = p.Run()
	return append(dw, p.Grad(w).Data...), report, err
}
