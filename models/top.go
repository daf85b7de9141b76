package models

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// A Top is the head of one row's ranking: class ids with their scores, best
// first, ties by lower id. Masked classes are absent, so a Top may be shorter
// than what was asked for.
type Top struct {
	IDs    []int32
	Scores []float32
}

// A topSelector keeps the k best of a stream of (class, score) whose classes
// come in ascending order. The zero value is not usable; see reset.
type topSelector struct {
	k    int
	skip []int32 // classes that are masked, ascending

	// A heap with the worst entry at the root: lowest score, then highest id.
	id    []int32
	score []float32
}

func (t *topSelector) reset(k int, skip []int32) {
	t.k, t.skip = k, skip
	t.id, t.score = t.id[:0], t.score[:0]
}

// threshold returns the score that a later class must exceed to enter: equal is
// not enough, because the earlier class has the lower id.
func (t *topSelector) threshold() float32 {
	if len(t.id) < t.k {
		return float32(math.Inf(-1))
	}
	return t.score[0]
}

// worse reports whether entry i ranks after entry j.
func (t *topSelector) worse(i, j int) bool {
	return t.score[i] < t.score[j] || t.score[i] == t.score[j] && t.id[i] > t.id[j]
}

// offer considers a class whose score exceeds threshold. Few do, so the search
// of the mask costs little.
func (t *topSelector) offer(id int32, score float32) {
	if _, masked := slices.BinarySearch(t.skip, id); masked {
		return
	}
	if len(t.id) < t.k {
		t.id, t.score = append(t.id, id), append(t.score, score)
		for i := len(t.id) - 1; i > 0; {
			parent := (i - 1) / 2
			if !t.worse(i, parent) {
				break
			}
			t.swap(i, parent)
			i = parent
		}
		return
	}
	t.id[0], t.score[0] = id, score
	for i := 0; ; {
		least := i
		for _, child := range [2]int{2*i + 1, 2*i + 2} {
			if child < len(t.id) && t.worse(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		t.swap(i, least)
		i = least
	}
}

func (t *topSelector) swap(i, j int) {
	t.id[i], t.id[j] = t.id[j], t.id[i]
	t.score[i], t.score[j] = t.score[j], t.score[i]
}

// top returns what was kept, in order, as slices of its own.
func (t *topSelector) top() Top {
	order := make([]int, len(t.id))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(t.score[b], t.score[a]), cmp.Compare(t.id[a], t.id[b]))
	})
	r := Top{make([]int32, len(order)), make([]float32, len(order))}
	for i, o := range order {
		r.IDs[i], r.Scores[i] = t.id[o], t.score[o]
	}
	return r
}

// SelectTop returns the k best of scores. −Inf marks a masked class, and skip,
// ascending ids, masks more. A NaN or +Inf is an error: the model that made it
// has diverged.
func SelectTop(scores []float32, skip []int32, k int) (Top, error) {
	var t topSelector
	t.reset(k, skip)
	for c, s := range scores {
		if s != s || s > math.MaxFloat32 {
			return Top{}, fmt.Errorf("models: class %d has score %v", c, s)
		}
		if s > t.threshold() {
			t.offer(int32(c), s)
		}
	}
	return t.top(), nil
}
