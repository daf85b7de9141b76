package lock

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// File is the name of the lock in a folder.
const File = ".lock"

// A Holder is the process that has a folder.
type Holder struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// A HeldError is the error of a folder that somebody holds.
type HeldError struct {
	Path   string // of the lock file
	Holder Holder // zero where the file does not tell
	Advice string
}

// Error names the holder and says what to do.
func (e *HeldError) Error() string {
	who := "another process"
	if e.Holder.PID != 0 {
		who = fmt.Sprintf("process %d on %s since %s", e.Holder.PID, e.Holder.Host, e.Holder.Since.Format(time.DateTime))
	}
	return fmt.Sprintf("%s is in use by %s; %s", filepath.Dir(e.Path), who, e.Advice)
}

// A Lock is a folder that this process holds. It is not safe for concurrent use.
type Lock struct {
	path string
	f    *os.File
}

// Take locks a folder that exists. It does not wait: where another process, or another
// part of this one, holds the folder, the error is a *HeldError. A lock file that is
// no regular file, such as a link, is an error, and what it leads to stays as it is.
func Take(dir string) (*Lock, error) {
	path := filepath.Join(dir, File)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
		made := err == nil
		if errors.Is(err, fs.ErrExist) {
			if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
				return nil, &fs.PathError{Op: "lock", Path: path, Err: errors.New("not a regular file")}
			}
			if f, err = os.OpenFile(path, os.O_RDWR, 0); errors.Is(err, fs.ErrNotExist) {
				continue // the holder removed it meanwhile
			}
		}
		if err != nil {
			return nil, err
		}
		switch err := lockFile(f); {
		case errors.Is(err, errors.ErrUnsupported) && made:
			return sign(path, f)
		case errors.Is(err, errors.ErrUnsupported):
			return nil, errors.Join(left(path), f.Close())
		case errors.Is(err, errHeld):
			return nil, errors.Join(&HeldError{path, holderOf(path), "wait for its end or choose another folder"}, f.Close())
		case err != nil:
			return nil, errors.Join(&fs.PathError{Op: "lock", Path: path, Err: err}, f.Close())
		case same(f, path):
			return sign(path, f)
		}
		// The holder removed the file between the opening and the lock.
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// left is the error of a file whose existence is the lock, and which is there.
func left(path string) error {
	h := holderOf(path)
	advice := "if that process is no more, remove " + path
	if host, err := os.Hostname(); err == nil && h.Host == host && !alive(h.PID) {
		advice = "that process is no more, so remove " + path
	}
	return &HeldError{path, h, advice}
}

// same reports whether f is the file that is at path now.
func same(f *os.File, path string) bool {
	here, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(here, there)
}

// sign writes who holds the lock into its file.
func sign(path string, f *os.File) (*Lock, error) {
	l := &Lock{path, f}
	host, err := os.Hostname()
	if err != nil {
		host = "a host without a name"
	}
	text, err := json.Marshal(Holder{os.Getpid(), host, time.Now().Round(time.Second)})
	if err == nil {
		if err = f.Truncate(0); err == nil {
			_, err = f.WriteAt(append(text, '\n'), 0)
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.Release())
	}
	return l, nil
}

// holderOf reads who holds a lock; the zero Holder where the file does not tell.
func holderOf(path string) (h Holder) {
	text, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(text, &h) != nil {
		return Holder{}
	}
	return h
}

// Release removes the file and gives the folder up.
func (l *Lock) Release() error {
	if !same(l.f, l.path) { // removed by hand, and maybe another's by now
		return l.f.Close()
	}
	return release(l.f, l.path)
}
