package data

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// handMade is a dataset of 3 users and 4 items as a caller of the library builds it.
func handMade(t *testing.T) *Dataset {
	t.Helper()
	set := func(user, item []int32) *Interactions {
		x, _, err := FromPairs(3, 4, user, item, nil, nil)
		require.NoError(t, err)
		return x
	}
	return &Dataset{
		Name: "mine", Users: 3, Items: 4, UserIDs: []string{"b", "a", "c"}, ItemIDs: []string{"1", "2", "3", "10"}, Given: true,
		Train: set([]int32{0, 1, 2}, []int32{0, 1, 2}), Valid: set(nil, nil), Test: set([]int32{0, 2}, []int32{3, 0}),
	}
}

// datasetFaults are what can be wrong, with what the error says.
var datasetFaults = map[string]struct {
	spoil func(d *Dataset)
	says  []string
}{
	"no valid":        {func(d *Dataset) { d.Valid = nil }, []string{"valid is nil; Empty makes a set without pairs"}},
	"no test":         {func(d *Dataset) { d.Test = nil }, []string{"test is nil"}},
	"no train":        {func(d *Dataset) { d.Train = nil }, []string{"train is nil"}},
	"too many users":  {func(d *Dataset) { d.Users, d.UserIDs = 5, nil }, []string{"train is of 3 users and 4 items, the dataset of 5 and 4", "test is of 3"}},
	"too few items":   {func(d *Dataset) { d.Items, d.ItemIDs = 2, nil }, []string{"valid is of 3 users and 4 items, the dataset of 3 and 2"}},
	"no users":        {func(d *Dataset) { d.Users = 0 }, []string{"0 users, want 1 to", "3 user ids for 0 users"}},
	"few ids":         {func(d *Dataset) { d.ItemIDs = d.ItemIDs[:2] }, []string{"2 item ids for 4 items"}},
	"no ids":          {func(d *Dataset) { d.UserIDs = []string{} }, []string{"0 user ids for 3 users"}},
	"an id twice":     {func(d *Dataset) { d.UserIDs = []string{"b", "a", "b"} }, []string{`user ids 0 and 2 are both "b"`}},
	"neighbours":      {func(d *Dataset) { d.ItemIDs = []string{"1", "2", "2", "3"} }, []string{`item ids 1 and 2 are both "2"`}},
	"an empty id":     {func(d *Dataset) { d.ItemIDs = []string{"1", "", "3", "4"} }, []string{"item id 1 is empty"}},
	"a shorter truth": {func(d *Dataset) { d.Truth = &Truth{Rank: 1, User: []float32{1}} }, []string{"truth of rank 1 with 1, 0 and 0 numbers"}},
	"several": {func(d *Dataset) { d.Valid, d.UserIDs, d.Items = nil, d.UserIDs[:1], 7 },
		[]string{"valid is nil", "1 user ids for 3 users", "4 item ids for 7 items", "train is of"}},
}

func TestValidate(t *testing.T) {
	require.NoError(t, handMade(t).Validate())
	require.ErrorContains(t, (*Dataset)(nil).Validate(), "nil")
	for name, c := range datasetFaults {
		t.Run(name, func(t *testing.T) {
			d := handMade(t)
			c.spoil(d)
			err := d.Validate()
			for _, says := range c.says {
				require.ErrorContains(t, err, says)
				require.ErrorContains(t, err, `"mine"`)
			}
		})
	}
}

// TestEverythingValidates: what takes a dataset returns the error of one that is
// wrong, and writes nothing.
func TestEverythingValidates(t *testing.T) {
	takers := map[string]func(d *Dataset, dir string) error{
		"All":      func(d *Dataset, _ string) error { _, err := d.All(); return err },
		"Filter":   func(d *Dataset, _ string) error { _, err := Filter{Core: 1}.Apply(d); return err },
		"noFilter": func(d *Dataset, _ string) error { _, err := Filter{}.Apply(d); return err },
		"SaveDir":  func(d *Dataset, dir string) error { return SaveDir(filepath.Join(dir, "out"), "csv", false, d) },
		"SaveFile": func(d *Dataset, dir string) error { return SaveFile(filepath.Join(dir, "out.csv"), "csv", d) },
	}
	for _, k := range SplitKinds() {
		for _, text := range k.Examples {
			s, err := ParseSplit(text)
			require.NoError(t, err)
			takers["ApplySplit "+text] = func(d *Dataset, _ string) error { _, err := ApplySplit(d, s); return err }
			takers["Split "+text] = func(d *Dataset, _ string) error { _, _, _, err := s.Split(d); return err }
		}
	}
	for name, take := range takers {
		for fault, c := range datasetFaults {
			t.Run(name+"/"+fault, func(t *testing.T) {
				d, dir := handMade(t), t.TempDir()
				c.spoil(d)
				require.ErrorContains(t, take(d, dir), c.says[0])
				files, err := filepath.Glob(filepath.Join(dir, "*"))
				require.NoError(t, err)
				require.Empty(t, files)
			})
		}
		require.Error(t, take(nil, t.TempDir()), name)
	}
}

// wrongSplit is a Splitter of a user's that breaks its contract.
type wrongSplit struct{ train, valid, test *Interactions }

func (w wrongSplit) Split(*Dataset) (train, valid, test *Interactions, err error) {
	return w.train, w.valid, w.test, nil
}
func (wrongSplit) Notes(train, valid, test *Interactions) []string { return nil }

func (wrongSplit) String() string { return "wrong" }

func TestWrongSplitter(t *testing.T) {
	d := handMade(t)
	other, err := Empty(2, 2)
	require.NoError(t, err)
	for want, s := range map[string]wrongSplit{
		"test is nil":                     {d.Train, d.Valid, nil},
		"train is nil":                    {},
		"valid is of 2 users and 2 items": {d.Train, other, d.Test},
	} {
		_, err := ApplySplit(d, s)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "split wrong")
	}
}

// TestRising: many ids in the order of Open need no table; others are found too.
func TestRising(t *testing.T) {
	var numbers, texts []string
	for i := range 200 {
		numbers, texts = append(numbers, fmt.Sprint(i*7)), append(texts, fmt.Sprintf("%05d", i))
	}
	require.True(t, rising(numbers))
	require.True(t, rising(texts))
	require.False(t, rising([]string{"2", "10", "x"}))
	require.NoError(t, checkIDs([]string{"2", "10", "x", "1"}))
}
