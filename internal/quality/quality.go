package quality

import (
	"flag"
	"testing"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

var asked = flag.Bool("quality", false, "run the tests that train for minutes, and all cases of those that take some of them")

// Asked reports whether the flag is given.
func Asked() bool { return *asked }

// Need skips a test that takes so long, as "half a minute", where the flag is not given, and
// where the file or folder of its data is not there.
func Need(t testing.TB, takes, source string) {
	t.Helper()
	if !Asked() {
		t.Skipf("it takes %s: go test -run '^%s$' -quality", takes, t.Name())
	}
	needs.Data(t, source)
}
