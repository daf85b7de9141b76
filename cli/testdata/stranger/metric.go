package main

import "github.com/fenchel-ml/fenchel/train/metric"

// own-all is 1 for an example whose relevant classes are all among the top K.
func init() {
	metric.Register(metric.Metric{
		Name: "own-all", Doc: "1 where every relevant class is in the top K, else 0", Source: "this module",
		New: metric.Mean(func(l metric.List, _ int, _ metric.Set) float64 {
			n := 0
			for _, hit := range l.Hit {
				if hit {
					n++
				}
			}
			return share(n == len(l.Relevant))
		}),
		Ref: func(all []metric.Whole, k int, _ metric.Set) (mean float64) {
			for _, w := range all {
				mean += share(w.Places[len(w.Places)-1] <= k) / float64(len(all))
			}
			return mean
		},
	})
}

func share(all bool) float64 {
	if all {
		return 1
	}
	return 0
}
