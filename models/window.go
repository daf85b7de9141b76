package models

import (
	"fmt"

	"gorgonia.org/gorgonia"
)

// A windowNode is the leaf of the ids at one end of a field.
type windowNode struct {
	n     int
	first bool
	ids   *gorgonia.Node
}

// LastIDs returns the last n ids of each row of a field that is in order, [Rows()·n], Int32:
// those of a row one after the other in their order, behind −1 in the places that it has not, which
// [graph.Lookup] and [graph.Bag] read as zeros. Of positions those of a sequence are the last
// up to their own.
func (in *Inputs) LastIDs(field string, n int) (*gorgonia.Node, error) {
	return in.window(field, n, false)
}

// FirstIDs is LastIDs of the first n ids, before the −1.
func (in *Inputs) FirstIDs(field string, n int) (*gorgonia.Node, error) {
	return in.window(field, n, true)
}

func (in *Inputs) window(field string, n int, first bool) (*gorgonia.Node, error) {
	f, nodes, err := in.ordered(field)
	if err != nil {
		return nil, err
	}
	if n < 1 {
		return nil, fmt.Errorf("models: a window of %d ids of field %q, want at least 1", n, field)
	}
	for _, w := range nodes.windows {
		if w.n == n && w.first == first {
			return w.ids, nil
		}
	}
	end := "last"
	if first {
		end = "first"
	}
	node, ids := in.g.leaves.indices(fmt.Sprintf("%s.%s.%s-%d", in.name, field, end, n), in.rows*n)
	nodes.windows = append(nodes.windows, windowNode{n, first, node})
	put := func(i int, own []int32) {
		to := ids[i*n : (i+1)*n]
		if len(own) > n && first {
			own = own[:n]
		} else if len(own) > n {
			own = own[len(own)-n:]
		}
		pad(to)
		if first {
			copy(to, own)
		} else {
			copy(to[n-len(own):], own)
		}
	}
	in.filled(func(rows []int32) {
		at := 0
		if in.room.Each {
			in.eachPosition(rows, func(_ int, row int32, place int) {
				own, _ := f.Row(int(row))
				put(at, own[:place+1])
				at++
			})
		} else {
			for _, r := range rows {
				own, _ := f.Row(int(r))
				put(at, own)
				at++
			}
		}
		pad(ids[at*n:])
	})
	return node, nil
}

// windowBounds returns the bounds [Rows()+1] of rows of n ids each, as LastIDs has them: what
// [graph.Bag] takes beside them.
func (in *Inputs) windowBounds(n int) (*gorgonia.Node, error) {
	type key struct {
		in *Inputs
		n  int
	}
	return in.Once(key{in, n}, func() (*gorgonia.Node, error) {
		node, ptr := in.g.leaves.indices(fmt.Sprintf("%s.window-%d.ptr", in.name, n), in.rows+1)
		if !in.g.leaves.plan() {
			for i := range ptr {
				ptr[i] = int32(i * n)
			}
		}
		return node, nil
	})
}
