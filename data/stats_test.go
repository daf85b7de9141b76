package data

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	d, err := Load(Config{Source: write(t, map[string]string{"train.txt": "0 0 1 2\n1 0\n2 0\n", "test.txt": "1 1\n3 0 3\n"})})
	require.NoError(t, err)
	s := d.Describe()
	require.Equal(t, [3]int{4, 4, 8}, [3]int{s.Users, s.Items, s.Interactions})
	require.Equal(t, [3]int{5, 0, 3}, [3]int{s.Train, s.Valid, s.Test})
	require.Equal(t, 0.5, s.Density)
	require.Equal(t, [5]int{1, 2, 2, 2, 3}, s.UserDegree) // of 1 2 2 3
	require.Equal(t, [5]int{1, 1, 2, 2, 4}, s.ItemDegree) // of 1 1 2 4
	// Mean absolute difference over twice the mean: (2·(0+1+3+1+3+2)/16)/(2·2).
	require.InDelta(t, 20.0/16/4, s.Gini, 1e-15)
	require.Equal(t, [2]int{1, 1}, [2]int{s.ColdUsers, s.ColdItems})
	require.Contains(t, s.String(), "interactions  8 (train 5, valid 0, test 3)\n")
	require.Contains(t, s.String(), "note          no valid file")
}

// The hash tells sets apart that differ anywhere, and no others.
func TestHash(t *testing.T) {
	open := func(files map[string]string) string {
		d, err := Open(write(t, files), "")
		require.NoError(t, err)
		return d.Hash()
	}
	base := open(map[string]string{"train.txt": "0 0 1\n1 2\n", "test.txt": "1 1\n"})
	require.Len(t, base, 64)
	require.Equal(t, base, open(map[string]string{"train.csv.gz": gz(t, "user,item\n1,2\n0,1\n0,0\n"), "test.csv": "user,item\n1,1\n"}))
	for _, other := range []map[string]string{
		{"train.txt": "0 0 1\n1 2\n", "test.txt": "1 0\n"},
		{"train.txt": "0 0 1\n1 2\n", "valid.txt": "1 1\n"},
		{"train.txt": "0 0\n1 1 2\n", "test.txt": "0 1\n"},
		{"train.txt": "0 0 1\n1 2\n2\n", "test.txt": "1 1\n"},
	} {
		require.NotEqual(t, base, open(other))
	}
}
