package cli

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"time"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/losses"
)

// A price is what a step under a loss takes on this machine, beside one under softmax.
type price struct {
	Milliseconds float64 `json:"milliseconds"`
	Softmax      float64 `json:"softmax_milliseconds"`
	Ratio        float64 `json:"ratio"` // of the two
	Form         string  `json:"form"`  // which the step takes
	Batch        int     `json:"batch"`
	Classes      int     `json:"classes"`
	Dim          int     `json:"dim"`
	Rounds       int     `json:"rounds"` // of which each time is the least
	CPU          string  `json:"cpu"`
	Threads      int     `json:"threads"`
	Fault        string  `json:"fault,omitempty"` // why there is no time
}

// The size of the step that is measured: some milliseconds of a fused softmax.
const (
	priceBatch   = 64
	priceClasses = 10_000
	priceDim     = 64
)

// Rounds go on until there are mostRounds or they took roundsTime; a few are run even
// where they take up to fewTime, and one is always.
const (
	mostRounds, roundsTime = 10, 300 * time.Millisecond
	fewRounds, fewTime     = 3, time.Second
)

// measurePrice times forward and backward passes of a graph of h·Wᵀ and the loss b over
// all classes, float32, and those of softmax in turn with them, so that what else the
// machine does is shared. Neither counts its first run.
func measurePrice(b losses.Loss) *price {
	p := &price{Form: formOf(b), Batch: priceBatch, Classes: priceClasses, Dim: priceDim,
		CPU: cmp.Or(kernel.CPU(), runtime.GOARCH), Threads: runtime.GOMAXPROCS(0)}
	if err := p.measure(b); err != nil {
		p.Fault = err.Error()
	}
	return p
}

func (p *price) measure(b losses.Loss) error {
	softmax, err := losses.Parse("softmax")
	if err != nil {
		return err
	}
	var steps [2]*graph.Program[float32]
	for i, l := range []losses.Loss{b, softmax} {
		if steps[i], err = priceStep(l); err != nil {
			return err
		}
		defer steps[i].Close()
		if err := steps[i].Run(); err != nil {
			return err
		}
	}
	least := [2]time.Duration{math.MaxInt64, math.MaxInt64}
	more := func(took time.Duration) bool {
		return p.Rounds == 0 || p.Rounds < fewRounds && took < fewTime || p.Rounds < mostRounds && took < roundsTime
	}
	for start := time.Now(); more(time.Since(start)); p.Rounds++ {
		for i, step := range steps {
			began := time.Now()
			if err := step.Run(); err != nil {
				return err
			}
			least[i] = min(least[i], time.Since(began))
		}
	}
	p.Milliseconds, p.Softmax = 1e3*least[0].Seconds(), 1e3*least[1].Seconds()
	p.Ratio = p.Milliseconds / p.Softmax
	return nil
}

// priceStep compiles the step of a loss, on scores of standard deviation 1 or, where the
// loss takes cosines, on cosines.
func priceStep(l losses.Loss) (*graph.Program[float32], error) {
	rng := rand.New(rand.NewPCG(2024, 1))
	rows := func(n int) []float32 {
		x := make([]float32, n*priceDim)
		for i := range x {
			x[i] = float32(rng.NormFloat64() / math.Sqrt(math.Sqrt(priceDim)))
		}
		for ; l.Spec.Domain == losses.Cosines && n > 0; n-- {
			row := x[(n-1)*priceDim : n*priceDim]
			kernel.Scale(1/float32(math.Sqrt(float64(kernel.SumSquares(row)))), row)
		}
		return x
	}
	b := graph.NewBuilder[float32]()
	lin := graph.Linear{H: b.Param("H", rows(priceBatch), priceBatch, priceDim), W: b.Param("W", rows(priceClasses), priceClasses, priceDim)}
	label, data := b.Indices("label", priceBatch)
	for i := range data {
		data[i] = int32(rng.IntN(priceClasses))
	}
	if learned := l.Learned(); len(learned) > 0 {
		var params []*gorgonia.Node
		for _, p := range learned {
			params = append(params, b.Param(p.Name, []float32{float32(p.Start)}, 1))
		}
		form, err := l.Trained(params...)
		if err != nil {
			return nil, err
		}
		l.Analytic = form
	}
	var e graph.Expr
	t, err := graph.LabelTargets(label)
	if err != nil {
		return nil, err
	}
	cost := e.N(graph.MeanRows(e.N(graph.LinearLoss(l.Analytic, lin, t)), t))
	if e.Err != nil {
		return nil, e.Err
	}
	return b.Train(cost)
}

// formOf says which form of b a step takes.
func formOf(b losses.Loss) string {
	switch {
	case len(b.Learned()) > 0:
		return byDefinition
	case b.Analytic.Fused():
		return "fused with the scores"
	case b.Spec.New != nil:
		return "closed form of each row of scores"
	}
	return byDefinition
}

// byDefinition is the form of a loss that is trained through its nodes.
const byDefinition = "graph of its definition, in blocks of rows"

// String prints the time, the protocol and the machine.
func (p *price) String() string {
	if p.Fault != "" {
		return "not measured: " + p.Fault
	}
	return fmt.Sprintf("%.3g ms a step, %.2g times the %.3g ms of a fused softmax; its form is: %s", p.Milliseconds, p.Ratio, p.Softmax, p.Form)
}

// protocol says how the time was taken.
func (p *price) protocol() string {
	return fmt.Sprintf("forward and backward of B=%d rows over C=%d classes, d=%d, float32, least of %d in turn, just now; %s, %d threads",
		p.Batch, p.Classes, p.Dim, p.Rounds, p.CPU, p.Threads)
}
