package baseline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/models"
)

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
