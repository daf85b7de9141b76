package models

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
)

// A Recipe is a well-known name for a loss together with the candidates that it is
// meant for, such as sampled-softmax: softmax over a positive and the draws of a sampler.
// Its spec text, which [Resolve] reads, takes the parameters of both:
// "sampled-softmax:tau=0.2,n=512,sampler=popularity,beta=0.5".
type Recipe struct {
	Name   string // registry key; the name of a loss may be that of its recipe too
	Doc    string // one line: what it is
	Source string // paper and equation

	Loss       string // text of the loss of one row
	Candidates string // text of the head that chooses a row's candidates; see Resolve

	// Params are of the recipe itself. Bind returns the settings of the loss that
	// follow from them, from the number of classes (0: not known yet) and from the
	// rate of the head at hand: draws over the classes but the positive, at most 1; 1
	// where all are candidates, 0 where the number of classes is not known. What the
	// text says itself stands. Nil where nothing follows.
	Params []Param
	Bind   func(v Values, classes int, rate float64) string

	// Minimiser says which scores minimise the expected loss, over data with
	// distribution t and draws from q.
	Minimiser string

	// Order relates t to the minimiser for any q, and OrderUniform for q uniform; see
	// losses.Theory. losses.NoOrder claims nothing.
	Order, OrderUniform losses.Order

	// Link maps t, all positive, to a minimiser under draws from q, n of them, up to
	// a constant where the loss is shift-invariant; v are the settings of the loss. It
	// is that of Candidates and of one positive a row. Nil where there is no closed form,
	// and for hierarchies, whose minimiser is p = t and whose scores are not those of
	// classes.
	Link func(v Values, t, q []float64, n int) []float64
}

var recipes = registry.NewRegistry[Recipe]("models", "recipe")

// RegisterRecipe adds r to the registry. It panics if r is incomplete, its name or a
// parameter is malformed, or the name is taken: mistakes of the program that its first
// run shows.
func RegisterRecipe(r Recipe) {
	var fault error
	switch {
	case r.Doc == "" || r.Source == "" || r.Loss == "" || r.Candidates == "" || r.Minimiser == "":
		fault = errors.New("lacks one of Doc, Source, Loss, Candidates and Minimiser")
	case len(r.Params) > 0 && r.Bind == nil:
		fault = errors.New("has Params that nothing reads")
	}
	recipes.Add(r.Name, r.Params, r, fault)
}

// Recipes returns the registered recipes, sorted by name.
func Recipes() []*Recipe { return recipes.All() }

// LookupRecipe returns the recipe of that name; the error of an unknown name lists the
// choices.
func LookupRecipe(name string) (*Recipe, error) { return recipes.Lookup(name) }

// LossNames returns the names of the losses and of the recipes, sorted, each once: what
// the text of a loss may begin with.
func LossNames() []string {
	names := append(losses.Names(), recipes.Names()...)
	slices.Sort(names)
	return slices.Compact(names)
}

// ParseLoss is losses.Parse, whose error says of a recipe that it is one.
func ParseLoss(text string) (losses.Loss, error) {
	l, err := losses.Parse(text)
	if err == nil {
		return l, nil
	}
	name, _ := registry.CutSpec(text)
	_, unknown := losses.Lookup(name)
	if _, noRecipe := recipes.Lookup(name); unknown != nil && noRecipe == nil {
		return l, fmt.Errorf("models: %q is a recipe, a loss with candidates, where a loss alone is wanted; the choices are %s", name, strings.Join(losses.Names(), ", "))
	}
	return l, err
}

// ratios returns log(t/q) + c, log t + c where q is nil.
func ratios(t, q []float64, c float64) []float64 {
	z := make([]float64, len(t))
	for i := range t {
		z[i] = math.Log(t[i]) + c
		if q != nil {
			z[i] = math.Log(t[i]) - math.Log(q[i]) + c
		}
	}
	return z
}
