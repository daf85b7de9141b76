package report

import (
	"encoding/json"
	"math"
	"strconv"
)

// Number is a float64 that JSON can hold: NaN and infinities are null.
type Number float64

// Finite reports whether x is neither NaN nor infinite.
func (x Number) Finite() bool { return !math.IsNaN(float64(x)) && !math.IsInf(float64(x), 0) }

// Or prints x to four digits, or is the text otherwise where x is not finite.
func (x Number) Or(otherwise string) string {
	if !x.Finite() {
		return otherwise
	}
	return strconv.FormatFloat(float64(x), 'g', 4, 64)
}

// Short prints x to three digits, or is a dash where x is not finite.
func (x Number) Short() string {
	if !x.Finite() {
		return "-"
	}
	return strconv.FormatFloat(float64(x), 'g', 3, 64)
}

// MarshalJSON implements json.Marshaler.
func (x Number) MarshalJSON() ([]byte, error) {
	if !x.Finite() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(x))
}

// UnmarshalJSON implements json.Unmarshaler: null is NaN.
func (x *Number) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*x = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(x))
}
