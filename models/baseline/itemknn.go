package baseline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
)

func init() {
	register(Spec{
		Name:   "itemknn",
		Doc:    "the similarity of an item to what somebody has, over the items nearest to it",
		Source: "Sarwar, Karypis, Konstan, Riedl: Item-based collaborative filtering recommendation algorithms (2001)",
		Params: []registry.Param{
			{Name: "neighbours", Doc: "items that count as near to an item", Default: 200, Min: 1, Max: math.MaxInt32, Integer: true, Probe: []float64{2}},
			{Name: "shrink", Doc: "added to the product of norms, for items with few users", Default: 20, Min: 0, Max: 1e12, Probe: []float64{0}},
		},
		fit: func(ctx context.Context, v registry.Values, train *data.Interactions) (models.Scorer, error) {
			return NewItemKNN(ctx, train, ItemKNN{Neighbours: v.Int("neighbours"), Shrink: v.Num("shrink")})
		},
		bytes: func(v registry.Values, train *data.Interactions) (kept, fitting int64) {
			n := int64(train.Items())
			lists := 8 * n * min(int64(v.Int("neighbours")), n)
			// The lists twice, by who has neighbours and by who is one, the transposed split, and
			// for each processor the counts and the items of one item.
			return lists + 8*(n+1), 2*lists + 32*n + 4*int64(train.Len()) + 16*n*int64(kernel.Workers())
		},
		restore: restoreKNN,
	})
}

// ItemKNN are the settings of the neighbours of items.
type ItemKNN struct {
	Neighbours int     // of an item that count, 1 or more; 0 is 200
	Shrink     float64 // s ≥ 0: added to the product of norms, for items with few users
}

// NewItemKNN returns the ranking by the similarity to what the user has:
//
//	score(j) = Σ_{i of the user} s_ij,   s_ij = |U_i ∩ U_j|/(√(|U_i||U_j|) + shrink)
//
// over those i that are among the nearest neighbours of j, with the users U of an item.
// Time is the sum of the squared lengths of histories; memory is 8 bytes for each
// neighbour of each item, and for each item as many for each processor.
//
// Source: Sarwar, Karypis, Konstan & Riedl 2001, WWW, §3; shrinkage: Bell & Koren 2007,
// ICDM, §3.
func NewItemKNN(ctx context.Context, train *data.Interactions, o ItemKNN) (models.Scorer, error) {
	if o.Neighbours == 0 {
		o.Neighbours = 200
	}
	if o.Neighbours < 1 || !(o.Shrink >= 0) || math.IsInf(o.Shrink, 1) {
		return nil, fmt.Errorf("baseline: itemknn with %d neighbours and shrinkage %g; want 1 neighbour or more and a finite shrinkage from 0", o.Neighbours, o.Shrink)
	}
	users, n := train.Transpose(), train.Items()
	nearest := make([][]neighbour, n) // of each j
	counts := make([][]int32, kernel.Workers())
	const block = 256
	for lo := 0; lo < n; lo += block {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for len(counts) < kernel.Workers() {
			counts = append(counts, nil)
		}
		kernel.Spread(len(counts), min(block, n-lo), func(worker, k int) {
			if counts[worker] == nil {
				counts[worker] = make([]int32, n)
			}
			nearest[lo+k] = o.nearest(train, users, lo+k, counts[worker])
		})
	}
	// The lists of what an item is a neighbour of, which scores add up.
	k := &knn{ptr: make([]int, n+1)}
	for _, list := range nearest {
		for _, v := range list {
			k.ptr[v.item+1]++
		}
	}
	for i := range n {
		k.ptr[i+1] += k.ptr[i]
	}
	k.of = make([]neighbour, k.ptr[n])
	at := slices.Clone(k.ptr)
	for j, list := range nearest {
		for _, v := range list {
			k.of[at[v.item]] = neighbour{int32(j), v.similarity}
			at[v.item]++
		}
	}
	return byHistory{k, train}, nil
}

type neighbour struct {
	item       int32
	similarity float32
}

// nearest returns the neighbours of item j, by falling similarity and then by rising id.
// count [items] is 0, and is so again.
func (o ItemKNN) nearest(train, users *data.Interactions, j int, count []int32) []neighbour {
	var met []int32
	for _, u := range users.ItemsOf(j) {
		for _, i := range train.ItemsOf(int(u)) {
			if count[i] == 0 {
				met = append(met, i)
			}
			count[i]++
		}
	}
	size := func(i int32) float64 { return float64(len(users.ItemsOf(int(i)))) }
	var all []neighbour
	for _, i := range met {
		if int(i) != j {
			all = append(all, neighbour{i, float32(float64(count[i]) / (math.Sqrt(size(i)*size(int32(j))) + o.Shrink))})
		}
		count[i] = 0
	}
	slices.SortFunc(all, func(a, b neighbour) int {
		return cmp.Or(cmp.Compare(b.similarity, a.similarity), cmp.Compare(a.item, b.item))
	})
	return slices.Clone(all[:min(o.Neighbours, len(all))])
}

type knn struct {
	ptr []int       // [items+1]
	of  []neighbour // of item i, those j whose neighbour it is
}

func (k *knn) scores(z []float32, items []int32) {
	clear(z)
	for _, i := range items {
		for _, v := range k.of[k.ptr[i]:k.ptr[i+1]] {
			z[v.item] += v.similarity
		}
	}
}

func (k *knn) arrays() []graph.Array {
	n := len(k.of)
	ptr, item, similarity := make([]int64, len(k.ptr)), make([]int32, n), make([]float32, n)
	for i, at := range k.ptr {
		ptr[i] = int64(at)
	}
	for i, v := range k.of {
		item[i], similarity[i] = v.item, v.similarity
	}
	return []graph.Array{graph.Vector("ptr", ptr), graph.Vector("item", item), graph.Vector("similarity", similarity)}
}

// restoreKNN makes neighbours of what arrays returns of them.
func restoreKNN(items int, arrays map[string]graph.Array) (history, error) {
	ptr, errP := arrayOf[int64](arrays, "ptr", items+1)
	item, errI := arrayOf[int32](arrays, "item", -1)
	similarity, errS := arrayOf[float32](arrays, "similarity", len(item))
	if err := cmp.Or(errP, errI, errS); err != nil {
		return nil, err
	}
	k := &knn{ptr: make([]int, items+1), of: make([]neighbour, len(item))}
	if ptr[0] != 0 || ptr[items] != int64(len(item)) || !slices.IsSorted(ptr) {
		return nil, fmt.Errorf("the array ptr does not rise from 0 to %d", len(item))
	}
	for i, at := range ptr {
		k.ptr[i] = int(at)
	}
	for i, j := range item {
		if j < 0 || int(j) >= items {
			return nil, fmt.Errorf("the array item holds %d, which is outside [0,%d)", j, items)
		}
		k.of[i] = neighbour{j, similarity[i]}
	}
	return k, nil
}
