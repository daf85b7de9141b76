package graph

import (
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// load stores the data of in, slices all, in the order of rows.
func (o *op) load(in []gorgonia.Value) error {
	for i, v := range in {
		if v == nil {
			return fmt.Errorf("graph: %s: operand %d has no value", o.name, i)
		}
		switch x := v.(type) {
		case *tensor.Dense:
			o.in[i] = x.Data()
			if !byRows(x) {
				if o.copies == nil {
					o.copies = make([]any, len(in))
				}
				o.copies[i] = rowMajor(o.copies[i], x)
				o.in[i] = o.copies[i]
			}
		case gorgonia.Scalar:
			o.in[i] = x.Data()
		default:
			return fmt.Errorf("graph: %s: operand %d is a %T; want a dense tensor", o.name, i, v)
		}
		switch d := o.in[i].(type) {
		case float32:
			o.in[i] = []float32{d}
		case float64:
			o.in[i] = []float64{d}
		}
	}
	return nil
}

// byRows reports whether the data of x are its entries in the order of rows, with
// nothing between them. A leaf may also have a transposed tensor, a slice of columns or
// one in Fortran's order as its value.
func byRows(x *tensor.Dense) bool {
	shape, strides := x.Shape(), x.Strides()
	if len(strides) != len(shape) {
		return x.DataOrder().IsRowMajor() && x.DataOrder().IsContiguous()
	}
	next := 1
	for axis, n := range slices.Backward(shape) {
		if n > 1 && strides[axis] != next {
			return false
		}
		next *= n
	}
	return true
}

// rowMajor returns the entries of x in the order of rows, in the memory of buf if that
// has room.
func rowMajor(buf any, x *tensor.Dense) any {
	switch data := x.Data().(type) {
	case []float32:
		return gather(buf, data, x.Shape(), x.Strides())
	case []float64:
		return gather(buf, data, x.Shape(), x.Strides())
	case []int32:
		return gather(buf, data, x.Shape(), x.Strides())
	}
	return x.Data()
}

// gather is rowMajor of the entries of data that lie strides apart.
func gather[E any](buf any, data []E, shape tensor.Shape, strides []int) []E {
	dst, _ := buf.([]E)
	dst = dst[:0]
	at := make([]int, len(shape))
	for range shape.TotalSize() {
		place := 0
		for axis, i := range at {
			place += i * strides[axis]
		}
		dst = append(dst, data[place])
		for axis, n := range slices.Backward(shape) {
			if at[axis]++; at[axis] < n {
				break
			}
			at[axis] = 0
		}
	}
	return dst
}
