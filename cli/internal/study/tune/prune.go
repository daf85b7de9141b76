package tune

import (
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/cli/internal/study/statistics"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// The rules by which a trial ends early.
const (
	NoPruning     = "none"
	MedianPruning = "median"
)

// Prunings lists the rules.
func Prunings() []string { return []string{NoPruning, MedianPruning} }

func checkPruning(text string) error {
	if !slices.Contains(Prunings(), text) {
		return fmt.Errorf("unknown rule %q%s", text, registry.Offer(text, Prunings()))
	}
	return nil
}

// leastDone is how many trials have to be done before one is ended early.
const leastDone = 5

// behind reports whether a trial that has come to some points is to end: the best of them
// is worse than the median of what the trials that are done had at the last one's epoch
// (the median stopping rule of Golovin et al. 2017, section 3.2.2, with the values at the
// epoch in place of means up to it, as other programs have it).
func behind(course []Point, trials []Trial, better func(x, y float64) bool) bool {
	last := course[len(course)-1]
	best := last.Value
	for _, p := range course {
		if better(float64(p.Value), float64(best)) {
			best = p.Value
		}
	}
	var others []float64
	done := 0
	for _, t := range trials {
		if t.State != Done {
			continue
		}
		done++
		for _, p := range t.Course {
			if p.Epoch == last.Epoch {
				others = append(others, float64(p.Value))
			}
		}
	}
	return done >= leastDone && len(others) > 0 && better(statistics.Median(others), float64(best))
}

// ranks returns what a search orders trials by, lower being better: what is done comes
// before what was ended early, and that before what failed.
func ranks(trials []Trial, at metric.At) []float64 {
	order := make([]int, len(trials))
	for i := range order {
		order[i] = i
	}
	class := map[string]int{Done: 0, Pruned: 1, Failed: 2}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := trials[a], trials[b]
		switch {
		case x.State != y.State:
			return class[x.State] - class[y.State]
		case at.Better(float64(x.Value), float64(y.Value)):
			return -1
		case at.Better(float64(y.Value), float64(x.Value)):
			return 1
		}
		return 0
	})
	rank := make([]float64, len(trials))
	for place, i := range order {
		rank[i] = float64(place)
	}
	return rank
}
