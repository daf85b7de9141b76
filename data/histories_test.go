package data

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

// sequences loads lines of the format sequence.
func sequences(t require.TestingT, text, split string) *Dataset {
	dir, err := os.MkdirTemp("", "")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "events.txt")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	d, err := Load(Config{Source: path, Format: "sequence", Split: split})
	require.NoError(t, err)
	return d
}

// events writes user u's events as "item/part".
func events(d *Dataset, u int) string {
	var all []string
	for k, i := range d.Histories.Of(u) {
		all = append(all, fmt.Sprintf("%s/%d", d.ItemName(int(i)), d.Histories.part(d.Histories.ptr[u]+k)))
	}
	return strings.Join(all, " ")
}

// itemNames writes items by their ids.
func itemNames(d *Dataset, items []int32) string {
	var all []string
	for _, i := range items {
		all = append(all, d.ItemName(int(i)))
	}
	return strings.Join(all, " ")
}

// TestSequence: the order of a line is that of time, repeats stay, ids are any text, and a
// user may have several lines.
func TestSequence(t *testing.T) {
	d := sequences(t, "1 5 3 9 1\n2 4 8 2 7\n", "leave-one-out:seed=7")
	require.Equal(t, "5/0 3/0 9/1 1/2", events(d, 0))
	require.Equal(t, "4/0 8/0 2/1 7/2", events(d, 1))
	require.Equal(t, "1", itemNames(d, d.Test.ItemsOf(0)), "whatever the seed")
	require.Equal(t, "7", itemNames(d, d.Test.ItemsOf(1)))
	require.Equal(t, "9", itemNames(d, d.Valid.ItemsOf(0)))
	require.True(t, d.Places)

	d = sequences(t, "ann a b a\nbob c c c\nann b d\n", "leave-one-out")
	require.Equal(t, "a/0 b/0 a/0 b/1 d/2", events(d, 0), "the last event and the one before, though they came before")
	require.Equal(t, "c/0 c/1 c/2", events(d, 1))
	require.Equal(t, "d", itemNames(d, d.Test.ItemsOf(0)))
	require.Equal(t, "b", itemNames(d, d.Valid.ItemsOf(0)), "a set has a pair once, at its latest time")
	require.Equal(t, "a", itemNames(d, d.Train.ItemsOf(0)))
	require.Equal(t, "c", itemNames(d, d.Train.ItemsOf(1)), "a user of one pair stays in train")
	require.Contains(t, strings.Join(d.Notes, "\n"), "dropped 4 duplicates in train; histories keep them")

	d = sequences(t, "ann a b a c\n", "ratio:0.5,0,0.5")
	parts := map[string]string{}
	for e := range strings.FieldsSeq(events(d, 0)) {
		item, part, _ := strings.Cut(e, "/")
		require.Contains(t, []string{"", part}, parts[item], "all events of a pair are of its part: %s", events(d, 0))
		parts[item] = part
	}
}

// TestSequenceIsAskedFor: nobody guesses that lines are in the order of time, and splits
// that need it say how it is said.
func TestSequenceIsAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines.txt")
	require.NoError(t, os.WriteFile(path, []byte("1 5 3 9 2 8\n2 4 1 7 4 6\n3 9 8 7 6 5\n"), 0o600))
	for _, split := range []string{"leave-one-out", "time:0.8,0.1,0.1"} {
		_, err := Load(Config{Source: path, Split: split})
		require.ErrorContains(t, err, "--format sequence", split)
	}
	d, err := Load(Config{Source: path})
	require.NoError(t, err)
	require.Equal(t, "lightgcn", d.Format)
	require.Nil(t, d.Histories)
	require.Contains(t, strings.Join(d.Notes, "\n"), "--format sequence")
	for _, task := range []string{"next", "last"} {
		_, err := d.Examples(task)
		require.ErrorContains(t, err, "--format sequence", task)
	}
	_, err = Load(Config{Source: path, Format: "sequence", Split: "time:0.8,0.1,0.1"})
	require.ErrorContains(t, err, "places of a sequence are no times")
	d, err = Load(Config{Source: path, Format: "sequence", Split: "leave-one-out"})
	require.NoError(t, err)
	require.Equal(t, "5", itemNames(d, d.Test.ItemsOf(2)))
}

// TestUsualSplitOfSequences: unless another is given the last of a sequence is asked for.
func TestUsualSplitOfSequences(t *testing.T) {
	d := sequences(t, "1 5 3 9 1\n2 4 8 2 7\n", "")
	require.Equal(t, OrderedSplit, d.Split)
	require.Equal(t, "1", itemNames(d, d.Test.ItemsOf(0)))
	d, err := Load(Config{Source: "demo:users=5,items=20,per-user=4,order=true"})
	require.NoError(t, err)
	require.Equal(t, OrderedSplit, d.Split)
	require.Equal(t, DefaultSplit, sequences(t, "1 5 3 9 1\n2 4 8 2 7\n", DefaultSplit).Split)
	timed, err := openText(t, "user,item,time\na,b,1\na,c,2\n") // times are of all users
	require.NoError(t, err)
	split, err := splitterOf("", timed)
	require.NoError(t, err)
	require.Equal(t, DefaultSplit, split.String())
}

// TestGivenSequences: a later file goes on where the earlier one ends.
func TestGivenSequences(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{"train": "ann b a\nbob c a\n", "valid": "ann c\n", "test": "bob b\nann b\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, file+".txt"), []byte(text), 0o600))
	}
	d, err := Load(Config{Source: dir, Format: "sequence"})
	require.NoError(t, err)
	require.Equal(t, "b/0 a/0 c/1 b/2", events(d, 0))
	require.Equal(t, "c/0 a/0 b/2", events(d, 1))
	require.Empty(t, d.Test.ItemsOf(0), "train has the pair")
	next, err := taskOf(t, "next").RankedOf(d, "test")
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1}, next.Row, "the event is there though the pair is not")
}

// taskOf is the task that text denotes.
func taskOf(t require.TestingT, text string) Task {
	task, err := ParseTask(text)
	require.NoError(t, err)
	return task
}

// TestTimedHistories: events are in the order of time, and of the files where that is
// equal; the parts are those of the sets, and among equal times train comes first.
func TestTimedHistories(t *testing.T) {
	at := func(user, item string, s int64) Event { return Event{user, item, 0, time.Unix(s, 0)} }
	all := Events{Name: "films", Train: []Event{
		at("ann", "c", 9), at("ann", "a", 5), at("ann", "b", 5), at("ann", "d", 5), at("bob", "d", 1), at("ann", "e", 7), at("ann", "a", 2), at("bob", "a", 4),
	}}
	for seed := range 8 {
		d, err := FromEvents(all, fmt.Sprintf("leave-one-out:seed=%d", seed))
		require.NoError(t, err)
		require.Equal(t, "a/0 a/0 b/0 d/0 e/1 c/2", events(d, 0))
		require.Equal(t, "d/0 a/2", events(d, 1))
	}
	tie := Events{Name: "tie", Train: []Event{at("ann", "a", 1), at("ann", "c", 3), at("ann", "b", 3), at("ann", "d", 3), at("ann", "e", 2)}}
	orders := map[string]bool{}
	for seed := range 32 {
		d, err := FromEvents(tie, fmt.Sprintf("leave-one-out:seed=%d", seed))
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(events(d, 0), "a/0 e/0 "), events(d, 0))
		require.Equal(t, itemNames(d, d.Test.ItemsOf(0))+"/2", strings.Fields(events(d, 0))[4], "events fall as pairs do")
		require.Equal(t, itemNames(d, d.Valid.ItemsOf(0))+"/1", strings.Fields(events(d, 0))[3])
		orders[events(d, 0)] = true
	}
	require.Len(t, orders, 6, "every order of the three comes up")
	d, err := FromEvents(tie, "leave-one-out:ties=file")
	require.NoError(t, err)
	require.Equal(t, "a/0 e/0 c/0 b/1 d/2", events(d, 0))
	require.Equal(t, "d", itemNames(d, d.Test.ItemsOf(0)))
	require.Equal(t, "b", itemNames(d, d.Valid.ItemsOf(0)))
	// A time split cuts events where it cuts pairs.
	d, err = FromEvents(all, "time:0.5,0.25,0.25")
	require.NoError(t, err)
	require.Equal(t, "a/1 a/1 b/1 d/1 e/2 c/2", events(d, 0), "an event that comes again goes where the next one goes that does not")
}

// TestNext: windows of the last events, or of all with stride, each target once, in the
// window that knows most.
func TestNext(t *testing.T) {
	d := sequences(t, "ann a b c d e f g y z\nbob a y z\n", "leave-one-out")
	rows := func(text string) (all []string) {
		e, err := d.Examples(text)
		require.NoError(t, err)
		require.NoError(t, e.Validate(d.Items))
		past, err := e.Context.Field("history")
		require.NoError(t, err)
		for i, r := range e.Row {
			ids, _ := past.Row(int(r))
			if e.Place != nil {
				ids = ids[:e.Place[i]+1]
			}
			all = append(all, itemNames(d, ids)+" → "+itemNames(d, e.Targets.Row(i)))
		}
		return all
	}
	require.Equal(t, []string{"a → b", "a b → c", "a b c → d", "a b c d → e", "a b c d e → f", "a b c d e f → g"}, rows("next"))
	require.Equal(t, []string{"d → e", "d e → f", "d e f → g"}, rows("next:len=3"))
	require.Equal(t, []string{"d e → f", "d e f → g", "b c → d", "b c d → e", "a → b", "a b → c"}, rows("next:len=3,stride=2"))
	require.Equal(t, []string{"d → e", "d e → f", "d e f → g", "a → b", "a b → c", "a b c → d"}, rows("next:len=3,stride=3"))
	require.Equal(t, []string{"a → b", "a b → c", "b c → d", "c d → e", "d e → f", "e f → g"}, rows("last:len=2"))
	_, err := d.Examples("next:len=3,stride=4")
	require.ErrorContains(t, err, "stride=4 is above len=3")
	spread, err := taskOf(t, "next").SpreadOf(d)
	require.NoError(t, err)
	require.Equal(t, 1.0, spread)
}

// TestRankedInOrder: the input of test has the valid event, and what a ranking leaves out
// is the set of all that came before.
func TestRankedInOrder(t *testing.T) {
	d := sequences(t, "ann a b a c d\nbob a c\n", "leave-one-out")
	for split, want := range map[string]string{"train": "a b → a, seen ", "valid": "b a → c, seen a b", "test": "a c → d, seen a b c"} {
		e, err := taskOf(t, "last:len=2").RankedOf(d, split)
		require.NoError(t, err)
		require.NoError(t, e.Validate(d.Items))
		past, err := e.Context.Field("history")
		require.NoError(t, err)
		seen, err := e.Context.Field("seen")
		require.NoError(t, err)
		ids, _ := past.Row(int(e.Row[0]))
		known, _ := seen.Row(int(e.Row[0]))
		if e.Seen == "" {
			known = nil
		}
		require.Equal(t, want, itemNames(d, ids)+" → "+itemNames(d, e.Targets.Row(0))+", seen "+itemNames(d, known))
	}
	bob, err := taskOf(t, "next").RankedOf(d, "test")
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1}, bob.Row)
	hidden, err := d.WithoutValid()
	require.NoError(t, err)
	require.Equal(t, "a/0 b/0 a/0 d/2", events(hidden, 0))
	joined, err := d.JoinValid()
	require.NoError(t, err)
	require.Equal(t, "a/0 b/0 a/0 c/0 d/2", events(joined, 0))
}

// TestOfHistories: a context may be a history alone, of nobody.
func TestOfHistories(t *testing.T) {
	d := sequences(t, "ann a b c d e\nbob a c\n", "leave-one-out")
	d.UserFields = []Field{{Name: "age", Size: 3}, {Name: "town", Size: 2, Lo: []int{0, 1}, Hi: []int{1, 1}, ID: []int32{1}}}
	for text, want := range map[string][2]string{"user": {"b d", ""}, "last:len=2": {"b d", "d b"}} {
		f, err := taskOf(t, text).OfHistories(d, [][]int32{{1, 3, 3, 1}, {}})
		require.NoError(t, err)
		require.NoError(t, f.Validate())
		past, err := f.Field("history")
		require.NoError(t, err)
		ids, _ := past.Row(0)
		if want[1] == "" {
			require.False(t, past.Ordered)
			require.Equal(t, want[0], itemNames(d, ids))
		} else {
			require.True(t, past.Ordered)
			require.Equal(t, want[1], itemNames(d, ids))
			seen, err := f.Field("seen")
			require.NoError(t, err)
			ids, _ = seen.Row(0)
			require.Equal(t, want[0], itemNames(d, ids))
		}
		require.Zero(t, past.Len(1))
		user, err := f.Field("user")
		require.NoError(t, err)
		age, err := f.Field("age")
		require.NoError(t, err)
		require.Equal(t, [2]int32{-1, -1}, [2]int32{user.One(0), age.One(1)})
	}
	_, err := taskOf(t, "user").OfHistories(d, [][]int32{{5}})
	require.ErrorContains(t, err, "item 5 is outside [0,5)")
	_, err = taskOf(t, "user").OfHistories(d, nil)
	require.ErrorContains(t, err, "no history")
}

// TestHeld: who is held out has no training pair and no training example, and is ranked by
// what Known says.
func TestHeld(t *testing.T) {
	var lines strings.Builder
	for u := range 40 {
		fmt.Fprintf(&lines, "u%d", u)
		for k := range 6 {
			fmt.Fprintf(&lines, " i%d", (u*7+k*(u%5+1))%23)
		}
		lines.WriteByte('\n')
	}
	d := sequences(t, lines.String(), "leave-one-out")
	h, err := ParseHeld("0.25,seed=3")
	require.NoError(t, err)
	require.Equal(t, "0.25,seed=3", h.String())
	e, err := h.Apply(d)
	require.NoError(t, err)
	require.NotEqual(t, d.Hash(), e.Hash())
	held := 0
	for u := range d.Users {
		if e.IsHeld(u) {
			held++
			require.Empty(t, e.Train.ItemsOf(u))
			require.Equal(t, d.Train.ItemsOf(u), e.Known.ItemsOf(u))
		} else {
			require.Equal(t, d.Train.ItemsOf(u), e.Train.ItemsOf(u))
		}
	}
	require.InDelta(t, 10, held, 6)
	for _, text := range []string{"user", "pair", "next", "last"} {
		x, err := e.Examples(text)
		require.NoError(t, err)
		user, err := x.Context.Field("user")
		require.NoError(t, err)
		for _, r := range x.Row {
			require.False(t, e.IsHeld(int(user.One(int(r)))), text)
		}
		for _, split := range []string{"valid", "test"} {
			before, err := taskOf(t, text).RankedOf(d, split)
			require.NoError(t, err)
			after, err := taskOf(t, text).RankedOf(e, split)
			require.NoError(t, err)
			require.Equal(t, before, after, "%s %s: the same is known of everybody", text, split)
		}
	}
	joined, err := e.JoinValid()
	require.NoError(t, err)
	whole, err := d.JoinValid()
	require.NoError(t, err)
	for u := range d.Users {
		require.Equal(t, e.IsHeld(u), joined.IsHeld(u))
		if e.IsHeld(u) {
			require.Equal(t, whole.Train.ItemsOf(u), joined.Known.ItemsOf(u))
		}
	}
	for text, want := range map[string]string{"0": "outside (0,1)", "1": "outside (0,1)", "x": "not a finite number", "0.1,seed=-1": "whole number", "0.1,2": "one value too many"} {
		_, err := ParseHeld(text)
		require.ErrorContains(t, err, want, text)
	}
	_, err = Held{1e-12, 1}.Apply(d)
	require.ErrorContains(t, err, "choose another share or seed")
	_, err = h.Apply(e)
	require.ErrorContains(t, err, "already")
	_, err = Filter{Core: 2}.Apply(e)
	require.ErrorContains(t, err, "filter before")
	_, err = ApplySplit(e, leaveOneOut{})
	require.ErrorContains(t, err, "split before")
	require.Regexp(t, fmt.Sprintf(`held +%d users out of training`, held), e.Describe().String())
	require.Regexp(t, `events +240 in the order of time`, e.Describe().String())
	require.Zero(t, e.Describe().ColdUsers)
}

// TestFilteredHistories: what a filter drops of pairs it drops of events.
func TestFilteredHistories(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.txt")
	require.NoError(t, os.WriteFile(path, []byte("ann a x b a\nbob b a b\ncid y\n"), 0o600))
	d, err := Load(Config{Source: path, Format: "sequence", Core: 2, Split: "leave-one-out"})
	require.NoError(t, err)
	require.Equal(t, []string{"ann", "bob"}, d.UserIDs)
	require.Equal(t, "a/0 b/1 a/2", events(d, 0))
	require.Equal(t, "b/0 a/1 b/2", events(d, 1))
}

// TestHashOfOrder: sets of one set of pairs in another order train otherwise.
func TestHashOfOrder(t *testing.T) {
	one, other := sequences(t, "ann a b c d\nbob a b\n", "leave-one-out"), sequences(t, "ann b a c d\nbob a b\n", "leave-one-out")
	require.Equal(t, one.Train, one.Train)
	require.NotEqual(t, one.Hash(), other.Hash())
	require.Equal(t, one.Hash(), sequences(t, "bob a b\nann a b c d\n", "leave-one-out").Hash(), "lines may change places")
	other.Histories, one.Histories = nil, nil
	require.Equal(t, one.Hash(), other.Hash(), "nothing but the order was another")
}

// TestHistoriesFrom: what is read back is what was there, and faults are named.
func TestHistoriesFrom(t *testing.T) {
	d := sequences(t, "ann a b a c\nbob a b\n", "leave-one-out")
	ptr, item, mark := d.Histories.Arrays()
	h, err := HistoriesFrom(d.Users, d.Items, ptr, item, mark)
	require.NoError(t, err)
	require.Equal(t, d.Histories, h)
	for want, f := range map[string]func() (*Histories, error){
		"2 bounds":      func() (*Histories, error) { return HistoriesFrom(2, 3, []int{0, 1}, item[:1], mark[:1]) },
		"as many":       func() (*Histories, error) { return HistoriesFrom(1, 3, []int{0, 1}, item[:1], nil) },
		"want 0 to 1":   func() (*Histories, error) { return HistoriesFrom(1, 3, []int{0, 2}, item[:1], mark[:1]) },
		"fall":          func() (*Histories, error) { return HistoriesFrom(2, 3, []int{0, 2, 1}, item[:1], mark[:1]) },
		"outside [0,1)": func() (*Histories, error) { return HistoriesFrom(1, 1, []int{0, 1}, []int32{1}, mark[:1]) },
		"has the mark":  func() (*Histories, error) { return HistoriesFrom(1, 1, []int{0, 1}, []int32{0}, []uint8{3}) },
	} {
		_, err := f()
		require.ErrorContains(t, err, want)
	}
	bad := *d
	bad.Histories = &Histories{items: 3, ptr: []int{0}}
	require.ErrorContains(t, bad.Validate(), "histories are of 0 users and 3 items, the dataset of 2 and 3")
	bad.Histories = &Histories{items: 4, ptr: ptr}
	require.ErrorContains(t, bad.Validate(), "histories are of 2 users and 4 items, the dataset of 2 and 3")
}

// historiesOf returns the histories of d as if each pair had been a line of its own.
func historiesOf(d *Dataset) *Histories {
	var files [3]*Collector
	for part, x := range d.Parts() {
		files[part] = &Collector{item: x.item, time: x.time}
		for u := range x.users {
			for range x.ItemsOf(u) {
				files[part].user = append(files[part].user, int32(u))
			}
		}
	}
	return newHistories(d.Users, d.Items, files)
}

// requireEventsOfPairs: without repeats an event is where its pair is, and those of a
// moment are in the order of their parts.
func requireEventsOfPairs(t require.TestingT, d *Dataset, s Splitter, sets [3]*Interactions) {
	h := d.Histories.divided(s, sets)
	if d.Points != nil { // they have none
		require.Nil(t, h)
		return
	}
	require.Equal(t, d.Histories.Len(), h.Len())
	for u := range d.Users {
		for k, i := range h.Of(u) {
			p := h.ptr[u] + k
			require.True(t, sets[h.part(p)].Has(u, i))
			if k > 0 && h.mark[p]&tied != 0 {
				require.LessOrEqual(t, h.part(p-1), h.part(p))
			}
		}
	}
}

// TestSequenceFrom1: ids that count from 1 are held to do so, over all files, and what they
// give is what any text gives.
func TestSequenceFrom1(t *testing.T) {
	open := func(files map[string]string) (*Dataset, error) {
		dir := t.TempDir()
		for name, text := range files {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		}
		d, err := Load(Config{Source: dir, Format: "sequence: ids=from1", Split: "given"})
		if err != nil {
			err = errors.New(strings.ReplaceAll(err.Error(), dir+"/", ""))
		}
		return d, err
	}
	all := map[string]string{"train.txt": "2 3 1 3\n1 2\n", "valid.txt": "1 3\n3\n", "test.txt": "2 4\n"}
	d, err := open(all)
	require.NoError(t, err)
	require.Equal(t, "sequence:ids=from1", d.Format)
	require.Equal(t, "sequence:ids=from1", d.Made.Format)
	require.Equal(t, []string{"1", "2", "3", "4"}, d.ItemIDs)
	require.Equal(t, []string{"1", "2", "3"}, d.UserIDs, "a line of a user alone is a user")
	require.Equal(t, "2/0 3/1", events(d, 0))
	require.Equal(t, "3/0 1/0 3/0 4/2", events(d, 1))
	require.True(t, d.Places)
	require.Equal(t, []int64{2, 3}, d.Train.Time()[1:], "places of user 2's events, 1 and the later 3")

	text := "2 3 1 3\n1 2\n3 2 2\n"
	file := filepath.Join(t.TempDir(), "one.txt")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	one, err := Load(Config{Source: file, Format: "sequence:ids=from1", Split: "leave-one-out"})
	require.NoError(t, err)
	require.Equal(t, sequences(t, text, "leave-one-out").Hash(), one.Hash())

	for want, files := range map[string]map[string]string{
		`train.txt:2: item id "0" is below 1, where ids count from 1 without gaps (ids=from1); without that setting`: {"train.txt": "1 1 2\n2 1 0\n"},
		`train.txt:1: user id "0" is below 1`:                                                                 {"train.txt": "0 1\n"},
		`train.txt:3: item id "x" is not a whole number in range`:                                             {"train.txt": "1 1\n\n2 x\n"},
		`train.txt:1: item id "-1" is negative`:                                                               {"train.txt": "1 -1\n"},
		`train.txt:1: item id "99999999999" is over the range`:                                                {"train.txt": "1 99999999999\n"},
		`train.txt:2: item 5 is the largest and no line has item 3, where ids count from 1`:                   {"train.txt": "1 1 2\n2 4 5\n3 1\n"},
		`test.txt:1: item 7 is the largest and no line has item 5`:                                            {"train.txt": "1 1 2 3\n", "valid.txt": "1 4\n", "test.txt": "1 7 6\n"},
		`train.txt:2: user 2000000000 is the largest and no line has user 2`:                                  {"train.txt": "1 1\n2000000000 1\n"},
		`train.txt:1: user 3 is the largest and no line has user 1, where ids count from 1 without gaps (ids`: {"train.txt": "3 1\n2 1\n"},
	} {
		_, err := open(files)
		require.ErrorContains(t, err, want)
	}
	_, err = Load(Config{Source: "x", Format: "sequence:ids=from0"})
	require.ErrorContains(t, err, `sequence: ids="from0" is not one of any, from1`)
	_, err = Load(Config{Source: "x", Format: "csv:ids=from1"})
	require.ErrorContains(t, err, `csv: no parameter "ids"; the choices are none`)

	path := filepath.Join(t.TempDir(), "big.txt")
	var lines strings.Builder
	for u := range 4000 {
		fmt.Fprintf(&lines, "%d", u+1)
		for k := range 12 {
			fmt.Fprintf(&lines, " %d", (u*11+k*k)%3000+1)
		}
		lines.WriteByte('\n')
	}
	require.NoError(t, os.WriteFile(path, []byte(lines.String()), 0o600))
	requireNeed(t, Config{Source: path, Format: "sequence:ids=from1"})
}

// TestBeautyFrom1: the publishers' file counts from 1.
func TestBeautyFrom1(t *testing.T) {
	path := filepath.Join("..", "..", "shared", "data", "seq-s3rec-beauty", "seq.txt.gz")
	needs.Data(t, path)
	d, err := Load(Config{Source: path, Format: "sequence:ids=from1", Split: "leave-one-out"})
	require.NoError(t, err)
	require.Equal(t, [3]int{22363, 12101, 198502}, [3]int{d.Users, d.Items, d.Histories.Len()})
	require.Equal(t, "12101", d.ItemName(12100))
	e, err := Load(Config{Source: path, Format: "sequence", Split: "leave-one-out"})
	require.NoError(t, err)
	require.Equal(t, e.Hash(), d.Hash())
}
