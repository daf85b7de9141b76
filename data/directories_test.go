package data

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDirectories: a directory is its splits, or the one file of a whole set.
func TestDirectories(t *testing.T) {
	given := write(t, map[string]string{
		"train.txt.gz": gz(t, "0 0 1 1\n1 2\n"), "valid.txt": "0 1 2\n", "test.txt": "1 0\n2 2 1\n", "README.md": "words",
	})
	d, err := Load(Config{Source: given})
	require.NoError(t, err)
	require.True(t, d.Given)
	require.Equal(t, "given", d.Split)
	require.Equal(t, filepath.Base(given), d.Name)
	require.Equal(t, [3]int{3, 1, 3}, [3]int{d.Train.Len(), d.Valid.Len(), d.Test.Len()})
	require.Equal(t, []string{"dropped 1 duplicate in train", "dropped 1 pair of valid that train has too"}, d.Notes)
	pooled, err := Load(Config{Source: given, Split: "ratio:0.5,0.25,0.25"})
	require.NoError(t, err)
	require.Equal(t, 7, pooled.Train.Len()+pooled.Valid.Len()+pooled.Test.Len())

	// Ids are shared by the files of a set.
	named, err := Open(write(t, map[string]string{
		"s.train.inter": "user_id:token\titem_id:token\nz\tq\n", "s.test.inter": "user_id:token\titem_id:token\na\tq\n",
	}), "")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "z"}, named.UserIDs)
	require.Equal(t, 1, named.Items)
	require.Contains(t, strings.Join(named.Notes, "\n"), "no valid file")

	for want, files := range map[string]map[string]string{
		"both train.csv and train.txt are train files":              {"train.txt": "0 1", "train.csv": "user,item\n0,1\n"},
		"holds neither a train file nor exactly one of ratings.dat": {"a.inter": "x", "b.inter": "x"},
		"it holds nothing":                         {},
		"is lightgcn and":                          {"train.txt": "0 1", "test.txt": "user,item\n0,1\n"},
		"valid.txt:1: no known format begins with": {"train.txt": "0 1", "valid.txt": "?"},
		"train.txt holds no interactions":          {"train.txt": "", "test.txt": "0 1"},
	} {
		_, err := Open(write(t, files), "")
		require.ErrorContains(t, err, want)
	}
	whole, err := Open(write(t, map[string]string{"ratings.dat": "1::2::3::4\n", "movies.dat": "2::x::y"}), "")
	require.NoError(t, err)
	require.False(t, whole.Given)
	require.Equal(t, "movielens-dat", whole.Format)
	// One file is the set whatever it is called, beside what says something of it; of two one
	// is to be named.
	alone := map[string]string{"seq.txt": "1 5 3 9 1\n2 4 8 2 7\n", "README.md": "words", "LICENSE": "1 2", ".hidden": "?"}
	lines, err := Open(write(t, alone), "sequence")
	require.NoError(t, err)
	require.Equal(t, 2, lines.Users)
	alone["other.txt"] = "3 4 5\n"
	_, err = Open(write(t, alone), "sequence")
	require.ErrorContains(t, err, "nor one file alone; it holds LICENSE, README.md, other.txt, seq.txt")
	// A blank valid file is an empty set.
	blank, err := Open(write(t, map[string]string{"train.txt": "0 1", "valid.txt": "\n"}), "")
	require.NoError(t, err)
	require.Zero(t, blank.Valid.Len())
}
