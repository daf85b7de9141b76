package cli

import (
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// TestNumbers: a flag of a number takes base ten alone, keeps to its bounds, and names
// itself and them. None is left to pflag, which reads 010 as eight and knows no bounds.
func TestNumbers(t *testing.T) {
	for line, want := range map[string]string{
		"predict RUN --users 1 --k 9223372036854775807":                   "--k: 9223372036854775807 is above 2147483647; want 1 to 2147483647",
		"predict RUN --users 1 --k 0x10":                                  `"0x10" is not a whole number`,
		"predict RUN --users 1 --k 2.7":                                   `"2.7" is not a whole number`,
		"check --k 9223372036854775807":                                   "--k: 9223372036854775807 is above 1048576",
		"check --k 3,99999999999999999999":                                "--k: 99999999999999999999 is above 1048576",
		"check --k -99999999999999999999":                                 "--k: -99999999999999999999 is below 1",
		"check --scale nan":                                               `"nan" is not a finite number`,
		"check --seed -1":                                                 `"-1" is not a whole number from 0 to 18446744073709551615`,
		"bias RUN --draws 9223372036854775807":                            "--draws: 9223372036854775807 is above 1048576",
		"bias RUN --draws 4,0":                                            "--draws: 0 is below 1",
		"bias RUN --queries 99999999999999999999":                         "--queries: 99999999999999999999 is above ",
		"bias RUN --queries 0":                                            "--queries: 0 is below 1",
		"bias RUN --repeats 9223372036854775800":                          "--repeats: 9223372036854775800 is above 1000000000",
		"compare --losses softmax --parallel 9223372036854775807":         "--parallel: 9223372036854775807 is above 1024",
		"compare --losses softmax --parallel 0":                           "--parallel: 0 is below 1",
		"compare --losses softmax --steps 9223372036854775807":            "--steps: 9223372036854775807 is above 2147483647",
		"compare --losses softmax --steps 0":                              "--steps: 0 is below 1",
		"compare --losses softmax --seconds 0":                            `"0" is not a finite number above 0`,
		"compare --losses softmax --seconds inf":                          `"inf" is not a finite number above 0`,
		"compare --losses softmax --resamples 0":                          "--resamples: 0 is below 100",
		"compare --losses softmax --tune temperature=0.2x":                `"0.2x" is no temperature`,
		"compare --losses softmax --tune train.batch=9223372036854775807": "softmax: --batch: 9223372036854775807 is above 2147483647",
		"complexity --steps 9223372036854775807":                          "--steps: 9223372036854775807 is above 1000000",
		"complexity --steps 0":                                            "--steps: 0 is below 1",
		"complexity --dims 8,9223372036854775807":                         "--dims: 9223372036854775807 is above 4096",
		"consistency --classes 0":                                         "--classes: 0 is below 3",
		"consistency --draws 9223372036854775807":                         "--draws: 9223372036854775807 is above 10000",
		"convergence --iterations 9223372036854775807":                    "--iterations: 9223372036854775807 is above 1000000000",
		"convergence --iterations 0":                                      "--iterations: 0 is below 1",
		"convergence --excess 0":                                          `"0" is not a finite number above 0`,
		"study --budget 0s":                                               "--budget: 0s is no time",
		"data describe --core 4294967297":                                 "--core: 4294967297 is above 2147483647",
		"data describe --min-rating 1e400":                                `"1e400" is too large: numbers are at most 1.798e+308`,
		"train --dry-run --loss sl@sampled:hits=seen,sampler=dns":         "--loss: sampler: dns: 512 draws from a pool of m=256 candidates: lower n or raise m",
		"train --dry-run --candidates sampled:sampler=dns,n=5,m=4":        "--candidates: sampler: dns:m=4: 5 draws from a pool of m=4 candidates",
		"compare --losses softmax@sampled:sampler=dns":                    "dns: 512 draws from a pool of m=256 candidates",
		"data describe --min-rating nan":                                  `"nan" is not a finite number`,
		"data describe demo:users=9223372036854775807":                    "users=9223372036854775807 is outside [1, 2147483647]",
		"data describe demo:items=0":                                      "items=0 is outside [1, 2147483647]",
		"data describe demo:per-user=99999999999999999999":                "per-user=99999999999999999999",
		"data split demo DIR --split given --core 0x2":                    `"0x2" is not a whole number`,
		"train --dry-run --dim 9223372036854775807":                       "--dim: 9223372036854775807 is above 2147483647",
		"train --dry-run --epochs 2147483648":                             "--epochs: 2147483648 is above 2147483647",
		"train --dry-run --batch 9223372036854775807":                     "--batch: 9223372036854775807 is above 2147483647",
		"train --dry-run --batch 99999999999999999999":                    `--batch: "99999999999999999999" is out of range; want 1 to 2147483647`,
		"train --dry-run --patience 9223372036854775807":                  "--patience: 9223372036854775807 is above 2147483647",
		"train --dry-run --every 9223372036854775807":                     "--every: 9223372036854775807 is above 2147483647",
		"train --dry-run --core 9223372036854775807":                      "core 9223372036854775807 is above 2147483647",
		"train --dry-run --seed 18446744073709551616":                     `--seed: "18446744073709551616" is out of range`,
		"train --dry-run --metrics recall@9223372036854775807":            "--metrics: metric: the cut-off of \"recall@9223372036854775807\" is not a whole number of at least 1 and at most 2147483647",
		"train --dry-run --candidates sampled:n=9223372036854775807":      "--candidates: models: sampled: n=9223372036854775807 is outside [1, 1048576]",
		"train --dry-run --loss sampled-softmax:n=1e300":                  "n=1e300 is outside",
		"train --dry-run --candidates sampled:sampler=midx,refresh=1e18":  "refresh=1e18 is outside",
		"train --dry-run --temperature 0":                                 `--temperature: "0" is no temperature; the choices are a finite number above 0, and learned, alone or as in learned:start=0.2,min=0.01,max=100`,
		"train --dry-run --set model.temperature=0":                       `--temperature: "0" is no temperature`,
		"train --dry-run --set model.init=0":                              `--set model.init=0: config: model.init="0" is no choice`,
		"train --dry-run --temperature learned:from=1":                    `--temperature: learned: no parameter "from"; the choices are start, min, max`,
		"train --dry-run --temperature learned:min=2,max=1":               "between min=2 and max=1: both must be finite and above 0, and min below max",
		"train --dry-run --temperature learned:start=0":                   "start=0 is not above 0; leave it out",
		"train --dry-run --temperature learned:start=0.2,min=0.3":         "between min=0.3 and max=100 does not start at 0.2",
		"train --dry-run --temperature learned --loss cosine":             "--temperature: loss cosine takes cosines, and those over a learned temperature are none: leave the temperature out, and set the tau of the loss, or choose a loss of any scores, such as softmax",
		"train --dry-run --temperature learned --solver als":              "--temperature: solver als takes temperature 1",
		"train --dry-run --epochs 2.7":                                    `--epochs: "2.7" is not a int`,
		"train --dry-run --lr=":                                           "--lr: ",
		"train --dry-run --set train.lr=":                                 "--lr: ",
		"train --dry-run --lr inf":                                        `--lr: optim: adam: lr="inf" is not a number`,
		"eval RUN --metrics recall@9223372036854775807":                   "at most 2147483647",
	} {
		t.Run(line, func(t *testing.T) {
			code, out, stderr := execute(t, strings.Fields(line)...)
			require.Equal(t, exitUsage, code, stderr)
			require.Empty(t, out)
			require.Contains(t, stderr, want)
		})
	}

	var walk func(cmd *cobra.Command)
	seen := 0
	walk = func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			seen++
			kind := reflect.TypeOf(f.Value).Elem()
			if strings.HasSuffix(kind.PkgPath(), "pflag") {
				for _, number := range []string{"int", "uint", "float", "count"} {
					require.False(t, strings.HasPrefix(strings.ToLower(kind.Name()), number), "%s --%s is a %s", cmd.CommandPath(), f.Name, kind)
				}
			}
		})
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(streams{program: "fenchel"}))
	require.Greater(t, seen, 100)
}

// TestListFlags: a list replaces the default and may be given in parts.
func TestListFlags(t *testing.T) {
	f := pflag.NewFlagSet("x", pflag.ContinueOnError)
	n, x := []int{1, 2}, []float64{0.5}
	addWholes(f, &n, "n", 1, 20, "")
	addReals(f, &x, "x", "")
	require.NoError(t, f.Parse([]string{"--n", "010, 3", "--n=+4"}))
	require.Equal(t, []int{10, 3, 4}, n)
	require.Equal(t, []float64{0.5}, x)
	require.Equal(t, "[1,2]", f.Lookup("n").DefValue)
	require.Error(t, f.Parse([]string{"--n", "3,21"}))
	require.Equal(t, []int{10, 3, 4}, n, "a list that is wrong changes nothing")
}

// TestDeepRanking: cut-offs beyond a small catalogue are its end, in every report.
func TestDeepRanking(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	r := trainJSON(t, with(small, "--metrics", "recall@50,recall@2147483647", "--out", out)...)
	for _, s := range r.Splits {
		require.InDelta(t, s.Values[0].Value, s.Values[1].Value, 0)
		require.InDelta(t, s.Values[0].Attainable, s.Values[1].Attainable, 0)
	}
	code, ranked, stderr := execute(t, "predict", out, "--users", "1", "--k", "2147483647", "--with-seen")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, 50, strings.Count(ranked, "\n"))
}
