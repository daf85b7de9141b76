package data

import (
	"archive/zip"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A Public set is one that its publisher offers for download, with a checksum
// beside it.
type Public struct {
	Name    string // registry key, e.g. "ml-1m"
	Doc     string // one line: what it holds
	Home    string // the publisher's page
	Licence string // one line: what its terms allow

	URL     string   // the archive, a zip
	MD5URL  string   // a text that names the archive's MD5 in hex
	Entries []string // the archive's files to keep, by path; the first is the interactions
}

var publics = registry.NewRegistry[Public]("data", "public set")

// RegisterPublic adds p to the public sets. It panics if p is incomplete, its name is
// malformed or the name is taken: mistakes of the program that its first run shows.
func RegisterPublic(p Public) {
	var fault error
	if p.Doc == "" || p.Home == "" || p.Licence == "" || p.URL == "" || p.MD5URL == "" || len(p.Entries) == 0 {
		fault = errors.New("lacks one of Doc, Home, Licence, URL, MD5URL and Entries")
	}
	publics.Add(p.Name, nil, p, fault)
}

// PublicSets returns the registered public sets, sorted by name.
func PublicSets() []*Public { return publics.All() }

// LookupPublic returns the public set of that name; the error of an unknown name
// lists the choices.
func LookupPublic(name string) (*Public, error) { return publics.Lookup(name) }

// maxSum bounds the text of a checksum; maxArchive and maxEntry what a broken or
// hostile server can make us store. The largest archive registered is 0.26 GB.
const (
	maxSum     = 1 << 12
	maxArchive = 2 << 30
	maxEntry   = 8 << 30
)

// Get downloads p, checks its MD5, and unpacks it to the new directory dir, which
// Open then reads. dir appears complete or not at all; one that exists is an
// error. progress, if not nil, is told the bytes of the archive so far and their
// total, −1 where the server does not say.
//
// The checksum comes from the publisher with the archive: it tells a damaged
// download, not a forged one. Against forgery stands the https of the addresses.
func (p *Public) Get(ctx context.Context, client *http.Client, dir string, progress func(done, total int64)) error {
	return newDir(dir, func(tmp string) error {
		want, err := p.fetchSum(ctx, client)
		if err != nil {
			return err
		}
		archive := filepath.Join(tmp, ".archive")
		got, err := download(ctx, client, p.URL, archive, progress)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("%s: MD5 is %s, its publisher says %s: the download is damaged", p.URL, got, want)
		}
		if err := unpack(archive, p.Entries, tmp); err != nil {
			return fmt.Errorf("%s: %w", p.URL, err)
		}
		return os.Remove(archive)
	})
}

// hexSum is an MD5 by itself: BSD's "MD5 (file) = hex" and GNU's "hex  file" both
// hold exactly one.
var hexSum = regexp.MustCompile(`\b[0-9a-fA-F]{32}\b`)

func (p *Public) fetchSum(ctx context.Context, client *http.Client) (string, error) {
	body, _, err := get(ctx, client, p.MD5URL)
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxSum))
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.MD5URL, err)
	}
	sums := hexSum.FindAllString(string(text), -1)
	if len(sums) != 1 {
		return "", fmt.Errorf("%s: %q holds %d MD5 sums, want one", p.MD5URL, shorten(text), len(sums))
	}
	return strings.ToLower(sums[0]), nil
}

// get opens a URL; the caller closes the body.
func get(ctx context.Context, client *http.Client, url string) (body io.ReadCloser, size int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, 0, err // names the URL
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, 0, fmt.Errorf("%s: the server answers %s", url, resp.Status)
	}
	return resp.Body, resp.ContentLength, nil
}

// download stores a URL in a file and returns its MD5 in hex.
func download(ctx context.Context, client *http.Client, url, file string, progress func(done, total int64)) (sum string, err error) {
	body, size, err := get(ctx, client, url)
	if err != nil {
		return "", err
	}
	defer body.Close()
	out, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	hash := md5.New()
	var w io.Writer = io.MultiWriter(out, hash)
	if progress != nil {
		w = io.MultiWriter(w, &progressWriter{report: progress, total: size})
	}
	n, err := io.Copy(w, io.LimitReader(body, maxArchive+1))
	if err != nil {
		return "", fmt.Errorf("%s: after %d bytes: %w", url, n, err)
	}
	if n > maxArchive {
		return "", fmt.Errorf("%s: more than %d bytes", url, int64(maxArchive))
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// progressWriter counts what passes.
type progressWriter struct {
	report      func(done, total int64)
	done, total int64
}

func (p *progressWriter) Write(b []byte) (int, error) {
	p.done += int64(len(b))
	p.report(p.done, p.total)
	return len(b), nil
}

// unpack stores the entries of a zip in dir under their base names, so that no
// path of the archive can lead elsewhere.
func unpack(archive string, entries []string, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, name := range entries {
		i := slices.IndexFunc(z.File, func(f *zip.File) bool { return f.Name == name })
		if i < 0 {
			return fmt.Errorf("the archive has no %s", name)
		}
		if err := unpackEntry(z.File[i], filepath.Join(dir, path.Base(name))); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func unpackEntry(f *zip.File, file string) (err error) {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	n, err := io.Copy(out, io.LimitReader(r, maxEntry+1)) // checks the entry's CRC at its end
	if err == nil && n > maxEntry {
		err = fmt.Errorf("more than %d bytes", int64(maxEntry))
	}
	return err
}
