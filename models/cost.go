package models

import (
	"math"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// A Size is what the arithmetic of a step depends on: the Batch of B rows, the number C of
// Classes, the width Dim, d, and the number n of Draws against a positive, where there are
// any.
type Size struct{ Batch, Classes, Dim, Draws int }

// A Cost is the declared arithmetic of a step: its formula, and its value up to a
// constant.
type Cost struct {
	Formula string               // e.g. "B C d"; "" declares nothing
	At      func(s Size) float64 // grows as a step does; nil where Formula is ""
}

// Cost returns what the head declares of a step under l, and whether it declares
// anything: the literature does not tabulate all.
func (k HeadKind) Cost(l losses.Loss) (Cost, bool) {
	if k.Spec == nil || k.Spec.Cost == nil {
		return Cost{}, false
	}
	c := k.Spec.Cost(k.Values, l)
	return c, c.At != nil
}

// costOfAll is that of the head all: of losses that are functions of the Gram matrix
// WᵀW it does not grow with B C.
func costOfAll(_ Values, l losses.Loss) Cost {
	if l.Analytic.Moments() {
		return Cost{"B d² + C d²", func(s Size) float64 { return float64(s.Batch+s.Classes) * float64(s.Dim) * float64(s.Dim) }}
	}
	return Cost{"B C d", func(s Size) float64 { return float64(s.Batch) * float64(s.Classes) * float64(s.Dim) }}
}

// costOfSampled is that of the head sampled, where a draw costs the same whatever the
// number of classes and does not depend on the scores.
func costOfSampled(v Values, _ losses.Loss) Cost {
	s, err := samplingOf(v)
	switch {
	case err != nil:
		return Cost{}
	case s.Sampler.Spec.Props == sampler.InBatch|sampler.Observes:
		return Cost{"B² d", func(s Size) float64 { return float64(s.Batch) * float64(s.Batch) * float64(s.Dim) }}
	case s.Sampler.Spec.Props == sampler.Exact|sampler.FullSupport && s.Sampler.Spec.Growth == sampler.GrowthConstant:
		return Cost{"B n d", func(s Size) float64 { return float64(s.Batch) * float64(s.Draws) * float64(s.Dim) }}
	}
	return Cost{}
}

func costOfTree(Values, losses.Loss) Cost {
	return Cost{"B d log C", func(s Size) float64 { return float64(s.Batch) * float64(s.Dim) * math.Log2(float64(s.Classes)) }}
}

func costOfClasses(Values, losses.Loss) Cost {
	return Cost{"B d √C", func(s Size) float64 { return float64(s.Batch) * float64(s.Dim) * math.Sqrt(float64(s.Classes)) }}
}

// A Sampling is how a head draws its candidates.
type Sampling struct {
	Sampler    sampler.Choice   // the distribution
	N          int              // draws against a positive
	PerBatch   bool             // one set of draws for the rows of a batch, else one for each row
	Correction graph.Correction // of scores for how often their class is drawn
	Drop       bool             // leave draws out that are the positive
	Seen       bool             // and those that the row's context is known to have
}

// Sampling returns how the head draws its candidates, and whether it draws any.
func (k HeadKind) Sampling() (Sampling, bool) {
	if k.Spec == nil || k.Spec.Sampling == nil {
		return Sampling{}, false
	}
	s, err := k.Spec.Sampling(k.Values)
	return s, err == nil // ParseHead has read them
}

// draws returns how many candidates are drawn against a positive, 0 where all are
// candidates.
func (k HeadKind) draws() int {
	s, _ := k.Sampling()
	return s.N
}
