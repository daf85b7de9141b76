package data

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFrame(t *testing.T) {
	// A history as prefixes of one sequence, with values.
	f := &Frame{Rows: 3, Fields: []Field{
		{Name: "user", Size: 2, ID: []int32{1, 1, 0}},
		{Name: "row", Size: 9},
		{Name: "history", Size: 5, Lo: []int{0, 0, 0}, Hi: []int{1, 2, 0}, ID: []int32{4, 2}, Value: []float32{1, 0.5}},
	}}
	require.NoError(t, f.Validate())
	h, err := f.Field("history")
	require.NoError(t, err)
	ids, values := h.Row(1)
	require.Equal(t, []int32{4, 2}, ids)
	require.Equal(t, []float32{1, 0.5}, values)
	require.Equal(t, []int{1, 2, 0}, []int{h.Len(0), h.Len(1), h.Len(2)})
	require.Equal(t, []int{2, 3, 3}, []int{h.Most(1), h.Most(2), h.Most(9)})
	u, err := f.Field("user")
	require.NoError(t, err)
	require.EqualValues(t, 1, u.One(1))
	r, err := f.Field("row")
	require.NoError(t, err)
	require.EqualValues(t, 2, r.One(2))
	_, err = f.Field("item")
	require.ErrorContains(t, err, `no field "item"; the choices are user, row, history`)
}

func TestFrameRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for want, f := range map[string]Field{
		"0 ids":                     {Name: "x"},
		"row 2 is no id below 2":    {Name: "x", Size: 2},
		"one of Lo and Hi":          {Name: "x", Size: 2, Lo: []int{0, 0, 0}, ID: []int32{}},
		"bounds without ids":        {Name: "x", Size: 2, Lo: []int{0, 0, 0}, Hi: []int{0, 0, 0}},
		"2 ids for 3 rows":          {Name: "x", Size: 2, ID: []int32{0, 1}},
		"2 and 3 bounds for 3 rows": {Name: "x", Size: 2, Lo: []int{0, 0}, Hi: []int{0, 0, 0}, ID: []int32{0}},
		"row 1 has ids 1 to 0 of 1": {Name: "x", Size: 2, Lo: []int{0, 1, 0}, Hi: []int{0, 0, 0}, ID: []int32{0}},
		"row 2 has ids 0 to 2 of 1": {Name: "x", Size: 2, Lo: []int{0, 0, 0}, Hi: []int{0, 0, 2}, ID: []int32{0}},
		"id 2 at place 1":           {Name: "x", Size: 2, ID: []int32{0, 2, 0}},
		"id -2 at place 2":          {Name: "x", Size: 2, ID: []int32{0, -1, -2}},
		"id -1 at place 0":          {Name: "x", Size: 2, Lo: []int{0, 0, 0}, Hi: []int{1, 1, 1}, ID: []int32{-1}},
		"and no values":             {Name: "x", Size: 2, Lo: []int{0, 0, 0}, Hi: []int{0, 0, 0}, ID: []int32{}, Value: []float32{}, Ordered: true},
		"1 values for 3 ids":        {Name: "x", Size: 2, ID: []int32{0, 1, 1}, Value: []float32{1}},
		"value 1 is NaN":            {Name: "x", Size: 2, ID: []int32{0, 1, 1}, Value: []float32{1, nan, 1}},
		`named ""`:                  {Size: 3},
		`named "user"`:              {Name: "user", Size: 3},
	} {
		f := &Frame{Rows: 3, Fields: []Field{{Name: "user", Size: 3}, f}}
		require.ErrorContains(t, f.Validate(), want)
	}
	require.ErrorContains(t, (&Frame{}).Validate(), "0 rows")
}

func TestExamplesRefuse(t *testing.T) {
	frame := &Frame{Rows: 3, Fields: []Field{{Name: "user", Size: 3}}}
	good := func() *Examples {
		return &Examples{Context: frame, Row: []int32{0, 2}, Targets: Targets{Ptr: []int32{0, 2, 3}, Class: []int32{0, 3, 1}}}
	}
	require.NoError(t, good().Validate(4))
	for want, change := range map[string]func(e *Examples){
		"without a frame":                  func(e *Examples) { e.Context = nil },
		"0 rows":                           func(e *Examples) { e.Context = &Frame{} },
		`no field "seen"`:                  func(e *Examples) { e.Seen = "seen" },
		"2 targets for 3 examples":         func(e *Examples) { e.Row = append(e.Row, 1) },
		"1 weights for 2 examples":         func(e *Examples) { e.Weight = []float32{1} },
		"1 weights for 3 classes":          func(e *Examples) { e.Targets.Weight = []float32{1} },
		"run from 0 to 2":                  func(e *Examples) { e.Targets.Ptr = []int32{0, 1, 2} },
		"example 1 is of row 3":            func(e *Examples) { e.Row[1] = 3 },
		"example 1 has weight 0":           func(e *Examples) { e.Weight = []float32{1, 0} },
		"bounds go from 0 to 4":            func(e *Examples) { e.Targets.Ptr = []int32{0, 4, 3} },
		"class 4 is outside":               func(e *Examples) { e.Targets.Class[1] = 4 },
		"example 0: class 0":               func(e *Examples) { e.Targets.Class[0], e.Targets.Class[1] = 3, 0 },
		"class 0 has weight NaN":           func(e *Examples) { e.Targets.Weight = []float32{float32(math.NaN()), 1, 1} },
		"weights of its classes sum to 2,": func(e *Examples) { e.Targets.Weight = []float32{1, 1, 1} },
	} {
		e := good()
		change(e)
		require.ErrorContains(t, e.Validate(4), want)
	}
}

// TestMisuse: what a program hands in that nothing made is an error, and no panic.
func TestMisuse(t *testing.T) {
	require.ErrorContains(t, (*Frame)(nil).Validate(), "the frame is nil")
	_, err := (*Frame)(nil).Field("user")
	require.ErrorContains(t, err, "the frame is nil")
	d, err := Load(Config{Source: "demo:users=20,items=60,per-user=5"})
	require.NoError(t, err)
	_, err = Task{}.ExamplesOf(d)
	require.ErrorContains(t, err, "a task of no name")
	_, err = Task{}.RankedOf(d, "test")
	require.ErrorContains(t, err, "a task of no name")
	for _, none := range []*Dataset{nil, {}} {
		_, err = RankUsers(none, "test")
		require.ErrorContains(t, err, "is nil")
	}
	unknown := d.ContextsAfter()
	require.NoError(t, unknown.Validate())
	history, err := unknown.Field("history")
	require.NoError(t, err)
	require.Zero(t, history.Most(d.Users))
	_, err = (*Plan)(nil).Load()
	require.ErrorContains(t, err, "the plan is nil")
	_, err = ApplySplit(d, nil)
	require.ErrorContains(t, err, "the split is nil")
}
