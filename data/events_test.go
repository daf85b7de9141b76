package data

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func films() Events {
	at := func(s int64) time.Time { return time.Unix(s, 5e8) }
	return Events{
		Name: "films",
		Train: []Event{
			{"ann", "Heat", 5, at(3)}, {"ann", "Alien", 4, at(1)}, {"bob", "Alien", 3, at(2)}, {"bob", "Up", 2, at(9)}, {"ann", "Up", 1, at(7)},
		},
		UserFeatures: []Feature{{Name: "age", Of: map[string]map[string]float32{"ann": {"age": 0.3}, "bob": {"age": 0.5}}}},
		ItemFeatures: []Feature{{Name: "genre", Of: map[string]map[string]float32{
			"Heat": {"crime": 1, "drama": 0.5}, "Alien": {"horror": 1}, "Brazil": {"satire": 1}}}, {Name: "length", Number: map[string]float32{"Alien": 80, "Up": 120, "Brazil": 7}}},
	}
}

func TestFromEvents(t *testing.T) {
	d, err := FromEvents(films(), "leave-one-out:seed=1")
	require.NoError(t, err)
	require.Equal(t, []string{"ann", "bob"}, d.UserIDs)
	require.Equal(t, []string{"Alien", "Heat", "Up"}, d.ItemIDs)
	require.Equal(t, []int32{2}, d.Test.ItemsOf(0), "Up is ann's last, by time")
	require.Equal(t, 1, d.TimeDecimals)
	require.NotNil(t, d.Train.Value())

	// Heat was taken out of training: nothing is learned of crime.
	genre, err := d.Classes().Field("genre")
	require.NoError(t, err)
	require.Equal(t, []string{"horror"}, genre.Tokens)
	require.Contains(t, d.Notes, "3 ids of the feature genre that no item with a training pair has: left out")
	require.Equal(t, []int{1, 0, 0}, []int{genre.Len(0), genre.Len(1), genre.Len(2)})
	warm, err := d.Classes().Field("warm")
	require.NoError(t, err)
	require.Equal(t, []int32{0, -1, -1}, warm.ID)

	whole, err := FromEvents(films(), "ratio:1,0,0")
	require.NoError(t, err)
	genre, err = whole.Classes().Field("genre")
	require.NoError(t, err)
	require.Equal(t, []string{"crime", "drama", "horror"}, genre.Tokens, "no film of the set is a satire")
	require.Equal(t, 3, genre.Size, "ids are in order of their names")
	ids, values := genre.Row(1)
	require.Equal(t, []int32{0, 1}, ids)
	require.Equal(t, []float32{1, 0.5}, values)
	require.Zero(t, genre.Len(2), "nothing is said of Up")
	age, err := whole.Contexts().Field("age")
	require.NoError(t, err)
	_, values = age.Row(1)
	require.Equal(t, []float32{0.5}, values)
	length, err := whole.Classes().Field("length")
	require.NoError(t, err)
	require.Equal(t, []Scale{{100, 20}}, length.Scale)
	require.Equal(t, []float32{-1, 1}, length.Value)
	require.Equal(t, []int{1, 0, 1}, []int{length.Len(0), length.Len(1), length.Len(2)})

	require.Equal(t, Config{Source: MemorySource, Split: "leave-one-out:seed=1"}, d.Made)
	_, err = Load(d.Made)
	require.ErrorContains(t, err, "was in a program's memory")

	// A filter takes the rows of features with it.
	least := 3.0
	f, err := Filter{MinRating: &least}.Apply(whole)
	require.NoError(t, err)
	require.Equal(t, []string{"Alien", "Heat"}, f.ItemIDs)
	require.NoError(t, f.Classes().Validate())
	genre, err = f.Classes().Field("genre")
	require.NoError(t, err)
	ids, _ = genre.Row(1)
	require.Equal(t, []int32{0, 1}, ids)

	// Features are part of what a run is trained on.
	plain := films()
	plain.ItemFeatures = nil
	p, err := FromEvents(plain, "leave-one-out:seed=1")
	require.NoError(t, err)
	require.NotEqual(t, p.Hash(), d.Hash())
}

func TestFromEventsGiven(t *testing.T) {
	e := films()
	e.Train, e.Test = e.Train[:3], e.Train[3:]
	d, err := FromEvents(e, "")
	require.NoError(t, err)
	require.Equal(t, []int{3, 0, 2}, []int{d.Train.Len(), d.Valid.Len(), d.Test.Len()})
	require.Equal(t, "given", d.Split)
}

func TestFromEventsRefuses(t *testing.T) {
	for want, change := range map[string]func(e *Events){
		"films has no train events":                               func(e *Events) { e.Train = nil },
		"train event 1 of films: empty user id":                   func(e *Events) { e.Train[1].User = "" },
		"train event 2 of films: it has no time, and others have": func(e *Events) { e.Train[2].Time = time.Time{} },
		`feature "genre" has no ids`:                              func(e *Events) { clear(e.ItemFeatures[0].Of) },
		`feature "genre" has both of Of and Number, or neither`:   func(e *Events) { e.ItemFeatures[0].Of = nil },
		`no feature can be called "id"`:                           func(e *Events) { e.ItemFeatures[0].Name = "id" },
		`no feature can be called "seen"`:                         func(e *Events) { e.UserFeatures[0].Name = "seen" },
		`"length": value 1 is NaN`:                                func(e *Events) { e.ItemFeatures[1].Number["Up"] = float32(math.NaN()) },
		`unknown split "by-lot"`:                                  func(e *Events) { e.Name = "by-lot" },
	} {
		e := films()
		change(&e)
		split := ""
		if e.Name == "by-lot" {
			split = "by-lot"
		}
		_, err := FromEvents(e, split)
		require.ErrorContains(t, err, want)
	}
}
