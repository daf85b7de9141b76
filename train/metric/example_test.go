package metric_test

import (
	"fmt"
	"log"
	"math"

	"github.com/fenchel-ml/fenchel/train/metric"
	"github.com/fenchel-ml/fenchel/train/metric/metrictest"
)

// Three relevant classes, of which a ranking has two among its first four.
func Example() {
	ms, err := metric.ParseAll([]string{"recall@4", "precision@4", "mrr@4"})
	if err != nil {
		log.Fatal(err)
	}
	list := metric.List{IDs: []int32{7, 2, 9, 4}, Hit: []bool{false, true, false, true}, Relevant: []int32{2, 4, 5}}
	for _, m := range ms {
		a := m.New(metric.Set{Classes: 10})
		a.Add(list) // of each example
		fmt.Printf("%s %.4f\n", m, a.Finish())
	}
	// Output:
	// recall@4 0.6667
	// precision@4 0.5000
	// mrr@4 0.5000
}

// Bits per word, which is perplexity on a scale of its own: a metric of anybody's may ask for the
// log-probabilities of the relevant classes, say that less is better, and have no cut-off.
// Registered, it goes wherever a metric goes: [metric.Register].
func ExampleMetric_logProbs() {
	bits := func(logP []float64) (sum float64) {
		for _, lp := range logP {
			sum -= lp / math.Ln2 / float64(len(logP))
		}
		return sum
	}
	m := metric.Metric{
		Name: "bits", Doc: "mean of −log₂ p of the relevant classes", Source: "Shannon (1948)",
		LogProbs: true, NoCutoff: true, Lower: true, Unbounded: true,
		New: metric.Mean(func(l metric.List, _ int, _ metric.Set) float64 { return bits(l.LogP) }),
		Ref: func(all []metric.Whole, _ int, _ metric.Set) (mean float64) {
			for _, w := range all {
				mean += bits(w.LogP) / float64(len(all))
			}
			return mean
		},
	}
	a := metric.At{Metric: &m}.New(metric.Set{Classes: 8})
	a.Add(metric.List{Relevant: []int32{3}, LogP: []float64{math.Log(1. / 8)}})
	a.Add(metric.List{Relevant: []int32{5}, LogP: []float64{math.Log(1. / 2)}})
	fmt.Println(a.Finish(), metrictest.Check(&m))
	// Output: 2 <nil>
}
