package metric

import "slices"

// HitRate@K = 1 if the top K hold a relevant class, else 0. It has two names: papers on
// sequences, which hold one item out, call it HR, and there it is the recall.
func init() {
	for _, name := range []string{"hitrate", "hr"} {
		registerHitRate(name)
	}
}

func registerHitRate(name string) {
	doc := "1 if the top K hold a relevant class, else 0"
	if name == "hr" {
		doc += ": hitrate by the name that it has where one item is held out"
	}
	Register(Metric{
		Name:   name,
		Doc:    doc,
		Source: "Deshpande, Karypis: Item-based top-N recommendation algorithms (2004), section 4.2, for one held-out item",
		New: hitMean(func(hit []bool, _, _ int) float64 {
			if slices.Contains(hit, true) {
				return 1
			}
			return 0
		}),
		Ref: placeMean(func(places []int, k int) float64 { return min(1, float64(within(places, k))) }),
	})
}
