package models

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// TestRepeatedRows: a row may come in a batch as often as it has examples, as by the task
// pair, and its bags are whole each time: leaves have room for the fullest batch, where the
// longest rows come again and again. A graph that was not told so refuses.
func TestRepeatedRows(t *testing.T) {
	set := demo(t)
	items := make([]int32, set.Items)
	for i := range items {
		items[i] = int32(i)
	}
	ptr := []int{0, len(items)} // user 0 has all items, the others one each
	item := slices.Clone(items)
	for u := 1; u < set.Users; u++ {
		item = append(item, int32(u%set.Items))
		ptr = append(ptr, len(item))
	}
	var err error
	set.Train, err = data.FromCSR(set.Users, set.Items, ptr, item, nil, nil)
	require.NoError(t, err)
	m := modelOf(t, "pool:drop=0", set)
	built(t, m, set)
	x, err := set.Examples("pair")
	require.NoError(t, err)
	batches, err := data.NewBatches(x, 32, 1)
	require.NoError(t, err)
	room := batches.Room()
	require.EqualValues(t, set.Items, room.Times[0])
	history, err := x.Context.Field("history")
	require.NoError(t, err)
	require.Equal(t, 32*set.Items, history.MostOf(32, room.Times))
	require.Equal(t, set.Items*set.Items+3, history.MostOf(set.Items+3, room.Times))
	require.Equal(t, set.Items+31, history.Most(32))

	alone, err := NewEncoder(m, set.Contexts(), 1)
	require.NoError(t, err)
	want := make([]float32, m.Dim())
	require.NoError(t, alone.Encode(want, []int32{0}))
	b := graph.NewBuilder[float32]()
	g := NewGraph(b, x.Context, room.Contexts, nil).Fit(room)
	h, err := Encode(g, m)
	require.NoError(t, err)
	p, err := b.Eval(h)
	require.NoError(t, err)
	defer p.Close()
	again := slices.Repeat([]int32{0}, 32)
	require.NoError(t, g.Contexts.Fill(again))
	require.NoError(t, p.Run())
	for i := range again {
		require.InDeltaSlice(t, wide(want), wide(p.Value(h)[i*m.Dim():(i+1)*m.Dim()]), 1e-6)
	}

	plain := NewGraph(graph.NewBuilder[float32](), x.Context, 32, nil)
	_, err = Encode(plain, m)
	require.NoError(t, err)
	require.ErrorContains(t, plain.Contexts.Fill(again), `ids of field "history" in a batch that has room for`)
	require.NoError(t, plain.Contexts.Fill([]int32{0, 1, 2}))
}
