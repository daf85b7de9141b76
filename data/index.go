package data

import (
	"runtime"
	"sync"
	"weak"
)

// A listKey names a slice of ids by where it lies.
type listKey struct {
	first weak.Pointer[string]
	n     int
}

// indexes holds, by listKey, a function that returns the index of each id of a
// slice. They are no field of a Dataset: its copies share them so, a set made by hand
// has them too, and reading a set stays free of writes.
var indexes sync.Map

// indexOfIDs returns the index of each id, of the first of equal ones. The map is
// made when it is first asked for, lives as long as ids do, and is read only; any
// number of goroutines may ask. ids are not empty and never change.
func indexOfIDs(ids []string) map[string]int {
	key := listKey{weak.Make(&ids[0]), len(ids)}
	if f, ok := indexes.Load(key); ok {
		return f.(func() map[string]int)()
	}
	f, loaded := indexes.LoadOrStore(key, sync.OnceValue(func() map[string]int {
		index := make(map[string]int, len(ids))
		for i, id := range ids {
			if _, dup := index[id]; !dup {
				index[id] = i
			}
		}
		return index
	}))
	if !loaded {
		runtime.AddCleanup(&ids[0], func(key listKey) { indexes.Delete(key) }, key)
	}
	return f.(func() map[string]int)()
}
