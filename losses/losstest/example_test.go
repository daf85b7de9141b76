package losstest_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/losstest"
)

// A loss passes, and the same loss with a wrong declaration does not.
func Example() {
	registered, err := losses.Lookup("squared")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(losstest.Check(registered, true))

	spec := *registered
	spec.Theory = func(v losses.Values) losses.Theory {
		th := registered.Theory(v)
		th.Props |= losses.SparseGradient
		return th
	}
	err = losstest.Check(&spec, true)
	line, _, _ := strings.Cut(err.Error(), "\n")
	fmt.Println(line)
	// Output:
	// <nil>
	// squared/props: sparse-gradient is declared: gradient -33 at a class far below the top
}
