package losses

import (
	"errors"
	"slices"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Recipe is a well-known name for a loss together with the candidates
// that it is meant for, such as sampled-softmax: softmax over a positive and the
// draws of a sampler. Its spec text takes the parameters of both:
// "sampled-softmax:tau=0.2,n=512,sampler=popularity,beta=0.5". models.Resolve reads
// it: the parameters of candidates are declared there.
type Recipe struct {
	Name   string // registry key; the name of a loss may be that of its recipe too
	Doc    string // one line: what it is
	Source string // paper and equation

	Loss       string // text of the loss of one row
	Candidates string // text of the head that chooses a row's candidates; see models.Resolve

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
	// Theory.PopulationOrder. NoOrder claims nothing.
	Order, OrderUniform Order

	// Link maps t, all positive, to a minimiser under draws from q, n of them, up to
	// a constant where the loss is shift-invariant; v are the settings of the loss. It
	// is that of Candidates and of one positive a row. Nil where there is no closed form, and for hierarchies, whose minimiser is
	// p = t and whose scores are not those of classes.
	Link func(v Values, t, q []float64, n int) []float64
}

var recipes = registry.NewRegistry[Recipe]("losses", "recipe")

// RegisterRecipe adds c to the registry. It panics if c is incomplete, its
// name or a parameter is malformed, or the name is taken: mistakes of the program
// that its first run shows.
func RegisterRecipe(c Recipe) {
	var fault error
	switch {
	case c.Doc == "" || c.Source == "" || c.Loss == "" || c.Candidates == "" || c.Minimiser == "":
		fault = errors.New("lacks one of Doc, Source, Loss, Candidates and Minimiser")
	case len(c.Params) > 0 && c.Bind == nil:
		fault = errors.New("has Params that nothing reads")
	}
	recipes.Add(c.Name, c.Params, c, fault)
}

// Recipes returns the registered recipes, sorted by name.
func Recipes() []*Recipe { return recipes.All() }

// LookupRecipe returns the recipe of that name; the error of an unknown
// name lists the choices.
func LookupRecipe(name string) (*Recipe, error) { return recipes.Lookup(name) }

// AllNames returns the names of the losses and recipes, sorted.
func AllNames() []string {
	names := append(Names(), recipes.Names()...)
	slices.Sort(names)
	return slices.Compact(names)
}

// ratios returns log(t/q) + c.
func ratios(t, q []float64, c float64) []float64 {
	z := make([]float64, len(t))
	for i := range t {
		z[i] = logs(t)[i] - logs(q)[i] + c
	}
	return z
}
