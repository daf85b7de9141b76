package data

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// FieldStats are the figures of a field of features.
type FieldStats struct {
	Side string  `json:"side"`         // UserSide or ItemSide
	Name string  `json:"name"`         // of the field
	Type string  `json:"type"`         // as Field.Type
	Size int     `json:"size"`         // how many ids there are
	Mean float64 `json:"mean_ids"`     // ids of a row, of those that have any
	None int     `json:"without"`      // rows that have none
	Rows int     `json:"rows"`         // users, or items
	Of   []Scale `json:"of,omitempty"` // of numbers: what they were before they were scaled
}

func fieldStats(side string, fields []Field, rows int) (all []FieldStats) {
	for _, f := range fields {
		s := FieldStats{Side: side, Name: f.Name, Type: f.Type, Size: f.Size, Rows: rows, Of: f.Scale}
		ids := 0
		for i := range rows {
			n := f.Len(i)
			if f.single() && f.One(i) < 0 {
				n = 0
			}
			if ids += n; n == 0 {
				s.None++
			}
		}
		if have := rows - s.None; have > 0 {
			s.Mean = float64(ids) / float64(have)
		}
		all = append(all, s)
	}
	return all
}

// String returns "age: float, mean 34.1 and deviation 12.2, 0 of 943 users without".
func (f FieldStats) String() string {
	what := f.Type
	switch {
	case f.Type == Float && len(f.Of) == 1:
		what += fmt.Sprintf(", mean %.4g and deviation %.4g", f.Of[0].Mean, f.Of[0].Deviation)
	default:
		what += ", " + words.Count(f.Size, "id")
		if f.Type != Token {
			what += fmt.Sprintf(", %.3g of a row", f.Mean)
		}
	}
	return fmt.Sprintf("%s: %s, %d of %s without", f.Name, what, f.None, words.Count(f.Rows, f.Side))
}
