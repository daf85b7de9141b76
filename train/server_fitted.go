package train

import (
	"context"
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
)

// recommendFitted is Recommend of a model without vectors. A user is ranked for by what training
// had of him or her, and who has nothing there by the history: the closed form of folding in, as
// the weights stay as they are.
func (s *Server) recommendFitted(ctx context.Context, r *ranking, q Ask, k int, f Filter) ([]Item, error) {
	var frame *data.Frame
	var row int
	var seen []int32
	if q.Someone {
		items, err := s.history(q)
		if err != nil {
			return nil, err
		}
		if len(q.Features) > 0 {
			return nil, fmt.Errorf("train: %s reads no features", s.of.named())
		}
		if frame, err = s.of.Plan.task().OfHistories(s.set, [][]int32{items}); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		seen = slices.Compact(slices.Sorted(slices.Values(items)))
	} else {
		u, err := s.user(q)
		if err != nil {
			return nil, err
		}
		frame, row, seen = s.contexts, u, s.seen(int32(u))
	}
	if f.WithSeen {
		seen = nil
	}
	var err error
	if r.mask, err = s.mask(r, seen, f); err != nil {
		return nil, err
	}
	var items []Item
	err = s.fitted.Rankings(ctx, models.Query{
		Contexts: frame, Rows: []int32{int32(row)}, Classes: s.set.Items, K: k, Seen: func(int) []int32 { return r.mask },
	}, func(_ int, top models.Top) { items = s.answer(top) })
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return items, nil
}

// fittedVectors returns what another program ranks by: of ease the columns of its weights.
func (s *Server) fittedVectors(form string) (*Vectors, error) {
	b := s.fitted.ItemWeights()
	switch {
	case b == nil:
		return nil, s.of.noVectors("items")
	case form != ScoreVectors:
		return nil, fmt.Errorf("train: model %s has the weights of items alone, in the form %s", s.of.Plan.Baseline, ScoreVectors)
	}
	n := s.set.Items
	v := &Vectors{Dim: n, Items: make([]float32, len(b)), Form: form, ByProduct: true, ByHistory: true}
	for i := range n {
		v.ItemIDs = append(v.ItemIDs, s.set.ItemName(i))
		for j := range n {
			v.Items[j*n+i] = b[i*n+j]
		}
	}
	return v, nil
}
