package tune

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A search says what to try next. Whatever it draws follows from the seed, the number of
// the trial and the trials before it, so that a search that is taken up again tries what it
// would have tried.
type search struct {
	name, doc string

	// next returns a place in [0, 1) of each axis to try after the trials of h, or false
	// where there is none left. untried reports whether nothing before was at a place.
	next func(h history, untried func(places []float64) bool) ([]float64, bool)

	// steps is how many values a range that is not cut into some has; 0: any number of it.
	steps int
}

var searches []search

// Searches lists the searches, each a name and what it does.
func Searches() (all [][2]string) {
	for _, s := range searches {
		all = append(all, [2]string{s.name, s.doc})
	}
	slices.SortFunc(all, func(a, b [2]string) int { return strings.Compare(a[0], b[0]) })
	return all
}

func lookup(name string) (search, error) {
	var names []string
	for _, s := range searches {
		if s.name == name {
			return s, nil
		}
		names = append(names, s.name)
	}
	slices.Sort(names)
	return search{}, fmt.Errorf("unknown search %q%s", name, registry.Offer(name, names))
}

// A history is what a search knows.
type history struct {
	seed  uint64
	axes  []Axis
	tried []observed // in order
}

// observed is a trial as a search sees it.
type observed struct {
	places []float64 // of the axes; negative of one that the trial did not take
	rank   float64   // lower is better; +Inf of a trial that failed
}

// stream returns the source of what the next trial draws.
func (h history) stream() *rand.Rand {
	return rand.New(rand.NewPCG(h.seed, uint64(len(h.tried))))
}

// maxDraws bounds how often a search draws again what has been tried already.
const maxDraws = 1000
