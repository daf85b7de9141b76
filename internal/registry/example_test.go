package registry_test

import (
	"fmt"
	"log"
	"math"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// The parameters of a registered thing, and their text form.
func Example() {
	ps := []registry.Param{
		{Name: "tau", Doc: "temperature", Default: 1, Min: 0.01, Max: math.Inf(1)},
		{Name: "hits", Doc: "what happens to positives that are drawn", Choices: registry.Enum("keep", "mask"), DefaultString: "keep"},
	}
	if err := registry.Validate(ps); err != nil {
		log.Fatal(err)
	}
	v, err := registry.Parse(ps, "tau=0.2")
	fmt.Println(v.Num("tau"), v.String("hits"), err)
	fmt.Println(registry.SpecText("toy", ps, v))
	_, err = registry.Parse(ps, "hits=drop")
	fmt.Println(err)
	// Output:
	// 0.2 keep <nil>
	// toy:tau=0.2
	// hits="drop" is not one of keep, mask
}
