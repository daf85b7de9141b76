package cli

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
)

// files lists a directory, hidden files included.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// published serves a public set on the loopback device. hold, if not nil, is
// waited for in the middle of the archive.
func published(t *testing.T, name string, damage bool, reached chan<- struct{}, hold <-chan struct{}) *data.Public {
	t.Helper()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for file, text := range map[string]string{"set/u.data": "1\t2\t3\t4\n1\t5\t3\t4\n2\t2\t5\t6\n", "set/README": "the terms"} {
		w, err := z.Create(file)
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	sum := md5.Sum(archive.Bytes())
	body := archive.Bytes()
	if damage {
		body[len(body)/2] ^= 1
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/set.zip.md5" {
			fmt.Fprintf(w, "%x  set.zip\n", sum)
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:len(body)/2])
		if hold != nil {
			w.(http.Flusher).Flush()
			close(reached)
			select {
			case <-hold:
			case <-r.Context().Done():
			}
		}
		w.Write(body[len(body)/2:])
	}))
	t.Cleanup(server.Close)
	return &data.Public{
		Name: name, Doc: "three ratings", Home: server.URL, Licence: "for tests alone",
		URL: server.URL + "/set.zip", MD5URL: server.URL + "/set.zip.md5", Entries: []string{"set/u.data", "set/README"},
	}
}

func TestGet(t *testing.T) {
	t.Chdir(t.TempDir())
	data.RegisterPublic(*published(t, "test-three", false, nil, nil)) // of this process alone
	code, out, stderr := execute(t, "data", "get", "test-three")
	require.Equal(t, exitOK, code, stderr)
	require.Empty(t, stderr, "no bar where there is no terminal")
	require.Regexp(t, `^set      three ratings
home     http://127\.0\.0\.1:\d+
terms    for tests alone
archive  \d+ B in \d+\.\d s; its MD5 is the published one
folder   test-three

train on it with: fenchel train --data test-three
$`, out)
	require.Equal(t, []string{"README", "u.data"}, files(t, "test-three"))
	code, out, _ = execute(t, "data", "describe", "test-three")
	require.Equal(t, exitOK, code)
	require.Regexp(t, `interactions +3 `, out)

	code, _, stderr = execute(t, "data", "get", "test-three")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "test-three exists; remove it or name another")
	code, _, stderr = execute(t, "data", "get", "nosuch")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, `unknown public set "nosuch"; the choices are `)
	got, _ := completions(t, "data", "get", "test-")
	require.Equal(t, []string{"test-three"}, got)
}

func TestGetDrawsABarOnATerminal(t *testing.T) {
	var out, bar bytes.Buffer
	dir := filepath.Join(t.TempDir(), "set")
	require.NoError(t, runGet(t.Context(), streams{program: "fenchel", out: &out, err: &bar, terminal: true}, published(t, "bar", false, nil, nil), dir))
	require.Contains(t, bar.String(), "%")
}

// TestGetLeavesNothing: neither a damaged download nor Ctrl-C in its middle leaves
// anything behind.
func TestGetLeavesNothing(t *testing.T) {
	root := t.TempDir()
	var out bytes.Buffer
	s := streams{program: "fenchel", out: &out, err: &out}
	err := runGet(t.Context(), s, published(t, "damaged", true, nil, nil), filepath.Join(root, "set"))
	require.ErrorContains(t, err, "the download is damaged")
	require.Empty(t, files(t, root))

	ctx, cancel := context.WithCancel(t.Context())
	reached, hold := make(chan struct{}), make(chan struct{})
	set := published(t, "held", false, reached, hold)
	go func() {
		<-reached
		cancel()
	}()
	require.ErrorIs(t, runGet(ctx, s, set, filepath.Join(root, "set")), context.Canceled)
	close(hold)
	require.Empty(t, files(t, root))
}

func TestConvert(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "u.data")
	require.NoError(t, os.WriteFile(src, []byte("7\t20\t3\t4\n7\t50\t3\t4\n9\t20\t5\t6\n"), 0o644))
	dst := filepath.Join(dir, "all.csv.gz")
	code, out, stderr := execute(t, "data", "convert", src, dst, "--format", "csv")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, dst+": 2 users, 2 items; train 3, valid 0, test 0 interactions\n", out)
	d, err := data.Open(dst, "")
	require.NoError(t, err)
	require.Equal(t, []string{"7", "9"}, d.UserIDs)
	require.Equal(t, []float32{3, 3, 5}, d.Train.Value())
	require.Equal(t, []int64{4, 4, 6}, d.Train.Time())

	rows := filepath.Join(dir, "rows.txt")
	code, out, stderr = execute(t, "data", "convert", dst, rows, "--format", "lightgcn")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "note: lightgcn does not keep ids and values and times\n")
	text, err := os.ReadFile(rows)
	require.NoError(t, err)
	require.Equal(t, "0 0 1\n1 0\n", string(text))

	// A set with splits keeps them.
	parts := filepath.Join(dir, "parts")
	code, out, stderr = execute(t, "data", "convert", tiny(t), parts, "--format", "csv", "--gzip")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, []string{"test.csv.gz", "train.csv.gz", "valid.csv.gz"}, files(t, parts))
	require.Equal(t, parts+": 3 users, 4 items; train 6, valid 1, test 2 interactions\n", out, "and the hash is the same")
}

func TestSplit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "parts")
	code, out, stderr := execute(t, "data", "split", "demo:users=60,items=50,per-user=10", dir, "--split", "leave-one-out:seed=3,ties=lot")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, []string{"test.csv", "train.csv", "valid.csv"}, files(t, dir))
	want, err := data.Load(data.Config{Source: "demo:users=60,items=50,per-user=10", Split: "leave-one-out:seed=3,ties=lot"})
	require.NoError(t, err)
	require.Contains(t, out, fmt.Sprintf("split %s, hash %.12s\n", want.Split, want.Hash()))
	got, err := data.Load(data.Config{Source: dir})
	require.NoError(t, err)
	for p, part := range want.Parts() {
		require.Equal(t, part.Len(), got.Parts()[p].Len())
	}
	if want.Hash() != got.Hash() {
		require.Contains(t, out, fmt.Sprintf("of what was written is %.12s\n", got.Hash()))
	} else {
		require.NotContains(t, out, "of what was written")
	}
}

func TestFilesUsage(t *testing.T) {
	dir := t.TempDir()
	src := filepath.Join(dir, "u.data")
	require.NoError(t, os.WriteFile(src, []byte("7\t20\t3\t4\n"), 0o644))
	before := files(t, dir)
	for line, want := range map[string]struct {
		code int
		text string
	}{
		"convert " + src + " " + dir + "/x":                          {exitUsage, "--format: name the format to write; the choices are csv, lightgcn"},
		"convert " + src + " " + dir + "/x --format recbole":         {exitUsage, `--format: "recbole" cannot be written; the choices are csv, lightgcn`},
		"convert " + src + " " + src + " --format csv":               {exitFailed, src + " exists; remove it or name another"},
		"convert " + src + " " + dir + "/x --format csv --gzip":      {exitUsage, "--gzip: a compressed file ends in .gz"},
		"convert " + src + " " + dir + "/x --format csv --from nope": {exitUsage, `unknown format "nope"`},
		"convert " + dir + "/none " + dir + "/x --format csv":        {exitFailed, "no such file"},
		"convert " + src + " " + dir + "/no/x --format csv":          {exitFailed, "no such file"},
		"convert " + src:                                                          {exitUsage, "needs an argument"},
		"split " + src + " " + dir + "/x":                                         {exitUsage, "--split: say how to split"},
		"split " + src + " " + dir + "/x --split half":                            {exitUsage, `unknown split "half"`},
		"split " + src + " " + dir + " --split ratio:0.8,0.1,0.1":                 {exitFailed, "exists; remove it"},
		"split " + src + " " + dir + "/x --split ratio:0.8,0.1,0.1 --core 9":      {exitFailed, "core"},
		"split " + src + " " + dir + "/x --split ratio:0.8,0.1,0.1 --format blah": {exitUsage, `"blah" cannot be written`},
	} {
		code, out, stderr := execute(t, append([]string{"data"}, strings.Fields(line)...)...)
		require.Equal(t, want.code, code, "%s: %s", line, stderr)
		require.Empty(t, out, line)
		require.Contains(t, stderr, want.text, line)
		require.Equal(t, before, files(t, dir), "%s left something behind", line)
	}
}

func TestByteText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "0.977 KiB", 5 << 20: "5 MiB", 3 << 30: "3 GiB", 2 << 40: "2 TiB"} {
		require.Equal(t, want, byteText(n))
	}
}
