package cli

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLaunchers: one of several processes of a launcher does not train, and makes no
// folder; --ranks off runs it alone.
func TestLaunchers(t *testing.T) {
	for _, l := range launchers {
		for _, name := range []string{l.size, l.only} {
			if name != "" {
				t.Setenv(name, "")
			}
		}
	}
	t.Chdir(t.TempDir())
	commands := map[string][]string{
		"train":       with(small, "--out", "run"),
		"train new":   small,
		"dry run":     with(small, "--dry-run"),
		"compare":     {"compare", "--losses", "softmax", "--data", "demo:users=60,items=50,per-user=10", "--epochs", "1", "--out", "run"},
		"study":       {"study", "--data", "demo:users=60,items=50,per-user=10", "--out", "run"},
		"convergence": {"convergence", "--train", "--out", "run"},
		"negatives":   {"negatives", "--out", "run"},
		"complexity":  {"complexity", "--out", "run"},
	}
	for _, env := range []map[string]string{
		{"OMPI_COMM_WORLD_SIZE": "2"},
		{"PMI_SIZE": "4"},
		{"PMIX_RANK": "0", "SLURM_NTASKS": "2"},
		{"PALS_SIZE": "3"},
		{"PMI_SIZE": "many"},
		{"PMI_SIZE": "-3"},
		{"PALS_SIZE": "0"},
	} {
		for name, value := range env {
			t.Setenv(name, value)
		}
		for name, args := range commands {
			code, out, stderr := execute(t, args...)
			require.Equal(t, exitUsage, code, "%s under %v: %s", name, env, stderr)
			require.Empty(t, out)
			require.Contains(t, stderr, "--ranks off")
			for name, value := range env {
				if name != "PMIX_RANK" {
					require.Contains(t, stderr, name+"=")
					require.Contains(t, stderr, value)
				}
			}
			left, err := os.ReadDir(".")
			require.NoError(t, err)
			require.Empty(t, left, "%s under %v", name, env)
		}
		code, _, stderr := execute(t, "losses", "softmax")
		require.Equal(t, exitOK, code, "what trains nothing runs: %s", stderr)
		for name := range env {
			t.Setenv(name, "")
		}
	}
	for _, env := range []map[string]string{
		{"OMPI_COMM_WORLD_SIZE": "1", "PMIX_RANK": "0"}, // mpirun -n 1
		{"SLURM_NTASKS": "8"},                           // a batch script, one process
		{"PMIX_RANK": "0", "SLURM_NTASKS": "1"},
	} {
		for name, value := range env {
			t.Setenv(name, value)
		}
		code, _, stderr := execute(t, with(small, "--dry-run")...)
		require.Equal(t, exitOK, code, "%v: %s", env, stderr)
		for name := range env {
			t.Setenv(name, "")
		}
	}

	// Alone, with processes of its own.
	t.Setenv("OMPI_COMM_WORLD_SIZE", "2")
	t.Setenv(asCommand, "1")
	code, out, stderr := execute(t, with(commands["compare"], "--ranks", "off", "--resamples", "100", "--seeds", "1")...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "1/1")
	code, _, stderr = execute(t, with(small, "--ranks=off", "--out", "alone")...)
	require.Equal(t, exitOK, code, stderr)
	code, _, stderr = execute(t, with(small, "--ranks", "2")...)
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `--ranks: unknown value "2"; the choices are auto, off`)
}
