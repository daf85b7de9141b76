package export

import (
	"io"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/train"
)

func init() {
	register(Format{
		Name: "parquet", Doc: "users.parquet and items.parquet with the columns id, vector, a list of float32, and bias", Text: true,
		write: func(dir string, v *train.Vectors) error {
			for _, s := range sides(v) {
				if err := writeParquet(filepath.Join(dir, s.name+".parquet"), s, v.Dim); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// A row is one of a file.
type row struct {
	ID     string    `parquet:"id,zstd"`
	Vector []float32 `parquet:"vector,list"`
	Bias   float32   `parquet:"bias"`
}

func writeParquet(path string, s side, d int) error {
	return fs.WriteFile(path, func(w io.Writer) error {
		out := parquet.NewGenericWriter[row](w, parquet.MaxRowsPerRowGroup(1<<16))
		rows := make([]row, 0, 1024)
		for i, id := range s.ids {
			r := row{ID: id, Vector: s.w[i*d : (i+1)*d]}
			if s.bias != nil {
				r.Bias = s.bias[i]
			}
			if rows = append(rows, r); len(rows) == cap(rows) || i == len(s.ids)-1 {
				if _, err := out.Write(rows); err != nil {
					return err
				}
				rows = rows[:0]
			}
		}
		return out.Close()
	})
}
