package data

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// SaveFile writes the pairs of all sets of d to one file, compressed where path
// ends in ".gz". The file appears complete or not at all, and replaces one of
// that name. A format of row numbers (lightgcn) keeps neither ids, values nor
// times.
func SaveFile(path, format string, d *Dataset) error {
	f, err := writable(format)
	if err != nil {
		return err
	}
	all, err := d.All()
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	err = writeTo(tmp, f, d, all, strings.HasSuffix(path, ".gz"))
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name()) // what matters is the error before
		return fmt.Errorf("data: %w", err)
	}
	return nil
}

// SaveDir writes the sets of d that have pairs to a new directory as train,
// valid and test files, which Open reads back as given splits. The directory
// appears complete or not at all; one that exists is an error. A format of row
// numbers (lightgcn) keeps neither ids, values nor times.
func SaveDir(dir, format string, compress bool, d *Dataset) error {
	f, err := writable(format)
	if err != nil {
		return err
	}
	if err := d.Validate(); err != nil {
		return err
	}
	return newDir(dir, func(tmp string) error {
		for _, part := range d.Parts() {
			if part.Len() == 0 {
				continue
			}
			name := part.Name + f.Ext
			if compress {
				name += ".gz"
			}
			file, err := os.Create(filepath.Join(tmp, name))
			if err != nil {
				return err
			}
			if err := writeTo(file, f, d, part.Interactions, compress); err != nil {
				return err
			}
		}
		return nil
	})
}

// writable returns a format that can write; the error lists those.
func writable(name string) (*Format, error) {
	f, err := LookupFormat(name)
	if err != nil {
		return nil, err
	}
	if f.Write == nil {
		var can []*Format
		for _, f := range Formats() {
			if f.Write != nil {
				can = append(can, f)
			}
		}
		return nil, fmt.Errorf("data: format %s is read only; the choices are %s", name, formatNames(can))
	}
	return f, nil
}

// writeTo writes and closes file.
func writeTo(file *os.File, f *Format, d *Dataset, x *Interactions, compress bool) (err error) {
	defer func() { err = errors.Join(err, file.Close()) }()
	var out io.Writer = file
	var z *gzip.Writer
	if compress {
		z = gzip.NewWriter(file) // its header has no time: the same set, the same bytes
		out = z
	}
	w := bufio.NewWriterSize(out, 1<<16)
	if err := f.Write(w, d, x); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if z != nil {
		if err := z.Close(); err != nil {
			return err
		}
	}
	if err := file.Chmod(0o644); err != nil { // a temporary file is the owner's alone
		return err
	}
	return file.Sync() // a rename must not outlive its content in a crash
}

// newDir makes a directory by fill, in a temporary place beside it, and moves it
// into place when fill succeeds.
func newDir(dir string, fill func(tmp string) error) error {
	dir = filepath.Clean(dir)
	if _, err := os.Lstat(dir); err == nil {
		return fmt.Errorf("data: %s exists; remove it or name another", dir)
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*")
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	err = fill(tmp)
	if err == nil {
		err = os.Chmod(tmp, 0o755)
	}
	if err == nil {
		err = os.Rename(tmp, dir)
	}
	if err != nil {
		os.RemoveAll(tmp) // what matters is the error before
		return fmt.Errorf("data: %w", err)
	}
	return nil
}
