package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/examples/configs"
	"github.com/fenchel-ml/fenchel/train"
)

// TestConfigIsRead: what config prints is read as what its flags say, every setting stands in it
// once, with what it means, and the defaults behind a # are those that are taken.
func TestConfigIsRead(t *testing.T) {
	t.Chdir(t.TempDir())
	lines := [][]string{
		{}, small[1:], {"--model", "sasrec", "--task", "next:len=20", "--metrics", "ndcg@5,hr@5"}, {"--model", "ease:lambda=20"}, {"--solver", "als"},
		{"--train-on", "train+valid", "--bias", "--min-rating", "0", "--patience", "0"}, {"--loss", "sampled-softmax:n=8", "--temperature", "learned", "--protocol", "recbole"},
		{"--data", "a: b # c", "--user-features", "ü\t\"x\".csv", "--seed", "18446744073709551615", "--lr", "0.3"},
	}
	for _, name := range configs.Names() {
		lines = append(lines, []string{"--preset", name})
	}
	behind := regexp.MustCompile(`(?m)^( *)# ("?[a-z0-9_]+"?: .)`) // a doc begins with a capital
	for _, args := range lines {
		code, out, stderr := execute(t, append([]string{"config"}, args...)...)
		require.Equal(t, exitOK, code, stderr)
		got, err := train.Parse([]byte(out))
		require.NoError(t, err)
		p, err := got.Plan()
		require.NoError(t, err)
		all, err := train.Parse([]byte(behind.ReplaceAllString(out, "$1$2")))
		require.NoError(t, err, out)
		q, err := all.Plan()
		require.NoError(t, err)
		require.Equal(t, p.Config.String(), q.Config.String(), args)
		for _, path := range train.Paths() {
			key := path[strings.LastIndex(path, ".")+1:]
			require.Regexp(t, `(?m)^ *# [A-Z].*\n( *# .*\n)*( *# .*\n)?^ *(# )?"?`+key+`"?:`, out, "%s has no comment", path)
		}
		if len(args) > 0 && args[0] != "--preset" {
			cmd := newConfig(streams{})
			require.NoError(t, cmd.ParseFlags(args))
			flags := &configFlags{flags: cmd.Flags()}
			want, err := flags.plan()
			require.NoError(t, err)
			if args[len(args)-2] == "--lr" {
				want, err = want.WithRate("0.3")
				require.NoError(t, err)
			}
			require.Equal(t, want.Given.String(), got.String())
		} else if len(args) > 0 {
			text, err := configs.Text(args[1])
			require.NoError(t, err)
			want, err := train.Parse(text)
			require.NoError(t, err)
			require.Equal(t, want.String(), got.String())
		} else {
			require.Empty(t, got.String())
		}
	}
	code, _, stderr := execute(t, "config", "--epochs", "0")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--epochs")
}

// TestConfigTrainsTheSame: a run of the file has the bits of one of the flags.
func TestConfigTrainsTheSame(t *testing.T) {
	t.Chdir(t.TempDir())
	more := []string{"--loss", "sparsemax@sampled:n=6", "--optimizer", "adagrad:lr=0.2", "--seed", "7"}
	code, out, stderr := execute(t, append(append([]string{"config"}, small[1:]...), more...)...)
	require.Equal(t, exitOK, code, stderr)
	require.NoError(t, os.WriteFile("settings.yaml", []byte(out), 0o644))
	code, _, stderr = execute(t, with(with(small, more...), "--out", "flags")...)
	require.Equal(t, exitOK, code, stderr)
	code, _, stderr = execute(t, "train", "--config", "settings.yaml", "--out", "file")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, readFile(t, "flags/"+train.WeightsFile), readFile(t, "file/"+train.WeightsFile))
	require.Equal(t, readFile(t, "flags/"+train.ConfigFile), readFile(t, "file/"+train.ConfigFile))
}
