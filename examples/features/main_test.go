package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFeatures: towers rank what training never saw by features, for people who are in no
// file too, and a folder with files of features is taken.
func TestFeatures(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), nil, &out))
	match := regexp.MustCompile(`(?m)^towers      test: ndcg@5 (0\.\d{4}) \(\d+ examples\)
mf          test: ndcg@5 (0\.\d{4}) \(\d+ examples\)
popularity  test: ndcg@5 (0\.\d{4}) \(\d+ examples\)
for somebody of 16, of Bonn: (comedy-\d+/[789]\d'(, )?){3}
for somebody of 70: ([a-z]+-\d+/1\d\d'(, )?){3}
$`).FindStringSubmatch(out.String())
	require.NotNil(t, match, out.String())
	number := func(i int) float64 {
		x, err := strconv.ParseFloat(match[i], 64)
		require.NoError(t, err)
		return x
	}
	require.Greater(t, number(1), 3*number(2), out.String())
	require.Greater(t, number(1), 3*number(3), out.String())

	folder := t.TempDir()
	var pairs strings.Builder
	pairs.WriteString("user_id:token\titem_id:token\n")
	for u := range 20 {
		for i := range 20 {
			if (u+i)%3 > 0 {
				pairs.WriteString("u" + strconv.Itoa(u) + "\ti" + strconv.Itoa(i) + "\n")
			}
		}
	}
	var films strings.Builder
	films.WriteString("item:token\tgenre:token_seq\n")
	for i := range 20 {
		films.WriteString("i" + strconv.Itoa(i) + "\tg" + strconv.Itoa(i%3) + " all\n")
	}
	var users strings.Builder
	users.WriteString("user:token\tage:float\n")
	for u := range 20 {
		users.WriteString("u" + strconv.Itoa(u) + "\t" + strconv.Itoa(20+u%3) + "\n")
	}
	for name, text := range map[string]string{"a.inter": pairs.String(), "a.item": films.String(), "a.user": users.String()} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	out.Reset()
	require.NoError(t, run(t.Context(), []string{folder}, &out))
	require.Contains(t, out.String(), "item field genre: token_seq, 4 ids, 2 of a row, 0 of 20 items without\n")
	require.Error(t, run(t.Context(), []string{filepath.Join(folder, "nowhere")}, &out))
}
