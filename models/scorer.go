package models

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A scorer computes all scores ⟨h, w_j⟩/τ + b_j of a table, with h and w_j of norm 1
// if cosine. Its row is safe for concurrent use.
type scorer struct {
	d      int
	table  *Table    // [n,d]; nil where the vectors are given to take
	w      []float32 // [n,d] as scores take them: where they are, or a copy of norm 1
	bias   *Table    // [n,1] or nil
	tau    temperature
	scale  float32 // 1/τ of the moment
	cosine bool
}

func newScorer(w, bias *Table, score Score, tau temperature) scorer {
	s := scorer{d: w.Dim, table: w, bias: bias, tau: tau, cosine: score == Cosine}
	s.renew()
	return s
}

// renew sees the table's weights of the moment.
func (s *scorer) renew() { s.take(s.table.Data) }

// take makes w the vectors, which stay where they are unless a copy is needed, and sees
// the temperature of the moment.
func (s *scorer) take(w []float32) {
	s.scale = s.tau.inverse()
	if !s.cosine {
		s.w = w
		return
	}
	if len(s.w) != len(w) {
		s.w = make([]float32, len(w))
	}
	kernel.NormalizeRows(s.w, w, s.d)
}

// unitBytes is what a scorer's copy of n vectors of width d takes.
func unitBytes(score Score, n, d int) int64 {
	if score != Cosine {
		return 0
	}
	return 4 * int64(n) * int64(d)
}

// encode makes of encodings x [·,d] what scores are products with.
func (s *scorer) encode(x []float32) {
	if s.cosine {
		kernel.NormalizeRows(x, x, s.d)
	}
	for i := range x {
		x[i] *= s.scale
	}
}

// encodeRow is encode of one encoding, on the caller's goroutine.
func (s *scorer) encodeRow(x []float32) {
	scale := float64(s.scale)
	if s.cosine {
		scale /= kernel.Norm(x)
	}
	for i, v := range x {
		x[i] = float32(float64(v) * scale)
	}
}

// row stores the scores of encoding h [d] in z [n]; x [d] is scratch.
func (s *scorer) row(z, h, x []float32) {
	copy(x, h)
	s.encode(x)
	for j := range z {
		z[j] = kernel.Dot(x, s.w[j*s.d:(j+1)*s.d])
		if s.bias != nil {
			z[j] += s.bias.Data[j]
		}
	}
}

// A rowRanker ranks rows one by one, several at once, each in scratch of its own.
type rowRanker struct {
	classes int
	floats  int    // in float32, of a scratch
	doubles int    // in float64
	rooms   []room // of goroutines
	errs    []error
}

// A room is the scratch of a goroutine.
type room struct {
	scores []float32 // [classes]
	floats []float32
	double []float64
}

// float32s returns n numbers of the scratch, which the next call does not return again.
func (r *room) float32s(n int) []float32 {
	x := r.floats[:n]
	r.floats = r.floats[n:]
	return x
}

// float64s is float32s of the scratch in float64.
func (r *room) float64s(n int) []float64 {
	x := r.double[:n]
	r.double = r.double[n:]
	return x
}

// share returns one without rooms.
func (r *rowRanker) share() rowRanker {
	return rowRanker{classes: r.classes, floats: r.floats, doubles: r.doubles}
}

// rank ranks rows by scores that score stores in dst [classes]; it may take all of a
// scratch.
func (r *rowRanker) rank(tops []Top, skip func(i int) []int32, k int, score func(i int, dst []float32, scratch room)) error {
	return r.each(len(tops), score, func(i int, scores []float32) (err error) {
		if tops[i], err = SelectTop(scores, skip(i), k); err != nil {
			err = fmt.Errorf("%w: the model has diverged", err)
		}
		return err
	})
}

// each calls take with the scores of each of n rows, several at once.
func (r *rowRanker) each(n int, score func(i int, dst []float32, scratch room), take func(i int, scores []float32) error) error {
	for len(r.rooms) < kernel.Workers() {
		r.rooms = append(r.rooms, room{})
	}
	if len(r.errs) < n {
		r.errs = make([]error, n)
	}
	kernel.Spread(len(r.rooms), n, func(worker, i int) {
		own := &r.rooms[worker]
		if own.scores == nil {
			*own = room{make([]float32, r.classes), make([]float32, r.floats), make([]float64, r.doubles)}
		}
		score(i, own.scores, *own)
		r.errs[i] = take(i, own.scores)
	})
	for i, err := range r.errs[:n] {
		if err != nil {
			return fmt.Errorf("models: row %d: %w", i, err)
		}
	}
	return nil
}

// bytes is what it holds and allocates for rows rows of k places.
func (r *rowRanker) bytes(rows, k int) int64 {
	room := 4*int64(r.classes) + 4*int64(r.floats) + 8*int64(r.doubles)
	return int64(kernel.Workers())*room + 16*int64(rows) + topBytes(rows, min(k, r.classes))
}

// topBytes is what the results take of rows rows of k places.
func topBytes(rows, k int) int64 { return 8 * int64(rows) * int64(k) }

// SelectTop returns the k best of scores [C], ties by lower id, without the classes
// skip, ascending ids. A NaN or +Inf is an error.
func SelectTop(scores []float32, skip []int32, k int) (Top, error) {
	// A heap of places with the worst at the root: classes come in rising order, so
	// that a later one of equal score is worse.
	k = max(0, min(k, len(scores)))
	heap := make([]int32, 0, k)
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
