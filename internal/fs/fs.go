package fs

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// WriteFile makes the file at path from what write writes, whole or not at all:
// into a temporary file beside it, synced, renamed over path, and the folder
// synced so that the rename lasts. The file is for everybody to read.
func WriteFile(path string, write func(w io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		var p *os.PathError
		if errors.As(err, &p) { // nobody has asked for a file of that name
			p.Path = path
		}
		return err
	}
	defer func() {
		if err != nil { // which is the error to report
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	if err = write(w); err != nil {
		return err
	}
	if err = w.Flush(); err != nil {
		return err
	}
	if err = f.Chmod(0o644); err != nil { // CreateTemp's 0600 is for secrets
		return err
	}
	if err = f.Sync(); err != nil { // a rename must not outlive its content in a crash
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// WriteBytes is WriteFile of bytes at hand.
func WriteBytes(path string, b []byte) error {
	return WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// NewDir makes the folder dir by fill, which gets a temporary one beside it, and
// moves it into place when fill succeeds. A folder or file that exists is an error.
func NewDir(dir string, fill func(tmp string) error) (err error) {
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("%s exists; remove it or name another", dir)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil { // which is the error to report
			os.RemoveAll(tmp)
		}
	}()
	if err = fill(tmp); err != nil {
		return err
	}
	if err = os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err = os.Rename(tmp, dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	// Some file systems cannot sync a folder; the rename has happened all the same.
	_ = d.Sync()
	return d.Close()
}

// Clean removes what writes to path left beside it that a crash or a kill cut short.
// No write to path may be under way.
func Clean(path string) error {
	dir, base := filepath.Dir(path), filepath.Base(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		// WriteFile's names: os.CreateTemp puts digits behind the point.
		tail, ok := strings.CutPrefix(e.Name(), "."+base+".")
		if !ok || tail == "" || strings.Trim(tail, "0123456789") != "" || !e.Type().IsRegular() {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
