package data

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestPackedBatches: every epoch has the same batches of the same lengths, within their
// room, each row is in one of them with all its examples, and rows trade places.
func TestPackedBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var lines strings.Builder
		for u := range rapid.IntRange(1, 30).Draw(t, "users") {
			fmt.Fprintf(&lines, "u%d", u)
			for range rapid.IntRange(2, 14).Draw(t, "events") {
				fmt.Fprintf(&lines, " %d", rapid.IntRange(0, 6).Draw(t, "item"))
			}
			lines.WriteByte('\n')
		}
		d := sequences(t, lines.String(), "ratio:1,0,0")
		text := rapid.SampledFrom([]string{"next:len=5", "next:len=5,stride=2", "last:len=4"}).Draw(t, "task")
		x, err := d.Examples(text)
		if err != nil {
			t.Skip("no user has two events")
		}
		positions := rapid.IntRange(5, 40).Draw(t, "positions")
		b, err := NewPackedBatches(x, positions, 3)
		require.NoError(t, err)
		past, err := x.Context.Field("history")
		require.NoError(t, err)
		room := b.Room()
		require.LessOrEqual(t, room.Positions, positions)
		var lengths [][]int
		for epoch := range 3 {
			var all []row
			var sizes []int
			most := Room{Sequence: room.Sequence, Each: room.Each, All: room.Each}
			for batch := range b.Epoch(epoch) {
				at := 0
				for s, r := range batch.Rows {
					if x.Place != nil {
						require.Contains(t, batch.Of, int32(s))
					}
					at += past.Len(int(r))
				}
				for i := range batch.Len() {
					r := batch.Row(i)
					if x.Place == nil {
						all = append(all, row{r, 0})
						continue
					}
					first := 0
					for _, other := range batch.Rows[:batch.Of[i]] {
						first += past.Len(int(other))
					}
					place := batch.At[i] - int32(first)
					require.Equal(t, batch.Targets.Row(i)[0], x.Targets.Row(slices.IndexFunc(x.Row, func(o int32) bool { return o == r }) + index(x, r, place))[0])
					all = append(all, row{r, place})
				}
				most.Contexts, most.Rows = max(most.Contexts, len(batch.Rows)), max(most.Rows, batch.Len())
				most.Positions, most.Places = max(most.Positions, at), max(most.Places, len(batch.Targets.Class))
				most.All = most.All && batch.Len() == at
				require.LessOrEqual(t, batch.Len(), room.Rows)
				sizes = append(sizes, at)
			}
			require.Len(t, sizes, b.Len())
			require.Equal(t, room, most, "the room is what the fullest batch takes")
			slices.Sort(sizes)
			lengths = append(lengths, sizes)
			require.Len(t, all, x.Len())
			slices.SortFunc(all, func(a, b row) int { return int(a.user-b.user)*1000 + int(a.pos-b.pos) })
			require.Len(t, slices.Compact(all), x.Len(), "each example once")
		}
		require.Equal(t, lengths[0], lengths[1])
		require.Equal(t, lengths[0], lengths[2])
	})
}

// index returns the number of the example of a place among those of its row.
func index(x *Examples, r, place int32) int {
	first := slices.Index(x.Row, r)
	return slices.Index(x.Place[first:], place)
}

func TestPackedBatchesRefuse(t *testing.T) {
	d := sequences(t, "ann a b c d e f\nbob a b\n", "leave-one-out")
	x, err := d.Examples("next")
	require.NoError(t, err)
	_, err = NewPackedBatches(x, 2, 1)
	require.ErrorContains(t, err, "want at least the 3 of the longest row")
	users, err := d.Examples("user")
	require.NoError(t, err)
	_, err = NewPackedBatches(users, 100, 1)
	require.ErrorContains(t, err, "no positions to measure batches by")
	b, err := NewBatches(x, 1, 1)
	require.NoError(t, err)
	require.Equal(t, 3, b.Room().Positions, "no less than the longest row")
	for want, spoil := range map[string]func(x *Examples){
		"which has 3":     func(x *Examples) { x.Place = []int32{0, 1, 3} },
		"of the same row": func(x *Examples) { x.Place = []int32{0, 2, 1} },
		"without a field": func(x *Examples) { x.Sequence = "" },
		"2 places for 3":  func(x *Examples) { x.Place = x.Place[:2] },
		"no positions":    func(x *Examples) { x.Sequence = "user" },
	} {
		bad := *x
		spoil(&bad)
		require.ErrorContains(t, bad.Validate(d.Items), want)
		_, err := NewBatches(&bad, 3, 1)
		require.ErrorContains(t, err, want)
	}
}

// TestFirst: the first examples of a pass are of its first positions.
func TestFirst(t *testing.T) {
	d := sequences(t, "ann a b c d e f\nbob a b c d e\n", "leave-one-out")
	x, err := d.Examples("next")
	require.NoError(t, err)
	b, err := x.First(4)
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1}, b.Rows)
	require.Equal(t, []int32{0, 1, 2, 3}, b.At)
	require.Equal(t, []int32{0, 0, 0, 1}, b.Of)
	require.Equal(t, Room{Contexts: 2, Rows: 4, Places: 4, Sequence: "history", Positions: 5, Each: true}, b.Room(x))
	_, err = x.First(0)
	require.ErrorContains(t, err, "at least 1")
}
