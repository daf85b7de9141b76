package graph

import "reflect"

// An Array is a named array: a table's weights, or a part of what an optimizer, a
// sampler or a head keeps from one step to the next. It has the types that a file of
// weights can hold: Data is []float32, []float64, []int32, []int64 or []uint8, in the
// order of rows, and its length is the product of Shape.
type Array struct {
	Name  string // unique among the arrays of a file
	Shape []int
	Data  any
}

// Vector returns the array of all of data, which is not copied. What is no slice gets no
// shape, and who writes the array says so.
func Vector(name string, data any) Array {
	a := Array{Name: name, Data: data}
	if v := reflect.ValueOf(data); v.Kind() == reflect.Slice {
		a.Shape = []int{v.Len()}
	}
	return a
}
