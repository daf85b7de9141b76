package kernel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

// TestAssemblyIsFresh generates the assembly again and compares: what is
// committed is what the generator writes. The generator's module is built from
// the module cache alone; without it in the cache the comparison is left to
// "go generate" followed by "git diff --exit-code".
func TestAssemblyIsFresh(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator")
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "asm")
	build := exec.Command("go", "build", "-o", bin, ".")
	build.Dir = "_asm"
	build.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off")
	if out, err := build.CombinedOutput(); err != nil {
		needs.System(t, fmt.Sprintf("the generator's modules in the module cache: %s", out))
	}
	for _, arch := range []string{"amd64", "arm64"} {
		asm, stubs := filepath.Join(dir, "kernel_"+arch+".s"), filepath.Join(dir, "stub_"+arch+".go")
		run := exec.Command(bin, "-arch", arch, "-out", asm, "-stubs", stubs, "-pkg", "kernel")
		out, err := run.CombinedOutput()
		require.NoError(t, err, "%s", out)
		for _, made := range []string{asm, stubs} {
			got, err := os.ReadFile(made)
			require.NoError(t, err)
			want, err := os.ReadFile(filepath.Base(made))
			require.NoError(t, err)
			require.Equal(t, body(got), body(want), "%s is stale: run go generate ./internal/kernel", filepath.Base(made))
		}
	}
}

// body drops the first line, which holds the command line.
func body(file []byte) string {
	for i, b := range file {
		if b == '\n' {
			return string(file[i:])
		}
	}
	return ""
}
