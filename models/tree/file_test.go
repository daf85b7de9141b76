package tree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func named(y int) string { return fmt.Sprintf("class %d", y) }

// linesOf returns the file of a tree, a line for each class.
func linesOf(t *Tree) []string {
	node, bit := make([]int32, t.Depth()), make([]uint8, t.Depth())
	lines := make([]string, t.Classes())
	for y := range lines {
		var bits strings.Builder
		for _, b := range bit[:t.Path(node, bit, y)] {
			bits.WriteByte('0' + b)
		}
		lines[y] = named(y) + "\t" + bits.String()
	}
	return lines
}

// TestRead: the file of any tree gives its paths back, numbered the same whatever
// the order of the lines.
func TestRead(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	for _, spec := range All() {
		for _, c := range sizes {
			want, err := newTree(spec.Name, c)
			require.NoError(t, err)
			lines := linesOf(want)
			first, err := Read(strings.NewReader(strings.Join(lines, "\n")), "f", c, named)
			require.NoError(t, err)
			require.Equal(t, lines, linesOf(first))
			rng.Shuffle(c, func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
			again, err := Read(strings.NewReader(strings.Join(lines, "\r\n\r\n")+"\n \n"), "f", c, named)
			require.NoError(t, err)
			require.Equal(t, first, again)
			require.Equal(t, first.Sum64(), again.Sum64())
			// Level by level: along a path the ids rise.
			ptr, node, _, err := first.Paths()
			require.NoError(t, err)
			for y := range c {
				for i := ptr[y]; i < ptr[y+1]; i++ {
					require.True(t, i == ptr[y] && node[i] == 0 || i > ptr[y] && node[i] > node[i-1])
				}
			}
			if other, err := New(map[string]string{"balanced": "huffman", "huffman": "balanced", "clusters": "huffman"}[spec.Name], c, zipf(c)); c > 31 {
				require.NoError(t, err)
				require.NotEqual(t, want.Sum64(), other.Sum64())
			}
		}
	}
}

// TestReadErrors: an error names the line and what is wrong with it.
func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"class 0 0":                 `tree: f:1: "class 0 0" has no tab; a line is CLASS<TAB>BITS`,
		"class 0\t0\nclass 3\t1":    `tree: f:2: there is no class "class 3"`,
		"\nclass 0\t0\nclass 0\t1":  `tree: f:3: class "class 0" has a path already, of line 2`,
		"class 0\t021":              `tree: f:1: "021" is not a path of bits 0 and 1`,
		"class 0\t":                 `tree: f:1: class "class 0" has a path of 0 bits among 3 classes`,
		"class 0\t0\nclass 1\t01":   `tree: f:2: the path of class "class 1" goes through class "class 0" of line 1, whose path is its beginning`,
		"class 0\t0\nclass 1\t0":    `tree: f:2: class "class 1" has the path of class "class 0" of line 1`,
		"class 0\t01\nclass 1\t0":   `tree: f:2: the path of class "class 1" is the beginning of that of an earlier line`,
		"class 0\t00\nclass 1\t010": `tree: f:2: the paths up to here make more than C−1 = 2 decisions, so that one of them has a class on one side alone`,
		"class 1\t00\nclass 2\t1":   `tree: f: 1 of 3 classes have no line, the first of them "class 0"`,
		"":                          `tree: f: 3 of 3 classes have no line, the first of them "class 0"`,
		"class 0\t0\nclass 1\t" + strings.Repeat("0", maxLine): `tree: f:2: a line of more than 1048576 bytes`,
	} {
		_, err := Read(strings.NewReader(text), "f", 3, named)
		require.EqualError(t, err, want)
	}
	_, err := Read(iotest.ErrReader(errors.New("the disk is gone")), "f", 3, named)
	require.EqualError(t, err, "tree: f: the disk is gone")
	_, err = Read(strings.NewReader("class 0\t0"), "f", 1, named)
	require.EqualError(t, err, `tree: f:1: class "class 0" has a path of 1 bits among 1 classes`)
}
