package data

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/fenchel-ml/fenchel/internal/fs"
)

// SaveFile writes the pairs of all sets of d to one file, compressed where path
// ends in ".gz". The file appears complete or not at all, and replaces one of
// that name. A format of row numbers (lightgcn) keeps neither ids, values nor
// times, and none keeps features.
func SaveFile(path, format string, d *Dataset) error {
	f, err := writable(format)
	if err != nil {
		return err
	}
	if err := d.refuseText("saving pairs as " + format); err != nil {
		return err
	}
	all, err := d.All()
	if err != nil {
		return err
	}
	// None of the parts, also where one has all pairs.
	all = &Interactions{users: all.users, items: all.items, ptr: all.ptr, item: all.item, value: all.value, time: all.time}
	err = fs.WriteFile(path, func(w io.Writer) error { return writeTo(w, f, d, all, strings.HasSuffix(path, ".gz")) })
	if err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return nil
}

// SaveDir writes the sets of d that have pairs to a new directory as train,
// valid and test files, which Open reads back as given splits. The directory
// appears complete or not at all; one that exists is an error. A format of row
// numbers (lightgcn) keeps neither ids, values nor times, and none keeps features.
func SaveDir(dir, format string, compress bool, d *Dataset) error {
	f, err := writable(format)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Validate(), d.refuseText("saving pairs as "+format)); err != nil {
		return err
	}
	return newDir(dir, func(tmp string) error {
		for p, part := range d.Parts() {
			if !d.has(p) {
				continue
			}
			name := part.Name + f.Ext
			if compress {
				name += ".gz"
			}
			err := fs.WriteFile(filepath.Join(tmp, name), func(w io.Writer) error { return writeTo(w, f, d, part.Interactions, compress) })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func newDir(dir string, fill func(tmp string) error) error {
	if err := fs.NewDir(dir, fill); err != nil {
		return fmt.Errorf("data: %w", err)
	}
	return nil
}

// writable returns a format that can write; the error lists those.
func writable(name string) (*Format, error) {
	f, err := LookupFormat(name)
	if err != nil {
		return nil, err
	}
	if f.Write == nil {
		var can []string
		for _, f := range Formats() {
			if f.Write != nil {
				can = append(can, f.Name)
			}
		}
		return nil, fmt.Errorf("data: format %s is read only; the choices are %s", name, strings.Join(can, ", "))
	}
	return f, nil
}

// writeTo writes the pairs of x, with the ids of d.
func writeTo(out io.Writer, f *Format, d *Dataset, x *Interactions, compress bool) error {
	if !compress {
		return writeText(out, f, d, x)
	}
	z := gzip.NewWriter(out) // its header has no time: the same set, the same bytes
	if err := writeText(z, f, d, x); err != nil {
		return err
	}
	return z.Close()
}

func writeText(out io.Writer, f *Format, d *Dataset, x *Interactions) error {
	w := bufio.NewWriterSize(out, 1<<16)
	if err := f.Write(w, d, x); err != nil {
		return err
	}
	return w.Flush()
}
