package data

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// pairs is the input of FromPairs.
type pairs struct {
	users, items int
	user, item   []int32
	value        []float32
	time         []int64
}

func drawPairs(t *rapid.T) pairs {
	p := pairs{users: rapid.IntRange(1, 12).Draw(t, "users"), items: rapid.IntRange(1, 12).Draw(t, "items")}
	n := rapid.IntRange(0, 60).Draw(t, "n")
	valued, timed := rapid.Bool().Draw(t, "valued"), rapid.Bool().Draw(t, "timed")
	for range n {
		p.user = append(p.user, int32(rapid.IntRange(0, p.users-1).Draw(t, "u")))
		p.item = append(p.item, int32(rapid.IntRange(0, p.items-1).Draw(t, "i")))
		if valued {
			p.value = append(p.value, float32(rapid.IntRange(1, 10).Draw(t, "value"))/2)
		}
		if timed {
			p.time = append(p.time, int64(rapid.IntRange(-5, 5).Draw(t, "time")))
		}
	}
	return p
}

// requireCSR checks the invariants that every Interactions keeps.
func requireCSR(t require.TestingT, x *Interactions) {
	_, err := FromCSR(x.Users(), x.Items(), x.Ptr(), x.Item(), x.Value(), x.Time())
	require.NoError(t, err)
}

// FromPairs holds exactly the distinct pairs, each with the latest time and then
// the highest value among its duplicates, in any order of the input.
func TestFromPairs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPairs(t)
		x, dups, err := FromPairs(p.users, p.items, p.user, p.item, p.value, p.time)
		require.NoError(t, err)
		requireCSR(t, x)
		type cell struct{ u, i int32 }
		type mark struct {
			time  int64
			value float32
		}
		want := map[cell]mark{}
		for k := range p.user {
			var m mark
			if p.time != nil {
				m.time = p.time[k]
			}
			if p.value != nil {
				m.value = p.value[k]
			}
			c := cell{p.user[k], p.item[k]}
			if old, ok := want[c]; !ok || m.time > old.time || m.time == old.time && m.value > old.value {
				want[c] = m
			}
		}
		require.Equal(t, len(want), x.Len())
		require.Equal(t, len(p.user)-len(want), dups)
		for k := range x.Len() {
			u, i := int32(x.UserOf(k)), x.Item()[k]
			m, ok := want[cell{u, i}]
			require.True(t, ok, "pair (%d,%d) was not in the input", u, i)
			if x.Value() != nil {
				require.Equal(t, m.value, x.Value()[k])
			}
			if x.Time() != nil {
				require.Equal(t, m.time, x.Time()[k])
			}
		}
		// Reversed input, same set.
		n := len(p.user)
		q := p
		q.user, q.item = make([]int32, n), make([]int32, n)
		if p.value != nil {
			q.value = make([]float32, n)
		}
		if p.time != nil {
			q.time = make([]int64, n)
		}
		for k := range n {
			q.user[n-1-k], q.item[n-1-k] = p.user[k], p.item[k]
			if p.value != nil {
				q.value[n-1-k] = p.value[k]
			}
			if p.time != nil {
				q.time[n-1-k] = p.time[k]
			}
		}
		y, _, err := FromPairs(q.users, q.items, q.user, q.item, q.value, q.time)
		require.NoError(t, err)
		require.Equal(t, x, y)
	})
}

func TestTransposeAndCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawPairs(t)
		x, _, err := FromPairs(p.users, p.items, p.user, p.item, p.value, p.time)
		require.NoError(t, err)
		y := x.Transpose()
		requireCSR(t, y)
		require.Equal(t, x.Len(), y.Len())
		for i, n := range x.ItemCounts() {
			require.Len(t, y.ItemsOf(i), int(n))
			for _, u := range y.ItemsOf(i) {
				require.True(t, x.Has(int(u), int32(i)))
			}
		}
		back := y.Transpose()
		require.Equal(t, x.Ptr(), back.Ptr())
		require.Equal(t, append([]int32{}, x.Item()...), append([]int32{}, back.Item()...))
		require.Equal(t, append([]float32{}, x.Value()...), append([]float32{}, back.Value()...))
		require.Equal(t, append([]int64{}, x.Time()...), append([]int64{}, back.Time()...))
	})
}

func TestFromCSRRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for name, tc := range map[string]struct {
		users, items int
		ptr          []int
		item         []int32
		value        []float32
		time         []int64
		want         string
	}{
		"no users":       {0, 1, []int{0}, nil, nil, nil, "0 users"},
		"no items":       {1, 0, []int{0, 0}, nil, nil, nil, "0 items"},
		"users range":    {math.MaxInt32 + 1, 1, []int{0}, nil, nil, nil, "2147483648 users"},
		"short pointers": {2, 2, []int{0, 1}, []int32{0}, nil, nil, "2 row pointers"},
		"first pointer":  {1, 2, []int{1, 1}, []int32{0}, nil, nil, "from 1 to 1"},
		"last pointer":   {1, 2, []int{0, 2}, []int32{0}, nil, nil, "from 0 to 2"},
		"falling":        {3, 2, []int{0, 2, 1, 2}, []int32{0, 1}, nil, nil, "user 1: row pointers fall"},
		"far pointer":    {2, 2, []int{0, 9, 1}, []int32{0}, nil, nil, "user 1: row pointers fall"},
		"negative item":  {1, 2, []int{0, 1}, []int32{-1}, nil, nil, "item -1 is outside [0,2)"},
		"large item":     {1, 2, []int{0, 1}, []int32{2}, nil, nil, "item 2 is outside [0,2)"},
		"duplicate":      {1, 2, []int{0, 2}, []int32{1, 1}, nil, nil, "item 1 follows item 1"},
		"unsorted":       {1, 2, []int{0, 2}, []int32{1, 0}, nil, nil, "item 0 follows item 1"},
		"few values":     {1, 2, []int{0, 2}, []int32{0, 1}, []float32{1}, nil, "1 values for 2"},
		"many times":     {1, 2, []int{0, 1}, []int32{0}, nil, []int64{1, 2}, "2 times for 1"},
		"value NaN":      {1, 2, []int{0, 1}, []int32{0}, []float32{nan}, nil, "value NaN is not finite"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FromCSR(tc.users, tc.items, tc.ptr, tc.item, tc.value, tc.time)
			require.ErrorContains(t, err, tc.want)
		})
	}
	_, _, err := FromPairs(1, 1, []int32{0, 1}, []int32{0, 0}, nil, nil)
	require.ErrorContains(t, err, "pair 1: user 1 is outside [0,1)")
	_, _, err = FromPairs(1, 1, []int32{0}, []int32{-4}, nil, nil)
	require.ErrorContains(t, err, "pair 0: item -4 is outside [0,1)")
	_, _, err = FromPairs(1, 1, []int32{0}, nil, nil, nil)
	require.ErrorContains(t, err, "1 users for 0 items")
}

// A view of a row must not let an append run into the next row.
func TestOfIsClipped(t *testing.T) {
	x, err := FromCSR(2, 3, []int{0, 1, 2}, []int32{0, 2}, nil, nil)
	require.NoError(t, err)
	_ = append(x.ItemsOf(0), 1)
	require.Equal(t, []int32{2}, x.ItemsOf(1))
}
