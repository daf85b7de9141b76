package train

import (
	"fmt"
	"math"
	"reflect"

	"github.com/fenchel-ml/fenchel/data"
)

// maxCount bounds what is counted: users, items and pairs are numbered by int32, and the
// product of two counts, such as the number of a step, fits in an int64.
const maxCount = math.MaxInt32

// maxDropout leaves one number in a hundred.
const maxDropout = 0.99

// A bound is what a setting that is a number may be. The zero value is that of settings
// that are none.
type bound struct {
	number      bool
	least, most float64 // inclusive, but for open
	open        bool    // least is not a choice itself
}

// bounds are those of the settings that are numbers, by path. They say too whether a
// zero that is written down is a choice: elsewhere the zero of a field stands for its
// default alone.
var bounds = map[string]bound{
	"data.min_rating": {number: true, least: -math.MaxFloat64, most: math.MaxFloat64},
	"data.core":       {number: true, least: 0, most: data.MaxCore},
	"model.dim":       {number: true, least: 1, most: maxCount},
	"model.spread":    {number: true, least: 1, most: maxCount},
	"model.init":      {number: true, least: 0, open: true, most: math.MaxFloat64},
	"train.epochs":    {number: true, least: 1, most: maxCount},
	"train.batch":     {number: true, least: 1, most: data.MaxBatch},
	"train.positions": {number: true, least: 0, most: maxCount},
	"train.clip":      {number: true, least: 0, most: math.MaxFloat32},
	"train.dropout":   {number: true, least: 0, most: maxDropout},
	"train.patience":  {number: true, least: 0, most: maxCount},
	"train.seed":      {number: true, least: 0, most: math.MaxUint64},
	"eval.every":      {number: true, least: 1, most: maxCount},
}

// holds reports whether x is within the bound; NaN is not.
func (b bound) holds(x float64) bool {
	return b.number && x <= b.most && (x > b.least || x == b.least && !b.open)
}

func (b bound) String() string {
	switch {
	case b.open:
		return fmt.Sprintf("a finite number above %g", b.least)
	case b.most == math.MaxFloat64:
		return "a finite number"
	case b.most == math.MaxUint64: // which a float64 rounds
		return fmt.Sprintf("%.0f to %d", b.least, uint64(math.MaxUint64))
	}
	return fmt.Sprintf("%.0f to %.15g", b.least, b.most)
}

// check returns an error unless v, a field of a Config with its defaults in place, is
// within the bound.
func (b bound) check(v reflect.Value) error {
	if v.Kind() == reflect.Pointer { // optional
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	var x float64
	switch {
	case v.CanInt():
		x = float64(v.Int())
	case v.CanUint():
		x = float64(v.Uint())
	case v.CanFloat():
		x = v.Float()
	}
	switch {
	case b.holds(x) || v.IsZero(): // a zero stands for the default, here of a field that the solver does not read
		return nil
	case b.most == math.MaxFloat64:
		return fmt.Errorf("%v is not %s", v, b)
	case x < b.least:
		return fmt.Errorf("%v is below %.0f; want %s", v, b.least, b)
	}
	return fmt.Errorf("%v is above %.15g; want %s", v, b.most, b)
}
