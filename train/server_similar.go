package train

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// Vectors are made of norm 1 when the first question about them comes.
type vectors struct {
	once    sync.Once
	err     error
	unit    []float32 // [n,d]
	dim     int
	rankers sync.Pool // of *kernel.RowRanker
}

// start makes the vectors that f returns of norm 1.
func (v *vectors) start(f func() ([]float32, int, error)) error {
	v.once.Do(func() {
		var x []float32
		if x, v.dim, v.err = f(); v.err != nil {
			return
		}
		v.unit = make([]float32, len(x))
		kernel.NormalizeRows(v.unit, x, v.dim)
		v.rankers.New = func() any { return new(kernel.RowRanker) }
	})
	return v.err
}

// nearest returns the k rows whose cosine with row i is largest, without i and those of skip,
// ascending.
func (v *vectors) nearest(i, k int, skip []int32, name func(int) string) ([]Item, error) {
	n := len(v.unit) / v.dim
	k = min(k, n)
	ids, scores := make([]int32, k), make([]float32, k)
	r := v.rankers.Get().(*kernel.RowRanker)
	defer v.rankers.Put(r)
	found, err := r.TopK(ids, scores, v.unit[i*v.dim:(i+1)*v.dim], v.unit, nil, k, skip)
	if err != nil {
		return nil, fmt.Errorf("train: %w: the model has diverged", err)
	}
	items := make([]Item, found)
	for j, id := range ids[:found] {
		items[j] = Item{ID: name(int(id)), Index: int(id), Score: scores[j]}
	}
	return items, nil
}

// SimilarItems returns the k items whose class vectors have the largest cosines with that of
// item id, the best first, without the item itself and those of which the model learned nothing,
// as [Recommender.Similar] says, which are an error to ask for; the scores are the cosines. A head that scores no class by a vector of its own is an error.
func (s *Server) SimilarItems(ctx context.Context, id string, k int) ([]Item, error) {
	i, err := s.similar(ctx, id, k, s.set.ItemIndex)
	if err != nil {
		return nil, err
	}
	if _, cold := slices.BinarySearch(s.cold, int32(i)); cold {
		return nil, unmovedError("item", id)
	}
	if err := s.items.start(s.of.classVectors); err != nil {
		return nil, err
	}
	return s.items.nearest(i, k, with(s.cold, int32(i)), s.set.ItemName)
}

// SimilarUsers is SimilarItems of users, by what encodes them with all that the data set knows
// of them; left out are the user and those of whom training had nothing that the model reads, who
// are an error to ask for. Models that read histories encode all users when the first question
// comes.
func (s *Server) SimilarUsers(ctx context.Context, id string, k int) ([]Item, error) {
	if s.fitted != nil {
		return nil, s.of.noVectors("users")
	}
	u, err := s.similar(ctx, id, k, s.set.UserIndex)
	if err != nil {
		return nil, err
	}
	if _, blank := slices.BinarySearch(s.blank, int32(u)); blank {
		return nil, unmovedError("user", id)
	}
	err = s.users.start(func() ([]float32, int, error) {
		if s.h != nil {
			return s.h, s.of.Model.Dim(), nil
		}
		h, err := s.encodeAll()
		return h, s.of.Model.Dim(), err
	})
	if err != nil {
		return nil, err
	}
	return s.users.nearest(u, k, with(s.blank, int32(u)), s.set.UserName)
}

func (s *Server) similar(ctx context.Context, id string, k int, index func(string) (int, error)) (int, error) {
	if k < 1 {
		return 0, fmt.Errorf("train: k=%d is below 1", k)
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	i, err := index(id)
	if err != nil {
		return 0, fmt.Errorf("train: %w", err)
	}
	return i, nil
}

// with returns the ascending ids, and id among them.
func with(ids []int32, id int32) []int32 {
	all := make([]int32, 0, len(ids)+1)
	for i, x := range ids {
		if x >= id {
			if x != id {
				all = append(all, id)
			}
			return append(all, ids[i:]...)
		}
		all = append(all, x)
	}
	return append(all, id)
}
