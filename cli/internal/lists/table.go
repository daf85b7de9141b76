package lists

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"github.com/fenchel-ml/fenchel/internal/fs"
)

// A Column is one of a table whose columns are known when the program runs.
type Column struct {
	Name string
	Kind Kind
}

// A Kind is what the cells of a column are.
type Kind int

// The kinds of cells.
const (
	Text   Kind = iota // string
	Count              // int
	Number             // float64; NaN is none: an empty cell, null
)

// tables are the endings of files, with what writes tables in them.
var tables = map[string]func(w io.Writer, columns []Column) tableWriter{
	".csv":     newCSVTable,
	".jsonl":   newJSONTable,
	".parquet": newParquetTable,
}

// A tableWriter takes the rows of a table.
type tableWriter interface {
	write(row []any) error
	close() error
}

// WriteTable is Write of a table: f hands its rows to put, a cell for each column, of the Go
// type that the column's kind says. put keeps nothing of a row.
func WriteTable(path string, columns []Column, f func(put func(row ...any) error) error) error {
	if err := Check(path); err != nil {
		return err
	}
	return fs.WriteFile(path, func(w io.Writer) error {
		out := tables[ending(path)](w, columns)
		if err := f(func(row ...any) error {
			if err := checkRow(columns, row); err != nil {
				return err
			}
			return out.write(row)
		}); err != nil {
			return err
		}
		return out.close()
	})
}

func checkRow(columns []Column, row []any) error {
	if len(row) != len(columns) {
		return fmt.Errorf("%d cells in %d columns", len(row), len(columns))
	}
	for i, c := range columns {
		ok := false
		switch c.Kind {
		case Text:
			_, ok = row[i].(string)
		case Count:
			_, ok = row[i].(int)
		case Number:
			var v float64
			v, ok = row[i].(float64)
			ok = ok && !math.IsInf(v, 0)
		}
		if !ok {
			return fmt.Errorf("column %s cannot hold %T %[2]v", c.Name, row[i])
		}
	}
	return nil
}

type csvTable struct {
	w    *csv.Writer
	line []string
}

func newCSVTable(w io.Writer, columns []Column) tableWriter {
	t := csvTable{csv.NewWriter(w), make([]string, len(columns))}
	for i, c := range columns {
		t.line[i] = c.Name
	}
	_ = t.w.Write(t.line) // the error comes with the next one
	return t
}

func (t csvTable) write(row []any) error {
	for i, cell := range row {
		switch v := cell.(type) {
		case string:
			t.line[i] = v
		case int:
			t.line[i] = strconv.Itoa(v)
		case float64:
			if t.line[i] = ""; !math.IsNaN(v) {
				t.line[i] = strconv.FormatFloat(v, 'g', -1, 64)
			}
		}
	}
	return t.w.Write(t.line)
}

func (t csvTable) close() error {
	t.w.Flush()
	return t.w.Error()
}

// jsonTable writes objects whose keys are in the order of the columns.
type jsonTable struct {
	b    *bufio.Writer
	keys [][]byte
	line []byte
}

func newJSONTable(w io.Writer, columns []Column) tableWriter {
	t := &jsonTable{b: bufio.NewWriterSize(w, 1<<16)}
	for i, c := range columns {
		key, _ := json.Marshal(c.Name) // a string is never refused
		before := byte(',')
		if i == 0 {
			before = '{'
		}
		t.keys = append(t.keys, append(append([]byte{before}, key...), ':'))
	}
	return t
}

func (t *jsonTable) write(row []any) error {
	t.line = t.line[:0]
	for i, cell := range row {
		t.line = append(t.line, t.keys[i]...)
		if v, ok := cell.(float64); ok && math.IsNaN(v) {
			cell = nil
		}
		if err := textCell(cell); err != nil {
			return err
		}
		b, err := json.Marshal(cell)
		if err != nil {
			return err
		}
		t.line = append(t.line, b...)
	}
	t.line = append(t.line, '}', '\n')
	_, err := t.b.Write(t.line)
	return err
}

func (t *jsonTable) close() error { return t.b.Flush() }

// textCell is text of one cell.
func textCell(cell any) error {
	if s, ok := cell.(string); ok && !utf8.ValidString(s) {
		return text(Row{User: s})
	}
	return nil
}

type parquetTable struct {
	w   *parquet.GenericWriter[any]
	row []parquet.Row // one
}

// newParquetTable has the columns in their order, which a parquet.Group would sort.
func newParquetTable(w io.Writer, columns []Column) tableWriter {
	fields := make([]reflect.StructField, len(columns))
	for i, c := range columns {
		of := reflect.TypeFor[string]()
		options := ",dict,zstd"
		switch c.Kind {
		case Count:
			of, options = reflect.TypeFor[int64](), ""
		case Number:
			of, options = reflect.TypeFor[*float64](), ",optional"
		}
		fields[i] = reflect.StructField{Name: fmt.Sprintf("C%d", i), Type: of, Tag: reflect.StructTag("parquet:" + strconv.Quote(c.Name+options))}
	}
	schema := parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface())
	return parquetTable{parquet.NewGenericWriter[any](w, schema, parquet.MaxRowsPerRowGroup(1<<17)), []parquet.Row{make(parquet.Row, len(columns))}}
}

func (t parquetTable) write(row []any) error {
	out := t.row[0]
	for i, cell := range row {
		if err := textCell(cell); err != nil {
			return err
		}
		switch v := cell.(type) {
		case string:
			out[i] = parquet.ValueOf(v).Level(0, 0, i)
		case int:
			out[i] = parquet.ValueOf(int64(v)).Level(0, 0, i)
		case float64:
			if out[i] = parquet.ValueOf(nil).Level(0, 0, i); !math.IsNaN(v) {
				out[i] = parquet.ValueOf(v).Level(0, 1, i)
			}
		}
	}
	_, err := t.w.WriteRows(t.row)
	return err
}

func (t parquetTable) close() error { return t.w.Close() }
