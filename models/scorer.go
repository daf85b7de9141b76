package models

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A scorer computes all scores ⟨h, w_j⟩/τ + b_j of a table, with h and w_j of norm 1
// if cosine. It is safe for concurrent use.
type scorer struct {
	d      int
	w      []float32 // [n,d]
	bias   []float32 // [n] or nil
	scale  float32   // 1/τ
	cosine bool
}

func newScorer(w, bias *Table, score Score, tau float64) scorer {
	s := scorer{d: w.Dim, w: vectors(w.Data, w.Dim, score), scale: float32(1 / tau), cosine: score == Cosine}
	if bias != nil {
		s.bias = bias.Data
	}
	return s
}

// vectors returns the rows of w [·,d] as scores take them: where they are, or a copy
// of norm 1.
func vectors(w []float32, d int, score Score) []float32 {
	if score != Cosine {
		return w
	}
	x := slices.Clone(w)
	normalize(x, d)
	return x
}

// encode makes of encodings x [·,d] what scores are products with.
func (s *scorer) encode(x []float32) {
	if s.cosine {
		normalize(x, s.d)
	}
	for i := range x {
		x[i] *= s.scale
	}
}

// row stores the scores of encoding h [d] in z [n].
func (s *scorer) row(z, h []float32) {
	x := slices.Clone(h)
	s.encode(x)
	for j := range z {
		z[j] = kernel.Dot(x, s.w[j*s.d:(j+1)*s.d])
		if s.bias != nil {
			z[j] += s.bias[j]
		}
	}
}

// rankRows ranks rows by scores that score stores in dst [classes], for each row
// alone and several at once; worker < kernel.Workers() numbers the goroutine.
func rankRows(tops []Top, classes int, skip func(i int) []int32, k int, score func(worker, i int, dst []float32)) error {
	scratch := make([][]float32, kernel.Workers())
	errs := make([]error, len(tops))
	kernel.Parallel(len(tops), func(worker, i int) {
		if scratch[worker] == nil {
			scratch[worker] = make([]float32, classes)
		}
		score(worker, i, scratch[worker])
		tops[i], errs[i] = selectTop(scratch[worker], skip(i), k)
	})
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("models: row %d: %w: the model has diverged", i, err)
		}
	}
	return nil
}

// selectTop returns the k best of scores, ties by lower id, without the classes
// skip, ascending ids. A NaN or +Inf is an error.
func selectTop(scores []float32, skip []int32, k int) (Top, error) {
	// A heap of places with the worst at the root: classes come in rising order, so
	// that a later one of equal score is worse.
	var heap []int32
	worse := func(a, b int32) bool { return scores[a] < scores[b] || scores[a] == scores[b] && a > b }
	for c, s := range scores {
		if s != s || s > math.MaxFloat32 {
			return Top{}, fmt.Errorf("class %d has score %v", c, s)
		}
		if len(skip) > 0 && skip[0] == int32(c) {
			skip = skip[1:]
			continue
		}
		id := int32(c)
		switch {
		case len(heap) < k:
			heap = append(heap, id)
			for i := len(heap) - 1; i > 0 && worse(heap[i], heap[(i-1)/2]); i = (i - 1) / 2 {
				heap[i], heap[(i-1)/2] = heap[(i-1)/2], heap[i]
			}
		case k > 0 && s > scores[heap[0]]:
			heap[0] = id
			for i := 0; ; {
				least := i
				for _, j := range [2]int{2*i + 1, 2*i + 2} {
					if j < len(heap) && worse(heap[j], heap[least]) {
						least = j
					}
				}
				if least == i {
					break
				}
				heap[i], heap[least] = heap[least], heap[i]
				i = least
			}
		}
	}
	slices.SortFunc(heap, func(a, b int32) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), cmp.Compare(a, b)) })
	t := Top{IDs: heap, Scores: make([]float32, len(heap))}
	for i, id := range heap {
		t.Scores[i] = scores[id]
	}
	return t, nil
}

// fits returns an error unless h holds n encodings of width d.
func fits(n, d int, h []float32) error {
	if len(h) != n*d {
		return fmt.Errorf("models: %d encodings of width %d have %d numbers", n, d, len(h))
	}
	return nil
}
