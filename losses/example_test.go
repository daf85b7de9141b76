package losses_test

import (
	"fmt"
	"log"

	"github.com/fenchel-ml/fenchel/losses"
)

// The value and the gradient of one row under a loss chosen by text.
func Example() {
	loss, err := losses.Parse("sparsemax")
	if err != nil {
		log.Fatal(err)
	}
	z := []float64{2, 1.5, -1, 0}
	label := losses.Target[float64]{Pos: []int32{1}, Weight: []float64{1}}
	row := loss.Analytic.F64
	dz, work := make([]float64, len(z)), make([]float64, row.WorkLen(len(z)))
	fmt.Printf("%.4f\n", row.Eval(dz, z, label, work))
	fmt.Printf("%.4f\n", dz) // 0 for the classes far below
	// Output:
	// 0.5625
	// [0.7500 -0.7500 0.0000 0.0000]
}

// A mistake in a text is named, with the choices.
func ExampleParse() {
	loss, err := losses.Parse("entmax: alpha=1.3")
	fmt.Println(loss, err)
	_, err = losses.Parse("entmax:beta=1.3")
	fmt.Println(err)
	_, err = losses.Parse("entmax:alpha=0")
	fmt.Println(err)
	// Output:
	// entmax:alpha=1.3 <nil>
	// losses: entmax: no parameter "beta"; the choices are alpha, negatives
	// losses: entmax: alpha=0 is outside [1.001, 4]
}

// What theory says of a loss stands in its registration and is tested.
func ExampleLoss_Theory() {
	for _, text := range []string{"softmax", "sparsemax"} {
		loss, err := losses.Parse(text)
		if err != nil {
			log.Fatal(err)
		}
		th := loss.Theory()
		fmt.Printf("%s: smoothness %g, order %s, margin %g, gradient %s\n",
			loss, th.Smoothness(1000), th.PopulationOrder, th.Margin, th.Support)
	}
	// Output:
	// softmax: smoothness 0.5, order strict, margin +Inf, gradient dense, never 0
	// sparsemax: smoothness 1, order strict, margin 1, gradient the classes less than 1 below the top that pass the threshold, and the target
}

// The temperature at which cosines fit a loss, on a set of 3043 classes of which 132 follow
// a context on average.
func ExampleLoss_NaturalTemperature() {
	for _, text := range []string{"softmax", "normmax", "sparsemax", "rgx", "hinge"} {
		loss, err := losses.Parse(text)
		if err != nil {
			log.Fatal(err)
		}
		tau, ok := loss.NaturalTemperature(132, 3043)
		fmt.Printf("%s %.4g %t\n", loss, tau, ok)
	}
	// Output:
	// softmax 0.1247 true
	// normmax 11.49 true
	// sparsemax 132 true
	// rgx 0.04338 true
	// hinge 0 false
}
