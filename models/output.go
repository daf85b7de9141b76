package models

import (
	"fmt"
	"unsafe"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// An output is what all attached heads share: the graph they are attached to, targets
// and the loss.
type output[T graph.Float] struct {
	*Graph
	b *graph.Builder[T]

	loss    *gorgonia.Node
	targets *graph.Targets
	data    *graph.TargetData[T]
	weight  []T   // scratch
	bytes   int64 // that the head attached here holds, weight apart
}

// attach calls the function for the precision of g.
func attach(g *Graph, f32 func(output[float32]) (Attached, error), f64 func(output[float64]) (Attached, error)) (Attached, error) {
	switch l := g.leaves.(type) {
	case leavesOf[float32]:
		return f32(output[float32]{Graph: g, b: l.b})
	case leavesOf[float64]:
		return f64(output[float64]{Graph: g, b: l.b})
	}
	return nil, fmt.Errorf("models: a graph of %T", g.leaves)
}

func (s *output[T]) Loss() *gorgonia.Node    { return s.loss }
func (s *output[T]) Targets() *graph.Targets { return s.targets }

// Bytes implements Attached.
func (s *output[T]) Bytes() int64 { return s.bytes }

// setTargets gives the rows of the batch their classes.
func (s *output[T]) setTargets(batch *data.Batch) error {
	s.data.Reset()
	for i := range batch.Len() {
		lo, hi := batch.Targets.Ptr[i], batch.Targets.Ptr[i+1]
		if err := s.data.Append(batch.Targets.Class[lo:hi], s.shares(batch, i)); err != nil {
			return err
		}
	}
	return nil
}

// shares returns the weights of the classes of row i of the batch, until the next call. At
// float64 they sum to 1 to float64's digits, which the float32 shares of a batch, such as
// 1/3, do not: what follows from the sum, as the two forms of a loss do, would differ by
// what is missing.
func (s *output[T]) shares(batch *data.Batch, i int) []T {
	s.weight = s.weight[:0]
	sum := 0.0
	for _, w := range batch.Targets.Weight[batch.Targets.Ptr[i]:batch.Targets.Ptr[i+1]] {
		s.weight, sum = append(s.weight, T(w)), sum+float64(w)
	}
	if _, double := any(s.weight).([]float64); double {
		for j := range s.weight {
			s.weight[j] /= T(sum)
		}
	}
	return s.weight
}

// bytesOf returns the size of n elements.
func bytesOf[T graph.Float](n int) int64 {
	var zero T
	return int64(n) * int64(unsafe.Sizeof(zero))
}

// Moved implements Attached.
func (s *output[T]) Moved(*graph.Program[float32]) {}

func (s *output[T]) State() []graph.Array { return nil }

func (s *output[T]) SetState(state []graph.Array) error {
	if len(state) > 0 {
		return fmt.Errorf("models: %s and %d more as the state of a head that keeps nothing of earlier steps", state[0].Name, len(state)-1)
	}
	return nil
}

// tempered returns h as scores take it in g: of norm 1 if cosine, divided by τ.
func tempered(g *Graph, h *gorgonia.Node, score Score, tau temperature) (*gorgonia.Node, error) {
	var err error
	if score == Cosine {
		if h, err = graph.L2Normalize(h); err != nil {
			return nil, err
		}
	}
	return tau.divide(g, h)
}

// counts returns how often each item is a positive in training.
func counts(set *data.Dataset) []float64 {
	c := make([]float64, set.Items)
	for i, n := range set.Positives() {
		c[i] = float64(n)
	}
	return c
}

// decide stores in p the probabilities of a decision among candidates with
// scores z: the prediction map of l, normalised, where what is negative counts as
// 0; softmax where l has no map or gives nobody anything.
func decide(l losses.Loss, p, z []float64) {
	if l.Spec != nil && l.Predict(p, z) {
		var sum float64
		for j, v := range p {
			p[j] = max(v, 0) // NaN stays
			sum += p[j]
		}
		if sum > 0 {
			for j := range p {
				p[j] /= sum
			}
			return
		}
	}
	softmax.Predict(p, z)
}

var softmax = func() losses.Loss {
	b, err := losses.Parse("softmax")
	if err != nil {
		panic("models: " + err.Error())
	}
	return b
}()
