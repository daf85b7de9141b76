package data

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// drawDataset returns a dataset whose pairs lie in train, or in all three sets
// as a directory of splits gives them. All have times.
func drawDataset(t *rapid.T, givenSplits bool) *Dataset {
	p := drawPairs(t)
	p.time = p.time[:0]
	for range p.user {
		p.time = append(p.time, int64(rapid.IntRange(0, 9).Draw(t, "moment")))
	}
	x, _, err := FromPairs(p.users, p.items, p.user, p.item, p.value, p.time)
	require.NoError(t, err)
	none, err := Empty(p.users, p.items)
	require.NoError(t, err)
	d := &Dataset{Name: "drawn", Users: p.users, Items: p.items, Train: x, Valid: none, Test: none}
	if givenSplits {
		part := make([]uint8, x.Len())
		for k := range part {
			part[k] = uint8(rapid.IntRange(0, 1).Draw(t, "part") * 2)
		}
		d.Train, d.Valid, d.Test = partition(x, part)
		d.Given = true
	}
	d.Histories = historiesOf(d)
	return d
}

// Every registered split, at every example text: the text is canonical, the
// three sets partition the pairs, and the same text gives the same sets.
func TestSplitsPartition(t *testing.T) {
	require.NotEmpty(t, SplitKinds())
	for _, k := range SplitKinds() {
		for _, text := range k.Examples {
			t.Run(text, func(t *testing.T) {
				s, err := ParseSplit(text)
				require.NoError(t, err)
				require.Equal(t, text, s.String())
				if ofTextAlone(t, k, s) {
					return
				}
				rapid.Check(t, func(t *rapid.T) {
					d := drawFor(t, text)
					all, err := d.All()
					require.NoError(t, err)
					train, valid, test, err := s.Split(d)
					require.NoError(t, err)
					for _, x := range []*Interactions{train, valid, test} {
						requireCSR(t, x)
						require.Equal(t, d.Users, x.Users())
						require.Equal(t, d.Items, x.Items())
					}
					require.Equal(t, all.Len(), train.Len()+valid.Len()+test.Len(), "the sets do not add up")
					back, err := union(train, valid, test) // drops pairs that two sets share
					require.NoError(t, err)
					require.Equal(t, all.Ptr(), back.Ptr())
					require.Equal(t, append([]int32{}, all.Item()...), append([]int32{}, back.Item()...))
					again, _, _, err := s.Split(d)
					require.NoError(t, err)
					require.Equal(t, train, again)
					requireEventsOfPairs(t, d, s, [3]*Interactions{train, valid, test})
				})
			})
		}
	}
}

func TestParseSplitRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                            `unknown split ""; the choices are cold-items`,
		"rato:1":                      `unknown split "rato"`,
		"ratio":                       "no train fraction",
		"ratio:0.8,0.1":               "no test fraction",
		"ratio:0.8,0.1,0.2":           "sum to 1.1",
		"ratio:0,0.5,0.5":             "train fraction 0 is too small",
		"ratio:1.1,-0.1,0":            "valid fraction -0.1 is too small",
		"ratio:NaN,0.1,0.1":           `train fraction "NaN" is not a finite number`,
		"ratio:0.8,0.1,0.1,9":         `"9" is one value too many`,
		"ratio:0.8,0.1,0.1,sed=1":     "no argument is called sed (did you mean seed?)",
		"ratio:0.8,0.1,0.1,seed=-1":   "seed=-1 is not a whole number",
		"ratio:seed=1,0.8,0.1,0.1":    `"0.8" follows a name=value`,
		"ratio:0.8,,0.2":              `"" is neither a value`,
		"leave-one-out:seed=1,seed=":  "neither a value nor name=value",
		"leave-one-out:seed=1,seed=2": "seed is given twice",
		"time:0.8,0.1,0.1,seed=1":     "no argument is called seed",
		"leave-one-out:ties=first":    "ties=first is no choice; the choices are lot, file",
		"time:0.8,0.1,0.1,ties=x":     "ties=x is no choice",
		"given:valid=1":               "valid=1 is outside (0,1)",
		"given:valid=0":               "valid=0 is outside (0,1)",
		"given:hold=1":                "hold=1 is outside (0,1)",
		"given:hold=1e400":            `is too large: numbers are at most 1.798e+308`,
		"given:hold=x":                "is not a finite number",
		"given:hold=0.1,valid=0.1":    "two ways to the same",
		"given:hodl=0.1":              "(did you mean hold?)",
		"given:seed=2":                "no argument is called seed",
	} {
		_, err := ParseSplit(text)
		require.ErrorContains(t, err, want, text)
	}
}

// TestRatioCounts: a user with m pairs gives ⌊m·f+½⌋ to test and valid.
func TestRatioCounts(t *testing.T) {
	for m := 1; m <= 30; m++ {
		d := oneUser(t, m, nil)
		s, err := ParseSplit("ratio:0.8,0.1,0.1,seed=3")
		require.NoError(t, err)
		train, valid, test, err := s.Split(d)
		require.NoError(t, err)
		want := (m + 5) / 10
		require.Equal(t, [3]int{m - 2*want, want, want}, [3]int{train.Len(), valid.Len(), test.Len()}, "m=%d", m)
	}
	// Even where the fractions leave it nothing, train keeps one.
	s, err := ParseSplit("ratio:0.1,0.1,0.8")
	require.NoError(t, err)
	for m := 1; m < 5; m++ {
		train, valid, test, err := s.Split(oneUser(t, m, nil))
		require.NoError(t, err)
		require.GreaterOrEqual(t, train.Len(), 1)
		require.Equal(t, m, train.Len()+valid.Len()+test.Len())
	}
}

// TestRatioSeed: another seed draws another split, and a user's draw does not
// depend on who else is there.
func TestRatioSeed(t *testing.T) {
	d := oneUser(t, 100, nil)
	split := func(text string, d *Dataset) *Interactions {
		s, err := ParseSplit(text)
		require.NoError(t, err)
		train, _, _, err := s.Split(d)
		require.NoError(t, err)
		return train
	}
	one := split("ratio:0.5,0,0.5,seed=1", d)
	require.NotEqual(t, one.Item(), split("ratio:0.5,0,0.5,seed=2", d).Item())
	more, err := FromCSR(2, 100, []int{0, 100, 101}, append(append([]int32{}, d.Train.Item()...), 7), nil, nil)
	require.NoError(t, err)
	none, err := Empty(2, 100)
	require.NoError(t, err)
	two := split("ratio:0.5,0,0.5,seed=1", &Dataset{Users: 2, Items: 100, Train: more, Valid: none, Test: none})
	require.Equal(t, one.ItemsOf(0), two.ItemsOf(0))
}

func oneUser(t *testing.T, m int, time []int64) *Dataset {
	item := make([]int32, m)
	for i := range item {
		item[i] = int32(i)
	}
	x, err := FromCSR(1, m, []int{0, m}, item, nil, time)
	require.NoError(t, err)
	none, err := Empty(1, m)
	require.NoError(t, err)
	return &Dataset{Name: "one", Users: 1, Items: m, Train: x, Valid: none, Test: none}
}

func TestLeaveOneOut(t *testing.T) {
	s, err := ParseSplit("leave-one-out")
	require.NoError(t, err)
	train, valid, test, err := s.Split(oneUser(t, 4, []int64{30, 10, 40, 20}))
	require.NoError(t, err)
	require.Equal(t, []int32{1, 3}, train.ItemsOf(0))
	require.Equal(t, []int32{0}, valid.ItemsOf(0))
	require.Equal(t, []int32{2}, test.ItemsOf(0))
	train, valid, test, err = s.Split(oneUser(t, 2, []int64{5, 1}))
	require.NoError(t, err)
	require.Equal(t, []int32{1}, train.ItemsOf(0))
	require.Zero(t, valid.Len())
	require.Equal(t, []int32{0}, test.ItemsOf(0))
	// All at one moment: the lot must not favour one end of the catalogue.
	last := map[int32]bool{}
	for seed := range 40 {
		s, err := ParseSplit(fmt.Sprintf("leave-one-out:seed=%d", seed))
		require.NoError(t, err)
		_, _, test, err := s.Split(oneUser(t, 5, make([]int64, 5)))
		require.NoError(t, err)
		last[test.ItemsOf(0)[0]] = true
	}
	require.Len(t, last, 5)
}

// The last pair is the last within a second too.
func TestLeaveOneOutWithinASecond(t *testing.T) {
	file := filepath.Join(write(t, map[string]string{"set.csv": "user_id,item_id,timestamp\n" +
		"1,10,2014-04-07T10:51:09.900Z\n1,11,2014-04-07T10:51:09.100Z\n1,12,2014-04-07T10:51:09.277Z\n1,13,2014-04-07T10:51:09.500Z\n"}), "set.csv")
	for seed := range 20 {
		d, err := Load(Config{Source: file, Split: fmt.Sprintf("leave-one-out:seed=%d", seed)})
		require.NoError(t, err)
		require.Equal(t, "10", d.ItemName(int(d.Test.ItemsOf(0)[0])))
		require.Equal(t, "13", d.ItemName(int(d.Valid.ItemsOf(0)[0])))
	}
}

func TestTimeSplit(t *testing.T) {
	s, err := ParseSplit("time:0.5,0.25,0.25")
	require.NoError(t, err)
	// Sorted 1 2 3 4 5 6 7 7: the cuts are the moments 5 and 7.
	train, valid, test, err := s.Split(oneUser(t, 8, []int64{7, 1, 6, 2, 5, 3, 7, 4}))
	require.NoError(t, err)
	require.Equal(t, []int32{1, 3, 5, 7}, train.ItemsOf(0))
	require.Equal(t, []int32{2, 4}, valid.ItemsOf(0))
	require.Equal(t, []int32{0, 6}, test.ItemsOf(0))
	_, _, _, err = s.Split(oneUser(t, 3, nil))
	require.ErrorContains(t, err, "no timestamps")
	_, err = ApplySplit(oneUser(t, 3, []int64{1, 1, 1}), s)
	require.ErrorContains(t, err, "leaves nothing to train on")
}

// What goes by time has times to go by, or is told that the lot decides.
func TestSplitsWithoutTimes(t *testing.T) {
	apply := func(text string, d *Dataset) (*Dataset, error) {
		s, err := ParseSplit(text)
		require.NoError(t, err)
		return ApplySplit(d, s)
	}
	d := oneUser(t, 10, nil)
	d.Notes = []string{"before"}
	for _, text := range []string{"leave-one-out:seed=1", "time:0.8,0.1,0.1"} {
		_, err := apply(text, d)
		require.ErrorContains(t, err, "there are no timestamps", text)
		require.ErrorContains(t, err, "add ties=lot", text)
	}
	e, err := apply("leave-one-out:seed=1,ties=lot", d)
	require.NoError(t, err)
	require.Equal(t, [3]int{8, 1, 1}, [3]int{e.Train.Len(), e.Valid.Len(), e.Test.Len()})
	require.Equal(t, []string{"before", "leave-one-out: there are no timestamps; the last pairs of all 1 user fell by lot"}, e.Notes)
	require.Equal(t, []string{"before"}, d.Notes)
	e, err = apply("time:0.5,0.2,0.3,ties=lot", d)
	require.NoError(t, err)
	require.Equal(t, [3]int{5, 2, 3}, [3]int{e.Train.Len(), e.Valid.Len(), e.Test.Len()})
	require.Equal(t, []string{"before", "time: there are no timestamps; all pairs fell by lot"}, e.Notes)
	f, err := apply("time:0.5,0.2,0.3,ties=lot,seed=2", d)
	require.NoError(t, err)
	require.NotEqual(t, e.Hash(), f.Hash())

	// A file of test without times leaves none to all.
	_, err = Load(Config{Source: write(t, map[string]string{"train.csv": "user,item,time\na,x,1\na,y,2\n", "test.csv": "user,item\na,z\n"}), Split: "leave-one-out"})
	require.ErrorContains(t, err, "there are no timestamps")
}

// Where times are equal the lot decides, and how often is said.
func TestEqualTimesAreCounted(t *testing.T) {
	// Users: the last two tie, the second and third last tie, none that matter tie, a
	// pair of one moment, one pair alone.
	x, err := FromCSR(5, 4, []int{0, 4, 8, 12, 14, 15}, []int32{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 0}, nil,
		[]int64{1, 2, 3, 3, 1, 2, 2, 3, 1, 1, 2, 3, 7, 7, 5})
	require.NoError(t, err)
	none, err := Empty(5, 4)
	require.NoError(t, err)
	d := &Dataset{Name: "ties", Users: 5, Items: 4, Train: x, Valid: none, Test: none}
	for text, want := range map[string][]string{
		"leave-one-out":                {"leave-one-out: of 3 of 4 users pairs have equal timestamps, and the lot told the last from the others"},
		"leave-one-out:ties=lot":       {"leave-one-out: of 3 of 4 users pairs have equal timestamps, and the lot told the last from the others"},
		"time:0.6,0.2,0.2":             nil,
		"time:0.6,0.2,0.2,ties=lot":    {"time: the pairs of a moment that a cut falls on were divided by lot"},
		"ratio:0.6,0.2,0.2":            nil,
		"time:0.2,0,0.8,ties=lot":      {"time: the pairs of a moment that a cut falls on were divided by lot"},
		"time:1,0,0,ties=lot,seed=812": nil,
	} {
		s, err := ParseSplit(text)
		require.NoError(t, err)
		e, err := ApplySplit(d, s)
		require.NoError(t, err)
		require.Equal(t, want, e.Notes, text)
	}
}

// Lists keep neither the order of their items nor repeats, and say so.
func TestListsDropTheirOrder(t *testing.T) {
	d, err := openText(t, "1 5 3 9 1 5\n2 4 8 2 7\n3 1 4\n")
	require.NoError(t, err)
	require.Equal(t, []string{
		"train: the order of items within a line is dropped, and items do not rise in 2 lines; where the order is that of time, read it as --format sequence (--from of data convert and data split), or give each pair a timestamp, as csv has it",
		"dropped 1 duplicate in train",
	}, d.Notes)
	require.Contains(t, d.Describe().String(), "the order of items within a line is dropped")
}

func TestGivenSplit(t *testing.T) {
	s, err := ParseSplit("given")
	require.NoError(t, err)
	_, err = ApplySplit(oneUser(t, 3, nil), s)
	require.ErrorContains(t, err, "no splits of its own")
	d := oneUser(t, 10, nil)
	d.Given = true
	carve, err := ParseSplit("given:valid=0.2")
	require.NoError(t, err)
	require.Equal(t, "given:valid=0.2,seed=1", carve.String())
	e, err := ApplySplit(d, carve)
	require.NoError(t, err)
	require.Equal(t, 8, e.Train.Len())
	require.Equal(t, 2, e.Valid.Len())
	require.Zero(t, d.Valid.Len(), "the input was modified")
	_, err = ApplySplit(e, carve)
	require.ErrorContains(t, err, "has a valid file")
}

// TestNotesOfWhatIsMissing: a directory that lacks a file says so, and says no more where
// the split made the part.
func TestNotesOfWhatIsMissing(t *testing.T) {
	dir := write(t, map[string]string{"train.txt": "0 1 2 3 4 5 6 7 8 9 10 11\n1 1 2 3 4 5 6 7 8 9 10 11\n"})
	for text, want := range map[string][]string{
		"given":               {(&Dataset{}).noFile(1), (&Dataset{}).noFile(2)},
		"given:hold=0.1":      {(&Dataset{}).noFile(2)},
		"given:valid=0.1":     {(&Dataset{}).noFile(2)},
		"ratio:0.5,0.25,0.25": nil,
	} {
		d, err := Load(Config{Source: dir, Split: text})
		require.NoError(t, err)
		var missing []string
		for _, note := range d.Notes {
			if strings.HasPrefix(note, "no ") {
				missing = append(missing, note)
			}
		}
		require.Equal(t, want, missing, text)
	}
}

// Filter against its definition: nothing that stays breaks the core, and what
// was dropped could not have stayed (the largest such set is unique).
func TestFilter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDataset(t, true)
		f := Filter{Core: rapid.IntRange(1, 3).Draw(t, "core")}
		// The slow way: drop one offender at a time.
		all, err := d.All()
		require.NoError(t, err)
		type cell struct{ u, i int32 }
		want := map[cell]bool{}
		for p := range all.Len() {
			want[cell{int32(all.UserOf(p)), all.Item()[p]}] = true
		}
		for again := true; again; {
			again = false
			user, item := map[int32]int{}, map[int32]int{}
			for c := range want {
				user[c.u]++
				item[c.i]++
			}
			for c := range want {
				if user[c.u] < f.Core || item[c.i] < f.Core {
					delete(want, c)
					again = true
					break
				}
			}
		}
		e, err := f.Apply(d)
		if err != nil {
			require.ErrorContains(t, err, "leaves nothing")
			for c := range want {
				require.False(t, d.Train.Has(int(c.u), c.i))
			}
			return
		}
		n := 0
		for p, part := range e.Parts() {
			requireCSR(t, part.Interactions)
			for u := range e.Users {
				for _, i := range part.ItemsOf(u) {
					old := cell{int32(atoi(t, e.UserName(u))), int32(atoi(t, e.ItemName(int(i))))}
					require.True(t, want[old])
					require.True(t, d.Parts()[p].Has(int(old.u), old.i), "pair changed its set")
					n++
				}
			}
		}
		require.Equal(t, len(want), n)
	})
}

func atoi(t require.TestingT, s string) int {
	var n int
	_, err := fmt.Sscan(s, &n)
	require.NoError(t, err)
	return n
}

func TestFilterMinRating(t *testing.T) {
	x, err := FromCSR(3, 3, []int{0, 2, 3, 4}, []int32{0, 1, 1, 2}, []float32{1, 4, 3.5, 5}, nil)
	require.NoError(t, err)
	none, err := Empty(3, 3)
	require.NoError(t, err)
	d := &Dataset{Name: "rated", Users: 3, Items: 3, Train: x, Valid: none, Test: none}
	e, err := Filter{MinRating: new(4.0)}.Apply(d)
	require.NoError(t, err)
	require.Equal(t, "min-rating=4", e.Filter)
	require.Equal(t, []string{"0", "2"}, e.UserIDs)
	require.Equal(t, []string{"1", "2"}, e.ItemIDs)
	require.Equal(t, []int32{0, 1}, e.Train.Item())
	require.Equal(t, []float32{4, 5}, e.Train.Value())
	u, err := e.UserIndex("2")
	require.NoError(t, err)
	require.Equal(t, 1, u)
	_, err = e.UserIndex("1")
	require.ErrorContains(t, err, `no user "1"`)
	_, err = Filter{MinRating: new(6.0)}.Apply(d)
	require.ErrorContains(t, err, "min-rating=6 leaves nothing")
	_, err = Filter{MinRating: new(1.0)}.Apply(oneUser(t, 2, nil))
	require.ErrorContains(t, err, "no ratings")
	_, err = Filter{Core: -1}.Apply(d)
	require.ErrorContains(t, err, "core -1 is negative")
	_, err = Filter{Core: 1 << 32}.Apply(d) // not 0
	require.ErrorContains(t, err, "core 4294967296 is above 2147483647")
	_, err = Filter{MinRating: new(math.NaN())}.Apply(d)
	require.ErrorContains(t, err, "minimum rating NaN is not finite")
}

// A minimum of 0 is a filter: it keeps 0 and drops what is below. What is at 0 or
// below and stays is noted, with the way to drop it.
func TestValuesOfZeroAndLess(t *testing.T) {
	file := filepath.Join(write(t, map[string]string{"thumbs.csv": "user_id,item_id,rating\n1,10,1\n1,11,-1\n1,12,0\n2,10,-1\n2,11,2.5\n2,12,1\n"}), "thumbs.csv")
	for name, want := range map[string]struct {
		min    *float64
		pairs  int
		filter string
		note   string
	}{
		"none":     {nil, 6, "", "interactions of value 0 or less: 3; they count as positives, and a minimum rating of 1 drops them (--min-rating 1)"},
		"minus":    {new(-1.0), 6, "min-rating=-1", "interactions of value 0 or less: 3; they count as positives, and a minimum rating of 1 drops them (--min-rating 1)"},
		"zero":     {new(0.0), 4, "min-rating=0", "interactions of value 0 or less: 1; they count as positives, and a minimum rating of 1 drops them (--min-rating 1)"},
		"positive": {new(1.0), 3, "min-rating=1", ""},
	} {
		d, err := Load(Config{Source: file, MinRating: want.min})
		require.NoError(t, err, name)
		require.Equal(t, want.pairs, d.Train.Len()+d.Valid.Len()+d.Test.Len(), name)
		require.Equal(t, want.filter, d.Filter, name)
		notes := strings.Join(d.Notes, "\n")
		require.Equal(t, want.note, notes, name)
	}
	none, err := Load(Config{Source: filepath.Join(write(t, map[string]string{"set.csv": "user,item,rating\na,x,0\nb,y,-3\n"}), "set.csv")})
	require.NoError(t, err)
	require.Equal(t, []string{"interactions of value 0 or less: 2; they count as positives, and no value is above 0"}, none.Notes)
}

// TestGivenHold: hold takes max(⌊m·f⌋,1) of a user's m train pairs, by lot, leaves the
// last one, and touches test not at all.
func TestGivenHold(t *testing.T) {
	s, err := ParseSplit("given:hold=0.1")
	require.NoError(t, err)
	require.Equal(t, "given:hold=0.1,seed=1", s.String())
	for m, want := range map[int]int{1: 0, 2: 1, 9: 1, 10: 1, 19: 1, 20: 2, 29: 2, 30: 3} {
		d := oneUser(t, m, nil)
		d.Given = true
		e, err := ApplySplit(d, s)
		require.NoError(t, err)
		require.Equal(t, want, e.Valid.Len(), "of %d", m)
		require.Equal(t, m-want, e.Train.Len())
		require.Zero(t, e.Test.Len())
	}
	d := oneUser(t, 100, nil)
	d.Given = true
	held := map[string]bool{}
	for seed := range 5 {
		s, err := ParseSplit(fmt.Sprintf("given:seed=%d,hold=0.1", seed))
		require.NoError(t, err)
		e, err := ApplySplit(d, s)
		require.NoError(t, err)
		held[fmt.Sprint(e.Valid.ItemsOf(0))] = true
		_, err = ApplySplit(e, s)
		require.ErrorContains(t, err, "has a valid file")
	}
	require.Len(t, held, 5, "each seed draws others")
}
