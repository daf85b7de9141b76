package models

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
)

// UnitValues returns what [graph.Bag] takes as the values of a field that the model reads by
// Bag, with those of each row divided by their Euclidean norm: 1/√n of n ids without values,
// 0 where the norm is.
func (in *Inputs) UnitValues(field string) (*gorgonia.Node, error) {
	_, ids, _, err := in.Bag(field)
	if err != nil {
		return nil, err
	}
	f, nodes, err := in.field(field)
	if err != nil || nodes.unit != nil {
		return nodes.unit, err
	}
	room := ids.Shape()[0]
	if d := in.drawn; d != nil {
		nodes.unit, err = in.g.leaves.hostFloats(d.node, func(dst []float32) {
			in.eachBag(f, d.rows(), func(ids []int32, values []float32) {
				unitRow(dst[:len(ids)], values)
				dst = dst[len(ids):]
			})
		}, room)
		return nodes.unit, err
	}
	n, set := in.g.leaves.floats(in.name+"."+field+".unit", room)
	nodes.unit = n
	var row []float32
	in.filled(func(rows []int32) {
		at := 0
		in.eachBag(f, rows, func(ids []int32, values []float32) {
			if len(row) < len(ids) {
				row = make([]float32, len(ids))
			}
			unitRow(row[:len(ids)], values)
			set(at, row[:len(ids)])
			at += len(ids)
		})
	})
	return n, nil
}

// Dense returns the rows of a field as a matrix [Rows(),Size], as [graph.DenseRows] makes it:
// each id's column has its value, or 1 where it has none, and the others 0; rows of padding
// are 0. With unit the values of each row are those of UnitValues.
func (in *Inputs) Dense(field string, unit bool) (*gorgonia.Node, error) {
	ptr, ids, values, err := in.Bag(field)
	if err == nil && unit {
		values, err = in.UnitValues(field)
	}
	if err != nil {
		return nil, err
	}
	return in.dense(field, ptr, ids, values)
}

// dense is Dense of these values.
func (in *Inputs) dense(field string, ptr, ids, values *gorgonia.Node) (*gorgonia.Node, error) {
	f, _, err := in.field(field)
	if err != nil {
		return nil, err
	}
	return graph.DenseRows(ptr, ids, values, f.Size, in.g.leaves.dtype())
}

// eachBag calls f with the ids and values of each bag of a field, in order: of rows, or, where
// the graph is of positions, of each position.
func (in *Inputs) eachBag(f *data.Field, rows []int32, visit func(ids []int32, values []float32)) {
	if !in.room.Each {
		for _, r := range rows {
			visit(f.Row(int(r)))
		}
		return
	}
	in.eachPosition(rows, func(_ int, row int32, place int) {
		ids, values := f.Row(int(row))
		if f.Name == in.room.Sequence {
			ids = ids[:place+1]
		}
		visit(ids, values)
	})
}

// unitRow stores in dst values divided by their norm; values nil are 1 each.
func unitRow(dst, values []float32) {
	square := float64(len(dst))
	if values != nil {
		square = 0
		for _, v := range values {
			square += float64(v) * float64(v)
		}
	}
	scale := 0.0
	if square > 0 {
		scale = 1 / math.Sqrt(square)
	}
	for j := range dst {
		v := 1.0
		if values != nil {
			v = float64(values[j])
		}
		dst[j] = float32(v * scale)
	}
}
