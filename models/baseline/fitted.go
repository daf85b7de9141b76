package baseline

import (
	"context"
	"fmt"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
)

// A Fitted is a ranking that was fitted to a training split, with what it was fitted to: a
// program that keeps its arrays has the same ranking again by [Kind.Restore].
type Fitted interface {
	models.Scorer

	// Arrays returns all that was fitted, in an order of their own. They are not copied, and
	// are not to be written to.
	Arrays() []graph.Array

	// ItemWeights returns the matrix B [C,C] of a ranking by scores x·B, for x [C] that is 1
	// at what somebody has; nil of a ranking that is none. It is not copied.
	ItemWeights() []float32
}

// A Spec describes a ranking that can be fitted by name.
type Spec struct {
	Name, Doc, Source string           // registry key, one line, and the paper
	Params            []registry.Param // in the order of the text form

	fit     func(ctx context.Context, v registry.Values, train *data.Interactions) (models.Scorer, error)
	bytes   func(v registry.Values, train *data.Interactions) (kept, fitting int64)
	restore func(items int, arrays map[string]graph.Array) (history, error)
}

var registered = registry.NewRegistry[Spec]("baseline", "ranking")

func register(s Spec) { registered.Add(s.Name, s.Params, s, nil) }

// All returns the rankings that can be fitted by name, sorted by it.
func All() []*Spec { return registered.All() }

// Lookup returns the ranking of that name; the error of an unknown name lists the choices.
func Lookup(name string) (*Spec, error) { return registered.Lookup(name) }

// A Kind is a ranking with its parameters: what a text such as "ease:lambda=100" denotes. It
// is immutable.
type Kind struct{ registry.Choice[Spec] }

// Parse returns the ranking that text denotes. The error names what is wrong and lists the
// choices.
func Parse(text string) (Kind, error) {
	c, err := registered.Parse(text)
	return Kind{c}, err
}

// Fit fits the ranking to a training split. Cancelling ctx ends it with ctx's error.
func (k Kind) Fit(ctx context.Context, train *data.Interactions) (Fitted, error) {
	s, err := k.Spec.fit(ctx, k.Values, train)
	if err != nil {
		return nil, err
	}
	return s.(byHistory), nil
}

// Bytes returns the memory of a ranking that is fitted to train, and the most that fitting it
// takes, what is kept included.
func (k Kind) Bytes(train *data.Interactions) (kept, fitting int64) {
	return k.Spec.bytes(k.Values, train)
}

// Restore returns the ranking of which arrays are the [Fitted.Arrays], by name, and train the
// split that it was fitted to. The error says what does not fit.
func (k Kind) Restore(train *data.Interactions, arrays []graph.Array) (Fitted, error) {
	named := map[string]graph.Array{}
	for _, a := range arrays {
		named[a.Name] = a
	}
	h, err := k.Spec.restore(train.Items(), named)
	if err != nil {
		return nil, fmt.Errorf("baseline: %s: %w", k, err)
	}
	return byHistory{h, train}, nil
}

// arrayOf returns the array of a name and a length; of any where n is below 0.
func arrayOf[T float32 | int32 | int64](arrays map[string]graph.Array, name string, n int) ([]T, error) {
	a, ok := arrays[name]
	if !ok {
		return nil, fmt.Errorf("the array %s is missing", name)
	}
	x, ok := a.Data.([]T)
	if !ok {
		return nil, fmt.Errorf("the array %s holds %T, want %T", name, a.Data, x)
	}
	if n >= 0 && len(x) != n {
		return nil, fmt.Errorf("the array %s has %d numbers, want %d", name, len(x), n)
	}
	return x, nil
}

// Arrays implements [Fitted].
func (b byHistory) Arrays() []graph.Array { return b.arrays() }

// ItemWeights implements [Fitted].
func (b byHistory) ItemWeights() []float32 {
	if e, ok := b.history.(ease); ok {
		return e.b
	}
	return nil
}
