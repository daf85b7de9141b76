package data

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

// drawPoints returns a dataset of points, which lie in train, or in train and test.
func drawPoints(t *rapid.T, given bool) *Dataset {
	p := Points{Name: "drawn", Features: rapid.IntRange(1, 9).Draw(t, "features"), Labels: rapid.IntRange(1, 9).Draw(t, "labels")}
	numbers := func(below int, name string) []int32 {
		return rapid.SliceOfNDistinct(rapid.Int32Range(0, int32(below-1)), 0, below, func(i int32) int32 { return i }).Draw(t, name)
	}
	valued := rapid.Bool().Draw(t, "valued")
	for range rapid.IntRange(1, 20).Draw(t, "points") {
		x := Point{Labels: numbers(p.Labels, "of"), Features: numbers(p.Features, "has")}
		if len(x.Labels)+len(x.Features) == 0 {
			x.Features = []int32{0}
		}
		if valued {
			x.Values = make([]float32, len(x.Features))
			for i := range x.Values {
				x.Values[i] = rapid.Float32Range(-1e30, 1e30).Draw(t, "value")
			}
		}
		if given && rapid.Bool().Draw(t, "test") {
			p.Test = append(p.Test, x)
		} else {
			p.Train = append(p.Train, x)
		}
	}
	p.Train = append(p.Train, Point{Labels: []int32{0}}) // there is something to train on
	split := "points:1,0,0"
	if given {
		p.Test = append(p.Test, Point{Features: []int32{0}})
		split = "given"
	}
	d, err := FromPoints(p, split)
	require.NoError(t, err)
	return d
}

// drawFor returns a dataset that a split divides.
func drawFor(t *rapid.T, split string) *Dataset {
	given := strings.HasPrefix(split, "given")
	if strings.Contains(split, "points") {
		return drawPoints(t, given)
	}
	return drawDataset(t, given)
}

// TestPointsRoundTrip: what format xmc writes it reads back to the split hash, points
// without labels, labels and features that no point has, and values among it.
func TestPointsRoundTrip(t *testing.T) {
	root, n := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		d := drawPoints(t, true)
		n++
		dir := filepath.Join(root, nameOf(nil, n))
		require.NoError(t, SaveDir(dir, "xmc", rapid.Bool().Draw(t, "gz"), d))
		back, err := Load(Config{Source: dir, Format: "xmc"})
		require.NoError(t, err)
		require.Equal(t, d.Hash(), back.Hash())
		require.Equal(t, d.Points, back.Points)
		require.NoError(t, back.Contexts().Validate())

		file := filepath.Join(root, nameOf(nil, n)+".txt.gz")
		require.NoError(t, SaveFile(file, "xmc", d))
		whole, err := Load(Config{Source: file, Format: "xmc", Split: "points:1,0,0"})
		require.NoError(t, err)
		require.Equal(t, d.Train.Len()+d.Test.Len(), whole.Train.Len())
		require.Equal(t, d.Users, whole.Users)
		require.Equal(t, d.UserFields, whole.UserFields)
	})
	require.ErrorContains(t, SaveFile(filepath.Join(root, "x.txt"), "xmc", handMade(t)), "holds points and their features")
}

// TestPointSplits: whole points are drawn, as many as the fractions say, whether or not they
// have labels, and the seed decides which.
func TestPointSplits(t *testing.T) {
	p := Points{Name: "some", Features: 3, Labels: 4}
	for u := range 40 {
		x := Point{Features: []int32{int32(u % 3)}}
		if u%4 > 0 {
			x.Labels = []int32{int32(u % 4), 0}
		}
		p.Train = append(p.Train, x)
	}
	d, err := FromPoints(p, "")
	require.NoError(t, err)
	require.Equal(t, PointSplit, d.Split)
	require.Equal(t, [3]int{32, 4, 4}, d.pointsOf())
	require.Equal(t, []int32{0, 1}, d.Parts()[d.Points[1]].ItemsOf(1), "ascending")
	again, err := FromPoints(p, "points:0.8,0.1,0.1,seed=2")
	require.NoError(t, err)
	require.NotEqual(t, d.Points, again.Points)
	joined, err := d.JoinValid()
	require.NoError(t, err)
	require.Equal(t, [3]int{36, 0, 4}, joined.pointsOf())
	require.Equal(t, d.Train.Len()+d.Valid.Len(), joined.Train.Len())
	_, err = joined.WithoutValid()
	require.NoError(t, err)

	_, err = FromPoints(p, "given:points=0.2")
	require.ErrorContains(t, err, "no splits of its own; use points")

	p.Test = p.Train[20:]
	p.Train = p.Train[:20]
	given, err := FromPoints(p, "given:points=0.2")
	require.NoError(t, err)
	require.Equal(t, [3]int{16, 4, 20}, given.pointsOf())
	require.NotContains(t, given.Notes, given.noFile(1))
	s := given.Describe()
	require.Equal(t, PointStats{Train: 16, Valid: 4, Test: 20, Unlabelled: 10, Features: 3, FeaturesPerPoint: 1, LabelsPerPoint: 1.5}, *s.Points)
	require.Contains(t, s.String(), "40 (train 16, valid 4, test 20), of which without labels 10")

	for text, want := range map[string]string{
		"ratio:0.8,0.1,0.1": "a point has all its labels in one part; use points:",
		"leave-one-out":     "a point has all its labels in one part; use points:",
		"given:valid=0.1":   "use given:points=0.1",
	} {
		_, err := FromPoints(p, text)
		require.ErrorContains(t, err, want, text)
	}
	for text, want := range map[string]string{
		"given:points=0.1,valid=0.1": "valid and points are two ways to the same",
		"given:points=1":             "points=1 is outside (0,1)",
		"points:0.8,0.3,0.1":         "sum to 1.2",
		"points:0.8,0.1,0.1,sed=1":   "no argument is called sed",
	} {
		_, err := ParseSplit(text)
		require.ErrorContains(t, err, want, text)
	}
	_, err = Filter{Core: 2}.Apply(given)
	require.ErrorContains(t, err, "none is dropped")
	_, err = Held{Share: 0.1}.Apply(given)
	require.ErrorContains(t, err, "are points, which a split holds out")
	moved := *given
	moved.Points = slices.Repeat([]uint8{2}, 40)
	require.ErrorContains(t, moved.Validate(), "train has labels of it")
	moved.Points = moved.Points[1:]
	require.ErrorContains(t, moved.Validate(), "parts of 39 points, for 40 users")
}

func TestXMC(t *testing.T) {
	const source = "../../shared/cases/xmc-empty-label.txt"
	needs.Data(t, source)
	d, err := Load(Config{Source: source})
	require.NoError(t, err)
	require.Equal(t, []int{4, 2, 4}, []int{d.Users, d.Items, d.Train.Len()})
	require.Empty(t, d.Train.ItemsOf(1), "the line begins with a blank")
	f, err := d.Contexts().Field("features")
	require.NoError(t, err)
	ids, values := f.Row(0)
	require.Equal(t, []int32{0, 2}, ids)
	require.Equal(t, []float32{1, 0.5}, values)

	// Files of one set, headerless and in any order of features.
	given, err := Load(Config{Source: write(t, map[string]string{"train.txt": "2,0 7:3 1:0.5\n 4:1\n", "test.txt": "1 0:1\n 9:2 \n"})})
	require.NoError(t, err)
	require.Equal(t, []uint8{0, 0, 2, 2}, given.Points)
	require.Equal(t, []int{4, 3, 10}, []int{given.Users, given.Items, given.UserFields[0].Size})
	ids, values = given.UserFields[0].Row(0)
	require.Equal(t, []int32{1, 7}, ids)
	require.Equal(t, []float32{0.5, 3}, values)
	require.Equal(t, []string{"no valid file; the split given:points=0.1 carves one out of train"}, given.Notes)

	// Values that are 1 all take no memory, and labels of the header that no point has exist.
	ones, err := openText(t, "2 5 9\n3 0:1\n3 4:1.0\n")
	require.NoError(t, err)
	require.Nil(t, ones.UserFields[0].Value)
	require.Equal(t, []int{9, 5}, []int{ones.Items, ones.UserFields[0].Size})
	require.Empty(t, ones.Notes)
	from1, err := openText(t, "1 1:1\n2 2:1\n")
	require.NoError(t, err)
	require.Contains(t, from1.Notes[0], "no point has the label 0")
}

func TestXMCRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"2 3 2\n0 0:1\n":                   ":2: 1 point, where the header says 2",
		"1 3 2\n0 0:1\n1 1:1\n":            ":3: 2 points, where the header says 1",
		"1 3 2\n2 0:1\n":                   ":2: label 2 is outside [0,2)",
		"1 3 2\n1 3:1\n":                   ":2: feature 3 is outside [0,3)",
		"1 0 2\n1 3:1\n":                   ":1: header: 0 features, want 1 to",
		"1 3 4000000000\n1 2:1\n":          ":1: header: 4000000000 is above 2147483647",
		"1 3 2000000000\n1 2:1\n":          "2000000000 labels, where there are 2 points and labels",
		"1 2000000000 3\n1 2:1\n":          "2000000000 features, where points have 1 in all",
		"0 2000000000:1\n":                 "2000000001 features, where points have 1 in all",
		"0 1:1 1:2\n":                      ":1: feature 1 is given twice",
		"0 1:1e40\n":                       `:1: feature "1:1e40": the value is not a finite number`,
		"0 1:NaN\n":                        "not a finite number",
		"0 1:1\n0 1:\n":                    `:2: feature "1:": the value is not a finite number`,
		"0 1:1\n0 1\n":                     `:2: feature "1": no colon before a value`,
		"0 1:1\n0,,1 1:1\n":                `:2: label: id "" is not a whole number`,
		"0 1:1\n1.5 1:1\n":                 `:2: label: id "1.5" is not a whole number`,
		"0 1:1\n1 -1:1\n":                  `:2: feature "-1:1": id "-1" is negative`,
		" 1:1\n 0:1\n":                     "holds no interactions",
		"0 1:1\n1 \x00:1\n":                "is not a whole number",
		"3 4 3\n0,2 0:1\n 1:1\n1 0:2\n2\n": ":5: 4 points, where the header says 3",
		"2147483647 0:1\n":                 "is over the range",
		strings.Repeat("0 0:1\n", 3) + "0": "no point has",
	} {
		_, err := func() (*Dataset, error) {
			path := filepath.Join(t.TempDir(), "set.txt")
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
			return Open(path, "xmc")
		}()
		if want == "no point has" {
			require.NoError(t, err, "a label without features is a point")
			continue
		}
		require.ErrorContains(t, err, want, "%q", text)
	}
	_, err := Open(write(t, map[string]string{"train.txt": "1 3 2\n0 0:1\n", "test.txt": "1 4 2\n0 0:1\n"}), "")
	require.ErrorContains(t, err, "4 features and 2 labels, where a file before has 3 and 2")
	_, err = Open(write(t, map[string]string{"train.txt": "1 3 2\n0 0:1\n", "test.txt": "0 3:1\n"}), "")
	require.ErrorContains(t, err, "test.txt:1: feature 3 is outside [0,3)")
	_, err = FromPoints(Points{Name: "p", Features: 2, Labels: 2, Train: []Point{{Labels: []int32{0}, Features: []int32{0}, Values: []float32{1, 2}}}}, "")
	require.ErrorContains(t, err, "train point 0 of p: 2 values for 1 features")
	_, err = FromPoints(Points{Name: "p", Features: 2, Labels: 2, Train: []Point{{Features: []int32{0}}}}, "")
	require.ErrorContains(t, err, "no train point with a label")
	_, err = FromPoints(Points{Name: "p", Features: 2, Labels: 2, Train: []Point{{}}}, "")
	require.ErrorContains(t, err, "neither labels nor features")
}

// TestDemoOfPoints: users of a generated set with features are points, known by features that
// follow from what their labels follow from, whatever the number of users.
func TestDemoOfPoints(t *testing.T) {
	d, err := Load(Config{Source: "demo:users=300,items=50,per-user=4,features=100,has=10"})
	require.NoError(t, err)
	require.Equal(t, PointSplit, d.Split)
	require.Equal(t, [3]int{240, 30, 30}, d.pointsOf())
	require.NoError(t, d.Contexts().Validate())
	again, err := ParseDemo(d.Name)
	require.NoError(t, err)
	require.Equal(t, d.Name, again.String())
	fewer, err := Load(Config{Source: "demo:users=30,items=50,per-user=4,features=100,has=10"})
	require.NoError(t, err)
	for u := range 30 {
		a, _ := d.UserFields[0].Row(u)
		b, _ := fewer.UserFields[0].Row(u)
		require.Equal(t, a, b)
	}
	all, err := d.All()
	require.NoError(t, err)
	plain, err := Open("demo:users=300,items=50,per-user=4", "")
	require.NoError(t, err)
	require.Equal(t, plain.Train, all, "labels are those of the set without features")
	for text, want := range map[string]string{
		"demo:has=3":                           "has is of features, and there are none",
		"demo:features=30,has=0":               "has=0: a point has features",
		"demo:features=10":                     "features=10,has=20 as items and per-user",
		"demo:features=100,order=true":         "leave out one of order and features",
		"demo:features=99999999999999,has=2":   "outside",
		"demo:features=100,has=99999999999999": "features=100,has=2147483648",
	} {
		_, err := ParseDemo(text)
		require.ErrorContains(t, err, want, text)
	}
}

// TestQueriesOfPoints: a point that is in no file has the features that a text gives it, with
// values also where those of the set are 1 each.
func TestQueriesOfPoints(t *testing.T) {
	d, err := FromPoints(Points{Name: "p", Features: 9, Labels: 2, Train: []Point{{Labels: []int32{0}, Features: []int32{3}}, {Labels: []int32{1}, Features: []int32{8}}}}, "points:1,0,0")
	require.NoError(t, err)
	task, err := ParseTask("label")
	require.NoError(t, err)
	f, err := task.OfQueries(d, []Query{{Features: map[string]string{"features": " 8:0.5  3:1"}}, {}})
	require.NoError(t, err)
	require.NoError(t, f.Validate())
	x, err := f.Field("features")
	require.NoError(t, err)
	ids, values := x.Row(0)
	require.Equal(t, []int32{3, 8}, ids)
	require.Equal(t, []float32{1, 0.5}, values)
	require.Zero(t, x.Len(1))
	for text, want := range map[string]string{
		"9:1":     `"9:1": it is outside [0,9); each is NUMBER:VALUE`,
		"3":       "no colon",
		"3:1 3:2": "3 is given twice",
		"3:x":     "not a finite number",
		"-1:1":    "is negative",
	} {
		_, err := task.OfQueries(d, []Query{{Features: map[string]string{"features": text}}})
		require.ErrorContains(t, err, want)
	}
	_, err = task.OfQueries(d, []Query{{History: []int32{0}}})
	require.ErrorContains(t, err, "are known by their features")
}
