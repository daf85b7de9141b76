package data

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

// fullest returns how much f's heap grows at its fullest, with hardly any garbage.
func fullest(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	read := func() uint64 {
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	runtime.GC()
	runtime.GC() // what finalizers let go in the first
	before, most := read(), uint64(0)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for {
		most = max(most, read())
		select {
		case <-done:
			return int64(max(most, read()) - before)
		default:
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// requireNeed holds what is said of a source before it is loaded against the heap.
func requireNeed(t *testing.T, c Config) {
	t.Helper()
	p, err := c.Plan()
	require.NoError(t, err)
	bound, err := p.Need()
	require.NoError(t, err)
	counted, err := p.Count()
	require.NoError(t, err)
	const fixed = 2 << 20 // buffers, and garbage before a first collection
	var d *Dataset
	var got int64
	for attempt := range 5 { // how much garbage lies depends on who else has the processors: the least counts
		n := fullest(func() {
			d, err = p.Load()
		})
		require.NoError(t, err)
		if attempt == 0 || n < got {
			got = n
		}
		if float64(got-fixed) <= 1.1*float64(counted.Bytes) {
			break
		}
	}
	t.Logf("at most %.1f MB, counted %.1f MB, took %.1f MB, kept %.1f MB; %s; %s", float64(bound.Bytes)/1e6, float64(counted.Bytes)/1e6,
		float64(got)/1e6, float64(d.Bytes())/1e6, bound.Basis, counted.Basis)
	require.LessOrEqual(t, float64(got-fixed), 1.15*float64(counted.Bytes), "10 % are garbage")
	require.GreaterOrEqual(t, float64(got+fixed), 0.5*float64(counted.Bytes))
	require.GreaterOrEqual(t, bound.Bytes, counted.Bytes)
	require.Positive(t, d.Bytes())
}

// TestNeed: of generated sets and of files in every format, plain and compressed, with
// ids that are few and many, short and long.
func TestNeed(t *testing.T) {
	n := 120_000
	if testing.Short() {
		n = 60_000
	}
	t.Run("demo", func(t *testing.T) {
		requireNeed(t, Config{Source: fmt.Sprintf("demo:users=%d,items=%d,per-user=10", n/10, n)})
	})
	t.Run("demo in order", func(t *testing.T) {
		requireNeed(t, Config{Source: fmt.Sprintf("demo:users=%d,items=%d,per-user=10,order=true", n/10, n), Split: "leave-one-out"})
	})
	t.Run("demo of points", func(t *testing.T) {
		requireNeed(t, Config{Source: fmt.Sprintf("demo:users=%d,items=%d,per-user=5,features=%d,has=20", n/10, n/4, n/4)})
	})
	t.Run("demo of few items", func(t *testing.T) {
		requireNeed(t, Config{Source: fmt.Sprintf("demo:users=%d,items=500,per-user=60", n/60)})
	})
	line := func(format string, user, item int) string {
		switch format {
		case "csv":
			return fmt.Sprintf("u%d,item-%d,4.5,%d\n", user, item, 1_400_000_000+item)
		case "movielens-dat":
			return fmt.Sprintf("%d::%d::5::%d\n", user, item, 978_300_760+item)
		case "movielens-udata":
			return fmt.Sprintf("%d\t%d\t3\t%d\n", user, item, 881_250_949+item)
		case "triples":
			return fmt.Sprintf("%d.0 %d.0 4.5\n", user, item)
		case "triples-time":
			return fmt.Sprintf("%d %d %d\n", user, item, 881_250_949+item)
		case "jsonl":
			return fmt.Sprintf(`{"user": "u%d", "item": %d, "time": %d}`+"\n", user, item, 1_400_000_000+item)
		case "recbole":
			return fmt.Sprintf("%d\t%d\n", user, item)
		}
		return ""
	}
	t.Run("text", func(t *testing.T) {
		for _, document := range []string{"file", "block"} {
			var text bytes.Buffer
			for k := range 3 * n {
				fmt.Fprintf(&text, "w%d", k*7919%(n/10))
				if k%10 == 9 {
					text.WriteString("\n")
				}
				if k%40 == 39 {
					text.WriteString("\n")
				}
			}
			path := filepath.Join(t.TempDir(), "set.txt")
			require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
			requireNeed(t, Config{Source: path, Format: "text:document=" + document})
		}
	})
	heads := map[string]string{"csv": "user_id,item_id,rating,timestamp\n", "recbole": "user_id:token\titem_id:token\n"}
	require.NotEmpty(t, Formats())
	for _, f := range Formats() {
		if f.Name == "text" { // which has no pairs
			continue
		}
		for _, ids := range []int{20, 2} { // pairs of a user
			t.Run(fmt.Sprintf("%s/%d", f.Name, ids), func(t *testing.T) {
				var text bytes.Buffer
				var rows []parquetRow
				text.WriteString(heads[f.Name])
				for u := range n / ids {
					items := make([]int, ids) // different ones, among n/ids
					for j := range items {
						items[j] = (u*7919 + j*(n/ids/ids)) % (n / ids)
					}
					switch f.Name {
					case "xmc":
						for j, i := range items {
							fmt.Fprintf(&text, "%s%d", strings.Repeat(",", min(j, 1)), i)
						}
						for j := range 5 * ids {
							fmt.Fprintf(&text, " %d:%g", j*(n/ids/ids/5)+u%7, float64(u%ids)/4) // of few points a value is not 1
						}
						text.WriteByte('\n')
					case "lightgcn", "count-first", "sequence":
						head := u
						if f.Name == "count-first" {
							head = ids
						}
						fmt.Fprintf(&text, "%d", head)
						for _, i := range items {
							fmt.Fprintf(&text, " %d", i)
						}
						text.WriteByte('\n')
					case "parquet":
						for _, i := range items {
							rows = append(rows, parquetRow{fmt.Sprint("u", u), int64(i), 4.5})
						}
					default:
						for _, i := range items {
							text.WriteString(line(f.Name, u, i))
						}
					}
				}
				if f.Name == "parquet" {
					require.NoError(t, parquet.Write(&text, rows))
				}
				require.Greater(t, text.Len(), n*f.Least)
				path := filepath.Join(t.TempDir(), "set.txt")
				require.NoError(t, os.WriteFile(path, text.Bytes(), 0o600))
				c := Config{Source: path, Format: f.Name, Core: ids % 3} // one of the two is filtered
				if f.Name == "xmc" {
					c.Core = 0 // points are not
				}
				requireNeed(t, c)
				if f.Name == "parquet" { // which is not compressed as a whole
					return
				}

				var small bytes.Buffer
				z := gzip.NewWriter(&small)
				_, err := z.Write(text.Bytes())
				require.NoError(t, err)
				require.NoError(t, z.Close())
				require.NoError(t, os.WriteFile(path+".gz", small.Bytes(), 0o600))
				c.Source += ".gz"
				p, err := c.Plan()
				require.NoError(t, err)
				packed, err := p.Need()
				require.NoError(t, err)
				require.Contains(t, packed.Basis, fmt.Sprint(text.Len()), "compressed files count as what they hold")
			})
		}
	}
}

// TestNeedOfNothing: a source that cannot be loaded has no need, and says why as Load does.
func TestNeedOfNothing(t *testing.T) {
	blank := filepath.Join(t.TempDir(), "blank.csv")
	require.NoError(t, os.WriteFile(blank, []byte("\n\n"), 0o600))
	cut := filepath.Join(t.TempDir(), "cut.gz")
	require.NoError(t, os.WriteFile(cut, []byte("\x1f\x8b\x08\x00"), 0o600))
	for _, source := range []string{"nosuch.csv", MemorySource, cut} {
		p, err := (Config{Source: source}).Plan()
		require.NoError(t, err)
		_, want := p.Load()
		require.Error(t, want)
		_, err = p.Need()
		require.EqualError(t, err, want.Error())
		_, err = p.Count()
		require.EqualError(t, err, want.Error())
	}
	p, err := (Config{Source: blank}).Plan()
	require.NoError(t, err)
	_, err = p.Need()
	require.NoError(t, err, "Load says what is wrong")
	p, err = (Config{Source: "demo:users=0"}).Plan()
	require.Error(t, err)
	_, err = p.Need()
	require.Error(t, err)
}

// TestNeedOfAPipe: asking does not take away what can be read but once.
func TestNeedOfAPipe(t *testing.T) {
	if runtime.GOOS != "linux" {
		needs.System(t, "/dev/fd of Linux")
	}
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	_, err = w.WriteString("user,item\na,x\na,y\na,z\n")
	require.NoError(t, err)
	require.NoError(t, w.Close())
	p, err := (Config{Source: fmt.Sprintf("/dev/fd/%d", r.Fd())}).Plan()
	require.NoError(t, err)
	for _, ask := range []func() (Need, error){p.Need, p.Count} {
		need, err := ask()
		require.NoError(t, err)
		require.Zero(t, need.Bytes)
	}
	d, err := p.Load()
	require.NoError(t, err)
	require.Equal(t, 3, d.Items)
}

// TestSketch holds its count to 3 % over five orders of magnitude, and counts what comes
// twice once.
func TestSketch(t *testing.T) {
	for _, n := range []int{0, 1, 10, 1000, 30_000, 50_000, 400_000} {
		var s sketch
		for range 2 {
			for i := range n {
				s.add(fmt.Appendf(nil, "id-%d", i))
			}
		}
		require.InDelta(t, float64(n), float64(s.distinct()), 0.03*float64(n)+0.5, n)
	}
}
