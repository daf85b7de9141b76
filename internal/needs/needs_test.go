package needs

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// outcome is a test that ends as told.
type outcome struct {
	testing.TB
	skipped, failed string
}

func (o *outcome) Name() string { return "TestX/y" }
func (o *outcome) Helper()      {}
func (o *outcome) Skipf(format string, args ...any) {
	o.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (o *outcome) Fatalf(format string, args ...any) {
	o.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// ends runs f to its end.
func ends(f func(t testing.TB)) *outcome {
	o, done := new(outcome), make(chan bool)
	go func() {
		defer close(done)
		f(o)
	}()
	<-done
	return o
}

func TestNeeds(t *testing.T) {
	dir := t.TempDir()
	skips := filepath.Join(dir, "skips")
	missing := filepath.Join(dir, "shared", "data", "ml-1m")
	t.Setenv("FENCHEL_SKIPS", skips)
	t.Setenv("FENCHEL_DATA", "")
	data := func(path string) *outcome { return ends(func(t testing.TB) { Data(t, path) }) }

	require.Equal(t, &outcome{}, data(dir))
	require.NoFileExists(t, skips)
	require.Equal(t, &outcome{skipped: "needs ../shared/data/ml-1m"}, data(missing))
	require.Equal(t, &outcome{skipped: "needs a\nterminal"}, ends(func(t testing.TB) { System(t, "a\nterminal") }))
	text, err := os.ReadFile(skips)
	require.NoError(t, err)
	require.Equal(t, "data\t../shared/data/ml-1m\tTestX/y\nsystem\ta terminal\tTestX/y\n", string(text))

	t.Setenv("FENCHEL_DATA", "required")
	require.Equal(t, &outcome{}, data(dir))
	require.Contains(t, data(missing).failed, "needs ../shared/data/ml-1m beside the repository, and FENCHEL_DATA=required: ")
	require.NotEmpty(t, ends(func(t testing.TB) { System(t, "a terminal") }).skipped)
	t.Setenv("FENCHEL_DATA", "yes")
	require.Equal(t, "FENCHEL_DATA=yes; the one value is required", data(missing).failed)
	t.Setenv("FENCHEL_DATA", "")
	t.Setenv("FENCHEL_SKIPS", filepath.Join(dir, "none", "skips"))
	require.Contains(t, data(missing).failed, "FENCHEL_SKIPS: open ")
}
