package data

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Every id is found at its place, by many goroutines, in a set made by hand and in a
// copy of it; and all of 200,000 in seconds, which searching through them is far from.
func TestUserIndex(t *testing.T) {
	const n = 200_000
	d := &Dataset{Users: n, Items: 1, ItemIDs: []string{"only"}}
	for u := range n {
		d.UserIDs = append(d.UserIDs, fmt.Sprintf("a user with a long name, number %d", u*7919%n))
	}
	e := *d
	start := time.Now()
	var wg sync.WaitGroup
	for worker := range 4 {
		wg.Go(func() {
			set := d
			if worker%2 == 1 {
				set = &e
			}
			for u := worker; u < n; u += 4 {
				got, err := set.UserIndex(d.UserIDs[u])
				if err != nil || got != u {
					t.Errorf("%q is %d, %v", d.UserIDs[u], got, err)
					return
				}
			}
		})
	}
	wg.Wait()
	require.Less(t, time.Since(start), 5*time.Second)
	i, err := d.ItemIndex("only")
	require.NoError(t, err)
	require.Zero(t, i)
	_, err = d.UserIndex("nobody")
	require.ErrorContains(t, err, `no user "nobody"; ids run from`)

	// Where indices are the ids, each has one spelling.
	f := &Dataset{Users: 12, Items: 1}
	got, err := f.UserIndex("10")
	require.NoError(t, err)
	require.Equal(t, 10, got)
	for _, id := range []string{"", "12", "-1", "+1", "01", "1.0", " 1"} {
		_, err := f.UserIndex(id)
		require.ErrorContains(t, err, "ids run from 0 to 11", "%q", id)
	}
	// Of a set that Validate refuses an error comes back, too.
	g := &Dataset{Users: 3, UserIDs: []string{"a", "b"}}
	_, err = g.UserIndex("c")
	require.ErrorContains(t, err, `no user "c"; ids run from "a" to "b"`)
	// Of equal ids the first is meant; a longer slice at the same place is another.
	ids := append(make([]string, 0, 8), "a", "b", "a")
	require.Equal(t, map[string]int{"a": 0, "b": 1}, indexOfIDs(ids))
	require.Equal(t, map[string]int{"a": 0, "b": 1, "c": 3}, indexOfIDs(append(ids, "c")))
	runtime.KeepAlive(ids)
}

// An index goes with its ids.
func TestIndexesAreFreed(t *testing.T) {
	count := func() (n int) {
		indexes.Range(func(any, any) bool { n++; return true })
		return n
	}
	key := func() listKey {
		ids := []string{"x" + fmt.Sprint(time.Now().UnixNano()), "y"} // of this call alone
		require.Len(t, indexOfIDs(ids), 2)
		for k := range indexes.Range {
			if k.(listKey).first.Value() == &ids[0] {
				return k.(listKey)
			}
		}
		t.Fatal("no index was kept")
		return listKey{}
	}()
	require.Positive(t, count())
	require.Eventually(t, func() bool {
		runtime.GC()
		_, there := indexes.Load(key)
		return !there
	}, 10*time.Second, 10*time.Millisecond)
}
