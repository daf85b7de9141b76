package models

import (
	"fmt"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// An apart computes what a model makes of tables alone in a program of its own, and hands the
// values to the graph that reads them as leaves: an evaluation, whose weights stay, computes
// them once and not with each block of rows.
type apart struct {
	b       *graph.Builder[float32]
	nodes   []*gorgonia.Node // as the model made them
	values  [][]float32      // of the leaves that stand for them
	program *graph.Program[float32]
	ran     bool
}

// leaf returns a leaf that stands for n where n depends on tables of g alone, and else n.
func (a *apart) leaf(g *Graph, n *gorgonia.Node) *gorgonia.Node {
	for _, leaf := range graph.Leaves(n) {
		if leaf == n || g.tableOf(leaf) == nil {
			return n
		}
	}
	leaf, values := a.b.Input(fmt.Sprint("apart-", len(a.nodes)), n.Shape()...)
	a.nodes, a.values = append(a.nodes, n), append(a.values, values)
	return leaf
}

// compile makes the program, if there is anything to compute.
func (a *apart) compile() (err error) {
	if len(a.nodes) > 0 {
		a.program, err = a.b.Eval(a.nodes...)
	}
	return err
}

// run computes the values, the first time that it is called.
func (a *apart) run() error {
	if a.program == nil || a.ran {
		return nil
	}
	if err := a.program.Run(); err != nil {
		return err
	}
	for i, n := range a.nodes {
		copy(a.values[i], a.program.Value(n))
	}
	a.ran = true
	return nil
}

// bytes returns the memory of the program, less that of the leaves, which is counted with
// the program that reads them.
func (a *apart) bytes() int64 {
	if a.program == nil {
		return 0
	}
	n := a.program.Bytes()
	for _, x := range a.nodes {
		n -= bytesOf[float32](x.Shape().TotalSize())
	}
	return n
}

func (a *apart) close() error {
	if a.program == nil {
		return nil
	}
	return a.program.Close()
}
