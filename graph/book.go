package graph

import (
	"runtime"
	"sync"
	"weak"

	"gorgonia.org/gorgonia"
)

// A book is what the package knows of a graph beside its nodes. It refers to
// neither graph nor nodes, so that it keeps none alive.
type book struct {
	hashes map[uint32]struct{} // of the nodes that are noted
	noted  int                 // so many, the first of the graph's
	last   int64               // the ID of the last of them
	read   int                 // nodes whose hash was looked at, ever; for tests
	sites  uint64              // Dropouts so far
	block  int                 // rows of the block of a Definition that the graph is for, 0 of others

	trained bool // the definition has parameters that are trained
}

// books has the book of each graph that is in use. Graphs are known by their
// address, since a caller may make them without a Builder.
var books sync.Map // weak.Pointer[gorgonia.ExprGraph] → *book

// bookOf returns the book of g. As the graph itself it is for one goroutine at a
// time.
func bookOf(g *gorgonia.ExprGraph) *book {
	key := weak.Make(g)
	if b, ok := books.Load(key); ok {
		return b.(*book)
	}
	b := &book{hashes: map[uint32]struct{}{}}
	books.Store(key, b)
	runtime.AddCleanup(g, func(key weak.Pointer[gorgonia.ExprGraph]) { books.Delete(key) }, key)
	return b
}

// taken notes the nodes that were added to n's graph since the last call, ours and
// others, and reports whether another one has the hash of n, the newest of ours.
func (b *book) taken(n node) bool {
	all := n.Graph().AllNodes()
	if b.noted > len(all) || b.noted > 0 && all[b.noted-1].ID() != b.last { // IDs rise: some node was removed
		clear(b.hashes)
		b.noted = 0
	}
	taken := false
	for _, m := range all[b.noted:] {
		h := m.Hashcode()
		if _, ok := b.hashes[h]; ok && h == n.Hashcode() {
			taken = true
		}
		b.hashes[h] = struct{}{}
	}
	b.read += len(all) - b.noted
	b.noted, b.last = len(all), all[len(all)-1].ID()
	return taken
}
