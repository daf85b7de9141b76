package tune

import "slices"

func init() {
	searches = append(searches, search{name: "grid", doc: "tries every combination of values; of a range that is not cut into some, five", next: nextGrid, steps: 5})
}

// nextGrid counts through all combinations, the last axis first, and passes over those that
// say what an earlier one said.
func nextGrid(h history, untried func([]float64) bool) ([]float64, bool) {
	total := 1
	for _, a := range h.axes {
		total *= a.count()
	}
	for n := len(h.tried); n < total; n++ {
		places := make([]float64, len(h.axes))
		rest := n
		for i, a := range slices.Backward(h.axes) {
			count := a.count()
			places[i] = (float64(rest%count) + 0.5) / float64(count)
			rest /= count
		}
		if untried(places) {
			return places, true
		}
	}
	return nil, false
}
