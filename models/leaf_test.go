package models

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// TestTableHasOneLeaf: in the training graph of every model under every head each table
// is one leaf, which the loss depends on and a step moves once; a tied model and a class
// tower are among them. Leaves are told by the memory that they hold, not by what Graph
// has noted.
func TestTableHasOneLeaf(t *testing.T) {
	set := inOrder(t, featured(t))
	views, err := set.Examples("last:len=4")
	require.NoError(t, err)
	contexts := map[string]*data.Frame{}
	all := wholes(set)
	registered := 0
	for _, spec := range All() {
		for _, k := range spec.Probes() {
			var err error
			all[k.String()], err = k.New(Setting{Set: set, Dim: 4, Init: 0.5, Seed: 7})
			require.NoError(t, err)
			registered++
			if spec.Ordered {
				contexts[k.String()] = views.Context
			}
		}
	}
	require.Positive(t, registered)
	texts := schemes(t)
	for _, s := range sampler.All() {
		if s.Props.Has(sampler.Adaptive) {
			texts = append(texts, "sampled:n=4,sampler="+s.Name)
		}
	}
	graphs := 0
	for name, m := range all {
		frame := contexts[name]
		if frame == nil {
			frame = set.Contexts()
		}
		for _, text := range texts {
			t.Run(name+"/"+text, func(t *testing.T) {
				leafCount(t, m, frame, text, HeadSetting{Setting: Setting{Set: set, Dim: m.Dim(), Init: 0.5, Seed: 7}, Score: Dot, Temperature: 0.5, Bias: true, Loss: softmax})
			})
			graphs++
		}
	}
	require.Equal(t, (registered+2)*len(texts), graphs)
	t.Logf("%d graphs", graphs)
}

// leafCount checks one graph.
func leafCount(t *testing.T, m Model, contexts *data.Frame, text string, s HeadSetting) {
	head, err := NewHead(text, s)
	require.NoError(t, err)
	encoding, classSide, err := Tables(m, head, s.Loss, contexts, s.Set.Classes())
	require.NoError(t, err)
	tables := append(encoding, classSide...)
	require.NotEmpty(t, tables)
	for _, table := range tables {
		if table.Data == nil {
			table.Initialise(7)
		}
	}
	const rows = 4
	b := graph.NewBuilder[float32]()
	g := NewGraph(b, contexts, rows, s.Set.Classes())
	o, err := NewObjective(b, g, m, head, s.Loss, 8, false)
	require.NoError(t, err)
	p, err := b.Train(o.Cost())
	require.NoError(t, err)
	defer p.Close()

	of := map[*float32]int{} // leaves by the memory that they hold
	for _, n := range o.Cost().Graph().AllNodes() {
		if x, ok := dataOf(n); ok {
			of[&x[0]]++
		}
	}
	for _, table := range tables {
		require.Equal(t, 1, of[&table.Data[0]], "leaves of table %q", table.Name)
	}
	require.Equal(t, tables, g.Tables())

	require.NoError(t, o.Set(0, testBatch))
	require.NoError(t, p.Run())
	moved := map[*Table]int{}
	require.NoError(t, g.Step(p, func(table *Table) graph.Updater[float32] {
		moved[table]++
		return still{}
	}))
	for _, table := range tables {
		want := 1
		if table.Frozen {
			want = 0
		}
		require.Equal(t, want, moved[table], "steps of table %q", table.Name)
	}
}

// dataOf returns the numbers of a leaf.
func dataOf(n *gorgonia.Node) ([]float32, bool) {
	if n.Op() != nil || n.Value() == nil {
		return nil, false
	}
	x, ok := n.Value().Data().([]float32)
	return x, ok
}

// still moves nothing.
type still struct{}

func (still) Update(*Table, graph.Gradient[float32]) error { return nil }
