package lists

import (
	"fmt"
	"io"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/fs"
)

// A Row is one place of a ranking.
type Row struct {
	User  string  `parquet:"user,dict,zstd" json:"user"`
	Rank  int32   `parquet:"rank" json:"rank"` // from 1
	Item  string  `parquet:"item,dict,zstd" json:"item"`
	Score float32 `parquet:"score" json:"score"`
}

// A writer takes rows.
type writer interface {
	write(rows []Row) error
	close() error
}

// formats are the endings of files, with what writes them.
var formats = map[string]func(w io.Writer) writer{}

// Endings returns the endings that Write knows, in order.
func Endings() []string { return []string{".csv", ".jsonl", ".parquet"} }

// Check returns an error, which lists the choices, unless the path has an ending that Write
// knows.
func Check(path string) error {
	if ending(path) == "" {
		return fmt.Errorf("%q ends in none of %s", path, strings.Join(Endings(), ", "))
	}
	return nil
}

func ending(path string) string {
	for _, e := range Endings() {
		if strings.HasSuffix(path, e) {
			return e
		}
	}
	return ""
}

// Write writes to path the rows that f hands to put, in its order: a file that is whole or does
// not appear. Its ending says the form: CSV with a header, JSON lines, or Parquet.
func Write(path string, f func(put func(rows []Row) error) error) error {
	if err := Check(path); err != nil {
		return err
	}
	return fs.WriteFile(path, func(w io.Writer) error {
		out := formats[ending(path)](w)
		if err := f(out.write); err != nil {
			return err
		}
		return out.close()
	})
}
