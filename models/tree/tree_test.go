package tree

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// sizes sweep one class, full levels and their neighbours.
var sizes = []int{1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100, 1000}

func zipf(c int) []float64 {
	f := make([]float64, c)
	for y := range f {
		f[y] = math.Floor(1000 / float64((y*7919)%c+1)) // shuffled; 0 far down
	}
	return f
}

func normals[T Float](seed uint64, n int) []T {
	rng := rand.New(rand.NewPCG(seed, 0))
	z := make([]T, n)
	for i := range z {
		z[i] = T(2 * rng.NormFloat64())
	}
	return z
}

// softplus is log(1+e^x).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// Every registered tree is a full binary tree over the classes: Kraft's sum is
// 1, paths are distinct and agree in both forms, and LogP is the sum over the
// path and normalises.
func TestEveryTree(t *testing.T) {
	require.NotEmpty(t, All())
	for _, spec := range All() {
		for _, c := range sizes {
			tr, err := newTree(spec.Name, c)
			require.NoError(t, err)
			require.Equal(t, c, tr.Classes())
			require.Equal(t, c-1, tr.Nodes())
			ptr, node, bit, err := tr.Paths()
			require.NoError(t, err)
			require.Equal(t, int(ptr[c]), len(node))

			z, dst, work := normals[float64](3, c-1), make([]float64, c), make([]float64, c-1)
			LogP(tr, dst, z, work)
			var kraft, sum float64
			seen := map[string]bool{}
			n1, b1 := make([]int32, tr.Depth()), make([]uint8, tr.Depth())
			deepest := 0
			for y := range c {
				path, bits := node[ptr[y]:ptr[y+1]], bit[ptr[y]:ptr[y+1]]
				k := tr.Path(n1, b1, y)
				require.Equal(t, tr.Len(y), k)
				require.True(t, slices.Equal(n1[:k], path) && slices.Equal(b1[:k], bits))
				require.False(t, seen[string(bits)], "two classes with one code")
				seen[string(bits)] = true
				deepest = max(deepest, k)
				kraft += math.Exp2(-float64(k))
				var want float64
				for i, n := range path {
					want -= softplus((1 - 2*float64(bits[i])) * z[n])
				}
				require.True(t, check.Near(dst[y], want, 1e-12, 1e-12), "%s C=%d class %d: %v, want %v", spec.Name, c, y, dst[y], want)
				sum += math.Exp(dst[y])
			}
			require.Equal(t, 1.0, kraft, "%s C=%d", spec.Name, c)
			require.Equal(t, deepest, tr.Depth())
			require.InDelta(t, 1, sum, 1e-12)

			// The same in float32.
			z32, dst32 := make([]float32, c-1), make([]float32, c)
			for i := range z {
				z32[i] = float32(z[i])
			}
			LogP(tr, dst32, z32, make([]float32, c-1))
			for y := range dst32 {
				require.True(t, check.Near(float64(dst32[y]), dst[y], 1e-5, 1e-5))
			}

			// A tree is a tree by its paths.
			paths, codes := make([][]int32, c), make([][]uint8, c)
			for y := range c {
				paths[y], codes[y] = node[ptr[y]:ptr[y+1]], bit[ptr[y]:ptr[y+1]]
			}
			again, err := FromPaths(paths, codes)
			require.NoError(t, err)
			require.Equal(t, tr, again)
		}
		_, err := New(spec.Name, 0, nil)
		require.ErrorContains(t, err, "0 classes are outside [1, ")
		_, err = New(spec.Name, 3, nil)
		require.Equal(t, spec.Counts || spec.Cluster != nil, err != nil)
		_, err = New(spec.Name, 2, []float64{1, math.NaN()})
		require.EqualError(t, err, "tree: "+spec.Name+": count NaN of class 1 is not a finite number ≥ 0")
	}
	_, err := New("oak", 3, nil)
	require.EqualError(t, err, `tree: unknown tree "oak"; the choices are balanced, clusters, huffman`)
	require.Panics(t, func() { Register(Spec{Name: "no-doc"}) })
}

// H(f) ≤ E[len] < H(f) + 1 bits, and no tree is better than Huffman's.
func TestHuffmanBounds(t *testing.T) {
	for _, c := range sizes[1:] {
		f := zipf(c)
		var sum, entropy float64
		for y := range f {
			f[y] = max(f[y], 1) // as Huffman reads a count of 0
			sum += f[y]
		}
		for _, x := range f {
			entropy -= x / sum * math.Log2(x/sum)
		}
		h, err := New("huffman", c, f)
		require.NoError(t, err)
		mean := h.Cost(f) / sum
		require.LessOrEqual(t, entropy, mean+1e-12)
		require.Less(t, mean, entropy+1)
		b, err := New("balanced", c, nil)
		require.NoError(t, err)
		require.LessOrEqual(t, h.Cost(f), b.Cost(f))
	}
}

// Ties go by creation, a count of 0 is 1, and the first taken is bit 0.
func TestHuffmanTies(t *testing.T) {
	tr, err := New("huffman", 4, []float64{1, 0, 1, 1})
	require.NoError(t, err)
	// {0,1} is joined first (node 2), {2,3} second (node 1), then both (node 0).
	ptr, node, bit, err := tr.Paths()
	require.NoError(t, err)
	require.Equal(t, []int32{0, 2, 4, 6, 8}, ptr)
	require.Equal(t, []int32{0, 2, 0, 2, 0, 1, 0, 1}, node)
	require.Equal(t, []uint8{0, 0, 0, 1, 1, 0, 1, 1}, bit)
	// A class before a joined subtree of its weight: 1+1 = 2 joins after class 2.
	tr, err = New("huffman", 3, []float64{1, 1, 2})
	require.NoError(t, err)
	_, node, bit, err = tr.Paths()
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1, 0, 1, 0}, node)
	require.Equal(t, []uint8{1, 0, 1, 1, 0}, bit)

	_, err = New("huffman", 2, []float64{math.MaxFloat64, math.MaxFloat64})
	require.EqualError(t, err, "tree: huffman: the sum of the counts overflows")
}

func TestBalancedDepth(t *testing.T) {
	for _, c := range sizes {
		tr, err := New("balanced", c, nil)
		require.NoError(t, err)
		ceil, floor := 0, 0
		for 1<<ceil < c {
			ceil++
		}
		for 2<<floor <= c {
			floor++
		}
		require.Equal(t, ceil, tr.Depth())
		_, _, bit, err := tr.Paths()
		require.NoError(t, err)
		var last []uint8
		for y := range c {
			require.GreaterOrEqual(t, tr.Len(y), floor)
			code := bit[:tr.Len(y)]
			bit = bit[tr.Len(y):]
			require.True(t, y == 0 || slices.Compare(last, code) < 0, "leaves from left to right are the classes in order")
			last = code
		}
	}
}

// Extreme and missing logits.
func TestLogPEdges(t *testing.T) {
	tr, err := New("balanced", 4, nil)
	require.NoError(t, err)
	dst, work := make([]float64, 4), make([]float64, 3)
	LogP(tr, dst, []float64{1e4, math.Inf(-1), 0}, work)
	require.Equal(t, []float64{-1e4, math.Inf(-1), -math.Ln2, -math.Ln2}, dst)
	LogP(tr, dst, []float64{0, math.NaN(), 0}, work)
	require.True(t, math.IsNaN(dst[0]) && math.IsNaN(dst[1]))
	require.InDelta(t, -2*math.Ln2, dst[2], 1e-15)
	require.Zero(t, testing.AllocsPerRun(10, func() { LogP(tr, dst, work, work) }))
}

func TestFromParents(t *testing.T) {
	// classes 0 1 2; node 3 over (1, 2), node 4, the root, over (0, 3)
	tr, err := FromParents([]int32{4, 3, 3, 4, -1})
	require.NoError(t, err)
	_, node, bit, err := tr.Paths()
	require.NoError(t, err)
	require.Equal(t, []int32{1, 1, 0, 1, 0}, node)
	require.Equal(t, []uint8{0, 1, 0, 1, 1}, bit)
	tr, err = FromParents([]int32{-1})
	require.NoError(t, err)
	require.Equal(t, 1, tr.Classes())

	for want, parent := range map[string][]int32{
		"tree: 0 entries; C classes and C−1 nodes make an odd number": {},
		"tree: 2 entries; C classes and C−1 nodes make an odd number": {1, -1},
		"tree: entry 1 is a class without a parent":                   {3, -1, 3, 4, -1},
		"tree: entries 3 and 4 are both roots":                        {4, 3, 3, -1, -1},
		"tree: parent 2 of entry 0 is not a node; nodes are [3, 5)":   {2, 3, 3, 4, -1},
		"tree: parent 5 of entry 0 is not a node; nodes are [3, 5)":   {5, 3, 3, 4, -1},
		"tree: entry 2 is a third child of node 3":                    {3, 3, 3, 4, -1},
		"tree: 2 of 3 nodes are not below the root 2":                 {6, 6, 4, 5, 5, 4, -1},
	} {
		_, err := FromParents(parent)
		require.EqualError(t, err, want)
	}
}

func TestFromPaths(t *testing.T) {
	paths := [][]int32{{0, 1}, {0, 1}, {0}}
	codes := [][]uint8{{0, 0}, {0, 1}, {1}}
	_, err := FromPaths(paths, codes)
	require.NoError(t, err)
	for _, c := range []struct {
		want  string
		paths [][]int32
		codes [][]uint8
	}{
		{"tree: 0 paths and 0 lists of bits; one of each for at least one class", nil, nil},
		{"tree: 3 paths and 2 lists of bits; one of each for at least one class", paths, codes[:2]},
		{"tree: class 1 has a path of 2 nodes and 1 bits", paths, [][]uint8{{0, 0}, {0}, {1}}},
		{"tree: class 2 has a path of 0 nodes and 0 bits", [][]int32{{0, 1}, {0, 1}, {}}, [][]uint8{{0, 0}, {0, 1}, {}}},
		{"tree: class 0: node 2 is outside [0, 2)", [][]int32{{0, 2}, {0, 1}, {0}}, codes},
		{"tree: class 0: bit 2 at node 1", paths, [][]uint8{{0, 2}, {0, 1}, {1}}},
		{"tree: class 1: its path must start at the root 0 and not come back", [][]int32{{0, 1}, {1, 0}, {0}}, codes},
		{"tree: class 1: bit 0 of node 1 leads elsewhere for an earlier class", paths, [][]uint8{{0, 0}, {0, 0}, {1}}},
		{"tree: class 2: bit 0 of node 1 leads elsewhere for an earlier class", [][]int32{{0, 1}, {0, 1}, {0, 1}}, [][]uint8{{0, 0}, {0, 1}, {1, 0}}},
		{"tree: class 1: bit 0 of node 1 leads elsewhere for an earlier class", [][]int32{{0, 1, 1}, {0, 1}, {0}}, [][]uint8{{0, 0, 1}, {0, 0}, {1}}},
	} {
		_, err := FromPaths(c.paths, c.codes)
		require.EqualError(t, err, c.want)
	}
}

// Groups are a partition, of even size, the most frequent classes together.
func TestByFrequency(t *testing.T) {
	for _, c := range sizes {
		f := zipf(c)
		for _, k := range []int{0, 1, min(3, c), c} {
			p, err := ByFrequency(f, k)
			require.NoError(t, err)
			if k == 0 {
				k = int(math.Ceil(math.Sqrt(float64(c))))
			}
			require.Equal(t, k, p.Groups())
			least := math.Inf(1)
			for g := range k {
				ids := p.Class[p.Ptr[g]:p.Ptr[g+1]]
				require.True(t, len(ids) == c/k || len(ids) == c/k+1)
				low := math.Inf(1)
				for j, y := range ids {
					require.Equal(t, int32(g), p.Group[y])
					require.Equal(t, int32(j), p.Pos[y])
					require.LessOrEqual(t, f[y], least)
					low = min(low, f[y])
				}
				least = low
			}
			z, dst := normals[float64](1, c), make([]float64, c)
			partitionLogP(p, dst, normals[float64](2, k), z)
			var sum float64
			for _, lp := range dst {
				sum += math.Exp(lp)
			}
			require.InDelta(t, 1, sum, 1e-12)
		}
	}
	p, err := FromGroups([]int32{1, 0, 1})
	require.NoError(t, err)
	inf := math.Inf(-1)
	dst := make([]float64, 3)
	partitionLogP(p, dst, []float64{0, inf}, []float64{inf, 1, inf})
	require.Equal(t, []float64{inf, 0, inf}, dst, "masked classes have p = 0, not NaN")

	for want, group := range map[string][]int32{
		"tree: no classes to group":                       {},
		"tree: group 3 of 2 classes: some group is empty": {0, 3},
		"tree: group 1 of 3 is empty":                     {0, 2, 0},
		"tree: class 1 has the group -1":                  {0, -1},
	} {
		_, err := FromGroups(group)
		require.EqualError(t, err, want)
	}
	_, err = ByFrequency(make([]float64, 3), 4)
	require.EqualError(t, err, "tree: 4 groups of 3 classes; each needs at least one class")
	_, err = ByFrequency(nil, 0)
	require.Error(t, err)
	_, err = ByFrequency([]float64{-1}, 0)
	require.Error(t, err)
}

func TestAdaptive(t *testing.T) {
	f := []float64{1, 5, 3, 9, 3}
	a, err := NewAdaptive(f, []int32{2, 3})
	require.NoError(t, err)
	require.Equal(t, []int32{3, 1, 2, 4, 0}, a.Class)
	require.Equal(t, 4, a.Head())
	want := [][3]int{{3, 1, 1}, {1, -1, 0}, {2, 0, 0}, {0, -1, 0}, {3, 1, 0}}
	for y := range f {
		head, cluster, pos := a.Split(y)
		require.Equal(t, want[y], [3]int{head, cluster, pos})
	}
	require.Equal(t, 16, a.Dim(0, 64, 4))
	require.Equal(t, 1, a.Dim(5, 64, 4))
	for want, cut := range map[string][]int32{
		"tree: no cutoffs; give at least one in [1, 5)": nil,
		"tree: cutoffs [5] must rise within [1, 5)":     {5},
		"tree: cutoffs [0] must rise within [1, 5)":     {0},
		"tree: cutoffs [3 3] must rise within [1, 5)":   {3, 3},
	} {
		_, err := NewAdaptive(f, cut)
		require.EqualError(t, err, want)
	}
	_, err = NewAdaptive([]float64{math.Inf(1), 1}, []int32{1})
	require.Error(t, err)
}

// Whatever a user gives is a tree or an error: never a panic, and a tree that is
// accepted has the paths that were given.
func TestAnyInput(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 0))
	accepted := 0
	for range 20000 {
		c := 1 + rng.IntN(4)
		paths, codes := make([][]int32, c), make([][]uint8, c)
		for y := range c {
			for range rng.IntN(c + 1) {
				paths[y] = append(paths[y], int32(rng.IntN(c)))
				codes[y] = append(codes[y], uint8(rng.IntN(2)))
			}
			if len(paths[y]) > 0 {
				paths[y][0] = 0
			}
		}
		if tr, err := FromPaths(paths, codes); err == nil {
			accepted++
			ptr, node, bit, err := tr.Paths()
			require.NoError(t, err)
			for y := range c {
				require.True(t, slices.Equal(paths[y], node[ptr[y]:ptr[y+1]]))
				require.True(t, slices.Equal(codes[y], bit[ptr[y]:ptr[y+1]]))
			}
		}
		parent := make([]int32, 2*c-1)
		for i := range parent {
			parent[i] = int32(c + rng.IntN(c))
		}
		parent[rng.IntN(len(parent))] = -1
		if tr, err := FromParents(parent); err == nil {
			accepted++
			require.Equal(t, c, tr.Classes())
			ptr, _, _, err := tr.Paths()
			require.NoError(t, err)
			require.GreaterOrEqual(t, int(ptr[c]), c-1)
		}
	}
	require.Greater(t, accepted, 1000)
}

// BenchmarkTree times building each tree and one sweep over all its classes.
func BenchmarkTree(b *testing.B) {
	const c = 1_000_000
	for _, spec := range All() {
		b.Run("build/"+spec.Name+"/C=1000000", func(b *testing.B) {
			for b.Loop() {
				if _, err := newTree(spec.Name, c); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("logp/"+spec.Name+"/C=1000000", func(b *testing.B) {
			t, err := newTree(spec.Name, c)
			if err != nil {
				b.Fatal(err)
			}
			z, dst, work := normals[float32](1, c-1), make([]float32, c), make([]float32, c-1)
			b.SetBytes(4 * c * 3)
			for b.Loop() {
				LogP(t, dst, z, work)
			}
		})
	}
}
