package graph

import (
	"gorgonia.org/gorgonia"
)

// Lookup returns the rows ids [n] of w [R,d] as a matrix [n,d]: embeddings of the
// ids, which are Int32. The id −1 reads zeros, as padding does; an id outside
// [−1,R) makes the run fail with an error that names its place.
//
// The gradient by a leaf w is row-sparse: it has the rows that were read, each the
// sum over its reads in their order, and several reads of one table add up. The
// node may be differentiated any number of times.
func Lookup(w, ids *gorgonia.Node) (*gorgonia.Node, error) {
	b, err := newBags("lookup", w, nil, ids, nil)
	if err != nil {
		return nil, err
	}
	return b.read(w, nil)
}
