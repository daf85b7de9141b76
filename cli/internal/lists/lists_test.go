package lists

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
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
