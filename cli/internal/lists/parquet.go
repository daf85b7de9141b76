package lists

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

func init() {
	formats[".parquet"] = func(w io.Writer) writer {
		return parquetWriter{parquet.NewGenericWriter[Row](w, parquet.MaxRowsPerRowGroup(1<<17))}
	}
}

type parquetWriter struct{ w *parquet.GenericWriter[Row] }

func (p parquetWriter) write(rows []Row) error {
	for _, r := range rows {
		if err := text(r); err != nil {
			return err
		}
	}
	_, err := p.w.Write(rows)
	return err
}

func (p parquetWriter) close() error { return p.w.Close() }
