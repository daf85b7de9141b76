package tune

func init() {
	searches = append(searches, search{name: "random", doc: "draws every value by itself", next: nextRandom})
}

// nextRandom draws places that are new.
func nextRandom(h history, untried func([]float64) bool) ([]float64, bool) {
	r := h.stream()
	for range maxDraws {
		places := make([]float64, len(h.axes))
		for i := range places {
			places[i] = r.Float64()
		}
		if untried(places) {
			return places, true
		}
	}
	return nil, false
}
