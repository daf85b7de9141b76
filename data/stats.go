package data

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// Stats are the figures by which a dataset is known.
type Stats struct {
	// What the Dataset says of itself, and its Hash.
	Name   string `json:"name"`
	Format string `json:"format"`
	Filter string `json:"filter,omitempty"`
	Split  string `json:"split"`
	Hash   string `json:"hash"`

	// How many users, items and interactions there are over all sets, and how many
	// interactions in each set.
	Users        int     `json:"users"`
	Items        int     `json:"items"`
	Interactions int     `json:"interactions"`
	Density      float64 `json:"density"` // interactions / (users·items)
	Train        int     `json:"train"`
	Valid        int     `json:"valid"`
	Test         int     `json:"test"`

	// Events are those of the histories, repeats among them, and Held the users who are held
	// out of training, whose pairs before valid are in no set; 0 without.
	Events int `json:"events,omitempty"`
	Held   int `json:"held_users,omitempty"`

	// Of points; nil where users are not.
	Points *PointStats `json:"points,omitempty"`

	// Items of a user and users of an item over all sets: least, quartiles, most.
	UserDegree [5]int `json:"user_degree"`
	ItemDegree [5]int `json:"item_degree"`

	// Gini coefficient of item popularity: 0 all alike, towards 1 one has all.
	Gini float64 `json:"gini"`

	// Users and items of valid or test of whom train has nothing.
	ColdUsers int `json:"cold_users"`
	ColdItems int `json:"cold_items"`

	Fields []FieldStats `json:"fields,omitempty"` // features, of users and then of items

	Notes []string `json:"notes,omitempty"` // those of the Dataset
}

// Describe counts d.
func (d *Dataset) Describe() Stats {
	s := Stats{
		Name: d.Name, Format: d.Format, Filter: d.Filter, Split: d.Split, Hash: d.Hash(),
		Users: d.Users, Items: d.Items, Train: d.Train.Len(), Valid: d.Valid.Len(), Test: d.Test.Len(),
		Notes: slices.Clone(d.Notes),
	}
	s.Interactions = s.Train + s.Valid + s.Test
	if d.Histories != nil {
		s.Events = d.Histories.Len()
	}
	s.Points = d.pointStats()
	if d.Known != nil {
		s.Held = len(d.Known.Active())
	}
	s.Density = float64(s.Interactions) / (float64(d.Users) * float64(d.Items))
	user, item := make([]int, d.Users), make([]int, d.Items)
	for _, part := range d.Parts() {
		for u := range user {
			user[u] += len(part.ItemsOf(u))
		}
		for i, n := range part.ItemCounts() {
			item[i] += int(n)
		}
	}
	inTrain := d.Train.ItemCounts()
	for u, n := range user {
		if m := len(d.Train.ItemsOf(u)); m == 0 && n > 0 && !d.IsHeld(u) {
			s.ColdUsers++
		}
	}
	for i, n := range item {
		if inTrain[i] == 0 && n > 0 {
			s.ColdItems++
		}
	}
	slices.Sort(user)
	slices.Sort(item)
	s.UserDegree, s.ItemDegree = quartiles(user), quartiles(item)
	s.Gini = gini(item)
	s.Fields = append(fieldStats(UserSide, d.UserFields, d.Users), fieldStats(ItemSide, d.ItemFields, d.Items)...)
	return s
}

// quartiles returns the least, the quartiles and the most of sorted numbers,
// each an element of them: the one at ⌊q·(n−1)+½⌋.
func quartiles(sorted []int) (q [5]int) {
	for k := range q {
		q[k] = sorted[(k*(len(sorted)-1)+2)/4]
	}
	return q
}

// gini returns Σ_k (2k−n−1) x_k / (n Σ x) over rising x_1 … x_n (Gini 1912, in the
// form of Dixon et al. 1987); 0 where nothing is counted.
func gini(sorted []int) float64 {
	n, sum, weighted := len(sorted), 0.0, 0.0
	for k, x := range sorted {
		sum += float64(x)
		weighted += float64(2*(k+1)-n-1) * float64(x)
	}
	if sum == 0 {
		return 0
	}
	return weighted / (float64(n) * sum)
}

// String returns the figures as lines of "name  value".
func (s Stats) String() string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-13s %s\n", name, EscapeText(fmt.Sprintf(format, args...)))
	}
	line("name", "%s", s.Name)
	line("format", "%s", s.Format)
	if s.Filter != "" {
		line("filter", "%s", s.Filter)
	}
	line("split", "%s", s.Split)
	line("hash", "%s", s.Hash)
	line("users", "%d", s.Users)
	line("items", "%d", s.Items)
	line("interactions", "%d (train %d, valid %d, test %d)", s.Interactions, s.Train, s.Valid, s.Test)
	if s.Events > 0 {
		line("events", "%d in the order of time", s.Events)
	}
	if s.Held > 0 {
		line("held", "%s out of training", words.Count(s.Held, "user"))
	}
	if p := s.Points; p != nil {
		line("points", "%d (train %d, valid %d, test %d), of which without labels %d", s.Users, p.Train, p.Valid, p.Test, p.Unlabelled)
		line("labels", "%d, and %.2f of them a point", s.Items, p.LabelsPerPoint)
		line("features", "%d, and %.2f of them a point", p.Features, p.FeaturesPerPoint)
	}
	line("density", "%.6f", s.Density)
	line("items/user", "%s", degreeText(s.UserDegree))
	line("users/item", "%s", degreeText(s.ItemDegree))
	line("gini", "%.4f of item popularity", s.Gini)
	line("cold", "%s and %s outside train only", words.Count(s.ColdUsers, "user"), words.Count(s.ColdItems, "item"))
	for _, f := range s.Fields {
		line(f.Side+" field", "%s", f)
	}
	for _, n := range s.Notes {
		line("note", "%s", n)
	}
	return b.String()
}

func degreeText(q [5]int) string {
	return fmt.Sprintf("least %d, quartiles %d %d %d, most %d", q[0], q[1], q[2], q[3], q[4])
}
