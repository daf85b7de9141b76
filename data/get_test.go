package data

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/md5"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// archive returns a zip of files.
func archive(t *testing.T, files map[string]string) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range files {
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestGet(t *testing.T) {
	good := archive(t, map[string]string{"set/u.data": "1\t2\t3\t4\n", "set/README": "terms", "set/other": "x"})
	sum := fmt.Sprintf("%x", md5.Sum(good))
	broken := bytes.Clone(good)
	broken[len(broken)/2] ^= 1
	notZip := []byte("<html>")
	mux := http.NewServeMux()
	serve := func(path string, body []byte) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { w.Write(body) })
	}
	serve("/good.zip", good)
	serve("/broken.zip", broken)
	serve("/html.zip", notZip)
	serve("/bsd.md5", []byte("MD5 (good.zip) = "+sum+"\n"))
	serve("/gnu.md5", []byte(sum+"  good.zip\n"))
	serve("/html.md5", fmt.Appendf(nil, "%x", md5.Sum(notZip)))
	serve("/none.md5", []byte("<html>no such thing</html>"))
	mux.HandleFunc("/cut.zip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(good)))
		w.Write(good[:len(good)/2])
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	entries := []string{"set/u.data", "set/README"}
	set := func(archive, sum string, entries ...string) *Public {
		return &Public{Name: "set", URL: server.URL + archive, MD5URL: server.URL + sum, Entries: entries}
	}

	for _, sum := range []string{"/bsd.md5", "/gnu.md5"} {
		dir := filepath.Join(t.TempDir(), "set")
		var done, total int64
		require.NoError(t, set("/good.zip", sum, entries...).Get(t.Context(), server.Client(), dir, func(d, n int64) { done, total = d, n }))
		require.Equal(t, []string{"README", "u.data"}, names(t, dir))
		require.EqualValues(t, len(good), done)
		require.Equal(t, done, total)
		d, err := Open(dir, "")
		require.NoError(t, err)
		require.Equal(t, 1, d.Train.Len())
		require.ErrorContains(t, set("/good.zip", sum, entries...).Get(t.Context(), server.Client(), dir, nil), "exists")
	}

	root := t.TempDir()
	for want, p := range map[string]*Public{
		"the download is damaged":             set("/broken.zip", "/bsd.md5", entries...),
		"/cut.zip: after":                     set("/cut.zip", "/bsd.md5", entries...),
		"/absent.zip: the server answers 404": set("/absent.zip", "/bsd.md5", entries...),
		"/absent.md5: the server answers 404": set("/good.zip", "/absent.md5", entries...),
		"holds 0 MD5 sums, want one":          set("/good.zip", "/none.md5", entries...),
		"the archive has no set/absent":       set("/good.zip", "/bsd.md5", "set/u.data", "set/absent"),
		"not a valid zip file":                set("/html.zip", "/html.md5", entries...),
	} {
		require.ErrorContains(t, p.Get(t.Context(), server.Client(), filepath.Join(root, "set"), nil), want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, set("/good.zip", "/bsd.md5", entries...).Get(ctx, server.Client(), filepath.Join(root, "set"), nil), context.Canceled)
	require.Empty(t, names(t, root), "a failed download left something behind")
}

// No entry of an archive is stored outside its directory.
func TestGetStaysInItsDirectory(t *testing.T) {
	evil := archive(t, map[string]string{"../../u.data": "1\t2\t3\t4\n"})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/md5" {
			fmt.Fprintf(w, "%x", md5.Sum(evil))
			return
		}
		w.Write(evil)
	}))
	defer server.Close()
	root := t.TempDir()
	p := &Public{Name: "evil", URL: server.URL, MD5URL: server.URL + "/md5", Entries: []string{"../../u.data"}}
	require.NoError(t, p.Get(t.Context(), server.Client(), filepath.Join(root, "a"), nil))
	require.Equal(t, []string{"a"}, names(t, root))
	require.Equal(t, []string{"u.data"}, names(t, filepath.Join(root, "a")))
}

// Every public set is served over https, and its first file is one that Open
// finds in a directory.
func TestPublicSets(t *testing.T) {
	require.NotEmpty(t, PublicSets())
	for _, p := range PublicSets() {
		for _, text := range []string{p.Home, p.URL, p.MD5URL} {
			u, err := url.Parse(text)
			require.NoError(t, err)
			require.Equal(t, "https", u.Scheme)
		}
		dir := write(t, map[string]string{filepath.Base(p.Entries[0]): "x"})
		files, given, err := findFiles(dir)
		require.NoError(t, err)
		require.False(t, given)
		require.Equal(t, filepath.Base(p.Entries[0]), filepath.Base(files[0]))
		again, err := LookupPublic(p.Name)
		require.NoError(t, err)
		require.Same(t, p, again)
	}
	_, err := LookupPublic("netflix")
	require.ErrorContains(t, err, `unknown public set "netflix"; the choices are ml-100k`)
}
