package models

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models/tree"
)

// TestHierarchiesNormalise: under softmax the ranker's scores are log p, which
// sum to 1, and the training loss of a class is −log p of it.
func TestHierarchiesNormalise(t *testing.T) {
	set := demo(t)
	for _, text := range []string{"tree", "tree:kind=balanced", "classes", "classes:k=4", "adaptive", "adaptive:clusters=3,div=2"} {
		for _, s := range headSettings(set) {
			t.Run(text+"/"+s.name(), func(t *testing.T) {
				const rows = 90
				head, m := newHead(t, text, s, rows)
				hd := m.h.Data
				for i := range rows { // one encoding, each class in turn
					copy(hd[i*5:], hd[:5])
				}
				b := graph.NewBuilder[float32]()
				g := NewGraph(b, set.Contexts(), rows, set.Classes())
				attached, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, rows)
				require.NoError(t, err)
				batch := &data.Batch{Targets: data.Targets{Ptr: []int32{0}}}
				for i := range int32(rows) {
					x := &batch.Targets
					batch.Rows, x.Class = append(batch.Rows, i), append(x.Class, i)
					x.Ptr, x.Weight = append(x.Ptr, i+1), append(x.Weight, 1)
				}
				require.NoError(t, attached.Set(0, batch))
				eval, err := b.Eval(attached.Loss())
				require.NoError(t, err)
				defer eval.Close()
				require.NoError(t, eval.Run())

				tops := make([]Top, 1)
				rank := func(h []float32, skip []int32, k int) error {
					r, err := head.Ranker(m, set.Classes())
					require.NoError(t, err)
					return r.Rank(tops, h, func(int) []int32 { return skip }, k)
				}
				require.NoError(t, rank(hd[:5], nil, rows))
				require.Len(t, tops[0].IDs, rows)
				sum := 0.0
				for r, id := range tops[0].IDs {
					sum += math.Exp(float64(tops[0].Scores[r]))
					require.InDelta(t, -tops[0].Scores[r], eval.Value(attached.Loss())[id], 1e-4, "class %d", id)
					if r > 0 {
						require.LessOrEqual(t, tops[0].Scores[r], tops[0].Scores[r-1])
					}
				}
				require.InDelta(t, 1, sum, 1e-4)

				require.NoError(t, rank(hd[:5], tops[0].IDs[:1:1], 3))
				require.Len(t, tops[0].IDs, 3)
				require.ErrorContains(t, rank(hd[:4], nil, 3), "1 encodings of width 5")
				g.Tables()[1].Data[0] = float32(math.NaN()) // the first of the head's
				require.ErrorContains(t, rank(hd[:5], nil, 3), "diverged")
			})
		}
	}
}

// TestSparseTreeRanksEverything: where decisions are certain, every class still
// has a place.
func TestSparseTreeRanksEverything(t *testing.T) {
	set := demo(t)
	for _, rule := range []string{"sparsemax", "bce", "bpr", "hinge"} {
		l, err := losses.Parse(rule)
		require.NoError(t, err)
		for _, text := range []string{"tree", "classes", "adaptive"} {
			s := HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 3, Seed: 7}, Score: Dot, Temperature: 1, Loss: l}
			tops := make([]Top, 1)
			require.NoError(t, rankerOf(t, text, s).Rank(tops, []float32{1, 2, -3, 1, 0}, func(int) []int32 { return nil }, 1000))
			require.Len(t, tops[0].IDs, set.Items)
		}
	}
}

// TestUserTree: a tree that a program registers is one of the choices.
func TestUserTree(t *testing.T) {
	tree.Register(tree.Spec{Name: "comb", Doc: "each node splits one class off", Source: "this test",
		Bytes: func(c int) int64 { return 16 * int64(c) },
		New: func(c int, _ []float64) (*tree.Tree, error) {
			parent := make([]int32, 2*c-1)
			for y := range c {
				parent[y] = int32(c + min(y, c-2))
			}
			parent[c] = -1
			for n := 1; n < c-1; n++ {
				parent[c+n] = int32(c + n - 1)
			}
			return tree.FromParents(parent)
		}})
	s := HeadSetting{Setting: Setting{Set: demo(t), Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: 1}
	tops := make([]Top, 1)
	require.NoError(t, rankerOf(t, "tree:kind=comb", s).Rank(tops, make([]float32, 5), func(int) []int32 { return nil }, 2))
	require.InDelta(t, math.Log(0.5), tops[0].Scores[0], 1e-6)
	require.Equal(t, []int32{0, 1}, tops[0].IDs)
}

// TestTreeFile: a tree from a file is that tree, and each wrong use is an error.
func TestTreeFile(t *testing.T) {
	set := demo(t)
	s := HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: 1}
	file := filepath.Join(t.TempDir(), "tree.tsv")
	write := func(swap bool) {
		var b strings.Builder
		for i := range set.Items { // each node splits one class off
			y := i
			if swap && i < 2 {
				y = 1 - i
			}
			fmt.Fprintf(&b, "%s\t%s%s\n", set.ItemName(y), strings.Repeat("1", i), "0"[min(1, i/(set.Items-1)):])
		}
		require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o600))
	}
	write(false)
	tops := make([]Top, 1)
	require.NoError(t, rankerOf(t, "tree:file="+file, s).Rank(tops, make([]float32, 5), func(int) []int32 { return nil }, 2))
	require.Equal(t, []int32{0, 1}, tops[0].IDs)
	require.InDeltaSlice(t, []float64{math.Log(0.5), math.Log(0.25)}, []float64{float64(tops[0].Scores[0]), float64(tops[0].Scores[1])}, 1e-6)
	nodes := func() string {
		head, _ := newHead(t, "tree:file="+file, s, 1)
		return head.(*treeHead).w.Name
	}
	first := nodes()
	require.Equal(t, first, nodes())
	write(true)
	require.NotEqual(t, first, nodes(), "weights are those of one tree")

	for text, want := range map[string]string{
		"tree:file=" + file + ",kind=balanced": "are two trees; give one",
		"tree:file=" + file + "x":              "models: tree: open " + file + "x",
	} {
		b, err := ParseHead(text)
		require.NoError(t, err)
		_, err = b.New(s)
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, os.WriteFile(file, []byte("0\t0\nx\t1\n"), 0o600))
	b, err := ParseHead("tree:file=" + file)
	require.NoError(t, err)
	_, err = b.New(s)
	require.EqualError(t, err, "models: tree: "+file+`:2: there is no class "x"`)
}
