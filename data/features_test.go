package data

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rows writes a field's rows: ids by their names, or numbers, with blanks between.
func rows(f *Field) (all []string) {
	n := len(f.Lo)
	if f.single() {
		n = len(f.ID)
	}
	for i := range n {
		ids, values := f.Row(i)
		var parts []string
		for j, id := range ids {
			switch {
			case id < 0:
			case f.Tokens != nil:
				parts = append(parts, f.Tokens[id])
			default:
				parts = append(parts, fmt.Sprintf("%d:%.4g", id, values[j]))
			}
		}
		all = append(all, strings.Join(parts, " "))
	}
	return all
}

func fieldOf(t *testing.T, fields []Field, name string) *Field {
	t.Helper()
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return &fields[i]
}

const inter = "user_id:token\titem_id:token\trating:float\ttimestamp:float\tmood:token\nu1\ti1\t3\t1\tx\nu1\ti2\t4\t2\ty\nu2\ti1\t5\t3\tx\nu2\ti3\t1\t4\tx\nu3\ti2\t1\t5\tx\n"

// TestRecBoleFeatures: the files beside .inter are read, keyed by their first column
// whatever its name; rows of ids that no interaction has are counted and ignored, and who
// has no row has no features.
func TestRecBoleFeatures(t *testing.T) {
	dir := write(t, map[string]string{
		"films.inter": inter,
		"films.user":  "uid:token\tage:float\tlikes:token_seq\nu2\t40\tjazz rock\nu1\t20\t\nu9\t99\tpolka\n",
		"films.item":  "movie_id:token\tyear:token\tpoint:float_seq\ni3\t10\t1 2\ni1\t9\t3\ni2\t\t5 6\n",
		"films.kg":    "nothing that is read",
		"README.md":   "of films",
	})
	d, err := Open(dir, "")
	require.NoError(t, err)
	require.Equal(t, []string{
		`train: what an interaction has beside user, item, rating and time is not read: "mood"`,
		"features of users from films.user: age (float), likes (token_seq)",
		"films.user has 1 row of ids that no interaction has, which are left out",
		"films.user has no row of 1 user, who have no features",
		"features of items from films.item: year (token), point (float_seq)",
		"films.kg is not read: it is a knowledge graph",
	}, d.Notes)
	require.NoError(t, d.Contexts().Validate())
	require.NoError(t, d.Classes().Validate())
	require.Equal(t, []string{"0:20", "0:40", ""}, rows(fieldOf(t, d.UserFields, "age")))
	likes := fieldOf(t, d.UserFields, "likes")
	require.Equal(t, []string{"", "jazz rock", ""}, rows(likes))
	require.Equal(t, []string{"jazz", "rock"}, likes.Tokens, "polka is of nobody")
	year := fieldOf(t, d.ItemFields, "year")
	require.Equal(t, []string{"9", "", "10"}, rows(year))
	require.Equal(t, []string{"9", "10"}, year.Tokens, "in the order of numbers, not of lines")
	require.Equal(t, []string{"0:3", "0:5 1:6", "0:1 1:2"}, rows(fieldOf(t, d.ItemFields, "point")))

	// The order of lines and columns of the file does not change what it says.
	again := write(t, map[string]string{"films.inter": inter,
		"films.user": "uid:token\tage:float\tlikes:token_seq\nu9\t99\tpolka\nu1\t20\t\nu2\t40\tjazz rock\n",
		"films.item": "movie_id:token\tyear:token\tpoint:float_seq\ni1\t9\t3\ni2\t\t5 6\ni3\t10\t1 2\n"})
	e, err := Open(again, "")
	require.NoError(t, err)
	require.Equal(t, d.Hash(), e.Hash())
	none, err := Open(filepath.Join(dir, "films.inter"), "")
	require.NoError(t, err)
	require.Empty(t, none.UserFields, "of a file by itself, what lies beside it is not read")
	require.NotEqual(t, d.Hash(), none.Hash())
	named, err := Load(Config{Source: filepath.Join(dir, "films.inter"), UserFeatures: filepath.Join(dir, "films.user"), Split: "ratio:1,0,0"})
	require.NoError(t, err)
	require.Len(t, named.UserFields, 2)
}

// TestFeaturesOfTrain: numbers are scaled by the rows that have training pairs, and ids that
// none of these has are left out; a filter takes the rows with it.
func TestFeaturesOfTrain(t *testing.T) {
	dir := write(t, map[string]string{
		"train.csv": "user,item\nu1,i1\nu1,i2\nu2,i1\nu2,i3\n", "test.csv": "user,item\nu1,i4\nu3,i1\n",
		"f.csv": "id,age,job\nu1,20,a\nu2,40,b\nu3,70,c\n", "g.csv": "id;len;tags:token_seq|;flat\ni1;1;x y|z;5\ni2;3;z;5\ni3;;;5\ni4;7;new|z;5\n",
	})
	c := Config{Source: dir, UserFeatures: filepath.Join(dir, "f.csv"), ItemFeatures: filepath.Join(dir, "g.csv")}
	d, err := Load(c)
	require.NoError(t, err)
	require.Equal(t, c.UserFeatures, d.Made.UserFeatures)
	age := fieldOf(t, d.UserFields, "age")
	require.Equal(t, []Scale{{30, 10}}, age.Scale)
	require.Equal(t, []float32{-1, 1, 4}, age.Value)
	require.Equal(t, []string{"a", "b", ""}, rows(fieldOf(t, d.UserFields, "job")))
	require.Equal(t, []string{"x y z", "z", "", "z"}, rows(fieldOf(t, d.ItemFields, "tags")))
	require.Equal(t, []string{"x y", "z"}, fieldOf(t, d.ItemFields, "tags").Tokens)
	require.Equal(t, []string{"0:-1", "0:1", "", "0:5"}, rows(fieldOf(t, d.ItemFields, "len")))
	require.Equal(t, []Scale{{5, 1}}, fieldOf(t, d.ItemFields, "flat").Scale, "a number that is one for all")
	require.Contains(t, d.Notes, "features of users from f.csv: age (float by what it holds), job (token by what it holds)")
	require.Contains(t, d.Notes, "1 id of the feature job that no user with a training pair has: left out")
	require.Equal(t, []int32{3}, d.ColdItems())
	require.Equal(t, []int32{0, 1, 2}, d.WarmItems())
	text := d.Describe().String()
	for _, want := range []string{
		"user field    age: float, mean 30 and deviation 10, 0 of 3 users without\n",
		"user field    job: token, 2 ids, 1 of 3 users without\n",
		"item field    tags: token_seq|, 2 ids, 1.33 of a row, 1 of 4 items without\n",
	} {
		require.Contains(t, text, want)
	}

	// A filter takes the rows with it.
	c.Source = filepath.Join(write(t, map[string]string{"r.csv": "user,item\nu1,i1\nu1,i4\nu2,i1\nu2,i4\nu3,i2\nu2,i3\n"}), "r.csv")
	c.Core, c.Split = 2, "ratio:1,0,0"
	d, err = Load(c)
	require.NoError(t, err)
	require.Equal(t, [2][]string{{"u1", "u2"}, {"i1", "i4"}}, [2][]string{d.UserIDs, d.ItemIDs})
	require.Equal(t, []string{"a", "b"}, rows(fieldOf(t, d.UserFields, "job")))
	require.Equal(t, []string{"x y z", "new z"}, rows(fieldOf(t, d.ItemFields, "tags")))
	require.Equal(t, []Scale{{4, 3}}, fieldOf(t, d.ItemFields, "len").Scale)
}

// TestFeatureFilesRefused: what is wrong with a file of features is said with its line.
func TestFeatureFilesRefused(t *testing.T) {
	pairs := write(t, map[string]string{"r.csv": "user,item\n1,10\n2,11\n"})
	at := filepath.Join(pairs, "r.csv")
	for text, want := range map[string]string{
		"":                                   "f.csv:1: the file is empty",
		"\n \n":                              "f.csv:1: the file is empty",
		"id,age\n":                           "f.csv:1: the file has a header and no row of features of users",
		"id,age\n1,3\n1,4\n":                 `f.csv:3: id "1" has a row already, in line 2`,
		"id,age\n1,3\n2\n":                   "f.csv:3: wrong number of fields",
		"id\tage\n1\t3\n2\n":                 "f.csv:3: 1 column where there are 2",
		"id,age\n,3\n":                       "f.csv:2: the id is empty",
		"id,age\n1,3\n2,NaN\n":               `f.csv:3: age: "NaN" is not finite; leave the cell empty where there is no value`,
		"id,age\n1,3\n2,-inf\n":              `f.csv:3: age: "-inf" is not finite`,
		"id,age\n1,3\n2,1e99\n":              `f.csv:3: age: "1e99" is too large`,
		"id,age:float\n1,3\n2,old\n":         `f.csv:3: age: "old" is no number`,
		"id,age:float\n1,3\n2,0x10\n":        `f.csv:3: age: "0x10" is no number`,
		"id,age:number\n1,3\n":               `f.csv:1: column "age": unknown type "number"; the choices are token, token_seq, float, float_seq`,
		"id,tags:token_seq||\n1,3\n":         `a separator is one character`,
		"id,age,age\n1,3,4\n":                `f.csv:1: two columns are called "age"`,
		"id,age,\n1,3,4\n":                   "f.csv:1: column 3 has no name",
		"id,history\n1,3\n":                  `column 2 is called "history", as a field is that the interactions give`,
		"id,age\n7,3\n8,4\n":                 `f.csv:1: no id of 2 rows in column "id", the first, is that of a user of the interactions, such as "1"`,
		"id,age\n1,\n2,\n":                   "no cell of a user of the interactions has a value",
		"id,age\n1,\"3\n2,4\n":               "f.csv:2: ",
		"id,town\n1,Ulm\n2,K\xf6ln\n":        `f.csv:3: town: "K\xf6ln" is no UTF-8`,
		"1,30\n2,40\n":                       "f.csv:1: column 1 of the header is the number 1",
		"just words\n1 2\n":                  "no known format of features of users begins with",
		"id:token\tage\n":                    "header and no row",
		"id:token\tage:float\n1\t3\n1\t3\n":  `f.csv:3: id "1" has a row already, in line 2`,
		"1::F::1::10\n":                      "no known format of features of users",
		"1::F::1::10::48067\n2::M::56::16\n": "f.csv:2: 4 columns where there are 5",
		"id,age\n1,3\r2,4\r":                 "f.csv:",
		"\x28\xb5\x2f\xfd and so on":         "compressed with zstd: ",
		"id,age\n1,1e-40\n2,3e38\n":          "",
		"id,x:float\n1,1\n2,1\n3,3\n":        "",
	} {
		file := filepath.Join(t.TempDir(), "f.csv")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		_, err := Load(Config{Source: at, UserFeatures: file, Split: "ratio:1,0,0"})
		if want == "" {
			require.NoError(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want, text)
		var of *SettingError
		require.ErrorAs(t, err, &of)
		require.Equal(t, "user_features", of.Setting)
	}
	_, err := Load(Config{Source: at, ItemFeatures: filepath.Join(pairs, "absent")})
	require.ErrorIs(t, err, os.ErrNotExist)

	dir := write(t, map[string]string{"a.inter": inter, "a.user": "u:token\tx:float\nu1\t1\n", "b.user": "u:token\tx:float\nu1\t1\n", "c.net": ""})
	_, err = Open(dir, "")
	require.ErrorContains(t, err, "both a.user and b.user have features of users; name one of them by --user-features")
	_, err = Open(filepath.Join(dir, "a.user"), "")
	require.ErrorContains(t, err, "has features of users, and no interactions")
	_, err = Open(filepath.Join(dir, "c.net"), "")
	require.ErrorContains(t, err, "c.net is a social network of RecBole, which is neither interactions nor features")
	d, err := Load(Config{Source: dir, UserFeatures: filepath.Join(dir, "b.user"), Split: "ratio:1,0,0"})
	require.NoError(t, err)
	require.Contains(t, strings.Join(d.Notes, "\n"), "a.user, b.user beside the interactions is not read")
}

// TestFeaturesOfPoints: points keep the features of their own beside those of a file.
func TestFeaturesOfPoints(t *testing.T) {
	dir := write(t, map[string]string{"p.txt": "3 4 2\n0 0:1 3:0.5\n1 1:1\n0 2:1\n", "f.csv": "id,age\n0,3\n2,5\n", "g.csv": "id,features\n0,3\n"})
	c := Config{Source: filepath.Join(dir, "p.txt"), UserFeatures: filepath.Join(dir, "f.csv"), Split: "points:1,0,0"}
	d, err := Load(c)
	require.NoError(t, err)
	require.Len(t, d.UserFields, 2)
	require.Equal(t, []string{"0:3", "", "0:5"}, rows(fieldOf(t, mustOpen(t, c).UserFields, "age")))
	c.UserFeatures = filepath.Join(dir, "g.csv")
	_, err = Load(c)
	require.ErrorContains(t, err, `a column is called "features", as a field is that the points have`)
}

// mustOpen opens a source as it is.
func mustOpen(t *testing.T, c Config) *Dataset {
	t.Helper()
	p, err := c.Plan()
	require.NoError(t, err)
	d, err := p.open()
	require.NoError(t, err)
	return d
}

// TestMovieLensFeatures: what the publisher's files hold, in ISO-8859-1, beside ratings.
func TestMovieLensFeatures(t *testing.T) {
	films := "1::Toy Story (1995)::Animation|Children's|Comedy\n2::M\xe9nage: a::b (Tenue de soir\xe9e) (1986)::Comedy\n3::No year::\n"
	for name, files := range map[string]map[string]string{
		"1m": {"ratings.dat": "1::1::5::978300760\n2::2::3::978302109\n2::3::3::978302110\n", "users.dat": "1::F::1::10::48067\n2::M::56::16::70072\n3::M::25::15::55117\n", "movies.dat": films},
		"100k": {"u.data": "1\t1\t5\t978300760\n2\t2\t3\t978302109\n2\t3\t3\t978302110\n", "u.user": "1|24|F|10|48067\n2|53|M|16|70072\n", "README": "",
			"u.item": "1|Toy Story (1995)|01-Jan-1995||http://x|0|0|0|1|1|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n2|M\xe9nage: a::b (Tenue de soir\xe9e) (1986)||||0|0|0|0|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0\n3|No year|||" + strings.Repeat("|0", 20)[1:] + "\n"},
		"32m": {"ratings.csv": "userId,movieId,rating,timestamp\n1,1,5,978300760\n2,2,3,978302109\n2,3,3,978302110\n",
			"movies.csv": "movieId,title,genres\n1,Toy Story (1995),Animation|Children's|Comedy\n2,Ménage: a::b (Tenue de soirée) (1986),Comedy\n3,No year,(no genres listed)\n"},
	} {
		d, err := Open(write(t, files), "")
		require.NoError(t, err, name)
		require.Equal(t, []string{"Toy Story", "Ménage: a::b (Tenue de soirée)", "No year"}, rows(fieldOf(t, d.ItemFields, "title")), name)
		require.Equal(t, []string{"1995", "1986", ""}, rows(fieldOf(t, d.ItemFields, "year")), name)
		require.Equal(t, []string{"Animation Children's Comedy", "Comedy", ""}, rows(fieldOf(t, d.ItemFields, "genre")), name)
		if name == "32m" {
			require.Empty(t, d.UserFields)
			continue
		}
		require.Equal(t, []string{"F", "M"}, rows(fieldOf(t, d.UserFields, "gender")), name)
	}
}

// TestFeatureFormats: each format's example is read, plain and compressed, by its lines and
// no other format's, as features of the sides that it has.
func TestFeatureFormats(t *testing.T) {
	require.NotEmpty(t, FeatureFormats())
	for _, f := range FeatureFormats() {
		side := UserSide
		if f.Users == "" && f.Items != "" {
			side = ItemSide
		}
		for _, compressed := range []bool{false, true} {
			text := []byte(f.Example)
			if compressed {
				var b bytes.Buffer
				z := gzip.NewWriter(&b)
				_, err := z.Write(text)
				require.NoError(t, err)
				require.NoError(t, z.Close())
				text = b.Bytes()
			}
			file := filepath.Join(t.TempDir(), "f")
			require.NoError(t, os.WriteFile(file, text, 0o600))
			d := ofIDs(t, "1", "2", "3", "7", "9", "x")
			fields, notes, err := d.readFeatures(file, side, nil)
			require.NoError(t, err, f.Name)
			require.NotEmpty(t, fields, f.Name)
			require.NotEmpty(t, notes, f.Name)
		}
	}
}

// ofIDs returns a set whose users and items have these ids.
func ofIDs(t require.TestingT, ids ...string) *Dataset {
	n := len(ids)
	x, err := Empty(n, n)
	require.NoError(t, err)
	return &Dataset{Name: "ids", Users: n, Items: n, UserIDs: ids, ItemIDs: ids, Train: x, Valid: x, Test: x}
}

// Whatever the bytes, a reader of features returns valid fields or an error.
func FuzzFeatures(f *testing.F) {
	for _, format := range FeatureFormats() {
		f.Add([]byte(format.Example))
		f.Add([]byte("\xef\xbb\xbf" + strings.ReplaceAll(format.Example, "\n", "\r\n\r\n")))
		f.Add([]byte(format.Example[:len(format.Example)/2]))
	}
	for _, text := range []string{"", "\n", "a,b\n1,", "a,b:token_seq,\n1,,", "a,b:float_seq\n1,1 2 NaN\n", "\x1f\x8b\x08\x00", "a,b\n1,\"", "a\tb:float\n1\t1e400\n", "1::a::b\n", "1||||\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := ofIDs(t, "1", "2", "3", "7", "9", "x")
		for _, format := range append(FeatureFormats(), nil) {
			for _, side := range []string{UserSide, ItemSide} {
				in, err := newInput("fuzz", bytes.NewReader(text))
				if err != nil {
					continue
				}
				fields, _, err := d.featuresFrom(in, side, format)
				if err != nil {
					continue
				}
				frame := Frame{Rows: d.Users, Fields: fields}
				require.NoError(t, frame.Validate())
				for i := range fields {
					_, _, err := fields[i].fitted(func(int) bool { return true })
					_ = err // of numbers too far apart
					for _, token := range fields[i].Tokens {
						require.NotEmpty(t, token)
					}
				}
			}
		}
	})
}
