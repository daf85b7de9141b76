package needs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The kinds of what is missing.
const (
	data   = "data"
	system = "system"
)

// Data skips the test, or fails it by FENCHEL_DATA, where there is no file or folder of real
// data at path, which lies in a folder "shared" beside the repository and is relative to
// the folder of the test's package.
func Data(t testing.TB, path string) {
	t.Helper()
	_, err := os.Stat(path)
	if err == nil {
		return
	}
	what := filepath.ToSlash(path)
	if i := strings.Index(what, "shared/"); i >= 0 {
		what = "../" + what[i:]
	}
	switch mode := os.Getenv("FENCHEL_DATA"); mode {
	case "required":
		t.Fatalf("needs %s beside the repository, and FENCHEL_DATA=required: %v", what, err)
	case "":
	default:
		t.Fatalf("FENCHEL_DATA=%s; the one value is required", mode)
	}
	skip(t, data, what)
}

// System skips the test because the machine has not what it needs, as "a pseudo-terminal".
func System(t testing.TB, what string) {
	t.Helper()
	skip(t, system, what)
}

func skip(t testing.TB, kind, what string) {
	t.Helper()
	if file := os.Getenv("FENCHEL_SKIPS"); file != "" {
		if err := note(file, kind, what, t.Name()); err != nil {
			t.Fatalf("FENCHEL_SKIPS: %v", err)
		}
	}
	t.Skipf("needs %s", what)
}

// note appends a line, in one write: tests of several packages run at once.
func note(file, kind, what, test string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s\t%s\t%s\n", kind, strings.Join(strings.Fields(what), " "), test)
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}
