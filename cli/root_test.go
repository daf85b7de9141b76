package cli

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// asCommand makes the test binary be the command: the tests that need a
// process of their own start this very binary with it set.
const asCommand = "FENCHEL_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		os.Exit(Main())
	}
	os.Exit(m.Run())
}

// process returns the command as a process of its own.
func process(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Args[0] = "fenchel" // as whom it speaks
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// execute runs one command line in this process.
func execute(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	return executeContext(t.Context(), args...)
}

func executeContext(ctx context.Context, args ...string) (code int, out, err string) {
	var o, e bytes.Buffer
	code = run(ctx, streams{program: "fenchel", in: strings.NewReader(""), out: &o, err: &e}, args)
	return code, o.String(), e.String()
}

func TestHelpNamesEveryCommand(t *testing.T) {
	code, out, stderr := execute(t)
	require.Equal(t, exitOK, code)
	require.Empty(t, stderr)
	require.NotEmpty(t, commands)
	for _, newCommand := range commands {
		cmd := newCommand(streams{})
		require.Contains(t, out, "  "+cmd.Name()+" ")
		require.NotEmpty(t, cmd.Short)
	}
}

func TestUsageErrors(t *testing.T) {
	for line, want := range map[string]string{
		"nosuch":              `unknown command "nosuch" for "fenchel"; the choices are `,
		"--nosuch":            "unknown flag: --nosuch",
		"losses --nosuch":     "unknown flag: --nosuch\n",
		"losses --jsn":        "unknown flag: --jsn (did you mean --json?)\n",
		"tarin":               `unknown command "tarin" for "fenchel" (did you mean train?); the choices are bias, `,
		"list sampelr":        `unknown kind "sampelr" (did you mean sampler?); the choices are format, `,
		"losses sofmax":       `unknown loss "sofmax" (did you mean softmax?); the choices are `,
		"losses psl:act=tahn": `act="tahn" is not one of tanh, relu, atan (did you mean tanh?)`,
		"losses a b":          `fenchel: losses: unexpected argument "b"`,
		"losses nosuch":       `unknown loss "nosuch"; the choices are `,
		"losses --json=perh":  `invalid argument "perh" for "--json"`,
	} {
		t.Run(line, func(t *testing.T) {
			code, out, stderr := execute(t, strings.Fields(line)...)
			require.Equal(t, exitUsage, code)
			require.Empty(t, out, "no usage is dumped on an error")
			require.Contains(t, stderr, want)
			require.Contains(t, stderr, "--help' for usage.")
			require.Equal(t, 2, strings.Count(stderr, "\n"))
		})
	}
}

func TestExitStatusOfTheProcess(t *testing.T) {
	out, err := process(t, "losses").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "WHAT IT IS")

	err = process(t, "losses", "--nosuch").Run()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, exitUsage, exit.ExitCode())
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk is full") }

func TestOutputThatCannotBeWrittenFailsTheRun(t *testing.T) {
	var e bytes.Buffer
	code := run(t.Context(), streams{program: "fenchel", out: brokenWriter{}, err: &e}, []string{"losses"})
	require.Equal(t, exitFailed, code)
	require.Equal(t, "fenchel: cannot write the output: disk is full\n", e.String())
}
