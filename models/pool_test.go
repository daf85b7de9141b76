package models

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// inOrder returns set as if its train pairs had come in another order than that of ids, the
// first of each user twice.
func inOrder(t *testing.T, set *data.Dataset) *data.Dataset {
	ptr, item := []int{0}, []int32{}
	for u := range set.Users {
		own := slices.Clone(set.Train.ItemsOf(u))
		slices.Reverse(own)
		item = append(append(item, own...), own[0])
		ptr = append(ptr, len(item))
	}
	with := *set
	var err error
	with.Histories, err = data.HistoriesFrom(set.Users, set.Items, ptr, item, make([]uint8, len(item)))
	require.NoError(t, err)
	return &with
}

// poolOf makes a pool, of which the tables that set reads have numbers.
func poolOf(t *testing.T, text string, set *data.Dataset) *pool {
	m := modelOf(t, text, set)
	built(t, m, set)
	return m.(*pool)
}

// TestPool: its encoding is the formula, of sets and of histories with repeats, and of an
// empty one it is zeros.
func TestPool(t *testing.T) {
	set := inOrder(t, demo(t))
	task, err := data.ParseTask("last:len=3")
	require.NoError(t, err)
	ordered, err := task.OfHistories(set, [][]int32{{5, 7, 5}, {}, {1, 1, 2, 2}})
	require.NoError(t, err)
	for text, power := range map[string]float64{"pool": 0.5, "pool:power=1": 1, "pool:power=0": 0, "pool:table=tied": 0.5, "pool:own=0.25": 0.5} {
		m := poolOf(t, text, set)
		require.Equal(t, strings.Contains(text, "tied"), m.item == m.W)
		for _, frame := range []*data.Frame{set.Contexts(), ordered} {
			e, err := NewEncoder(m, frame, 3)
			require.NoError(t, err)
			h := make([]float32, 3*4)
			require.NoError(t, e.Encode(h, []int32{0, 1, 2}))
			require.NoError(t, e.Close())
			past, err := frame.Field("history")
			require.NoError(t, err)
			user, err := frame.Field("user")
			require.NoError(t, err)
			for row := range 3 {
				want := make([]float64, 4)
				ids, _ := past.Row(row)
				for _, id := range ids {
					for k, v := range m.item.Row(id) {
						want[k] += float64(v) / math.Pow(float64(len(ids)), power)
					}
				}
				for k := range want {
					if m.own > 0 {
						want[k] *= 1 - m.own
						if u := user.One(row); u >= 0 {
							want[k] += m.own * float64(m.user.Row(u)[k])
						}
					}
					require.InDelta(t, want[k], h[row*4+k], 1e-6, "%s row %d", text, row)
				}
			}
		}
	}
}

// TestPoolDrops: in training an item of the history is left out with probability drop and
// counts 1/(1−drop) otherwise, another in each step, and elsewhere it is there.
func TestPoolDrops(t *testing.T) {
	set := demo(t)
	m := poolOf(t, "pool:power=0,drop=0.5", set)
	for i := range m.item.Data { // an encoding counts the items that are kept
		m.item.Data[i] = 1
	}
	b := graph.NewBuilder[float32]()
	g := NewGraph(b, set.Contexts(), set.Users, set.Classes())
	h, err := Encode(g, m)
	require.NoError(t, err)
	cost, err := graph.Sum(h)
	require.NoError(t, err)
	p, err := b.Train(cost, h)
	require.NoError(t, err)
	rows := make([]int32, set.Users)
	for u := range rows {
		rows[u] = int32(u)
	}
	require.NoError(t, g.Contexts.Fill(rows))
	run := func(step int) []float32 {
		p.SetStep(step)
		require.NoError(t, p.Run())
		return slices.Clone(p.Value(h))
	}
	first := run(0)
	kept := 0.0
	for u := range rows {
		n := float64(len(set.Train.ItemsOf(u)))
		require.Zero(t, math.Mod(float64(first[u*4]), 2))
		require.LessOrEqual(t, float64(first[u*4]), 2*n)
		kept += float64(first[u*4]) / 2
	}
	require.InDelta(t, 0.5, kept/float64(set.Train.Len()), 0.1)
	require.NotEqual(t, first, run(1))
	require.Equal(t, first, run(0))
	require.NoError(t, p.Close())
}

// TestPositions: what Inputs gives in a graph of positions is what each is to have.
func TestPositions(t *testing.T) {
	set := inOrder(t, demo(t))
	set.UserFields = []data.Field{{Name: "age", Size: set.Users, Lo: make([]int, set.Users), Hi: make([]int, set.Users), ID: []int32{3, 8}, Value: []float32{.5, 2}}}
	for u := range set.Users {
		set.UserFields[0].Hi[u] = 1 + u%2
	}
	x, err := set.Examples("next:len=4,stride=2")
	require.NoError(t, err)
	batches, err := data.NewPackedBatches(x, 9, 5)
	require.NoError(t, err)
	room := batches.Room()
	require.True(t, room.Each && !room.All)
	past, err := x.Context.Field("history")
	require.NoError(t, err)
	user, err := x.Context.Field("user")
	require.NoError(t, err)
	b := graph.NewBuilder[float32]()
	g := NewGraph(b, x.Context, room.Contexts, set.Classes()).Fit(room)
	in := g.Contexts
	require.Equal(t, room.Positions, in.Rows())
	table := (Setting{Set: set, Dim: 2, Init: 1}).NewTable("item", set.Items, 2)
	table.Initialise(1)
	var e graph.Expr
	ids := e.N(in.IDs("user"))
	ptr, bag, values, err := in.Bag("history")
	require.NoError(t, err)
	require.Nil(t, values)
	bounds, events, place, err := in.Sequence("history")
	require.NoError(t, err)
	lengths := e.N(in.Lengths("history"))
	agePtr, _, ages, err := in.Bag("age")
	require.NoError(t, err)
	require.NotNil(t, ages)
	ageLengths := e.N(in.Lengths("age"))
	same := e.N(graph.Lookup(in.Table(table), events))
	require.Same(t, same, e.N(in.Last("history", same)), "of positions each is an encoding")
	require.NoError(t, e.Err)
	require.Equal(t, []string{"user", "history", "age"}, in.Fields())
	value := func(v any) []int32 { return v.([]int32) }
	for batch := range batches.Epoch(1) {
		require.NoError(t, in.FillBatch(batch))
		at := 0
		for i, r := range batch.Rows {
			own, _ := past.Row(int(r))
			require.EqualValues(t, at, value(bounds.Value().Data())[i])
			for k := range own {
				require.Equal(t, user.One(int(r)), value(ids.Value().Data())[at])
				lo, hi := value(ptr.Value().Data())[at], value(ptr.Value().Data())[at+1]
				require.Equal(t, own[:k+1], value(bag.Value().Data())[lo:hi])
				require.Equal(t, own[k], value(events.Value().Data())[at])
				require.EqualValues(t, k, value(place.Value().Data())[at])
				require.EqualValues(t, k+1, lengths.Value().Data().([]float32)[at])
				require.EqualValues(t, 1+user.One(int(r))%2, ageLengths.Value().Data().([]float32)[at])
				from := value(agePtr.Value().Data())[at]
				require.EqualValues(t, .5, ages.Value().Data().([]float32)[from])
				at++
			}
		}
		for ; at < room.Positions; at++ {
			require.EqualValues(t, -1, value(ids.Value().Data())[at])
			require.EqualValues(t, -1, value(events.Value().Data())[at])
			require.Zero(t, lengths.Value().Data().([]float32)[at])
		}
		bad := *batch
		bad.At = slices.Repeat([]int32{int32(room.Positions)}, 1)
		require.ErrorContains(t, in.FillBatch(&bad), "is of position")
	}
	longest := slices.MaxFunc([]int32{0, 1, 2, 3, 4, 5}, func(a, b int32) int { return past.Len(int(a)) - past.Len(int(b)) })
	g = NewGraph(graph.NewPlan[float32](), x.Context, 2, nil).Fit(data.Room{Contexts: 2, Rows: 5, Sequence: "history", Positions: 5, Each: true})
	require.ErrorContains(t, g.Contexts.Fill([]int32{longest, longest}), "8 positions in a batch of 5")
}

// TestSequenceRefuses: a set has no order, and classes have no sequence.
func TestSequenceRefuses(t *testing.T) {
	set := inOrder(t, demo(t))
	g := NewGraph(graph.NewPlan[float32](), set.Contexts(), 3, set.Classes())
	_, _, _, err := g.Contexts.Sequence("history")
	require.ErrorContains(t, err, "is a set, whose ids are in no order; the tasks next and last have it")
	task, err := data.ParseTask("last")
	require.NoError(t, err)
	f, err := task.Contexts(set, 1)
	require.NoError(t, err)
	g = NewGraph(graph.NewPlan[float32](), f, 3, f)
	_, _, _, err = g.Classes.Sequence("history")
	require.ErrorContains(t, err, "a sequence is of contexts")
	_, err = g.Contexts.Last("history", nil)
	require.ErrorContains(t, err, "before Sequence has read it")
	_, _, _, err = g.Contexts.Sequence("names")
	require.ErrorContains(t, err, `no field "names"`)
}

// TestLast: of a row the last position, of an empty one zeros.
func TestLast(t *testing.T) {
	set := inOrder(t, demo(t))
	task, err := data.ParseTask("last")
	require.NoError(t, err)
	f, err := task.OfHistories(set, [][]int32{{5, 7, 9}, {}, {3}})
	require.NoError(t, err)
	table := (Setting{Set: set, Dim: 2, Init: 1}).NewTable("item", set.Items, 2)
	table.Initialise(1)
	b := graph.NewBuilder[float32]()
	g := NewGraph(b, f, 4, nil)
	_, ids, _, err := g.Contexts.Sequence("history")
	require.NoError(t, err)
	x, err := graph.Lookup(g.Contexts.Table(table), ids)
	require.NoError(t, err)
	h, err := g.Contexts.Last("history", x)
	require.NoError(t, err)
	p, err := b.Eval(h)
	require.NoError(t, err)
	require.NoError(t, g.Contexts.Fill([]int32{2, 1, 0}))
	require.NoError(t, p.Run())
	require.Equal(t, slices.Concat(table.Row(3), []float32{0, 0}, table.Row(9), []float32{0, 0}), p.Value(h))
	require.NoError(t, p.Close())
}
