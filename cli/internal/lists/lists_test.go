package lists

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
)

// TestRoundTrip: every form is read back by another program's reader as what was written,
// ids with separators, quotes and line ends among it.
func TestRoundTrip(t *testing.T) {
	var rows []Row
	for u, user := range []string{"1", `a,"b`, "tab\there", "two\nlines", "é", ""} {
		for r := range 3 {
			rows = append(rows, Row{user, int32(r + 1), fmt.Sprintf("item %d,\"%d\"", u, r), float32(u) - float32(r)/3})
		}
	}
	readers := map[string]func(path string) []Row{
		".csv": func(path string) (all []Row) {
			f, err := os.Open(path)
			require.NoError(t, err)
			defer f.Close()
			lines, err := csv.NewReader(f).ReadAll()
			require.NoError(t, err)
			require.Equal(t, []string{"user", "rank", "item", "score"}, lines[0])
			for _, l := range lines[1:] {
				rank, err := strconv.Atoi(l[1])
				require.NoError(t, err)
				score, err := strconv.ParseFloat(l[3], 32)
				require.NoError(t, err)
				all = append(all, Row{l[0], int32(rank), l[2], float32(score)})
			}
			return all
		},
		".jsonl": func(path string) (all []Row) {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			for line := range strings.Lines(string(b)) {
				var r Row
				require.NoError(t, json.Unmarshal([]byte(line), &r))
				all = append(all, r)
			}
			return all
		},
		".parquet": func(path string) []Row {
			all, err := parquet.ReadFile[Row](path)
			require.NoError(t, err)
			return all
		},
	}
	require.Len(t, readers, len(Endings()))
	for ending, read := range readers {
		path := filepath.Join(t.TempDir(), "lists"+ending)
		require.NoError(t, Write(path, func(put func([]Row) error) error {
			return errors.Join(put(rows[:4]), put(nil), put(rows[4:]))
		}))
		require.Equal(t, rows, read(path), ending)
		// What fails leaves no file.
		path = filepath.Join(t.TempDir(), "half"+ending)
		require.ErrorContains(t, Write(path, func(put func([]Row) error) error {
			return errors.Join(put(rows), errors.New("no more"))
		}), "no more")
		require.NoFileExists(t, path)
		if err := Write(path, func(put func([]Row) error) error { return put([]Row{{User: "\xff"}}) }); ending == ".csv" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "is not UTF-8")
		}
	}
	require.ErrorContains(t, Write("lists.txt", nil), "ends in none of .csv, .jsonl, .parquet")
}

// TestMemory: ten times the rows take no more memory.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a million rows")
	}
	for _, ending := range Endings() {
		peak := func(n int) uint64 {
			most := uint64(0)
			require.NoError(t, Write(filepath.Join(t.TempDir(), "x"+ending), func(put func([]Row) error) error {
				rows := make([]Row, 1000)
				for i := range n {
					for j := range rows {
						rows[j] = Row{strconv.Itoa(i), int32(j), strconv.Itoa(j), float32(i ^ j)}
					}
					if err := put(rows); err != nil {
						return err
					}
					if i%(n/10) == 0 {
						var m runtime.MemStats
						runtime.GC()
						runtime.ReadMemStats(&m)
						most = max(most, m.HeapAlloc)
					}
				}
				return nil
			}))
			return most
		}
		few := peak(200)
		require.LessOrEqual(t, float64(peak(800)), 1.5*float64(few)+4e6, ending)
	}
}

// TestTable: a table comes back from every form in its order of columns, ids as they were and
// numbers to the last bit; a number that is none is an empty cell.
func TestTable(t *testing.T) {
	columns := []Column{{"user", Text}, {"items", Count}, {"recall@20", Number}, {"tail:ratio=0.2@20", Number}, {"a \"b\"", Number}}
	rows := [][]any{
		{`a,"b`, 3, 0.1, math.NaN(), 1.0},
		{"two\nlines", 0, math.NaN(), 1. / 3, 5e-324},
		{"", math.MaxInt32, -0.25, math.MaxFloat64, 0.0},
	}
	read := map[string]func(path string) (header []string, all [][]any){
		".csv": func(path string) (header []string, all [][]any) {
			f, err := os.Open(path)
			require.NoError(t, err)
			defer f.Close()
			lines, err := csv.NewReader(f).ReadAll()
			require.NoError(t, err)
			for _, l := range lines[1:] {
				row := []any{l[0]}
				n, err := strconv.Atoi(l[1])
				require.NoError(t, err)
				row = append(row, n)
				for _, cell := range l[2:] {
					v := math.NaN()
					if cell != "" {
						v, err = strconv.ParseFloat(cell, 64)
						require.NoError(t, err)
					}
					row = append(row, v)
				}
				all = append(all, row)
			}
			return lines[0], all
		},
		".jsonl": func(path string) (header []string, all [][]any) {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			for line := range strings.Lines(string(b)) {
				d := json.NewDecoder(strings.NewReader(line))
				_, err := d.Token() // {
				require.NoError(t, err)
				header = nil
				var row []any
				for d.More() {
					key, err := d.Token()
					require.NoError(t, err)
					header = append(header, key.(string))
					var cell any
					require.NoError(t, d.Decode(&cell))
					switch {
					case cell == nil:
						cell = math.NaN()
					case key == "items":
						cell = int(cell.(float64))
					}
					row = append(row, cell)
				}
				all = append(all, row)
			}
			return header, all
		},
		".parquet": func(path string) (header []string, all [][]any) {
			f, err := os.Open(path)
			require.NoError(t, err)
			defer f.Close()
			r := parquet.NewReader(f)
			for _, c := range r.Schema().Fields() {
				header = append(header, c.Name())
			}
			room := make([]parquet.Row, 1)
			for {
				n, err := r.ReadRows(room)
				if n == 1 {
					row := []any{room[0][0].String(), int(room[0][1].Int64())}
					for _, v := range room[0][2:] {
						if v.IsNull() {
							row = append(row, math.NaN())
							continue
						}
						row = append(row, v.Double())
					}
					all = append(all, row)
				}
				if err != nil {
					require.ErrorIs(t, err, io.EOF)
					return header, all
				}
			}
		},
	}
	require.Len(t, read, len(Endings()))
	for ending, read := range read {
		path := filepath.Join(t.TempDir(), "table"+ending)
		require.NoError(t, WriteTable(path, columns, func(put func(row ...any) error) error {
			for _, row := range rows {
				if err := put(row...); err != nil {
					return err
				}
			}
			return nil
		}))
		header, all := read(path)
		for i, c := range columns {
			require.Equal(t, c.Name, header[i], ending)
		}
		require.Len(t, all, len(rows))
		for i := range rows {
			require.Equal(t, fmt.Sprintf("%q", rows[i]), fmt.Sprintf("%q", all[i]), ending)
			for j, v := range rows[i] {
				if x, ok := v.(float64); ok && !math.IsNaN(x) {
					require.Equal(t, math.Float64bits(x), math.Float64bits(all[i][j].(float64)))
				}
			}
		}
		// What fails leaves no file.
		for want, row := range map[string][]any{
			"4 cells in 5 columns":          {"u", 1, 0.5, 0.5},
			"column items cannot hold":      {"u", "1", 0.5, 0.5, 0.5},
			"recall@20 cannot hold float64": {"u", 1, math.Inf(1), 0.5, 0.5},
		} {
			path := filepath.Join(t.TempDir(), "half"+ending)
			require.ErrorContains(t, WriteTable(path, columns, func(put func(row ...any) error) error {
				return errors.Join(put(rows[0]...), put(row...))
			}), want)
			require.NoFileExists(t, path)
		}
		err := WriteTable(path, columns, func(put func(row ...any) error) error { return put("\xff", 1, 0.5, 0.5, 0.5) })
		if ending == ".csv" {
			require.NoError(t, err)
		} else {
			require.ErrorContains(t, err, "is not UTF-8")
		}
		require.NoError(t, WriteTable(path, columns, func(func(row ...any) error) error { return nil }), "no rows")
		_, all = read(path)
		require.Empty(t, all)
	}
}
